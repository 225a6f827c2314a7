"""One training run on several backends from the same start: whose losses stay within the bound, and how long it takes."""
