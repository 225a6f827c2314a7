"""Conditions under which a fault shows, and geometries that meet them."""
