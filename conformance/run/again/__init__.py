"""Cases once more: by short ids, and those that failed in the run before."""
