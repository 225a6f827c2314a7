"""The conformance suite: a function of the backend, in plain Python, with pytest as one of its fronts."""

SUITE_VERSION = "2026.12"
