"""The condition that separates the geometries that fail from those that pass: found, sharpened, foretold."""
