"""Mistakes in whole arrays: the order of their axes, what happens along one of them, groups, blocks, terms of a sum."""
