"""What is asked: case ids, the geometries of every tier, their data and published numbers."""
