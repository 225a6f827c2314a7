"""What a convolution is: its numbers, their rules, their text, and the layers of real networks.

Read `spec.py` first: `ConvSpec` is the one object that every room passes on.
"""
