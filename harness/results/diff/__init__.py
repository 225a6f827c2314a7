"""What changed between two documents of one kind: verdicts of the suite, cells of a measurement, times."""
