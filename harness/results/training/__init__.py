"""What `harness train` keeps: the losses of every backend beside their bound, and the times of an epoch."""
