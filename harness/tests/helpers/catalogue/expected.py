"""What is told first of each bug: the kind of cause and the id of its model; located ones are the misses."""

from __future__ import annotations

EXPECTED: dict[str, tuple[str, str]] = {}
