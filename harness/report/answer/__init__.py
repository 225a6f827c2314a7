"""What the page begins with: the fastest right backend of each op, what is set aside and why, the reader's layer."""
