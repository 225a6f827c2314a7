"""Tells an `ImportError` of a library, which makes a backend unavailable, from a mistake in the backend's own code.

What counts is where the module lies that could not be imported. Beside the plug-in, in its own package, in ours, or in
the standard library as the plug-in's own code asks for it: then somebody has to mend a line, and the line is told. In
an installed library, or nowhere: then this machine lacks something. An `ImportError` that names no module was raised
on purpose, to say so.
"""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from harness.contract.protocol import BackendUnavailable
from harness.contract.targets import RegistryError
from harness.telling import did_you_mean, named, one_line

_OURS = ("harness", "backends", "conformance")
_INSTALLED = ("site-packages", "dist-packages")
_STANDARD = tuple(Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib"))
_IMPORTING = ("importlib", "_frozen_importlib", "_frozen_importlib_external")  # the modules that import others
_NEAR = 0.8  # likeness of a name to one that is there: `nunpy`


@dataclass(frozen=True, slots=True)
class Home:
    """Where a backend's own code lies: a package, and whole folders, but for what is installed in them."""

    package: str = ""
    folders: tuple[Path, ...] = ()

    @classmethod
    def of_module(cls, name: str, *, is_registered: bool) -> Home:
        """Of a backend in a module; where the user named the module, all that lies in the current folder counts."""
        return cls(name.partition(".")[0], () if is_registered else _here())

    @classmethod
    def of_file(cls, file: Path) -> Home:
        """Of a backend in a file: what lies beside it, and in the current folder."""
        return cls("", (file.resolve().parent, *_here()))

    @property
    def is_ours(self) -> bool:
        """Whether it is one of the backends that come with the harness, whose lines are nobody's to mend."""
        return self.package in _OURS

    def has_module(self, top: str) -> bool:
        """Whether a top-level module is the backend's own, as far as it can be found."""
        return top == self.package or any(map(self._has_path, _places(top)))

    def has_code(self, module: str, file: str) -> bool:
        """Whether code that runs is the backend's own."""
        return _top(module) == self.package or (_top(module) not in _OURS and self._has_path(Path(file)))

    def _has_path(self, path: Path) -> bool:
        whole = path.resolve()
        tails = [whole.relative_to(folder).parts for folder in self.folders if whole.is_relative_to(folder)]
        is_standard = any(whole.is_relative_to(place) for place in _STANDARD)
        return not is_standard and any(not set(tail) & set(_INSTALLED) for tail in tails)


def failure(error: BaseException, home: Home, subject: str) -> BackendUnavailable | RegistryError:
    """What is raised in its place; `subject` says in words what failed, as "backend 'mine.py' cannot be imported"."""
    if says_unavailable(error):
        return BackendUnavailable(one_line(error))
    line = _line(error, home)
    if isinstance(error, ImportError) and _lacks_a_library(error, home):
        return BackendUnavailable(
            one_line(error) + ("" if home.is_ours else _nearest(error, home) + (line if error.name else ""))
        )
    return RegistryError(f"{subject}: {named(error)}{'' if isinstance(error, SyntaxError) else line}")


def says_unavailable(error: BaseException) -> bool:
    """Whether an exception means "not on this machine": by class name, so that a plug-in can define its own."""
    return any(cls.__name__ == "BackendUnavailable" for cls in type(error).__mro__)


def _lacks_a_library(error: ImportError, home: Home) -> bool:
    if error.name is None:  # raised by hand; Python itself names no module only where `from . import` has no package
        return "relative import" not in one_line(error)
    top = _top(str(error.name))
    if top in _OURS or home.has_module(top):
        return False
    frames = _frames(error.__traceback__)
    return top not in sys.stdlib_module_names or not frames or not home.has_code(*frames[-1][:2])


def _line(error: BaseException, home: Home) -> str:
    """The last line of the backend's own code that was at work, in brackets; empty if none was."""
    own = [(file, line) for module, file, line in _frames(error.__traceback__) if home.has_code(module, file)]
    return f" ({Path(own[-1][0]).name}, line {own[-1][1]})" if own else ""


def _nearest(error: ImportError, home: Home) -> str:
    """A module of nearly the name that was not found anywhere; empty if there is none."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None or _places(_top(str(error.name))):
        return ""
    beside = {path.stem for folder in home.folders for path in folder.glob("*.py")}
    known = {*map(_top, sys.modules), *beside} - sys.stdlib_module_names - {error.name}  # what is used more goes first
    name = str(error.name)
    return did_you_mean(name, known, _NEAR) or did_you_mean(name, sys.stdlib_module_names, _NEAR)


def _frames(traceback: TracebackType | None) -> list[tuple[str, str, int]]:
    """Module, file and line of the code that was at work, but for what only imports."""
    found = []
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if _top(module) not in _IMPORTING:
            found.append((module, traceback.tb_frame.f_code.co_filename, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found


def _places(top: str) -> list[Path]:
    """Where a top-level module lies; nothing if it is found nowhere, or is a part of Python itself."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    folders = list(map(Path, spec.submodule_search_locations or ()))
    return folders or ([Path(spec.origin)] if spec.has_location and spec.origin else [])


def _top(module: str) -> str:
    return module.partition(".")[0]


def _here() -> tuple[Path, ...]:
    """The current folder; none if it was deleted."""
    try:
        return (Path.cwd().resolve(),)
    except OSError:
        return ()
