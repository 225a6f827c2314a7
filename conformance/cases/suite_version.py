"""The version of the suite, which every verdict carries: year.number, see `conformance/run/versions.py`."""

SUITE_VERSION = "2026.15"
