"""The suite's own front under pytest: one test for every backend, check, op and dtype."""

from __future__ import annotations

import pytest

from conformance.pytest_suite import GroupCheck, Suite
from harness.contract import targets


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Backends that are not built in are called in a child; an unavailable one is a skipped test with its reason."""
    option = metafunc.config.getoption
    pattern, tier = option("--check", default=""), option("--tier", default=None)
    choice = {"check": pattern} if tier is None else {"check": pattern, "tier": tier}
    parameters = []
    for target in option("--backend", default=[]) or targets.names():
        try:
            parameters += Suite(target, **choice).parameters(f"{targets.resolve(target).name}-")
        except ValueError as error:  # no backend, or nothing selected
            raise pytest.Collector.CollectError(str(error)) from error
    metafunc.parametrize("group", parameters)


def test_group(group: GroupCheck) -> None:
    """Every planned case of the group passes; a group that is refused altogether is skipped with its reason."""
    group()
