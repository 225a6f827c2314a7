"""A closed or full stdout, stderr or stdin costs neither the verdict nor a file, and gives no traceback."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from harness.cli import streams
from harness.tests.helpers.plugins import GOOD, Write, edited
from harness.tests.helpers.program import stored, without_waiting
from harness.tests.helpers.system.files import FULL, device

_FEW = ("--check", "values.exact", "--ops", "col2im", "--dtype", "float32", "--tier", "0")
_WRONG = edited("] += taps[", "] = taps[")


def started(
    folder: Path, *arguments: str, close: Sequence[int] = (), stdout: int = subprocess.PIPE
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the program, started without the streams of those numbers."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout,
        stderr=subprocess.PIPE, text=True, check=False, timeout=900, preexec_fn=partial(_close, tuple(close)),
    )  # fmt: skip
    return done.returncode, done.stdout or "", without_waiting(done.stderr)


def _close(numbers: Sequence[int]) -> None:
    for number in numbers:
        os.close(number)


@pytest.mark.parametrize(("source", "code"), [(GOOD, 0), (_WRONG, 1)], ids=["right", "wrong"])
def test_a_reader_that_goes_away_costs_nothing(write: Write, tmp_path: Path, source: str, code: int) -> None:
    """As in `harness check .. | head -1`: quiet, with the verdict's exit code, and the document is written."""
    write("mine.py", source)
    reader, writer = os.pipe()
    os.close(reader)
    found = started(tmp_path, "check", "./mine.py", *_FEW, "--json", "out.json", stdout=writer)
    os.close(writer)
    assert found == (code, "", "")
    assert stored(tmp_path / "out.json")[0]["backend"] == "mine"


def test_without_stdout_the_verdict_stays(write: Write, tmp_path: Path) -> None:
    """`harness check .. >&-`; the document is not mixed with what would have been shown."""
    write("mine.py", _WRONG)
    assert started(tmp_path, "check", "./mine.py", *_FEW, "--json", "out.json", close=[0, 1]) == (1, "", "")
    assert stored(tmp_path / "out.json")[0]["verdict"] == "fail"


def test_without_stderr_stdout_is_as_ever(write: Write, tmp_path: Path) -> None:
    write("mine.py", GOOD)
    code, shown, _ = started(tmp_path, "check", "./mine.py", *_FEW, close=[2])
    assert code == 0
    assert shown.splitlines()[1].split()[:2] == ["mine", "pass"]
    assert started(tmp_path, "check", "./none.py", *_FEW, close=[2]) == (2, "", "")


def test_a_document_cannot_go_to_a_stdout_that_is_closed(write: Write, tmp_path: Path) -> None:
    write("mine.py", "open('ran', 'w').close()\n" + GOOD)
    code, _, told = started(tmp_path, "check", "./mine.py", *_FEW, "--json", "-", close=[1])
    assert (code, told) == (2, "harness: '-' cannot be written: stdout is closed\n")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("source", "code"), [(GOOD, 2), (_WRONG, 1)], ids=["right", "wrong"])
def test_a_full_stdout_is_told_in_one_line(write: Write, tmp_path: Path, source: str, code: int) -> None:
    """The verdict's exit code wins, as where a document cannot be written."""
    write("mine.py", source)
    node = os.open(device(tmp_path / "full", FULL), os.O_WRONLY)
    found = started(tmp_path, "check", "./mine.py", *_FEW, "--json", "out.json", stdout=node)
    os.close(node)
    assert found == (code, "", "harness: stdout cannot be written: No space left on device\n")
    assert stored(tmp_path / "out.json")[0]["executed"] > 0


def test_a_pipe_that_does_not_wait_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program at the same terminal may have made it one."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    taken: list[bytes] = []
    waited = lambda *of: taken.append(os.read(reader, 1_000_000))  # noqa: E731
    monkeypatch.setattr(select, "select", waited)
    raw, data, written = streams._Raw(writer, "w"), bytes(range(250)) * 1000, 0
    while written < len(data):
        written += raw.write(data[written:])
    raw.close()
    assert taken  # it was full at least once
    with os.fdopen(reader, "rb") as rest:
        taken.append(rest.read())
    assert b"".join(taken) == data


def test_a_stream_of_somebody_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where `main` is called by a program that has put its own there."""
    own = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", own)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    streams.take_over()
    assert sys.stdout is own
    print("\udcff é", end="")
    assert streams.settled(3) == 3
    assert isinstance(own.buffer, io.BytesIO)
    assert own.buffer.getvalue() == b"\\udcff \\xe9"


@pytest.mark.parametrize("through", [True, False])
@pytest.mark.parametrize("by_line", [True, False])
def test_what_is_made_safe_is_as_it_was(by_line: bool, through: bool) -> None:
    """A terminal shows every line at once; a pipe gets it in blocks."""
    reader, writer = os.pipe()
    own = io.TextIOWrapper(
        io.FileIO(writer, "w", closefd=False), "latin-1", line_buffering=by_line, write_through=through
    )
    safe = streams._safe(own, writer)
    assert isinstance(safe, io.TextIOWrapper)
    assert safe is not own
    assert (safe.line_buffering, safe.write_through, safe.encoding) == (by_line, through, "latin-1")
    safe.write("\u00e9\u20ac\n")
    if not by_line:
        safe.flush()
    assert os.read(reader, 100) == b"\xe9\\u20ac\n"
    for number in (reader, writer):
        os.close(number)


def test_a_stream_that_a_backend_has_closed_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        for gone in (None, io.StringIO()):
            if gone is not None:
                gone.close()
            monkeypatch.setattr(sys, name, gone)
            streams.make_usable()
            made = getattr(sys, name)
            assert (made.closed, made.encoding, made.errors) == (False, "utf-8", "backslashreplace")
            assert made.fileno() == {"stdout": 1, "stderr": 2}[name]
        monkeypatch.undo()
