"""The command line: one file a command. Outermost: nothing in the package imports it."""
