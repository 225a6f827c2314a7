"""The command line as scripts and users rely on it, with the real suite and clock: verdicts, repro lines, Ctrl-C.

The first tests run the program in a process of its own; the others call `main` here, with plug-ins in their children.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from conformance.checks.under_test import BackendUnderTest
from conformance.run import engine, suite_run
from conformance.run.results import BackendResult, CaseResult
from harness.contract import targets
from harness.geometry.spec import OPS
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import GOOD, GOOD_CLASS, IM2COL_ALONE, Write, edited
from harness.tests.helpers.program import at_start, harness, shell, stored

pytestmark = pytest.mark.heavy

_SPEC = "n1c3h12w11_f4kh3kw2"
_ONE_LAYER = ("--shapes", _SPEC, "--ops", "im2col", "--pairs", "3")
_FEW = ("--check", "contract.dtype", "--ops", "im2col", "--dtype", "float32")
_OWN_UNAVAILABLE = "class BackendUnavailable(Exception):\n    pass\n\n\nraise BackendUnavailable('no such card')\n"


# -- from the shell ------------------------------------------------------------------------------------------------


def test_a_right_plugin_passes_for_every_op(write: Write, tmp_path: Path) -> None:
    """In tier 0; that of the README is asked everything."""
    write("good.py", GOOD)
    done = harness(tmp_path, "check", "./good.py", "--dtype", "float32", "--tier", "0", "--json", "out.json")
    assert done.returncode == 0, done.stderr
    (found,) = stored(tmp_path / "out.json")
    assert (found["schema"], found["backend"], found["verdict"], found["reason"]) == (1, "good", "pass", "")
    assert found["planned"] == found["executed"] == found["counts"]["pass"] > 50
    assert {c["op"] for c in found["checks"]} == set(OPS)
    assert f"{found['executed']} of {found['planned']}" in done.stdout
    # The keys are the contract of docs/reading-a-report.md; `reason` says why a backend is unavailable or incomplete.
    assert set(found) == {"schema", "backend", "suite_version", "verdict", "reason", "planned", "executed", "counts",
                          "grades", "domain", "seconds", "checks", "total", "tier", "seed", "isolated", "shard",
                          "cut", "causes", "failed", "source", "selection"}  # fmt: skip
    assert (found["isolated"], found["tier"], found["seed"], found["shard"], found["cut"]) == (True, 0, 0, "", "")
    assert set(found["counts"]) == {"pass", "fail", "unsupported", "xfail", "xpass", "mistrusted", "not_run"}
    keys = {"id", "grade", "op", "dtype", "status", "planned", "executed", "reason", "repro", "diagnosis",
            "seconds", "optional", "used", "failures"}  # fmt: skip
    assert {frozenset(c) for c in found["checks"]} == {frozenset(keys)}


def test_a_repro_is_pasted_into_a_shell(write: Write, tmp_path: Path) -> None:
    """As the console script shows it, of a `module:Attr` in the current folder and of a path with a quote in it."""
    write("mymodule.py", edited("] += taps[", "] = taps[") + GOOD_CLASS.format(name="Mine"))
    write("it's broken/bad.py", edited("] += taps[", "] = taps["))
    words = ["mymodule:Mine", "it's broken/bad.py", "--ops", "col2im", "--dtype", "float32"]
    words += ["--check", "values.exact", "--tier", "0"]
    done = shell(tmp_path, f"harness check {shlex.join(words)}")
    assert done.returncode == 1, done.stderr
    for target in ("mymodule:Mine", shlex.quote("it's broken/bad.py")):
        line = next(line for line in done.stdout.splitlines() if f"repro: harness check {target} " in line)
        again = shell(tmp_path, f"{line.partition('repro: ')[2]} --json again.json")
        assert again.returncode == 1, again.stderr
        assert line in again.stdout
        (found,) = stored(tmp_path / "again.json")
        assert (found["planned"], found["executed"], found["counts"]["fail"]) == (1, 1, 1)


def test_compare_measures_what_was_asked(write: Write, tmp_path: Path) -> None:
    write("good.py", GOOD + IM2COL_ALONE)
    done = harness(tmp_path, "compare", "./good.py", "numpy_fancy", *_ONE_LAYER, "--json", "out.json")
    assert done.returncode == 0, done.stderr
    found = stored(tmp_path / "out.json")
    (row,), (mean,) = found["rows"], found["geomean"]
    assert (row["op"], row["dtype"], row["spec"], row["a"], row["b"], row["status"]) == (
        "im2col", "float32", _SPEC, "good", "numpy_fancy", "ok",
    )  # fmt: skip
    assert bool(row["reason"]) == (row["verdict"] == "unclear")
    assert row["verdict"] in ("faster", "slower", "same", "unclear")
    assert row["processes"] in (3, 6, 12)  # as clear as it was after each batch
    assert row["pairs"] == 3 + 6 * (row["processes"] - 3)  # those for what is unclear are six times as long
    assert (mean["layers"], mean["ratio"]) == (1, pytest.approx(row["ratio"]))
    assert row["low"] <= row["ratio"] <= row["high"]
    assert min(row["low"], row["a_seconds"], row["b_seconds"]) > 0


# -- verdicts ------------------------------------------------------------------------------------------------------

# One breakage each of the right plug-in, and the check that is made for it.
BREAKAGES = {
    "scatter_without_add": (edited("] += taps[", "] = taps["), "values.exact"),
    "stride_axes_swapped": (
        edited(
            "(sh, sw), (dh, dw) = spec.stride, spec.dilation\n", "(sw, sh), (dh, dw) = spec.stride, spec.dilation\n"
        ),
        "values.exact",
    ),
    "float64_result": (edited("w + left + right), columns.dtype)", "w + left + right))"), "contract.dtype"),
    "view_of_the_padded": (edited(".copy()", ""), "contract.contiguous"),
    "input_changed": (at_start("x *= 2"), "contract.inputs_untouched"),
    "raises_on_an_empty_batch": (at_start("assert spec.batch, 'empty'"), "contract.empty_batch"),
    "returns_none": (edited("    return columns.reshape", "    columns.reshape"), "contract.type"),
    "returns_nan": (edited("w].copy()", "w] * np.nan"), "values.exact"),
    "exits": (at_start("raise SystemExit(0)"), "values.exact"),
}


_FORM = ("contract.type", "contract.contiguous", "contract.empty_batch")


@pytest.mark.parametrize(("source", "check_id"), BREAKAGES.values(), ids=BREAKAGES)
def test_a_breakage_fails_and_its_repro_fails_again(
    run: Run, write: Write, tmp_path: Path, source: str, check_id: str
) -> None:
    write("bad.py", source)
    words = ("--ops", "im2col,col2im", "--dtype", "float32", "--check", check_id)
    ran = run("check", "bad.py", *words, "--no-diagnose")
    assert ran.code == 1, ran.err
    repros = [line.partition("repro: ")[2] for line in ran.lines if "repro: " in line]
    assert repros[0].startswith(f"harness check bad.py --check {check_id}/")
    again = run(*shlex.split(repros[0])[1:], "--json", "again.json", "--no-diagnose")
    assert again.code == 1, again.err
    (found,) = stored(tmp_path / "again.json")
    verdict = "deviates" if check_id in _FORM else "fail"
    assert (found["verdict"], found["planned"], found["executed"], found["counts"]["fail"]) == (verdict, 1, 1, 1)
    assert f"  repro: {repros[0]}" in again.lines


def test_a_repro_keeps_the_seed(run: Run, write: Write, tmp_path: Path) -> None:
    write("bad.py", edited("] += taps[", "] = taps["))
    words = ["check", "bad.py", "--ops", "col2im", "--tier", "0", "--seed", "7"]
    assert run(*words, "--json", "out.json").code == 1
    repros = [c["repro"] for c in stored(tmp_path / "out.json")[0]["checks"] if c["status"] == "fail"]
    assert [r for r in repros if not r.endswith("/seed=7")] == []
    assert len(repros) > 1


def test_verdicts_that_are_not_green(run: Run, write: Write, tmp_path: Path) -> None:
    """Unavailable, incomplete and failing in one call: the failure decides."""
    write("card.py", _OWN_UNAVAILABLE)
    write("half.py", f"{GOOD}\n\ndef unsupported(op, spec, dtype):\n    return 'not yet' if op == 'im2col' else None\n")
    write("bad.py", edited("] += taps[", "] = taps["))
    words = ["--check", "contract.state", "--ops", "im2col,col2im"]
    assert run("check", "card.py").code == 3
    assert run("check", "half.py", "--tier", "0", "--json", "half.json").code == 0
    (half,) = stored(tmp_path / "half.json")
    domain = "float32, float64; nothing of im2col, conv2d, conv2d_weight_grad"
    assert (half["verdict"], half["domain"]["words"]) == ("pass", domain)
    assert run("check", "card.py", "bad.py", "half.py", *words, "--json", "all.json").code == 1
    card, bad, half = stored(tmp_path / "all.json")
    assert (card["verdict"], card["reason"], card["planned"], card["checks"]) == ("unavailable", "no such card", 0, [])
    assert [(o["backend"], o["verdict"]) for o in (bad, half)] == [("bad", "fail"), ("half", "pass")]
    assert [(c["reason"], c["planned"], c["executed"]) for c in half["checks"] if c["op"] == "im2col"] == [
        ("4 cases refused: not yet", 0, 0)
    ] * 2
    assert (half["counts"]["unsupported"], half["total"]) == (8, 8 + half["planned"])


@pytest.mark.parametrize("source", [_OWN_UNAVAILABLE, "raise KeyError('lost')\n"], ids=["unavailable", "broken"])
def test_what_was_not_named_and_cannot_run_is_no_failure_and_hides_nothing(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """docs/contract.md says when a backend is unavailable; a broken one that nobody named is told in the same way."""
    monkeypatch.setattr(targets, "names", lambda: ["numpy_fancy", "card.py"])
    write("card.py", source)
    ran = run("check", *_FEW)
    assert ran.code == 0
    _, ours, theirs = ran.lines[:3]
    assert (ours.split()[:2], theirs.split()[:2]) == (["numpy_fancy", "pass"], ["card", "unavailable"])
    reason = " ".join(ran.lines[2:])  # in a table of 80 columns it has several lines
    assert ("no such card" in reason, "lost" in reason) == (source is _OWN_UNAVAILABLE, source is not _OWN_UNAVAILABLE)


@pytest.mark.parametrize(("body", "told"), [
    ("raise KeyError('x')", "KeyError: 'x'\n"),
    ("raise SystemExit(0)", "ended its process: exited with code 0\n"),
    ("return 5", "unsupported must return a reason in words or None, got 5\n"),
])  # fmt: skip
def test_a_broken_unsupported_is_the_plugins_fault(run: Run, write: Write, body: str, told: str) -> None:
    write("bad.py", f"{GOOD}\n\ndef unsupported(op, spec, dtype):\n    {body}\n")
    ran = run("check", "bad.py", *_FEW, "--tier", "0")
    assert (ran.code, ran.err) == (1, "")
    assert "unsupported('im2col', ..) raised " in ran.out
    assert told in ran.out


def test_an_exception_is_told_with_its_line(run: Run, write: Write) -> None:
    source = edited("    return columns.reshape(spec.columns_shape)", "    return columns.reshape(1)")
    line = source.splitlines().index("    return columns.reshape(1)") + 1
    write("raising.py", source)
    ran = run("check", "raising.py", "--ops", "im2col", "--dtype", "float32", "--tier", "0")
    assert ran.code == 1
    assert f"(raising.py, line {line})" in ran.out


def test_what_a_plugin_prints_is_harmless(run: Run, write: Write) -> None:
    write("noisy.py", at_start('print(\'{"kind": "done"}\', flush=True)'))
    ran = run("check", "./noisy.py", *_FEW)
    assert (ran.code, ran.lines[1].split()[:2]) == (0, ["noisy", "pass"])
    assert "kind" not in ran.out


@pytest.mark.parametrize("text", ["values.golden/im2col/float32/n1c1h3w3_f1kh2kw2",
                                  "contract.nonfinite/im2col/float32/n0c1h3w3_f1kh2kw2"])  # fmt: skip
def test_an_id_that_its_check_does_not_fit_selects_nothing(run: Run, text: str) -> None:
    """A check asked for a geometry that it cannot judge must neither pass without checking nor break."""
    check_id = text.partition("/")[0]
    said = f"harness: check {check_id!r} cannot judge this geometry and dtype: {text}\n"
    assert run("check", "numpy_fancy", "--check", text) == (2, "", said)


def test_a_geometry_of_ones_own_is_judged_by_the_checks_that_fit_it(run: Run) -> None:
    """That an empty batch gives zeros is not asked of one with images."""
    ran = run("check", "numpy_fancy", "--shape", "n2c3h6w7_f4kh3kw4", "--check", "contract.*")
    assert (ran.code, ran.lines[1].split()[:2]) == (0, ["numpy_fancy", "pass"])


# Why a backend has no time: source, exit code, status, and a part of the reason.
UNTIMED = {
    "wrong": (edited("spec.columns_shape)", "spec.columns_shape) + 1"), 1, "fail", "it fails tier 1"),
    "exits": (at_start("raise SystemExit(0)"), 1, "fail", "SystemExit"),
    "raises_while_timed": (
        at_start("COUNT.append(1)\n    assert len(COUNT) < 50, 'worn out'") + "\n\nCOUNT = []\n",
        1, "fail", "worn out",
    ),
    "unsupported_raises": (
        f"{GOOD}\n\ndef unsupported(op, spec, dtype):\n    raise KeyError('lost')\n", 1, "fail", "lost",
    ),
    "unavailable": (_OWN_UNAVAILABLE, 3, "unavailable", "no such card"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "code", "status", "reason"), UNTIMED.values(), ids=UNTIMED)
def test_a_backend_that_cannot_be_timed_has_no_ratio(
    run: Run, write: Write, tmp_path: Path, source: str, code: int, status: str, reason: str
) -> None:
    write("bad.py", source if "unsupported" in source else source + IM2COL_ALONE)
    ran = run("compare", "./bad.py", "numpy_fancy", *_ONE_LAYER, "--json", "out.json")
    assert ran.code == code, ran.err
    found = stored(tmp_path / "out.json")
    (row,), (mean,) = found["rows"], found["geomean"]
    assert (row["a"], row["status"], row["ratio"], row["pairs"]) == ("bad", status, None, 0)
    assert reason in row["reason"]
    assert (mean["ratio"], mean["layers"]) == (None, 0)


# -- exit code 4 and Ctrl-C ----------------------------------------------------------------------------------------


def test_a_fault_of_the_harness_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(*arguments: object) -> BackendResult:
        raise RuntimeError("the planner broke")

    monkeypatch.setattr(suite_run, "plan", plan)
    ran = run("check", "numpy_fancy")
    assert (ran.code, ran.out) == (4, "")
    first, *_, error, last = ran.err.splitlines()
    assert (first, error) == ("Traceback (most recent call last):", "RuntimeError: the planner broke")
    assert last == "harness: this is a fault of the harness itself, please report it with the lines above"


def test_an_interruption_keeps_what_is_finished(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged, judge = [], engine.judge

    def interrupted(subject: BackendUnderTest, case_result: CaseResult) -> None:
        judged.append(case_result)
        if len(judged) == 5:
            raise KeyboardInterrupt
        judge(subject, case_result)

    monkeypatch.setattr(engine, "judge", interrupted)
    ran = run("check", "numpy_fancy", "--ops", "im2col", "--json", "out.json")
    assert (ran.code, ran.err) == (130, "harness: interrupted\n")
    (found,) = stored(tmp_path / "out.json")
    assert (found["counts"]["pass"], found["executed"], found["verdict"]) == (4, 4, "incomplete")
    assert found["counts"]["not_run"] == found["planned"] - 4 > 0


@pytest.mark.parametrize("command", ["check", "compare", "bench"])
def test_ctrl_c_within_a_backend_ends_the_run(write: Write, tmp_path: Path, command: str) -> None:
    """A signal to the process, as the terminal sends it, and not a failure of the backend that was running.

    What `compare` and `bench` have not checked in full they do not time.
    """
    harness_itself = "psutil.Process(os.getppid()).ppid()"  # the parent is the guardian of the child
    number = 20  # of the call: the others ask tier 1 before they measure
    write("good.py", "import os, signal, psutil\nCALLS = []\n\n\n" + at_start(
        f"CALLS.append(1)\n    if len(CALLS) == {number}:\n        os.kill({harness_itself}, signal.SIGINT)"
    ))  # fmt: skip
    more = {"check": ["--json", "out.json"], "compare": ["numpy_fancy"], "bench": []}[command]
    done = harness(tmp_path, command, "good.py", "--ops", "im2col", "--dtype", "float32", *more)
    assert (done.returncode, done.stderr.splitlines()[-1:]) == (130, ["harness: interrupted"])
    if command == "check":
        counts = stored(tmp_path / "out.json")[0]["counts"]
        assert counts["fail"] == 0
        assert min(counts["pass"], counts["not_run"]) > 10
    else:
        assert "ratio" not in done.stdout
