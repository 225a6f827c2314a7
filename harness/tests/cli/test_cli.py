"""The command line as scripts and users rely on it: exit codes, one-line errors, JSON, repro lines, Ctrl-C.

Most tests run the real program in a process of its own; those that must break the harness itself call `main` here.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from conformance.checks.under_test import BackendUnderTest
from conformance.run import engine, suite_run
from conformance.run.results import BackendResult, CaseResult
from harness.contract import targets
from harness.geometry.spec import OPS
from harness.tests.helpers.plugins import GOOD, GOOD_CLASS, Write, edited
from harness.tests.helpers.program import assert_one_line, at_start, call, harness, shell, stored

_SPEC = "n1c3h12w11_f4kh3kw2"
_ONE_LAYER = ("--shapes", _SPEC, "--ops", "im2col", "--pairs", "3")
_FEW = ("--check", "contract.dtype", "--ops", "im2col", "--dtype", "float32")
_OWN_UNAVAILABLE = "class BackendUnavailable(Exception):\n    pass\n\n\nraise BackendUnavailable('no such card')\n"
# -- a right backend -----------------------------------------------------------------------------------------------


def test_a_right_plugin_passes_for_every_op(write: Write, tmp_path: Path) -> None:
    write("good.py", GOOD)
    done = harness(tmp_path, "check", "./good.py", "--json", "out.json")
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = stored(tmp_path / "out.json")
    assert (found["schema"], found["backend"], found["verdict"], found["reason"]) == (1, "good", "pass", "")
    assert found["planned"] == found["executed"] == found["counts"]["pass"] > 1000
    assert {c["op"] for c in found["checks"]} == set(OPS)
    assert f"{found['executed']} of {found['planned']}" in done.stdout
    # The keys are the contract of docs/reading-a-report.md; `reason` says why a backend is unavailable or incomplete.
    assert set(found) == {"schema", "backend", "suite_version", "verdict", "reason", "planned", "executed", "counts",
                          "seconds", "checks", "total", "tier", "seed", "isolated", "shard", "cut"}  # fmt: skip
    assert found["isolated"]
    assert set(found["counts"]) == {"pass", "fail", "unsupported", "xfail", "xpass", "mistrusted", "not_run"}
    keys = {"id", "op", "dtype", "status", "planned", "executed", "reason", "repro", "diagnosis",
            "seconds", "optional", "used", "failures"}  # fmt: skip
    assert {frozenset(c) for c in found["checks"]} == {frozenset(keys)}


def test_the_script_and_the_module_are_one_program(write: Write, tmp_path: Path) -> None:
    """A `module:Attr` of the current folder is found by both."""
    write("mymodule.py", GOOD + GOOD_CLASS.format(name="Mine"))
    arguments = ("check", "mymodule:Mine", *_FEW)
    script = shell(tmp_path, shlex.join(("harness", *arguments)))
    module = harness(tmp_path, *arguments)
    assert (script.returncode, script.stderr) == (module.returncode, module.stderr) == (0, "")


def test_backends_lists_all_and_claims(tmp_path: Path) -> None:
    done = harness(tmp_path, "backends", "--json")
    found = {b["backend"]: b for b in json.loads(done.stdout)}
    assert done.returncode == 0
    assert list(found) == targets.names()
    assert {"naive_loops", "numpy_fancy", "matlab_loop", "numba_tiled", "numba_winograd", "cupy_kernels",
            "torch_native", "torch_native_cuda"} <= set(found)  # fmt: skip
    assert found["numpy_fancy"]["available"]
    assert found["numpy_fancy"]["dtypes"] == ["float32", "float64"]
    assert all(b["available"] or b["reason"] for b in found.values())


# -- exit code 2: the call is wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "numpy_fanci"), ("unknown backend 'numpy_fanci'", "did you mean 'numpy_fancy'", "torch_native")),
        (("check", "none.py"), ("'none.py' does not exist",)),
        (("check", "numpy_fancy", "--ops", "im2row"), ("im2row", "conv2d_bias_grad")),
        (("check", "numpy_fancy", "--dtype", "float31"), ("float31", "float32")),
        (("check", "numpy_fancy", "--shape", "n1c3"), ("'n1c3'", "n2c6h11w13_f4kh3kw2")),
        (("check", "numpy_fancy", "--shape", "n1c1h2w2_f1kh3kw3"), ("3 > 2",)),
        (("check", "numpy_fancy", "--check", "values.exakt"), ("values.exakt", "values.exact")),
        (("check", "a=numpy_fancy", "a=matlab_loop"), ("two backends were named 'a'",)),
        (("check", "."), ("'.' is a folder",)),
        (("check", "numpy_fancy", "--no-such-option"), ("--no-such-option",)),
        (("chek",), ("chek",)),
        (("compare", "numpy_fancy"), ("at least two",)),
        (("compare", "numpy_fancy", "matlab_loop", "--shapes", "quik"), ("'quik'", "did you mean 'quick'")),
        (("compare", "numpy_fancy", "matlab_loop", "--allocator", "slow"), ("'slow'", "steady, default")),
        (("compare", "numpy_fancy", "matlab_loop", "--batch", "0"), ("--batch", "greater than or equal to 1")),
        (("bench", "numpy_fancy", "--batch", "9" * 18), ("2^63",)),
        (("bench", "numpy_fancy", "--shapes", _SPEC, "--results", "file"), ("file/runs", "cannot be written")),
    ],
    ids=lambda value: "-".join(value[:4]).replace("/", "") if isinstance(value, tuple) else None,
)
def test_a_wrong_call_is_told_in_one_line(
    write: Write, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    write("file", "")
    write("numpy_fancy.py", GOOD)
    assert_one_line(harness(tmp_path, *arguments), *words)


@pytest.mark.parametrize(
    "command", [("check", "./noisy.py", *_FEW), ("compare", "./noisy.py", "numpy_fancy", *_ONE_LAYER)]
)
def test_an_unwritable_json_path_is_told_before_anything_runs(
    write: Write, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Hours of work must not end in a wrong path."""
    write("file", "")
    write("noisy.py", at_start("open('ran', 'w').close()"))
    assert_one_line(harness(tmp_path, *command, "--json", "file/out.json"), "file/out.json", "cannot be written")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["values.golden/im2col/float32/n1c1h3w3_f1kh3kw2",
                                  "contract.nonfinite/im2col/float32/n0c1h3w3_f1kh2kw2"])  # fmt: skip
