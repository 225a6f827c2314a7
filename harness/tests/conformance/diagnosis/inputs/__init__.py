"""Tests of how an op treats its inputs."""
