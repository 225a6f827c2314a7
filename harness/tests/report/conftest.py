"""The registry of these tests, which is always the same, and figures as they are before they become pictures."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from harness.contract import registry
from harness.report.charts import drawing, svg

REGISTERED = ("naive_loops", "numpy_fancy", "matlab_loop", "numba_loops", "torch_native", "torch_native_cuda")


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The true one is looked up among all installed packages at every call."""
    monkeypatch.setattr(registry, "names", lambda: list(REGISTERED))


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is drawn in a test, in order; none of them becomes a PNG."""
    found: list[Figure] = []

    def kept(figure: Figure) -> bytes:
        found.append(figure)
        return b"\x89PNG"

    monkeypatch.setattr(drawing, "png", kept)
    monkeypatch.setattr(svg, "inline", lambda figure, name, alt, colours: "<svg></svg>")
    return found
