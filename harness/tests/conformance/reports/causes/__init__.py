"""Tests of what is told by cause."""
