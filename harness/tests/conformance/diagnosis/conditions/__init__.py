"""What separates failing geometries from passing ones."""
