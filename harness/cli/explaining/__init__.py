"""What `harness explain` and `harness list` are asked for, and how it looks on a terminal."""
