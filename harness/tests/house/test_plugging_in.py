"""The page that leads from an empty folder to a package: its commands and files, in their order, do what it says."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

import harness
from harness.tests.helpers.house.installed import Environment, build
from harness.tests.helpers.house.pages import page_named

pytestmark = pytest.mark.heavy

_PAGE = "plugging-in.md"
_CAUSE = "Your col2im keeps only the last tap where windows overlap, instead of adding them all"
_FILE = r'^``` \{ \.\w+ title="(?P<title>[^"]+)" \}\n(?P<text>.*?)^```$'
_STEP = re.compile(rf"{_FILE}|^    (?P<line>\S[^\n]*)$", re.M | re.S)


class Step(NamedTuple):
    """A command with the exit code that it has to give, or a file with its text."""

    line: str
    code: int
    title: str
    text: str


def steps(page: str) -> list[Step]:
    """Commands are indented by four spaces; a file is fenced and has a title."""
    found = []
    for match in _STEP.finditer(page):
        line = match["line"] or ""
        (code,) = re.findall(r"# exit code (\d)", line) or ["0"]
        found.append(Step(line, int(code), match["title"] or "", match["text"] or ""))
    return found


def put(folder: Path, title: str, text: str) -> None:
    """Write a file; or, as its title says, a part of it: at its end, or in place of a function."""
    name, _, where = title.partition(", ")
    path = folder / name
    if not where:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    before = path.read_text(encoding="utf-8")
    if where == "at its end":
        path.write_text(f"{before}\n\n{text}", encoding="utf-8")
        return
    (function,) = [
        node for node in ast.parse(before).body
        if isinstance(node, ast.FunctionDef) and node.name == where.removeprefix("in place of ")
    ]  # fmt: skip
    lines = before.splitlines(keepends=True)
    lines[function.lineno - 1 : function.end_lineno] = [text]
    path.write_text("".join(lines), encoding="utf-8")


@pytest.mark.slow  # two minutes
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    """One environment and one folder for all of it: each step builds on those before."""
    here = tmp_path / "here"
    here.mkdir()
    wheel = build(tmp_path / "build")
    environment = Environment(tmp_path / "environment")
    assert environment.run(here, f"pip install -q {wheel}")[0] == 0
    shutil.copy(wheel, here)
    failures = []
    for step in steps(page_named(_PAGE)):
        if step.title:
            put(here, step.title, step.text)
            lines = re.findall(r"- run: (.*)", step.text) if step.title.endswith(".yml") else []
        else:
            lines = [step.line]
        for line in lines:
            code, said = environment.run(here, line)
            assert code == step.code, f"{line}\n{said}"
            failures += [" ".join(said.split())] * (code == 1)
    assert _CAUSE in failures[0]
    assert _CAUSE in " ".join(page_named(_PAGE).split())
    assert (here / "conformance.xml").stat().st_size > 1000


def test_the_wheel_is_called_as_the_page_says() -> None:
    assert f"im2col_harness-{harness.__version__}-py3-none-any.whl" in page_named(_PAGE)


def test_steps_are_found_and_edits_are_made(tmp_path: Path) -> None:
    page = '# T\n\n    one  # exit code 1\n\n``` { .python title="a.py" }\ndef f():\n    return 1\n```\n\n    two\n'
    assert steps(page) == [
        Step("one  # exit code 1", 1, "", ""), Step("", 0, "a.py", "def f():\n    return 1\n"), Step("two", 0, "", ""),
    ]  # fmt: skip
    put(tmp_path, "a.py", "def f():\n    return 1\n\n\ndef g():\n    return 2\n")
    put(tmp_path, "a.py, in place of f", "def f():\n    return 3\n")
    put(tmp_path, "a.py, at its end", "h = 4\n")
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == (
        "def f():\n    return 3\n\n\ndef g():\n    return 2\n\n\nh = 4\n"
    )
    assert len(steps(page_named(_PAGE))) > 20
