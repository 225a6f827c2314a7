"""A plug-in that never finishes loading ends the command in one line, whichever command and wherever it hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.calls.limits import seconds
from harness.tests.helpers.plugins import PLACES_THAT_HANG, Write
from harness.tests.helpers.program import call, without_waiting

_FEW = ("--ops", "im2col")
_SMALL = ("--shapes", "n1c2h6w5_f3kh2kw3", *_FEW)


@pytest.mark.parametrize("place", PLACES_THAT_HANG)
@pytest.mark.parametrize(
    "words", [("check", *_FEW), ("bench", "--no-asv", *_SMALL), ("compare", "numpy_fancy", *_SMALL)], ids=lambda w: w[0]
)
def test_a_plugin_that_never_finishes_loading_is_given_up(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...], place: str,
) -> None:  # fmt: skip
    write("mine.py", PLACES_THAT_HANG[place])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(seconds, "_LOADING", 0.01)  # times the deadline: a right one would be given up as well
    monkeypatch.setattr(seconds, "_LEAST_LOADING", 1.0)
    assert call(monkeypatch, *words, "mine.py") == 2
    said = without_waiting(capsys.readouterr().err)
    assert said == (
        "harness: backend 'mine.py' cannot be loaded: its import or its info() did not end within 1 s "
        "(0.01 times the deadline of a call, 1 s at least)\n"
    )
    assert list(tmp_path.rglob("*.jsonl")) == []
