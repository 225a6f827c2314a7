"""Our own packages come before what lies in the current folder, here and in the processes that we start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.contract import own_packages
from harness.contract.own_packages import ROOT, come_first, command
from harness.tests.helpers.plugins import Write


def test_the_root_is_where_the_packages_lie() -> None:
    assert all((Path(ROOT) / name / "__init__.py").is_file() for name in ("harness", "backends", "conformance"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["", "/a"], [ROOT, "/a", ""]),
        (["{here}", "/a"], [ROOT, "/a", ""]),
        (["/a", "", "/b", "{here}"], [ROOT, "/a", "/b", ""]),
        (["/a", ROOT, ""], ["/a", ROOT, ""]),
        ([], [ROOT, ""]),
    ],
)
def test_the_current_folder_is_searched_last(
    before: list[str], after: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place.format(here=os.getcwd()) for place in before])
    come_first()
    assert sys.path == after


def test_our_own_root_may_be_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", ["", ROOT, "/a"])
    come_first()
    assert sys.path == [ROOT, "/a", ""]


@pytest.mark.parametrize(("words", "is_put_right"), [(["-m"], True), (["-c"], False), ([], False)])
def test_python_m_is_put_right_before_it_looks_for_its_module(
    words: list[str], is_put_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", words)
    others = [place for place in sys.path if place not in ("", ROOT)]
    monkeypatch.setattr(sys, "path", ["", *others])
    source = Path(own_packages.__file__).read_text(encoding="utf-8")
    exec(
        compile(source, own_packages.__file__, "exec"), {"__name__": "own_packages", "__file__": own_packages.__file__}
    )
    assert sys.path == ([ROOT, *others, ""] if is_put_right else ["", *others])


_SHOW = """
import sys
print(__name__, sys.argv[0].endswith("shown.py"), sys.argv[1:], sep="|")
"""


def started(module: str, *arguments: str, folder: Path, path: str = "") -> list[str]:
    """What a module prints that is run from a folder."""
    environment = os.environ | {"PYTHONPATH": path}
    words = command(module, *arguments)
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split("|")


def test_a_module_is_run_as_the_program_with_its_arguments(write: Write, tmp_path: Path) -> None:
    write("elsewhere/shown.py", _SHOW)
    said = started("shown", "one", "--two", folder=tmp_path, path=str(tmp_path / "elsewhere"))
    assert said == ["__main__", "True", "['one', '--two']"]


def test_folders_of_the_user_with_our_names_or_a_librarys_are_not_taken(write: Write, tmp_path: Path) -> None:
    for name in ("harness", "backends", "conformance", "json"):
        write(f"{name}/__init__.py", "raise SystemExit('not ours')\n")
    source = "import harness.telling, backends, conformance, json\nprint(harness.telling.one_line('a\\nb'))\n"
    write("elsewhere/used.py", source)
    assert started("used", folder=tmp_path, path=str(tmp_path / "elsewhere")) == ["a b"]


def test_the_root_is_searched_once(write: Write, tmp_path: Path) -> None:
    write("elsewhere/counted.py", f"import sys\nprint(sys.path.count({ROOT!r}))\n")
    path = os.pathsep.join([ROOT, str(tmp_path / "elsewhere")])
    assert started("counted", folder=tmp_path, path=path) == ["1"]