def test_an_id_that_its_check_does_not_fit_selects_nothing(tmp_path: Path, text: str) -> None:
    """A check asked for a geometry that it cannot judge must neither pass without checking nor break."""
    assert_one_line(harness(tmp_path, "check", "numpy_fancy", "--check", text), text)


# -- exit codes 1 and 3 --------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize(("source", "check_id"), BREAKAGES.values(), ids=BREAKAGES)
def test_a_breakage_fails_and_its_repro_fails_again(write: Write, tmp_path: Path, source: str, check_id: str) -> None:
    write("it's broken/bad.py", source)
    selection = ("--ops", "im2col,col2im", "--dtype", "float32", "--check", check_id)
    done = harness(tmp_path, "check", "it's broken/bad.py", *selection)
    assert done.returncode == 1, done.stderr
    repros = [line.partition("repro: ")[2] for line in done.stdout.splitlines() if "repro: " in line]
    assert repros, done.stdout
    assert repros[0].startswith("harness check ")
    assert f"--check {check_id}/" in repros[0]
    again = shell(tmp_path, f"{repros[0]} --json again.json")
    assert again.returncode == 1, again.stderr
    (found,) = stored(tmp_path / "again.json")
    assert (found["verdict"], found["planned"], found["executed"], found["counts"]["fail"]) == ("fail", 1, 1, 1)
    assert repros[0] in again.stdout


def test_a_repro_keeps_the_seed(write: Write, tmp_path: Path) -> None:
    write("bad.py", edited("] += taps[", "] = taps["))
    done = harness(tmp_path, "check", "bad.py", "--ops", "col2im", "--seed", "7", "--json", "out.json")
    assert done.returncode == 1
    repros = [c["repro"] for c in stored(tmp_path / "out.json")[0]["checks"] if c["status"] == "fail"]
    assert repros
    assert all(r.endswith("/seed=7") for r in repros)


def test_verdicts_that_are_not_green(write: Write, tmp_path: Path) -> None:
    """Unavailable, incomplete and failing in one call: the failure decides."""
    write("card.py", _OWN_UNAVAILABLE)
    write("half.py", f"{GOOD}\n\ndef unsupported(op, spec, dtype):\n    return 'not yet' if op == 'im2col' else None\n")
    write("bad.py", edited("] += taps[", "] = taps["))
    assert harness(tmp_path, "check", "card.py", "--json", "card.json").returncode == 3
    assert harness(tmp_path, "check", "half.py", "--json", "half.json").returncode == 3
    assert harness(tmp_path, "check", "card.py", "bad.py", "half.py", "--json", "all.json").returncode == 1
    (card,) = stored(tmp_path / "card.json")
    assert (card["verdict"], card["reason"], card["planned"], card["checks"]) == ("unavailable", "no such card", 0, [])
    (half,) = stored(tmp_path / "half.json")
    assert half["verdict"] == "incomplete"
    assert "im2col in float32" in half["reason"]
    assert half["counts"]["unsupported"] > 0
    assert [c["reason"] for c in half["checks"] if c["id"] == "contract.state" and c["op"] == "im2col"] == [
        "3 cases refused: not yet",
        "3 cases refused: not yet",
    ]
    assert [(o["backend"], o["verdict"]) for o in stored(tmp_path / "all.json")] == [
        ("card", "unavailable"),
        ("bad", "fail"),
        ("half", "incomplete"),
    ]


