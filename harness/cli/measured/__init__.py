"""What the commands that measure share: pairs in fresh processes, and the tables of times and ratios."""
