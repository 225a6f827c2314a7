"""What the CUDA backends are tested with where there is no card."""
