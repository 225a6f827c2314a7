"""`harness new`: what it writes passes as it stands, is never written over anything, and a wrong name is one line."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cli.commands.new import files
from harness.tests import helpers
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.imports import ROOT
from harness.tests.helpers.program import assert_one_line, harness, stored

_ENDINGS = {"c": (".py", ".c")}
# Each has a word of its own, which says what is changed there.
_MARKS = ("dtypes", "domain", "arrays", "the two functions", "the other ops", "bias", "threads")


@pytest.fixture(autouse=True)
def no_plugins_before(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A `mine.py` that another test of this process has loaded is no module that programs import."""
    temporary = str(tmp_path_factory.getbasetemp().resolve())
    monkeypatch.setattr(sys, "path", [place for place in sys.path if not place.startswith(temporary)])


def _skip_without(library: str) -> None:
    if library == "c" and shutil.which("cc") is None:
        pytest.skip("cc is not on PATH")
    if library != "c" and importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


def _checked(folder: Path) -> Any:
    """What `harness check --json` says of the plug-in in the three most telling geometries, without a traceback."""
    done = harness(folder, "check", "./mine.py", "--tier", "0", "--json", "found.json")
    assert "Traceback" not in done.stdout + done.stderr
    (found,) = stored(folder / "found.json")
    assert done.returncode == {"pass": 0, "unavailable": 3}.get(found["verdict"], 1)
    return found


@pytest.mark.parametrize("library", files.LIBRARIES)
def test_what_is_written_compiles_and_is_marked(run: Run, tmp_path: Path, library: str) -> None:
    done = run("new", "mine", "--library", library)
    assert done.code == 0, done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["test_mine.py", *(f"mine{ending}" for ending in _ENDINGS.get(library, (".py",)))]
    )
    text = (tmp_path / "mine.py").read_text(encoding="utf-8")
    assert [mark for mark in _MARKS if f"CHANGE: {mark}" not in text] == []
    for path in tmp_path.iterdir():
        source = path.read_text(encoding="utf-8")
        assert "$" not in source
        assert [line for line in source.splitlines() if len(line) > 120 or line != line.rstrip()] == []
        if path.suffix == ".py":
            compile(source, str(path), "exec")


