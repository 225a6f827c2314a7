"""`harness compare NAME --since COMMIT`: a backend against itself as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from harness.cli.measured.since import as_it_was
from harness.contract import registry, targets
from harness.results import machine

_NAMED = "user.name=a", "user.email=a@b"


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *(word for name in _NAMED for word in ("-c", name)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A checkout whose first commit has a `numpy_fancy` that says so, and its second none; the first commit."""
    package = tmp_path / "backends"
    package.mkdir()
    (package / "__init__.py").write_text('BUILTIN = {"numpy_fancy": "backends.mine:Holder.it"}\n')
    (package / "mine.py").write_text(
        "class Kernel:\n"
        "    def im2col(self, x, spec): return 'as it was'\n"
        "class Holder:\n"
        "    it = Kernel()\n"
    )  # fmt: skip
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "one")
    first = _git(tmp_path, "rev-parse", "HEAD")
    (package / "__init__.py").write_text("BUILTIN = {}\n")
    _git(tmp_path, "commit", "-qam", "two")
    monkeypatch.setattr(machine, "project_root", lambda: tmp_path)
    return tmp_path, first


def test_what_is_compared_is_of_that_commit(checkout: tuple[Path, str]) -> None:
    _, first = checkout
    target = as_it_was(targets.resolve("numpy_fancy"), first[:9])
    assert (target.name, target.is_builtin) == (f"numpy_fancy.{first[:7]}", False)
    code = (
        "import backends, sys; from harness.contract import registry, targets\n"
        f"found = registry.load({target.text!r})\n"
        "print(found.call('im2col', None, None), backends.__file__ == sys.modules['backends'].__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(registry.__file__).parents[2]
    )
    assert done.stdout == "as it was False\n"
    assert as_it_was(targets.resolve("numpy_fancy"), first) == target  # again, with what is there


def test_what_cannot_be_compared_is_said(checkout: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = checkout
    ours = targets.resolve("numpy_fancy")
    for commit, why in (
        ("nonsense", "--since 'nonsense' is no commit of"), ("--all", "--since '--all' is no commit of"),
        ("HEAD", "there was no backend 'numpy_fancy' at commit "),
    ):  # fmt: skip
        with pytest.raises(typer.BadParameter, match=why):
            as_it_was(ours, commit)
    (root / "p.py").write_text("def im2col(x, spec): return x\n")
    with pytest.raises(typer.BadParameter, match="--since takes a backend of this checkout, got "):
        as_it_was(targets.resolve(str(root / "p.py")), "HEAD")
    monkeypatch.setattr(machine, "project_root", lambda: None)
    with pytest.raises(typer.BadParameter, match="--since needs a git checkout of the harness, and this is none"):
        as_it_was(ours, "HEAD")
