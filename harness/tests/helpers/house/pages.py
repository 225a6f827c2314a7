"""The pages of the documentation, and what they claim of the repository: paths, names, commands, code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from harness.tests.helpers.imports import FILES, PACKAGES, ROOT, module_named

DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [
        *sorted(DOCS.rglob("*.md")),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "conformance/README.md")),
    ]
}
_TOP = (*PACKAGES, "docs", "results", ".github", ".ci")
_CODE = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```.*?^```\n?", re.M | re.S)
_PATH = re.compile(rf"(?:{'|'.join(map(re.escape, _TOP))})/[\w./-]+(?::[\w.]+)?")
_DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")


def page_named(name: str) -> str:
    """The text of a page of `docs/`."""
    return PAGES[f"docs/{name}"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """A module or a script of ours in a process of its own, from the root of the repository."""
    command = [sys.executable, *([] if words[0].endswith(".py") else ["-m"]), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", text)


def code_words(text: str) -> list[str]:
    """What stands between backticks."""
    return _CODE.findall(prose(text))


def paths(text: str) -> list[str]:
    """Paths of the repository that a page names, some with a name in the file: `harness/cli/main.py:main`."""
    return [word for word in code_words(text) if _PATH.fullmatch(word)]


def dotted_names(text: str) -> list[str]:
    """Dotted names of ours: modules, and what they define."""
    return [word for word in code_words(text) if _DOTTED.fullmatch(word) and not (ROOT / word).exists()]


def commands(text: str) -> Iterator[list[str]]:
    """The words of every `harness COMMAND ..` in a page, comments left out."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")] + code_words(text)
    for line in lines:
        words = line.removeprefix("- run: ").split("#")[0].split()
        if words[:1] == ["harness"] and len(words) > 1:
            yield words[1:]


def missing_path(word: str) -> str:
    """What is wrong with a path, with or without a name behind it; empty if nothing is."""
    path, _, name = word.partition(":")
    if not (ROOT / path).exists():
        return f"{path} does not exist"
    return f"{path} defines no {name}" if name and not defines(ROOT / path, name) else ""


def missing_name(word: str) -> str:
    """What is wrong with a dotted name; empty if nothing is."""
    module = module_named(word)
    if module is None:
        return f"{word} is no module of ours"
    name = word[len(module) + 1 :]
    folder = (FILES[module].parent / name.partition(".")[0]).is_dir() if FILES[module].name == "__init__.py" else False
    return "" if not name or folder or defines(FILES[module], name) else f"{module} defines no {name}"


def defines(path: Path, name: str) -> bool:
    """Whether a source defines, assigns or imports a name; `Class.member` looks into the class."""
    first, _, inner = name.partition(".")
    body = _body(path)
    if not inner:
        return first in _names(body)
    classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == first]
    return any(inner in _names(tuple(node.body)) for node in classes)


@cache
def _body(path: Path) -> tuple[ast.stmt, ...]:
    return tuple(ast.parse(path.read_text(encoding="utf-8")).body)


def _names(body: tuple[ast.stmt, ...]) -> set[str]:
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.If):
            found |= _names(tuple(node.body))
    return found
