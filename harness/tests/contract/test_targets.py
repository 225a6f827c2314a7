"""A target is resolved once, into an object with a name; two of one file, and one twice, have names of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.contract.registry import load
from harness.contract.targets import RegistryError, resolve, resolve_all
from harness.tests.helpers.plugins import GOOD, GOOD_CLASS, IM2COL_ALONE, Write, edited

_WRONG = edited("+= taps", "= taps")
_HARNESS = [sys.executable, "-m", "harness"]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("numpy_fancy", "numpy_fancy"),
        ("fast=numpy_fancy", "fast"),
        ("{folder}/mine.py", "mine"),
        ("{folder}/mine.py:One", "mine.One"),
        ("{folder}/mine.py:Named", "seven"),
        ("{folder}/mine.py:Child", "seven"),
        ("{folder}/mine.py:Computed", "mine.Computed"),
        ("V2.1-rc=" + "{folder}/mine.py:Named", "V2.1-rc"),
        ("{folder}/named.py", "of_the_file"),
        ("{folder}/lone.py", "of_its_class"),
        ("json.decoder:JSONDecoder", "decoder.JSONDecoder"),
    ],
)
def test_the_name_is_read_and_nothing_is_run(write: Write, tmp_path: Path, typed: str, name: str) -> None:
    never = "raise SystemExit('it was run')\n"
    one, more = GOOD_CLASS.format(name="One"), "class Named(One):\n    name = 'seven'\n"
    more += "class Child(Named):\n    pass\nclass Computed(One):\n    name = 'a' + 'b'\n"
    write("mine.py", never + GOOD + one + more)
    write("named.py", never + "name: str = 'of_the_file'\n" + GOOD)
    write(
        "lone.py",
        never + "class Lone:\n    name = 'of_its_class'\n    def im2col(s, x, p): 0\n    def col2im(s, c, p): 0\n",
    )
    text = typed.format(folder=tmp_path)
    assert resolve(text).name == name
    assert resolve(text).text == text


def test_a_name_that_no_table_could_show_is_not_taken(write: Write) -> None:
    path = write("mine.py", f"name = 'my\\nbackend'\n{GOOD}")
    assert resolve(str(path)).name == "mine"


def test_an_equals_sign_in_a_file_name_is_no_name(write: Write) -> None:
    path = write("a=b.py", GOOD)
    assert load(str(path)).name == "a=b"


def test_one_target_twice_and_files_of_one_name_have_names_of_their_own(write: Write) -> None:
    paths = [str(write("a/mine.py", GOOD)), str(write("b/mine.py", GOOD))]
    asked = resolve_all([*paths, paths[0], "mine=numpy_fancy", "numpy_fancy", "numpy_fancy"])
    assert [t.name for t in asked] == ["mine#2", "mine#3", "mine#4", "mine", "numpy_fancy", "numpy_fancy#2"]
    assert [t.text for t in asked[:3]] == [*paths, paths[0]]


def test_the_name_of_a_registered_backend_is_nobody_elses(write: Write) -> None:
    stranger = str(write("fake.py", f"name = 'torch_native'\n{GOOD}"))
    namesake = str(write("numpy_fancy.py", GOOD))
    asked = resolve_all([stranger, namesake, "torch_native", "numpy_fancy", "numpy_fancy"])
    assert [t.name for t in asked] == [
        "torch_native#2",
        "numpy_fancy#2",
        "torch_native",
        "numpy_fancy",
        "numpy_fancy#3",
    ]


def test_a_file_name_with_an_equals_sign_gives_no_name(write: Write) -> None:
    path = str(write("a=b.py", f"name = 'a'\n{GOOD}"))
    assert [t.name for t in resolve_all([path, path])] == ["a", "a#2"]


def test_the_same_name_given_twice_is_refused() -> None:
    with pytest.raises(RegistryError, match="two backends were named 'a'; give each a NAME= of its own"):
        resolve_all(["a=numpy_fancy", "a=matlab_loop"])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("{folder}", "is a folder; give a file in it"),
        ("{folder}/none.py", "none.py' does not exist"),
        ("{folder}/none.py:Attr", "none.py' does not exist"),
        ("{folder}/plain", "plain' has no ending .py"),
        ("{folder}/none", "none' does not exist"),
        ("{folder}/dir.py", "dir.py' is a folder"),
        ("numpy_fanci", "did you mean 'numpy_fancy'?"),
        ("x=numpy_fanci", "unknown backend 'numpy_fanci', did you mean 'numpy_fancy'?"),
        ("", "unknown backend ''"),
        ("numpy_fancy={folder}/right.py", "'numpy_fancy' is the name of a registered backend"),
        ("a b={folder}/right.py", "the NAME in NAME=TARGET is made of letters, digits and _ . + -, got 'a b'"),
        ("a" * 5000 + ".py", "cannot be looked for: "),
        ("a" * 5000, "unknown backend 'aaa"),
    ],
)
def test_what_is_no_target_is_named(write: Write, tmp_path: Path, typed: str, said: str) -> None:
    write("plain", GOOD)
    write("right.py", GOOD)
    (tmp_path / "dir.py").mkdir()
    with pytest.raises(RegistryError) as caught:
        resolve(typed.format(folder=tmp_path))
    assert said in str(caught.value)


@pytest.mark.heavy
def test_two_classes_of_one_file_are_compared(write: Write, tmp_path: Path) -> None:
    classes = GOOD_CLASS.format(name="A") + GOOD_CLASS.format(name="B")
    write("two.py", GOOD + classes)
    words = ["compare", "two.py:A", "two.py:B", "again=two.py:A", "--shapes", "n1c2h6w5_f3kh2kw3", "--ops", "im2col"]
    command = [*_HARNESS, *words, "--pairs", "1", "--processes", "1", "--json", "out.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [(r["a"], r["b"], r["status"]) for r in rows] == [("two.A", "two.B", "ok"), ("two.A", "again", "ok")]


def test_two_versions_of_one_file_are_judged_apart(write: Write, tmp_path: Path) -> None:
    write("right/mine.py", GOOD)
    write("wrong/mine.py", _WRONG)
    words = ["check", "right/mine.py", "wrong/mine.py", "--tier", "0", "--ops", "col2im", "--json", "out.json"]
    done = subprocess.run([*_HARNESS, *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 1, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert [(o["backend"], o["verdict"]) for o in found] == [("mine", "pass"), ("mine#2", "fail")]
    assert all("wrong/mine.py" in c["repro"] for c in found[1]["checks"] if c["status"] == "fail")


_SCRIPT = [str(Path(sys.executable).parent / "harness")]
_LAYER = ("--shapes", "n1c2h6w5_f3kh2kw3", "--ops", "im2col", "--pairs", "1", "--processes", "1")
_NAMES = ("re", "json", "typing", "numpy", "enum", "random", "select", "queue", "typer", "msgspec", "pickle")


@pytest.mark.parametrize(
    ("start", "code", "words"),
    [
        (_SCRIPT, 0, ("check", "backends/mine.py", "numpy_fancy", "--tier", "0", "--ops", "im2col", "--jobs", "2")),
        (_SCRIPT, 0, ("compare", "backends/mine.py", "numpy_fancy", *_LAYER)),
        (_HARNESS, 0, ("check", "backends/mine.py", "--tier", "0", "--ops", "im2col")),
        (_HARNESS, 2, ("report",)),
    ],
    ids=["jobs", "compare", "python -m", "report"],
)
def test_what_the_user_calls_as_we_or_python_do_does_no_harm(
    write: Write, tmp_path: Path, start: list[str], code: int, words: tuple[str, ...]
) -> None:
    """Folders with our names, packages or not, and files that hide modules, in the current folder and beside the file.

    But `python -m harness` beside a package `harness`: there Python finds that one before any line of ours runs.
    """
    for folder in ("backends", "harness", "conformance"):
        write(f"{folder}/mine.py", GOOD + IM2COL_ALONE)
        if not (folder == "harness" and start == _HARNESS):
            write(f"{folder}/__init__.py", "raise ImportError('not ours')\n")
    for name in _NAMES:
        write(f"{name}.py", "raise ImportError('not ours')\n")
        write(f"backends/{name}.py", "raise ImportError('not ours')\n")
    done = subprocess.run([*start, *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("no measured results in 'results/runs'" in done.stderr) == (code == 2)


def test_a_module_beside_the_user_is_found(write: Write, tmp_path: Path) -> None:
    write("my_kernels.py", GOOD + GOOD_CLASS.format(name="Mine"))
    words = ["check", "my_kernels:Mine", "--tier", "0", "--ops", "im2col"]
    for command in ([str(Path(sys.executable).parent / "harness"), *words], [*_HARNESS, *words]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr


_ASIDE = "from kern import im2col, col2im\n"


def test_what_lies_beside_a_plugin_is_its_own(write: Write, tmp_path: Path) -> None:
    """Two versions with a `kern.py` each, called from a third folder that has one: checked, and in the script."""
    write("new/kern.py", GOOD)
    write("old/kern.py", _WRONG)
    write("here/kern.py", "raise ImportError('not this one')\n")
    paths = [str(write(f"{folder}/mine.py", _ASIDE)) for folder in ("new", "old")]
    words = ["check", f"new={paths[0]}", f"old={paths[1]}", "--tier", "0", "--ops", "col2im"]
    words += ["--dtype", "float32", "--json", "out.json"]
    for more in ([], ["--no-isolate"]):
        done = subprocess.run(
            [*_HARNESS, *words, *more], cwd=tmp_path / "here", capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 1, done.stderr
        found = json.loads((tmp_path / "here" / "out.json").read_text())
        assert [(o["backend"], o["verdict"]) for o in found] == [("new", "pass"), ("old", "fail")]
    script = next(f["script"] for c in found[1]["checks"] for f in c["failures"])
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "here", capture_output=True, text=True, check=False, timeout=600
    )
    assert "AssertionError" in run.stderr, run.stderr


def test_two_plugins_in_one_process_have_their_own(write: Write) -> None:
    write("new/kern.py", f"VERSION = 'new'\n{GOOD}")
    write("old/kern.py", f"VERSION = 'old'\n{GOOD}")
    told = "import kern\nfrom kern import im2col, col2im\ndef info():\n    return {'version': kern.VERSION}\n"
    new, old = (load(str(write(f"{folder}/mine.py", told))) for folder in ("new", "old"))
    assert (new.info, old.info) == ({"version": "new"}, {"version": "old"})
