"""What can be done wrongly, one idea a file: each lists changes of the right implementation."""
