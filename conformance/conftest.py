"""Options of the pytest front: `pytest --pyargs conformance --backend TARGET` (repeatable; default: all registered).

With --pyargs pytest reads no conftest before its options; `conformance.pytest_entry` mends that.
"""

from __future__ import annotations

import pytest

from conformance.cases.selection import DEFAULT_TIER


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --backend, --check and --tier."""
    group = parser.getgroup("conformance", "conformance suite")
    group.addoption(
        "--backend", action="append", default=[], metavar="TARGET", help="a name, file.py[:Attr] or module:Attr"
    )
    group.addoption("--check", default="", metavar="GLOB", help="a check, a case id, or a pattern of either")
    group.addoption("--tier", type=int, default=DEFAULT_TIER, help="0 to 4, as for harness check")
