"""What cases are asked on: inputs and expected results, special values, and the numbers that others publish."""
