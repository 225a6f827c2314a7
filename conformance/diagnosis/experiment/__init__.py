"""The experiment: the backend is called on geometries of our choice, and what it gives is kept."""
