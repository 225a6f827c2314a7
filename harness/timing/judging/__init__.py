"""What the parent of measuring children does: it makes the inputs, gives the turns, and judges what was timed."""
