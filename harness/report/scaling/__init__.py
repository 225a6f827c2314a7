"""How times grow: with the number of threads."""
