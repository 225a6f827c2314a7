"""How an op treats its inputs: what it gives where they lie otherwise in memory, and whether it changes them."""
