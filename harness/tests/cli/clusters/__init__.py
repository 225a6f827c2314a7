"""Tests of what the command line does on a cluster."""
