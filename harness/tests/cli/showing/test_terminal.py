"""What a terminal shows and nothing else does: colours, a bar, lines of its own width."""

from __future__ import annotations

import io
import re
import sys

import pytest

from harness.cli import terminal
from harness.contract.status import Verdict

_BOLD, _END = "\x1b[1m", "\x1b[0m"
# How each word of a table looks; every other one is plain.
LOOKS = {
    "pass": "\x1b[32m", "available": "\x1b[32m", "fail": "\x1b[1;31m", "incomplete": "\x1b[33m",
    "unavailable": "\x1b[2m", "deviates": "\x1b[35m",
}  # fmt: skip


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user who asks for colours everywhere."""
    for name in ("NO_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")


def on_a_screen(monkeypatch: pytest.MonkeyPatch, name: str = "stderr") -> Screen:
    """A terminal in place of a stream; of a test's own, as pytest puts its streams back between fixture and test."""
    screen = Screen()
    monkeypatch.setattr(sys, name, screen)
    return screen


def test_a_word_of_a_table_has_the_colour_of_what_it_says(coloured: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert {verdict.value for verdict in Verdict} | {"available"} == set(LOOKS)
    terminal.table("", ("first", "second"), [[word, f"{word} too"] for word in LOOKS])
    head, *lines = capsys.readouterr().out.splitlines()
    assert [f"{_BOLD}{name}" in head for name in ("first", "second")] == [True, True]
    assert {word: line.split(word)[0] for word, line in zip(LOOKS, lines, strict=True)} == LOOKS
    for word, line in zip(LOOKS, lines, strict=True):
        shown, _, rest = line.removeprefix(LOOKS[word]).partition(_END)
        assert (shown.strip(), rest.strip()) == (word, f"{word} too")


def test_without_a_terminal_nothing_is_coloured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    terminal.table("of all", ("verdict",), [[word] for word in LOOKS])
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == ["of all", "verdict", *LOOKS]


def test_a_table_is_as_wide_as_its_text_or_as_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There a long text goes on in the next line, and none of it is lost."""
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    long = "".join(chr(ord("a") + k % 26) for k in range(120))
    terminal.table("", ("name", "text"), [["mine", long]])
    assert capsys.readouterr().out.splitlines()[1].split() == ["mine", long]
    terminal.table("", ("name", "text"), [["mine", long]], piped=40)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert max(map(len, lines)) <= 40
    assert "".join(word for line in lines for word in line.split()) == f"mine{long}"
    screen = on_a_screen(monkeypatch, "stdout")
    terminal.table("of all", ("name", "text"), [["mine", long]])
    title, _, *lines = screen.getvalue().splitlines()
    assert re.sub(r"\x1b\[\d*m", "", title).rstrip() == "of all"
    assert len(lines) > 4
    assert max(map(len, lines)) <= 30
    assert "".join(word for line in lines for word in line.split()) == f"mine{long}"


def test_a_bar_counts_what_is_done_and_goes_away(
    monkeypatch: pytest.MonkeyPatch, coloured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    stderr = on_a_screen(monkeypatch)
    ticker = terminal.Ticker("check", 40)
    bar = ticker._bar
    assert bar is not None
    assert not bar.live.is_started
    with ticker:
        assert bar.live.is_started
        ticker.step("values.exact", 7)
        ticker.step("law.adjoint")
        (task,) = bar.tasks
        assert (task.completed, task.total, task.description) == (8, 40, "check law.adjoint")
        ticker.step("x" * 100, 2)
        assert (task.completed, len(task.description)) == (10, 60)
        bar.refresh()
        assert "10/40" in stderr.getvalue()
    assert not bar.live.is_started
    assert bar.live.transient
    assert stderr.getvalue().rpartition("10/40")[2].count("\x1b[2K") > 0  # its line is cleared
    assert capsys.readouterr().out == ""


def test_a_bar_ends_with_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_screen(monkeypatch)
    ticker = terminal.Ticker("bench", 3)
    with pytest.raises(KeyboardInterrupt), ticker:
        raise KeyboardInterrupt
    assert ticker._bar is not None
    assert not ticker._bar.live.is_started


def test_where_several_share_a_terminal_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = on_a_screen(monkeypatch)
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.0)
    with terminal.Ticker("job 1 of 2: check", 9, bar=False) as ticker:
        ticker.step("law.shift", 4)
    assert stderr.getvalue() == "job 1 of 2: check: 4 of 9 (0 s) law.shift\n"


@pytest.mark.parametrize(("done", "lines"), [(4, 1), (9, 0)])
def test_a_line_comes_while_a_step_takes_long_but_not_when_all_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], done: int, lines: int
) -> None:
    """Who is done waits for other processes."""
    ticker = terminal.Ticker("job 1 of 2: check", 9, bar=False)
    ticker.step("law.shift", done)
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.0)
    ticker._beat._tell()
    assert len(capsys.readouterr().err.splitlines()) == lines


def test_tables_go_aside_only_where_a_document_takes_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.aside(True):
        terminal.show("a table")
    with terminal.aside(False):
        terminal.show("another")
    terminal.say("a line")
    assert capsys.readouterr() == ("another\n", "a table\na line\n")
