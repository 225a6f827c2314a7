"""A wrong option is told in one line: what was given, what is allowed, what may have been meant. Nothing runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from harness.cli import options
from harness.cli.commands import check
from harness.geometry.spec import ALL_OPS, OPS
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import Write

_ALL_OPS = ", ".join(ALL_OPS)
_DIGITS = "\u0661"  # Arabic for 1


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch, write: Write) -> Path:
    """A plug-in that is not to be touched."""
    for name in ("run_here", "run_in_jobs"):
        monkeypatch.setattr(check, name, lambda *asked: pytest.fail("something ran"))
    write("file", "")
    return write("mine.py", "raise SystemExit('imported')")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["numpy_fancy", "--ops", ""], "Invalid value: '' names no op; leave the option out for all of them"),
        (["numpy_fancy", "--ops", ","], "Invalid value: ',' names no op; leave the option out for all of them"),
        (["numpy_fancy", "--dtype", " , "], "Invalid value: ' , ' names no dtype; leave the option out for all"),
        (["numpy_fancy", "--check", ""], "Invalid value for '--check': is empty; leave the option out for everything"),
        (["numpy_fancy", "--shape", " "], "Invalid value for '--shape': is empty; leave the option out for everything"),
        (["numpy_fancy", "--as-of", ""], "Invalid value for '--as-of': is empty; leave the option out for everything"),
        (["numpy_fancy", "--ops", "im2row"],
         f"Invalid value: op must be among {_ALL_OPS}, got 'im2row', did you mean 'im2col'?"),
        (["numpy_fancy", "--ops", "im2col,zzz"], f"Invalid value: op must be among {_ALL_OPS}, got 'zzz'"),
        (["numpy_fancy", "--dtype", "float31"], "Invalid value: dtype must be among float16, float32, float64, int32, "
         "int64, got 'float31', did you mean 'float32'?"),
        (["numpy_fancy", "--shard", "3/2"], "--shard must be I/N with 1 <= I <= N, as in 1/3, got '3/2'"),
        (
            ["numpy_fancy", "--as-of", "1999.1"],
            "--as-of must be among 2026.11, 2026.12, 2026.13, 2026.14, 2026.15, got '1999.1'",
        ),
        (["numpy_fancy", "--shape", "n1c1h2w2_f1kh3kw3"], "the dilated kernel must fit the padded input: height 3 > 2"),
        *[(["numpy_fancy", option, text], f"Invalid value for '{option}': {told}")
          for option in ("--json", "--junit", "--html", "--xfails")
          for text, told in ((" ", "is empty; name a file, or leave the option out"),
                             ("out/", "must be a file, got the folder 'out/'"),
                             ("a\0b", "no path has a NUL in it, got 'a\\x00b'"))],
        (["numpy_fancy", "--xfails", "none.txt"], "known failures 'none.txt' cannot be read: "),
        (["numpy_fancy", "--no-such-option"], "No such option: --no-such-option"),
        (["numpy_fanci"], "unknown backend 'numpy_fanci', did you mean 'numpy_fancy'?; registered: "),
        (["none.py"], "backend file 'none.py' does not exist"),
        (["."], "'.' is a folder"),
        (["a=numpy_fancy", "a=matlab_loop"], "two backends were named 'a'; give each a NAME= of its own"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_wrong_call_of_check_is_told_in_one_line(run: Run, nothing_runs: Path, words: list[str], said: str) -> None:
    ran = run("check", *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("harness: ")
    assert said in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "numpy_fancy", "matlab_loop", "--shapes", "quik"], "did you mean 'quick'?"),
        (["compare", "numpy_fancy", "matlab_loop", "--allocator", "defalt"],
         "allocator must be among steady, default, got 'defalt', did you mean 'default'?"),
        (["compare", "numpy_fancy", "matlab_loop", "--ops", ","], "names no op"),
        (["bench", "numpy_fancy", "--allocator", "slow"], "allocator must be among steady, default, got 'slow'"),
        (["bench", "numpy_fancy", "--dtype", ","], "names no dtype"),
        (["bench", "numpy_fancy", "--batch", "9" * 18], "2^63"),
        (["compare", "numpy_fancy", "matlab_loop", "--json", ""], "Invalid value for '--json': is empty; name a file"),
        *[([command, option, text], f"Invalid value for '{option}': {told}")
          for command, option in (("bench", "--results"), ("report", "--results"), ("report", "--out"))
          for text, told in (("", "is empty; name a folder ('.' is the current one)"),
                             ("\0", "no path has a NUL in it, got '\\x00'"))],
        (["report", "--out", "file"], "folder 'file' cannot be written: Not a directory"),
        (["report", "--out", "-"], "'-' is no folder"),
        (["report", "--results", "none"], "no measured results in 'none/runs'"),
        (["chek"], "No such command 'chek'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_wrong_call_of_another_command_is_told_in_one_line(
    run: Run, nothing_runs: Path, words: list[str], said: str
) -> None:
    ran = run(*words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("harness: ")
    assert said in ran.err


_WHOLE = {
    "--seed": ("check", 0, 2**63 - 1), "--tier": ("check", 0, 4), "--jobs": ("check", 1, 2**31 - 1),
    "--pairs": ("compare", 1, 10_000), "--batch": ("bench", 1, 2**63 - 1),
}  # fmt: skip


@pytest.mark.parametrize("option", _WHOLE)
def test_a_whole_number_is_one_in_ascii_within_its_limits(run: Run, nothing_runs: Path, option: str) -> None:
    command, least, most = _WHOLE[option]
    for text in (str(least - 1), str(most + 1), _DIGITS, "1.0", "1e3", "", "x", "1_0", "0x1", "\u00b2", "9" * 5000):
        ran = run(command, "numpy_fancy", "numpy_fancy", option, text)
        shown = repr(text if len(text) < 61 else f"{'9' * 60}..")
        limits = f"must be a whole number from {least} to {most}, got {shown}"
        assert ran == (2, "", f"harness: Invalid value for '{option}': {limits}\n")


@pytest.mark.parametrize(
    ("option", "command", "least", "most"),
    [("--budget", "check", 0.01, ""), ("--deadline", "check", 0.1, ""),
     ("--budget", "bench", 0.01, " and at most 1e+06")],
)  # fmt: skip
def test_a_time_is_a_number_of_seconds_within_its_limits(
    run: Run, nothing_runs: Path, option: str, command: str, least: float, most: str
) -> None:
    for text in (
        str(least / 2),
        "0",
        "-1",
        "-inf",
        "nan",
        _DIGITS,
        "",
        "1s",
        "1_0",
        "1e",
        *(["inf", "1000001"] * bool(most)),
    ):
        ran = run(command, "numpy_fancy", option, text)
        limits = f"must be a number of seconds, at least {least:g}{most}, got {text!r}"
        assert ran == (2, "", f"harness: Invalid value for '{option}': {limits}\n")


def test_numbers_at_their_limits_are_read() -> None:
    whole, seconds = options.whole(0, 2**63 - 1), options.seconds(0.25, 4.0)
    assert [whole(text) for text in ("0", "+7", " 12 ", "007", str(2**63 - 1), 5)] == [0, 7, 12, 7, 2**63 - 1, 5]
    assert [seconds(text) for text in ("0.25", "4", ".5", "1e0", "2.", "25E-1", 3.0)] == [0.25, 4, 0.5, 1, 2, 2.5, 3]
    assert options.seconds(0.1, float("inf"))("Inf") == float("inf")


def test_threads_are_at_most_four_for_each_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "usable", lambda: 3)
    assert [options.threads_here(text) for text in ("1", "12")] == [1, 12]
    with pytest.raises(
        typer.BadParameter, match="must be at most 12, 4 for each of the 3 hardware threads here, got 13"
    ):
        options.threads_here("13")
    for text in ("0", _DIGITS):
        with pytest.raises(typer.BadParameter, match="must be a whole number from 1 to"):
            options.threads_here(text)


def test_words_are_taken_once_and_in_their_order() -> None:
    assert options.chosen_ops(["conv2d, im2col,", "im2col,col2im"]) == ["conv2d", "im2col", "col2im"]
    assert options.chosen_dtypes(["int32,float32", "int32"]) == ["int32", "float32"]
    assert (options.chosen_ops(None), options.chosen_dtypes([]), options.given("--check", None)) == ([], [], "")
    assert options.chosen_ops([",".join(OPS)]) == list(OPS)
    assert [options.chosen_allocator(word) for word in ("steady", "default")] == ["steady", "default"]
