"""A failed case as a script: twenty lines at most that show the fault with NumPy and the backend alone."""
