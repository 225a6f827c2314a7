"""Geometries that are counted, not listed: the grid of tier 2, and the wide one of a sweep."""
