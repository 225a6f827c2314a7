"""Loads the backend that a target means: built in, of an entry point, or in a file or module of the user's.

`names()` imports no backend and `load(name)` exactly one, so a missing CUDA or a broken plug-in costs only itself.
"""

from __future__ import annotations

import importlib
import inspect
import re
from types import ModuleType
from typing import Any

from harness.contract import conventions
from harness.contract.adapter import AdapterError, complete
from harness.contract.importing.failures import Home, failure, says_unavailable
from harness.contract.plugin_files import import_file
from harness.contract.protocol import CompleteBackend
from harness.contract.targets import RegistryError, Target, names, resolve, sources
from harness.geometry.spec import OPS
from harness.telling import did_you_mean

__all__ = ["RegistryError", "load", "names", "says_unavailable"]


def load(asked: Target | str) -> CompleteBackend:
    """Load the backend of a target: a registered name, `path/file.py[:Attr]` or `package.module:Attr`.

    Raises `RegistryError` when there is no such backend or it is no backend, `BackendUnavailable` with the reason when
    it cannot run on this machine.
    """
    target = resolve(asked) if isinstance(asked, str) else asked
    registered = sources().get(target.location)
    if registered is None:
        home = _home(target)
        return _build(_candidate(target, home), target, target.location, home)
    if len(registered) > 1:
        parties = " and ".join(f"{origin} ({place})" for origin, place in registered)
        raise RegistryError(f"backend name {target.location!r} is claimed twice: by {parties}; rename one of them")
    if not re.fullmatch(r"[a-z0-9_]+", target.location):
        raise RegistryError(f"backend name {target.location!r} must be made of a-z, 0-9 and _ ({registered[0][1]})")
    place = registered[0][1]
    home = Home.of_module(place.partition(":")[0], is_registered=True)
    return _build(_registered(target, place, home), target, place, home)


def _home(target: Target) -> Home:
    """Where the code of a target lies that the user wrote as a file or a module."""
    if target.file is not None:
        return Home.of_file(target.file)
    return Home.of_module(target.location.rpartition(":")[0], is_registered=False)


def _registered(target: Target, place: str, home: Home) -> Any:
    """What a built-in name or an entry point leads to."""
    module_name, _, attribute = place.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise failure(error, home, f"backend {target.location!r} ({place}) cannot be imported") from error
    return _attribute(module, attribute, place)


def _candidate(target: Target, home: Home) -> Any:
    """What a file, or an attribute of a module, holds."""
    try:
        if target.file is not None:
            module = import_file(target.file)
        else:
            module = importlib.import_module(target.location.rpartition(":")[0])
    except (Exception, SystemExit) as error:
        raise failure(error, home, f"backend {target.location!r} cannot be imported") from error
    if target.file is not None and not target.attribute:
        return _only_backend(module, target)
    return _attribute(module, target.attribute, target.location)


def _attribute(module: ModuleType, attribute: str, target: str) -> Any:
    """The attribute of a target; the module itself when none is named."""
    if not attribute:
        return module
    if not hasattr(module, attribute):
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        public = [name for name in own if not name.startswith("_")]
        there = f"; it has {', '.join(public)}" if public else ""
        raise RegistryError(f"{target} has no {attribute!r}{did_you_mean(attribute, dir(module))}{there}")
    return getattr(module, attribute)


def _only_backend(module: ModuleType, target: Target) -> Any:
    """The module itself if it has im2col and col2im, else the one class in it that does; then whoever has an op.

    An op that the module has imported makes it a backend only where nothing else does: `conv2d` may be torch's.
    """
    if _has_both(module):
        return module
    there = {v for v in vars(module).values() if inspect.isclass(v) and v.__module__ == module.__name__ and _ops_of(v)}
    classes = {cls for cls in there if _has_both(cls)}
    own = [op for op in _ops_of(module) if getattr(getattr(module, op, None), "__module__", "") == module.__name__]
    if own and not classes:
        return module
    classes = classes or there
    if len(classes) == 1:
        return classes.pop()
    if classes:
        choices = ", ".join(sorted(f"{target.location}:{cls.__name__}" for cls in classes))
        raise RegistryError(f"{target.location} has several backends, name one: {choices}")
    if _ops_of(module):
        return module
    raise RegistryError(f"{target.location} has none of {', '.join(OPS)}, as functions or in a class")


def _has_both(candidate: object) -> bool:
    return {"im2col", "col2im"} <= _ops_of(candidate)


def _ops_of(candidate: object) -> set[str]:
    return {op for op in OPS if hasattr(candidate, op)} | conventions.ops_of(candidate)


def _build(candidate: Any, target: Target, place: str, home: Home) -> CompleteBackend:
    """Call a class or factory, then adapt what it gives under the name it is known by."""
    try:
        made = (
            candidate() if callable(candidate) and (inspect.isclass(candidate) or not _ops_of(candidate)) else candidate
        )
        return complete(made, target.name, place)
    except AdapterError as error:
        raise RegistryError(str(error)) from error
    except (Exception, SystemExit) as error:
        raise failure(error, home, f"backend {place!r} cannot be made") from error
