"""A target is what a user writes for a backend; it is resolved once, into an object with a name. Nothing is imported.

Written as a registered name, `file.py`, `file.py:Attr` or `module:Attr`, each also as `NAME=TARGET`. The name of a file
is read from its source, so that a broken or slow plug-in has a name before anybody runs it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoints
from pathlib import Path

from harness.telling import WrongCall, did_you_mean, one_line

GROUP = "im2col_harness.backends"
_BUILTIN_PACKAGE = "backends"
_NAMED = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.+-]*)=(.+)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")


class RegistryError(WrongCall):
    """A name or target that leads to no backend; the text says what was tried and what is allowed."""


@dataclass(frozen=True, slots=True)
class Target:
    """One backend as it was asked for: what the user typed, what it is called, and where it is found."""

    text: str  # as typed; every repro repeats it
    name: str  # in every table, record and message of this call
    location: str  # a registered name, `file.py[:Attr]` or `module:Attr`
    is_named: bool = False  # whether the user gave the name, with NAME=
    is_apart: bool = False  # whether it is timed in a process of its own, though it may be one of ours

    @property
    def is_builtin(self) -> bool:
        """Whether it is one of ours, and of nobody else."""
        return [origin for origin, _ in sources().get(self.location, [])] == ["built in"]

    @property
    def file(self) -> Path | None:
        """The file of a target given by its path; None for any other."""
        found = _file_and_attribute(self.location)
        return None if found is None or self.location in sources() else found[0]

    @property
    def attribute(self) -> str:
        """The attribute that was named; empty for a whole file and for a registered name."""
        found = _file_and_attribute(self.location)
        if found is not None:
            return found[1]
        return "" if self.location in sources() else self.location.rpartition(":")[2]


def sources() -> dict[str, list[tuple[str, str]]]:
    """Every registered name with its (origin, place) pairs; more than one pair is a conflict."""
    table: dict[str, list[tuple[str, str]]] = {}
    for name, place in importlib.import_module(_BUILTIN_PACKAGE).BUILTIN.items():
        table.setdefault(name, []).append(("built in", place))
    for entry in _installed():
        origin = f"package {entry.dist.name}" if entry.dist else "entry point"
        table.setdefault(entry.name, []).append((origin, entry.value))
    return table


@cache
def _installed() -> EntryPoints:
    """What installed packages register; looked for once, as it is in the files of every package."""
    return importlib.metadata.entry_points(group=GROUP)


def names() -> list[str]:
    """All registered names, built-in ones first."""
    return list(sources())


def resolve(text: str) -> Target:
    """The target that a text means. Raises `RegistryError` naming what is wrong with it."""
    given, location, registered = "", text, sources()
    named = _NAMED.fullmatch(text)
    if named and text not in registered and not _is_file(Path(text)):
        given, location = named.groups()
    if given in registered and given != location:
        raise RegistryError(f"{given!r} is the name of a registered backend; give {location!r} another NAME=")
    own = _own_name(location)
    name = given or own
    return Target(text, f"{name}#2" if name in registered and name != location else name, location, bool(given))


def resolve_all(texts: Iterable[str]) -> list[Target]:
    """The targets of one call, each under a name of its own: a second `mine` is `mine#2`.

    Raises `RegistryError` where a text means no backend, or where two were given the same name with NAME=.
    """
    targets = [resolve(text) for text in texts]
    given = [t.name for t in targets if t.is_named]
    for name in given:
        if given.count(name) > 1:
            raise RegistryError(f"two backends were named {name!r}; give each a NAME= of its own")
    taken, unique = set(given), []
    for target in targets:
        name, number = target.name, 2
        while name in taken and not target.is_named:
            name, number = f"{target.name.partition('#')[0]}#{number}", number + 1
        taken.add(name)
        unique.append(replace(target, name=name))
    return unique


def _own_name(location: str) -> str:
    """What a place is called without a NAME=. Raises `RegistryError` if it is none."""
    if location in sources():
        return location
    found = _file_and_attribute(location)
    if found is not None:
        path, attribute = found
        if not _is_file(path):
            raise RegistryError(_missing(location, path))
        return _declared_name(path, attribute) or _joined(path.stem, attribute)
    module, _, attribute = location.rpartition(":")
    if module and attribute:
        source = _source_of(module)
        declared = _declared_name(source, attribute) if source else ""
        return declared or _joined(module.rpartition(".")[2], attribute)
    raise RegistryError(_unknown(location))


def _is_file(path: Path) -> bool:
    """Whether there is such a file; a path that the system refuses, as too long, is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _missing(location: str, path: Path) -> str:
    """What is wrong with a file that is none."""
    name, equals, rest = location.partition("=")
    of_rest = _file_and_attribute(rest)
    if equals and of_rest is not None and _is_file(of_rest[0]):
        return f"the NAME in NAME=TARGET is made of letters, digits and _ . + -, got {name!r}"
    try:
        what = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
        return f"backend file {str(path)!r} {what}"
    except (OSError, ValueError) as error:
        return f"backend file {str(path)[:100]!r}... cannot be looked for: {one_line(error)[:100]}"


