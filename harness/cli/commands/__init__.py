"""The commands of `harness`, one file each; every one is a function whose parameters are its options."""
