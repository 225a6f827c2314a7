"""A built-in backend as it was at another commit: a plug-in, timed in a process of its own beside today's.

Only the backends are of that commit; the harness that checks and times them is today's.
"""

from __future__ import annotations

import io
import runpy
import shutil
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from harness.contract.targets import Target
from harness.results import machine
from harness.telling import one_line

_PACKAGE = "backends"
_PLUGIN = '''"""{name} as it was at commit {commit}."""

import importlib
import sys

for module in [name for name in sys.modules if name.partition(".")[0] == "{package}"]:
    del sys.modules[module]  # today's
sys.path.insert(0, {folder!r})
backend = importlib.import_module({module!r})
for attribute in {attributes!r}:
    backend = getattr(backend, attribute)
'''


def as_it_was(target: Target, commit: str) -> Target:
    """The backend at that commit, in build/since of the checkout. Raises `typer.BadParameter` where there is none."""
    root = machine.project_root()
    if root is None:
        raise typer.BadParameter("--since needs a git checkout of the harness, and this is none")
    if not target.is_builtin:
        raise typer.BadParameter(f"--since takes a backend of this checkout, got {target.text!r}")
    full = machine.git_text(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    if not full:
        raise typer.BadParameter(f"--since {commit!r} is no commit of {str(root)!r}")
    folder = root / "build" / "since" / full[:12]
    _unpack(root, full, folder)
    place = runpy.run_path(str(folder / _PACKAGE / "__init__.py"))["BUILTIN"].get(target.location)
    if place is None:
        raise typer.BadParameter(f"there was no backend {target.location!r} at commit {full[:12]}")
    module, _, attribute = place.partition(":")
    file = folder / f"{target.location}_then.py"
    text = _PLUGIN.format(
        name=target.location, commit=full, package=_PACKAGE, folder=str(folder), module=module,
        attributes=attribute.split(".") if attribute else [],
    )  # fmt: skip
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
    return Target(f"{file}:backend", f"{target.name}.{full[:7]}", f"{file}:backend", is_named=True)


def _unpack(root: Path, commit: str, folder: Path) -> None:
    """The package, unless it is there: what Numba has compiled of it stays with it."""
    if (folder / _PACKAGE).is_dir():
        return
    archive = machine.git(root, "archive", commit, "--", _PACKAGE)
    if not archive:
        raise typer.BadParameter(f"commit {commit[:12]} has no folder {_PACKAGE!r}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as aside, tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(aside, filter="data")
            shutil.move(Path(aside, _PACKAGE), folder / _PACKAGE)  # all of it or nothing, whenever it is interrupted
    except OSError as error:
        raise typer.BadParameter(f"--since cannot write {str(folder)!r}: {one_line(error)}") from error
