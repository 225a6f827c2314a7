"""`harness new`: the command, what it writes, and the templates that this is made from."""
