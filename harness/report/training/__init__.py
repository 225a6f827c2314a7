"""What the page says of a training run: the losses of all backends as a picture, and each backend's in a table."""
