"""The floors of the house, for the test that holds them and for the picture that shows them."""

from __future__ import annotations

# From the ground up: a room imports those before it. `docs/architecture.md` draws this.
HARNESS = ("geometry", "contract", "oracle", "calls", "results", "timing", "report", "nn", "explain", "cli")
CONFORMANCE = ("cases", "checks", "domain", "run", "diagnosis", "reports", "parallel", "cluster", "power")
FLOORS = [
    *(f"harness.{name}" for name in HARNESS[:-1]),
    *(f"conformance.{name}" for name in CONFORMANCE),
    "conformance",  # the fronts: api, pytest
    "harness.cli",
]
