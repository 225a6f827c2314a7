"""Tests of what `harness check` says and does beside its run."""
