"""What was measured on one machine: its run files, their newest cells, and the ratios between them."""
