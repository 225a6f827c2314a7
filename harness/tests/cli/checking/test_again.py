"""Cases once more: those that failed before, the one of a short id, and a run that ends at its first failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conformance.run.again.short_ids import short
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import GOOD, Write, edited
from harness.tests.helpers.program import stored

_OVERWRITTEN = edited("] += taps[", "] = taps[")
_FEW = ("--ops", "im2col,col2im", "--dtype", "float32", "--tier", "0", "--no-diagnose")


def checked(run: Run, tmp_path: Path, *options: str) -> tuple[object, dict[str, Any]]:
    """The exit code, and what is written of a plug-in."""
    ran = run("check", "./mine.py", *options, "--no-diagnose", "--json", "out.json")
    (found,) = stored(tmp_path / "out.json")
    return ran.code, found


def test_only_what_failed_is_run_again_and_all_once_it_is_mended(run: Run, write: Write, tmp_path: Path) -> None:
    write("mine.py", _OVERWRITTEN)
    code, first = checked(run, tmp_path, *_FEW)
    failed = first["failed"]
    assert (code, len(failed), first["counts"]["fail"]) == (1, len(failed), len(failed))
    assert 0 < len(failed) < first["planned"]
    code, again = checked(run, tmp_path, "--last-failed")
    assert (code, again["planned"], again["executed"], again["failed"]) == (1, len(failed), len(failed), failed)
    write("mine.py", GOOD)
    code, mended = checked(run, tmp_path, "--last-failed")
    assert (code, mended["planned"], mended["counts"]["pass"]) == (0, len(failed), len(failed))
    ran = run("check", "./mine.py", "--last-failed", *_FEW)
    assert (ran.code, ran.err) == (0, ".im2col-harness knows of no failure of ./mine.py: everything is run\n")


def test_a_short_id_runs_the_case_that_was_shown(run: Run, write: Write, tmp_path: Path) -> None:
    write("mine.py", _OVERWRITTEN)
    shown = next(line for line in run("check", "mine.py", *_FEW).lines if line.startswith("mine: fail "))
    _, _, id, text, *_ = shown.split()
    assert id == short(text.rstrip(":"))
    code, found = checked(run, tmp_path, "--check", id)
    assert (code, found["planned"], found["failed"]) == (1, 1, [text.rstrip(":")])
    assert run("explain", id).lines[0] == text.rstrip(":")


def test_a_short_id_of_no_case_is_a_wrong_call(run: Run) -> None:
    for words in (("check", "numpy_fancy", "--check", "000000"), ("explain", "000000")):
        ran = run(*words)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
        assert "'000000' is the short id of no case" in ran.err


def test_a_run_ends_at_its_first_failure(run: Run, write: Write, tmp_path: Path) -> None:
    write("mine.py", _OVERWRITTEN)
    code, found = checked(run, tmp_path, *_FEW, "--fail-fast")
    counts = found["counts"]
    assert (code, found["verdict"], counts["fail"]) == (1, "fail", 1)
    assert counts["not_run"] > 0
    assert f"the run ended at the first failure, {counts['not_run']} of {found['planned']} cases" in found["reason"]


def test_what_is_not_required_ends_no_run(run: Run, write: Write, tmp_path: Path) -> None:
    """Its form is wrong in every call."""
    write("mine.py", edited("w].copy()", "w]"))
    options = ("--ops", "col2im", "--dtype", "float32", "--check", "contract.contiguous", "--fail-fast")
    code, found = checked(run, tmp_path, *options, "--require", "safety")
    assert (code, found["verdict"], found["counts"]["not_run"]) == (0, "deviates", 0)
    code, found = checked(run, tmp_path, *options)
    assert (code, found["verdict"], found["counts"]["fail"]) == (1, "deviates", 1)


def test_a_right_backend_runs_to_its_end(run: Run, tmp_path: Path) -> None:
    ran = run("check", "numpy_fancy", *_FEW, "--fail-fast", "--json", "out.json")
    (found,) = stored(tmp_path / "out.json")
    assert (ran.code, found["verdict"], found["counts"]["not_run"]) == (0, "pass", 0)
