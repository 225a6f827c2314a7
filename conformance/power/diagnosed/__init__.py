"""How good is the diagnosis? Faults of which everything is known are diagnosed, and what it says is compared with them."""
