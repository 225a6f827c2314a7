"""How long a call takes: the clock, one group of backends in the measuring child, plans and runs in the parent."""
