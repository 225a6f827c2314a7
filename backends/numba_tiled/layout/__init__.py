"""How data lie in memory before they are multiplied: padded planes, in which a tap of the kernel is a distance."""
