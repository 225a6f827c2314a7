"""The name of a mistake: the model that gives every wrong result, and the right one on all that pass."""
