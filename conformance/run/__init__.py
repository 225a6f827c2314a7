"""Planning, running and counting: what became of every case, and the verdict."""
