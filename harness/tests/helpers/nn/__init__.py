"""Small data, plans and numerical gradients for layers and networks."""
