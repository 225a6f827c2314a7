"""Tables for the terminal that more than one command shows."""
