"""Faults that were reported in public, each written as its author might have: see `bugs.BUGS`."""
