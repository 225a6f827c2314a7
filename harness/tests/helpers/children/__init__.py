"""Child processes for tests: one that does what it is told, and whether processes have ended."""
