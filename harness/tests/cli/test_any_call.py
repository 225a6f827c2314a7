"""Whatever is typed: no traceback, an exit code that is documented, and no file changed but the outputs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conformance.power import campaign, jobs
from conformance.run.suite_run import SuiteRun
from harness.cli import main, measuring
from harness.cli.commands import check
from harness.contract import targets
from harness.contract.status import CellStatus
from harness.results.run_files import RunFile
from harness.tests.helpers.cli.reports import a_report
from harness.tests.helpers.plugins import GOOD
from harness.tests.helpers.records import a_cell
from harness.timing import asv_bridge
from harness.timing import run as timing_run

_CODES = (0, 1, 2, 3, 130)  # 4, a fault of ours, is what must not be
_INPUTS = {"mine.py": GOOD, "known.txt": "law.*  # because\n", "layers.txt": "n1c2h3w4_f2kh2kw3\n", "note": "my own",
           "broken.py": "raise KeyError('lost')\n", "folder/file": "also my own"}  # fmt: skip
_LINKS = {"link": "note", "loop": "loop", "dangling": "folder/made"}
_OUTPUTS = ("out.json", "out.jsonl", "new/out.html", "dangling", "folder/made")

_texts = st.text(st.characters(exclude_categories=()), max_size=12)
_numbers = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
    st.sampled_from(["0", "1", "2", "-1", "1e400", "nan", "inf", "\u0661", "\u00b2", "1_0", "9" * 5000, ""]),
)
_specs = st.one_of(
    st.sampled_from(["n1c2h3w4_f2kh2kw3", "n0c1h1w1_f1kh1kw1", "n1c1h2w2_f1kh3kw3", "ic1ih3oc1kh2", "quick", "quik"]),
    st.builds("n{}c1h{}w3_f1kh2kw2_sh{}sw1".format, _numbers, _numbers, _numbers),
    st.builds("mb{}ic{}ih3oc1kh2ph0".format, _numbers, _numbers),
    _texts,
)
_words = st.one_of(st.lists(st.sampled_from(["im2col", "conv2d", "float32", "int64", " ", ""])).map(",".join), _texts)
_checks = st.one_of(
    st.sampled_from(["values.exact", "values.exakt", "*", "[", "law.*/conv2d/*", "values.grid", "//", "/"]),
    st.builds("{}/{}/{}/{}/seed={}".format, st.sampled_from(["values.exact", "x"]), _words, _words, _specs, _numbers),
    _texts,
)
_paths = st.one_of(
    st.sampled_from([*_INPUTS, *_LINKS, *_OUTPUTS, ".", "..", "/", "-", "", "note/x", "n" * 256, "\udcff", "a\0b"]),
    _texts,
)
_outs = st.one_of(st.sampled_from([*_INPUTS, *_LINKS, *_OUTPUTS]), _paths)
_targets = st.one_of(
    st.sampled_from(["numpy_fancy", "mine.py"]),
    st.sampled_from(["numpy_fancy", "matlab_loop", "mine.py", "a=mine.py", "mine.py:Attr", "mine:Attr", "no.such:Attr",
                     "broken.py", "none.py", ".", "", "=", "a=", "=a", "x" * 5000, "a\0b.py", "link", ":", ".:x"]),
    _texts,
)  # fmt: skip
# In a test, files are written below its own folder alone: a path that hypothesis made up stays there.
_OPTIONS = {
    "check": {"--ops": _words, "--dtype": _words, "--shape": _specs, "--check": _checks, "--seed": _numbers,
              "--tier": _numbers, "--budget": _numbers, "--deadline": _numbers, "--jobs": _numbers,
              "--threads": _numbers, "--shard": st.builds("{}/{}".format, _numbers, _numbers), "--xfails": _paths,
              "--as-of": _texts, "--json": _outs, "--junit": _outs, "--html": _outs},
    "bench": {"--shapes": st.one_of(_specs, _paths), "--batch": _numbers, "--ops": _words, "--dtype": _words,
              "--budget": _numbers, "--threads": _numbers, "--allocator": _words, "--results": _paths},
    "compare": {"--shapes": st.one_of(_specs, _paths), "--batch": _numbers, "--ops": _words, "--dtype": _words,
                "--pairs": _numbers, "--threads": _numbers, "--allocator": _words, "--json": _outs},
    "report": {"--out": _outs, "--results": _paths, "--machine": _texts},
    "faults": {"--kinds": _words, "--sample": _numbers, "--seed": _numbers, "--tier": _numbers, "--jobs": _numbers,
               "--budget": _numbers, "--json": _outs},
}  # fmt: skip


@st.composite
def _calls(draw: st.DrawFn) -> list[str]:
    """A command with targets and options, most of which could be meant."""
    command = draw(st.sampled_from(list(_OPTIONS)))
    words = [command, *(draw(st.lists(_targets, max_size=3)) if command not in ("report", "faults") else [])]
    for option in draw(st.lists(st.sampled_from(list(_OPTIONS[command])), max_size=3)):
        words += [option, draw(_OPTIONS[command][option])]
    return words + draw(st.lists(_texts, max_size=1).map(lambda more: more if len(more) % 3 == 2 else []))


def _stays_here(words: list[str]) -> bool:
    """Whether no word of a call is a path out of the test's folder that a run with all rights could write to."""
    return not any((word.startswith(("/", "..", "~")) and len(word) > 2) or "/.." in word for word in words)


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of the user's; what measures or judges is a fake, the planning and the writing are real."""
    for name, text in _INPUTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, target in _LINKS.items():
        (tmp_path / name).symlink_to(target)

    def planned(options: object, asked: object, named: bool, *more: object) -> object:
        with SuiteRun(options) as suite_run:  # type: ignore[arg-type]
            suite_run.add_all([t for t in asked if t.is_builtin], named)  # type: ignore[attr-defined]
        return [a_report()], False

    def measured(plan: object, folder: Path, progress: object, *more: object) -> RunFile:
        return RunFile(folder / "run.jsonl")

    monkeypatch.setattr(check, "run_here", planned)
    monkeypatch.setattr(check, "run_in_jobs", lambda count, *asked: planned(*asked))
    monkeypatch.setattr(measuring, "run_here", lambda *asked, **more: ([a_report()], False))
    monkeypatch.setattr(timing_run, "run", measured)
    monkeypatch.setattr(timing_run, "measure", lambda *asked: iter([a_cell(status=CellStatus.FAIL)]))
    monkeypatch.setattr(campaign, "run", lambda *asked: campaign.Found(1, controls=1))
    monkeypatch.setattr(jobs, "run", lambda count, *asked: campaign.Found(1, controls=1))
    monkeypatch.setattr(asv_bridge, "left_out", lambda path: "left out")
    monkeypatch.setattr(targets, "names", lambda: ["numpy_fancy", "matlab_loop"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _called(words: list[str]) -> object:
    before, sys.argv = sys.argv, ["harness", *words]
    try:
        main.main()
    except SystemExit as ended:
        return ended.code
    finally:
        sys.argv = before
    return None


def _holds(folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    code = _called(words)
    told = capsys.readouterr().err
    assert code in _CODES, told
    assert "Traceback" not in told
    if code == 2:
        assert told.startswith("harness: ") or not told
    outputs = {out for out in words if out in ("known.txt", "layers.txt", "note", "link", "folder/file")}
    changed = {name for name, text in _INPUTS.items() if (folder / name).read_text() != text}
    assert changed <= {_LINKS.get(out, out) for out in outputs}  # a plug-in not even where it was named
    for name in changed:
        (folder / name).write_text(_INPUTS[name])
    assert {name: os.readlink(folder / name) for name in _LINKS} == _LINKS


_SETTINGS = {"deadline": None, "derandomize": True, "database": None,
             "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}  # fmt: skip


@example(words=["check", "--json", "mine.py"])
@example(words=["check", "--html", "link", "--xfails", "note"])
@example(words=["check", "mine.py", "--junit", "a\0b"])
@example(words=["check", "numpy_fancy", "--json", "loop", "--shard", "2/3"])
@example(words=["bench", "mine.py", "--results", "note"])
@example(words=["compare", "mine.py", "numpy_fancy", "--shapes", "layers.txt", "--json", "layers.txt"])
@settings(max_examples=100, **_SETTINGS)  # type: ignore[arg-type]
@given(words=_calls().filter(_stays_here))
def test_no_call_ends_in_a_traceback_or_changes_an_input(
    quick: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    _holds(quick, words, capsys)


@pytest.mark.slow
@settings(max_examples=5000, **_SETTINGS)  # type: ignore[arg-type]
@given(words=_calls().filter(_stays_here))
def test_no_call_at_all_does(quick: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    _holds(quick, words, capsys)
