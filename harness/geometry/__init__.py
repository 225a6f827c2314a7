"""What a convolution is: its numbers, their rules, their text, and the layers of real networks."""
