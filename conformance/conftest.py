"""Options of the pytest front: `pytest conformance --backend NAME_OR_FILE` (repeatable; default: all registered)."""

from __future__ import annotations

import pytest

from conformance import engine
from harness import registry
from harness.protocol import BackendUnavailable


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --backend."""
    parser.addoption(
        "--backend", action="append", default=[], help="backend to check: a name, file.py[:Attr] or module:Attr"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item per backend, check, op and dtype; an unavailable backend is one skipped item with its reason."""
    if "group" not in metafunc.fixturenames:
        return
    items, ids = [], []
    for name in metafunc.config.getoption("--backend") or registry.names():
        try:
            backend = registry.load(name)
        except BackendUnavailable as reason:
            items.append(pytest.param(None, [], marks=pytest.mark.skip(reason=f"{name} is unavailable: {reason}")))
            ids.append(f"{name}-unavailable")
            continue
        except registry.RegistryError as error:
            raise pytest.UsageError(str(error)) from error
        for (check, op, dtype), cases in engine.plan(backend).groups():
            items.append(pytest.param(backend, cases))
            ids.append(f"{name}-{check}/{op}/{dtype}")
    metafunc.parametrize(("backend", "group"), items, ids=ids)
