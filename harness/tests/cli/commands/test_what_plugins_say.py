"""What a plug-in says or does to our streams changes neither the terminal nor the verdict."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import terminal
from harness.telling import one_line, plain
from harness.tests.helpers.plugins import GOOD, Write, edited
from harness.tests.helpers.program import at_start, stored, without_waiting

_FEW = ("--tier", "0", "--ops", "im2col", "--dtype", "float32")


def started(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the program."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments], cwd=folder, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["\x00", "\x07", "\x08", "\x1b[2J", "\x7f", "\x9b2J", "\u202e", "\u2066"])
def test_what_a_terminal_would_obey_is_shown_as_an_escape(command: str) -> None:
    escape = ascii(command)[1:-1]
    assert plain(f"a\t{command}b\n") == f"a\t{escape}b\n"
    assert one_line(ValueError(f"a {command}b")) == f"a {escape}b"


def test_every_way_to_the_terminal_shows_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    red = "\x1b[31m"
    terminal.say(f"say{red}")
    terminal.show(f"show{red}")
    terminal.table(f"title{red}", ("head",), [[f"cell{red}"]])
    shown = capsys.readouterr()
    assert shown.err == "say\\x1b[31m\n"
    assert [line.strip() for line in shown.out.splitlines()] == [
        "show\\x1b[31m", "title\\x1b[31m", "head", "cell\\x1b[31m",
    ]  # fmt: skip


def test_colours_in_an_error_do_not_reach_the_terminal(write: Write, tmp_path: Path) -> None:
    write("mine.py", at_start('raise ValueError("\\x1b[31mred")'))
    code, out, _ = started(tmp_path, "check", "./mine.py", *_FEW)
    assert (code, "\x1b" in out, "ValueError: \\x1b[31mred" in out) == (1, False, True)


@pytest.mark.parametrize("statement", ["sys.stdout.close()", "sys.stdout = sys.stderr = None", "os.chdir('/')"])
@pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])
def test_a_backend_in_this_process_may_do_what_it_likes_to_streams_and_folder(
    write: Write, tmp_path: Path, statement: str, is_right: bool
) -> None:
    source = GOOD if is_right else edited("] += taps[", "] = taps[")
    write("mine.py", f"import os, sys\n{statement}\n{source}")
    options = (*_FEW[:2], "--ops", "col2im", *_FEW[4:], "--no-isolate", "--json", "out.json")
    code, out, err = started(tmp_path, "check", "./mine.py", *options)
    verdict = "pass" if is_right else "fail"
    assert (code, verdict in out, without_waiting(err)) == (not is_right, True, "")
    assert stored(tmp_path / "out.json")[0]["verdict"] == verdict


def test_layers_from_a_pipe_are_waited_for_aloud(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "layers")
    run = subprocess.Popen(
        [sys.executable, "-m", "harness", "bench", "numpy_fancy", "--shapes", "layers", "--dtype", "none"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stderr is not None
    assert run.stderr.readline() == "waiting for the layers of 'layers' to be read\n"
    (tmp_path / "layers").write_text("n1c1h3w3_f1kh2kw2\n")
    assert run.communicate(timeout=120)[1].startswith("harness: Invalid value: dtype must be among")
    assert run.returncode == 2


def test_an_endless_name_is_cut_in_the_middle(tmp_path: Path) -> None:
    code, _, err = started(tmp_path, "bench", "numpy_fancy", "--shapes", "x" * 9000)
    assert code == 2
    assert err.startswith("harness: unknown shapes 'xxx")
    assert (len(err) < 2100, "xx [..] " in err, err.endswith("or a file, or a spec\n")) == (True, True, True)
