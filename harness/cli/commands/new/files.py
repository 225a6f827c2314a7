"""What `harness new` writes: templates of this package, filled in. Nothing is written where anything is already."""

from __future__ import annotations

import importlib.util
import keyword
import os
import shutil
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from harness.contract import targets
from harness.results.writing import ResultsError, write_atomically
from harness.telling import did_you_mean

LIBRARIES = ("numpy", "numba", "torch", "cupy", "jax", "triton", "c")
COMPILER = "cc"
_ENDINGS = {".py.txt": "{}.py", ".c.txt": "{}.c"}  # of a library's templates: what is made of each
_FRAGMENTS = ("unsupported", "others")  # what all plug-ins have alike
_SHOWN = 60  # characters of a name that is none


def require_name(name: str) -> None:
    """Raises `ResultsError` for a name that no Python module can have, or that would hide another one."""
    shown = repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..")
    if not name.isidentifier():
        raise ResultsError(f"NAME must be a Python identifier, as in my_backend (without .py), got {shown}")
    if keyword.iskeyword(name):
        raise ResultsError(f"NAME must be a Python identifier, and {shown} is a word of the language; take another")
    if name in targets.names():
        raise ResultsError(f"{shown} is the name of a registered backend; take another")
    if _hides_a_module(name):
        raise ResultsError(f"{shown} is a module that programs import, and {name}.py would hide it; take another")


def require_library(library: str) -> None:
    """Raises `ResultsError` naming the libraries that there are templates for."""
    if library not in LIBRARIES:
        hint = did_you_mean(library, LIBRARIES)
        raise ResultsError(f"--library must be among {', '.join(LIBRARIES)}, got {library[:_SHOWN]!r}{hint}")


def rendered(name: str, library: str) -> dict[str, str]:
    """The names of the files of a plug-in and what is in each."""
    known = {fragment: _text(f"{fragment}.txt").rstrip("\n") for fragment in _FRAGMENTS}
    known |= {"name": name, "camel": "".join(word[:1].upper() + word[1:] for word in name.split("_"))}
    found = {
        made.format(name): Template(_text(f"{library}{ending}")).substitute(known)
        for ending, made in _ENDINGS.items()
        if (_folder() / f"{library}{ending}").is_file()
    }
    return found | {f"test_{name}.py": Template(_text("test.py.txt")).substitute(known)}


def write(made: dict[str, str], force: bool) -> None:
    """Write them into the current folder: all, or none where one is there already and `force` is false.

    Raises `ResultsError` naming what is there, or the file that cannot be written.
    """
    there = [name for name in made if os.path.lexists(name)]
    if there and not force:
        are = "exists" if len(there) == 1 else "exist"
        raise ResultsError(f"{' and '.join(there)} {are} already, and nothing was written; --force writes over it")
    for name in there:
        if not Path(name).is_file():
            raise ResultsError(f"{name} is no file, and nothing was written over it")
    for name, text in made.items():
        write_atomically(Path(name), text)


def what_is_missing(library: str) -> str:
    """What the plug-in needs and this machine lacks, in words; empty if it is all there."""
    if library == "c":
        return "" if shutil.which(COMPILER) else f"{COMPILER}, a C compiler, is not on PATH"
    return "" if importlib.util.find_spec(library) else f"{library} is not installed"


def _hides_a_module(name: str) -> bool:
    """Whether programs that run in the current folder would import the file instead of something they need."""
    if name in sys.stdlib_module_names or name in LIBRARIES:
        return True
    here = os.path.realpath(os.curdir)
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # it is loaded, and was found nowhere: `__main__`
        return True
    if found is None:
        return False
    places = [*(found.submodule_search_locations or ()), *([found.origin] if found.origin else ())]
    return not any(os.path.dirname(os.path.realpath(place)) == here for place in places)


def _folder() -> Traversable:
    return files(__package__) / "templates"


def _text(name: str) -> str:
    return (_folder() / name).read_text(encoding="utf-8")
