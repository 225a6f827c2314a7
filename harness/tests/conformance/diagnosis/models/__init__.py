"""Tests of the models of mistakes."""
