"""What a backend that does a part claims, and the few geometries of it that tell the most."""
