"""What is right: data whose sums are exact, two definitions of every op, comparing, and the gate before the clock."""