def test_an_unavailable_backend_that_was_not_named_is_no_failure(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = str(write("card.py", _OWN_UNAVAILABLE))
    monkeypatch.setattr(targets, "names", lambda: ["numpy_fancy", card])
    assert call(monkeypatch, "check", *_FEW) == 0
    assert "no such card" in capsys.readouterr().out


def test_a_broken_registered_backend_does_not_hide_the_others(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/contract.md says when a backend is unavailable; this one cannot be imported, and nobody named it."""
    broken = str(write("broken.py", "raise KeyError('lost')\n"))
    monkeypatch.setattr(targets, "names", lambda: ["numpy_fancy", broken])
    assert call(monkeypatch, "check", *_FEW) == 0
    shown = capsys.readouterr().out
    assert "numpy_fancy  pass" in shown
    assert "lost" in shown


@pytest.mark.parametrize("body", ["raise KeyError('x')", "raise SystemExit(0)", "return 5"])
def test_a_broken_unsupported_is_the_plugins_fault(write: Write, tmp_path: Path, body: str) -> None:
    """Neither green, nor a fault of the harness."""
    write("bad.py", f"{GOOD}\n\ndef unsupported(op, spec, dtype):\n    {body}\n")
    done = harness(tmp_path, "check", "bad.py", *_FEW)
    assert done.returncode in (1, 2), done.stderr
    assert "fault of the harness" not in done.stderr


def test_what_a_plugin_prints_is_harmless(write: Write, tmp_path: Path) -> None:
    write("noisy.py", at_start('print(\'{"kind": "done"}\', flush=True)'))
    assert harness(tmp_path, "check", "./noisy.py", *_FEW, "--json", "check.json").returncode == 0
    assert stored(tmp_path / "check.json")[0]["verdict"] == "pass"
    done = harness(tmp_path, "compare", "./noisy.py", "numpy_fancy", *_ONE_LAYER, "--json", "compare.json")
    assert done.returncode == 0
    assert stored(tmp_path / "compare.json")["rows"][0]["status"] == "ok"


# -- exit code 4 and Ctrl-C ----------------------------------------------------------------------------------------


def test_a_fault_of_the_harness_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def plan(*arguments: object) -> BackendResult:
        raise RuntimeError("the planner broke")

    monkeypatch.setattr(suite_run, "plan", plan)
    assert call(monkeypatch, "check", "numpy_fancy") == 4
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "RuntimeError: the planner broke" in text
    assert "please report" in text.splitlines()[-1]


def test_an_interruption_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged, judge = [], engine.judge

    def interrupted(subject: BackendUnderTest, case_result: CaseResult) -> None:
        judged.append(case_result)
        if len(judged) == 5:
            raise KeyboardInterrupt
        judge(subject, case_result)

    monkeypatch.setattr(engine, "judge", interrupted)
    out = tmp_path / "out.json"
    assert call(monkeypatch, "check", "numpy_fancy", "--ops", "im2col", "--json", out) == 130
    (found,) = stored(out)
    assert (found["counts"]["pass"], found["executed"], found["verdict"]) == (4, 4, "incomplete")
    assert found["counts"]["not_run"] == found["planned"] - 4 > 0
    assert capsys.readouterr().err == "harness: interrupted\n"


def test_ctrl_c_within_a_backend_ends_the_run(write: Write, tmp_path: Path) -> None:
    """A signal to the process, as the terminal sends it, and not a failure of the backend that was running."""
    statement = "if spec.batch == 7:\n        import os, signal\n        os.kill(os.getppid(), signal.SIGINT)"
    write("good.py", at_start(statement))
    done = harness(tmp_path, "check", "good.py", "--ops", "im2col", "--dtype", "float32", "--json", "out.json")
    assert (done.returncode, done.stderr.strip()) == (130, "harness: interrupted")
    counts = stored(tmp_path / "out.json")[0]["counts"]
    assert counts["fail"] == 0
    assert counts["pass"] > 10
    assert counts["not_run"] > 10
