"""How good is the diagnosis? Faults are diagnosed of which everything is known, and what it says is compared."""
