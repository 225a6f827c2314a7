"""Tests of the cases that are run once more."""
