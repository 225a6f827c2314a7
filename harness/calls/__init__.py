"""One call of an op and what can be seen of it, in this process or in a child."""
