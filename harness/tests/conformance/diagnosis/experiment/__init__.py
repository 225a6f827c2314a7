"""The experiment: its geometries, and what is seen of them."""