def _file_and_attribute(location: str) -> tuple[Path, str] | None:
    """The parts of `file.py[:Attr]`; None for anything else. A colon may belong to the file's name."""
    if location.endswith(".py"):
        return Path(location), ""
    file, colon, attribute = location.rpartition(":")
    return (Path(file), attribute) if colon and file.endswith(".py") else None


def _joined(stem: str, attribute: str) -> str:
    """`stem.Attr`, on one line and without spaces, as names stand in tables and commands."""
    return "_".join((f"{stem}.{attribute}" if attribute else stem).split())


def _source_of(module: str) -> Path | None:
    """The source of a module, found without running it or the packages that it lies in."""
    top, *inner = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = Path(spec.origin) if spec and spec.origin else None
    for part in inner:
        places = [Path(folder, part) for folder in folders]
        found = next((f for p in places for f in (p / "__init__.py", p.with_suffix(".py")) if f.is_file()), None)
        folders = [str(place) for place in places if place.is_dir()]
    return found if found and found.suffix == ".py" else None


def _declared_name(path: Path, attribute: str) -> str:
    """What a file says `name = "..."` of itself, or of the class that was named; empty if it says nothing usable."""
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    if attribute:
        return _name_in_class(classes, attribute)
    backends = [n for n, node in classes.items() if {"im2col", "col2im"} <= _functions(node.body)]
    lone = backends[0] if len(backends) == 1 and not {"im2col", "col2im"} <= _functions(body) else ""
    return _assigned_name(body) or _name_in_class(classes, lone)


def _name_in_class(classes: dict[str, ast.ClassDef], wanted: str) -> str:
    """`name` of a class of the file, its own or that of the nearest base class in the same file."""
    seen: set[str] = set()
    while wanted in classes and wanted not in seen:
        seen.add(wanted)
        found = _assigned_name(classes[wanted].body)
        if found:
            return found
        wanted = next((b.id for b in classes[wanted].bases if isinstance(b, ast.Name) and b.id in classes), "")
    return ""


def _assigned_name(body: Sequence[ast.stmt]) -> str:
    """The last literal `name = "..."` among statements, if it can be used as a name."""
    found = ""
    for node in body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Constant):
            continue
        assigned = node.targets if isinstance(node, ast.Assign) else [node.target]
        text = node.value.value
        if any(isinstance(t, ast.Name) and t.id == "name" for t in assigned) and isinstance(text, str):
            found = text if _NAME.fullmatch(text) else found
    return found


def _functions(body: Sequence[ast.stmt]) -> set[str]:
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def _unknown(location: str) -> str:
    path = Path(location)
    if location and not _is_file(path) and os.path.isdir(location):
        return f"backend {location!r} is a folder; give a file in it, as in {location.rstrip('/')}/mine.py"
    if _is_file(path):
        return f"backend file {location!r} has no ending .py; only Python files can be loaded"
    if location.startswith((".", "/", "~")) or "/" in location:
        return f"backend file {location!r} does not exist"
    known = names()
    return (
        f"unknown backend {location!r}{did_you_mean(location, known)}; registered: {', '.join(known)}; "
        "or give file.py[:Attr] or module:Attr, each also as NAME=TARGET"
    )
