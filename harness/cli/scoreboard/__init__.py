"""Other libraries side by side: each installed by itself, judged, timed against ours, and told in one page."""
