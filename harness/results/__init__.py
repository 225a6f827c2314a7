"""What is kept of a measurement, and the arithmetic on it: records, run files, machine, ratios, rates."""
