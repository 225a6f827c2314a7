"""Backends that are right but where a condition holds."""
