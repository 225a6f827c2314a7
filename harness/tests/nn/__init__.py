"""Layers, networks and training runs."""