@pytest.mark.parametrize("library", files.LIBRARIES)
def test_what_is_written_is_as_ruff_would_have_it(run: Run, tmp_path: Path, library: str) -> None:
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed")
    run("new", "mine", "--library", library)
    for words in (["check", "--select", "E,F,W,I,B,UP"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", "--isolated", "--line-length", "120", "."]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.heavy
@pytest.mark.parametrize("library", files.LIBRARIES)
def test_what_is_written_passes_where_its_library_is(run: Run, tmp_path: Path, library: str) -> None:
    _skip_without(library)
    assert run("new", "mine", "--library", library).code == 0
    found = _checked(tmp_path)
    if found["verdict"] == "unavailable":  # torch or CuPy is here, and no card
        assert "CUDA" in found["reason"]
        pytest.skip(f"{library} is unavailable: no CUDA device")
    assert found["verdict"] == "pass"
    assert found["planned"] == found["executed"] == found["counts"]["pass"]
    assert found["executed"] > 100  # all ops, of which four are derived, in two dtypes


@pytest.mark.heavy
def test_the_cupy_plug_in_passes_on_a_stand_in_for_cupy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy with CuPy's names: what it computes is right; that it runs on a card is not shown."""
    stand_in = Path(helpers.__file__).parent / "cuda" / "fake_cupy"
    monkeypatch.setenv("PYTHONPATH", f"{stand_in}{os.pathsep}{ROOT}")
    harness(tmp_path, "new", "mine", "--library", "cupy")
    found = _checked(tmp_path)
    assert (found["verdict"], found["executed"]) == ("pass", found["planned"])
    assert found["executed"] > 100


@pytest.mark.heavy
@pytest.mark.parametrize("library", ["numba", "torch", "cupy", "jax", "triton"])
def test_where_the_library_is_missing_it_is_unavailable_and_says_why(tmp_path: Path, library: str) -> None:
    """Also where it is installed here: a module of its name in the same folder cannot be imported."""
    harness(tmp_path, "new", "mine", "--library", library)
    (tmp_path / f"{library}.py").write_text(f"raise ImportError('no {library} today')\n", encoding="utf-8")
    if library == "triton":  # which looks for torch before
        (tmp_path / "torch.py").write_text("raise ImportError('no triton today')\n", encoding="utf-8")
    found = _checked(tmp_path)
    assert found["verdict"] == "unavailable"
    assert found["reason"].startswith(f"no {library} today (pip install ")


def test_without_a_compiler_c_is_unavailable_and_says_why(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run("new", "mine", "--library", "c")
    assert done.err == "harness: cc, a C compiler, is not on PATH, so it will be unavailable here\n"
    assert _checked(tmp_path)["reason"] == "there is no C compiler here: cc is not on PATH"


def test_a_mistake_in_the_c_file_is_told_in_the_compilers_words(run: Run, tmp_path: Path) -> None:
    _skip_without("c")
    run("new", "mine", "--library", "c")
    path = tmp_path / "mine.c"
    path.write_text(path.read_text(encoding="utf-8").replace("int64_t i = p", "int64_t i = no_such_thing"))
    assert_one_line(harness(tmp_path, "check", "./mine.py", "--tier", "0"), "cannot be imported", "no_such_thing")


@pytest.mark.parametrize("library", files.LIBRARIES)
def test_what_is_missing_here_is_said(run: Run, library: str) -> None:
    done = run("new", "mine", "--library", library)
    is_here = shutil.which("cc") if library == "c" else importlib.util.find_spec(library)
    assert (done.err == "") is (is_here is not None)


@pytest.mark.heavy
def test_the_generated_tests_pass_and_see_a_mistake(run: Run, tmp_path: Path) -> None:
    run("new", "my_backend")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_backend.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (passed,) = re.findall(r"(\d+) passed", done.stdout)
    assert int(passed) > 50
    path = tmp_path / "my_backend.py"
    right = path.read_text(encoding="utf-8")
    wrong = right.replace("view += columns[", "view[...] = columns[")
    assert wrong != right
    path.write_text(wrong, encoding="utf-8")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "test_my_backend.py::TestMyBackend::test_conformance[values.exact/col2im/float32]" in done.stdout


def test_what_to_run_next_is_printed_and_runs(run: Run) -> None:
    done = run("new", "mine", "--library", "numpy")
    assert done.lines[0] == "wrote mine.py and test_mine.py; what is to be changed in it is marked CHANGE"
    commands = [line.split("#")[0].split() for line in done.lines if line.startswith("    ")]
    assert [words[:3] for words in commands] == [
        ["harness", "check", "./mine.py"], ["harness", "check", "./mine.py"], ["pytest", "test_mine.py"],
        ["harness", "compare", "./mine.py"], ["harness", "check", "./mine.py"],
    ]  # fmt: skip
    assert run(*commands[0][1:]).code == 0


# -- nothing is lost --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "library", "said"),
    [
        (["mine.py"], "numpy", "mine.py exists already, and nothing was written; --force writes over it"),
        (["test_mine.py"], "numpy", "test_mine.py exists already"),
        (["mine.c"], "c", "mine.c exists already"),
        (["mine.py", "test_mine.py"], "numpy", "mine.py and test_mine.py exist already"),
    ],
)
def test_what_is_there_is_kept(tmp_path: Path, there: list[str], library: str, said: str) -> None:
    for name in there:
        (tmp_path / name).write_text("mine", encoding="utf-8")
    assert_one_line(harness(tmp_path, "new", "mine", "--library", library), said)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(there)
    assert {(tmp_path / name).read_text(encoding="utf-8") for name in there} == {"mine"}


def test_a_link_that_leads_nowhere_is_kept_too(run: Run, tmp_path: Path) -> None:
    os.symlink("gone.py", tmp_path / "mine.py")
    done = run("new", "mine")
    assert done.code == 2
    assert "mine.py exists already" in done.err
    assert not (tmp_path / "gone.py").exists()


def test_force_writes_over_files_and_over_nothing_else(run: Run, tmp_path: Path) -> None:
    for name in ("mine.py", "test_mine.py", "other.py"):
        (tmp_path / name).write_text("mine", encoding="utf-8")
    assert run("new", "mine", "--force").code == 0
    assert "def im2col" in (tmp_path / "mine.py").read_text(encoding="utf-8")
    assert "TestMine" in (tmp_path / "test_mine.py").read_text(encoding="utf-8")
    assert (tmp_path / "other.py").read_text(encoding="utf-8") == "mine"
    (tmp_path / "folder.py").mkdir()
    done = run("new", "folder", "--force")
    assert (done.code, done.err) == (2, "harness: folder.py is no file, and nothing was written over it\n")
    assert not (tmp_path / "test_folder.py").exists()


def test_a_file_that_it_wrote_is_written_again_by_force(run: Run) -> None:
    """A module of this name can then be found: it is the file itself."""
    assert [run("new", "mine").code, run("new", "mine", "--force", "--library", "c").code] == [0, 0]


# -- wrong calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["my-backend"], "NAME must be a Python identifier, as in my_backend (without .py), got 'my-backend'"),
        (["mine.py"], "NAME must be a Python identifier, as in my_backend (without .py), got 'mine.py'"),
        (["../mine"], "NAME must be a Python identifier"),
        ([""], "NAME must be a Python identifier, as in my_backend (without .py), got ''"),
        (["2nd"], "NAME must be a Python identifier"),
        (["a\nb"], "NAME must be a Python identifier"),
        (["a" * 70 + "-"], f"got '{'a' * 60}..'"),
        (["a" * 300], "File name too long"),
        (["class"], "NAME must be a Python identifier, and 'class' is a word of the language; take another"),
        (["numpy"], "'numpy' is a module that programs import, and numpy.py would hide it; take another"),
        (["cupy"], "'cupy' is a module that programs import"),
        (["json"], "'json' is a module that programs import"),
        (["conformance"], "'conformance' is a module that programs import"),
        (["__main__"], "'__main__' is a module that programs import"),
        (["numpy_fancy"], "'numpy_fancy' is the name of a registered backend; take another"),
        (["mine", "--library", "nunpy"], "--library must be among numpy, numba, torch, cupy, jax, triton, c, "
                                         "got 'nunpy', did you mean 'numpy'?"),
        ([], "Missing argument 'NAME'"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_one_line_and_writes_nothing(run: Run, tmp_path: Path, words: list[str], said: str) -> None:
    done = run("new", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("harness: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    done = run("new", "mine")
    assert done.code == 2
    assert done.err.count("\n") == 1


def test_any_name_gives_a_class_that_pytest_collects() -> None:
    for name, camel in (("mine", "TestMine"), ("my_Fast_im2col", "TestMyFastIm2col"), ("_", "Test"), ("é", "TestÉ")):
        assert f"class {camel}(ConformanceSuite)" in files.rendered(name, "numpy")[f"test_{name}.py"]
