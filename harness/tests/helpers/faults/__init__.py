"""Backends that are wrong on purpose, and what spoils a right one."""
