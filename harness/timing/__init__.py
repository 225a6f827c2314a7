"""How long a call takes: the clock, what a measuring child does, what its parent judges, plans and runs."""
