"""Tests of `make scoreboard`, with a library that is a script."""
