"""One training run on several backends from the same start: whose losses stay in the bound, and its time."""
