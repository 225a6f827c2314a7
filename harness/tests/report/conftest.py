"""The registry of these tests: always the same, and not looked up among all installed packages at every call."""

from __future__ import annotations

import pytest

from harness.contract import registry

REGISTERED = ("naive_loops", "numpy_fancy", "matlab_loop", "numba_loops", "torch_native", "torch_native_cuda")


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "names", lambda: list(REGISTERED))
