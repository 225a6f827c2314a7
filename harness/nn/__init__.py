"""Layers and a small network that learns, on any backend, and what their learning tells of the backend."""
