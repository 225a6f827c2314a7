"""What is wrong with a backend by cause: which ops are diagnosed, what that explains, and how it is drawn."""
