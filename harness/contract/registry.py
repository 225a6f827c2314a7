"""Finds backends: one name, one target, three sources (built in, entry points, a path or module given by the user).

`names()` imports no backend and `load(name)` exactly one, so a missing CUDA or a broken plug-in costs only itself.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.contract.adapter import AdapterError, complete
from harness.contract.protocol import BackendUnavailable, CompleteBackend

GROUP = "im2col_harness.backends"
_BUILTIN_PACKAGE = "backends"


class RegistryError(ValueError):
    """A name or target that leads to no backend; the text says what was tried and what is allowed."""


def sources() -> dict[str, list[tuple[str, str]]]:
    """Every registered name with its (origin, target) pairs; more than one pair is a conflict."""
    table: dict[str, list[tuple[str, str]]] = {}
    for name, target in importlib.import_module(_BUILTIN_PACKAGE).BUILTIN.items():
        table.setdefault(name, []).append(("built in", target))
    for entry in importlib.metadata.entry_points(group=GROUP):
        origin = f"package {entry.dist.name}" if entry.dist else "entry point"
        table.setdefault(entry.name, []).append((origin, entry.value))
    return table


def names() -> list[str]:
    """All registered names, built-in ones first."""
    return list(sources())


def load(name: str) -> CompleteBackend:
    """Load a registered name, `path/file.py[:Attr]` or `package.module:Attr`.

    Raises `RegistryError` when there is no such backend or it is no backend, `BackendUnavailable` with the reason when
    it cannot run on this machine.
    """
    registered = sources().get(name)
    if registered is None:
        return _load_user_target(name)
    if len(registered) > 1:
        parties = " and ".join(f"{origin} ({target})" for origin, target in registered)
        raise RegistryError(f"backend name {name!r} is claimed twice: by {parties}; rename one of them")
    target = registered[0][1]
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:  # of ours or of a package: its library is not installed here
        raise BackendUnavailable(_one_line(error)) from error
    except (Exception, SystemExit) as error:
        raise _import_failure(error, name, f" ({target})") from error
    return _build(_attribute(module, attribute, target), name, target)


def is_builtin(name: str) -> bool:
    """Whether the name is one of ours, and of nobody else."""
    return [origin for origin, _ in sources().get(name, [])] == ["built in"]


def known_as(target: str) -> str:
    """A registered name itself; of a target given by the user, the file's stem or the attribute in lower case."""
    location, _, attribute = target.partition(":")
    if location.endswith(".py"):
        return Path(location).stem
    return attribute.lower() if attribute else target


def _attribute(module: ModuleType, attribute: str, target: str) -> Any:
    """The attribute of a target; the module itself when none is named."""
    if not attribute:
        return module
    if not hasattr(module, attribute):
        raise RegistryError(f"{target}: {module.__name__} has no {attribute!r}{_did_you_mean(attribute, dir(module))}")
    return getattr(module, attribute)


def _load_user_target(target: str) -> CompleteBackend:
    location, _, attribute = target.partition(":")
    if location.endswith(".py"):
        module = _import_file(Path(location), target)
        candidate = _attribute(module, attribute, target) if attribute else _only_backend(module, target)
    elif attribute:
        try:
            module = importlib.import_module(location)
        except (Exception, SystemExit) as error:
            raise _import_failure(error, target) from error
        candidate = _attribute(module, attribute, target)
    else:
        hint = _did_you_mean(target, names())
        raise RegistryError(
            f"unknown backend {target!r}{hint}; registered: {', '.join(names())}; or give file.py[:Attr] or module:Attr"
        )
    return _build(candidate, known_as(target), target)


def _import_file(path: Path, target: str) -> ModuleType:
    if not path.is_file():
        raise RegistryError(f"backend file {str(path)!r} does not exist")
    spec = importlib.util.spec_from_file_location(f"im2col_harness_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RegistryError(f"backend file {str(path)!r} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise _import_failure(error, target) from error
    return module


def _import_failure(error: BaseException, target: str, more: str = "") -> Exception:
    if _is_unavailable(error):
        return BackendUnavailable(_one_line(error))
    return RegistryError(f"backend {target!r}{more} cannot be imported: {_describe(error)}")


def _only_backend(module: ModuleType, target: str) -> Any:
    """The module itself if it defines im2col and col2im, else the one class in it that does."""
    if hasattr(module, "im2col") and hasattr(module, "col2im"):
        return module
    classes = {
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and hasattr(value, "im2col")
        and hasattr(value, "col2im")
    }
    if len(classes) == 1:
        return classes.pop()
    if classes:
        choices = ", ".join(sorted(f"{target}:{cls.__name__}" for cls in classes))
        raise RegistryError(f"{target} has several backends, name one: {choices}")
    if hasattr(module, "im2col") or hasattr(module, "col2im"):
        return module  # half a backend: what it lacks is said when it is adapted
    raise RegistryError(f"{target} has no im2col(x, spec) and col2im(columns, spec), as functions or in a class")


def _build(candidate: Any, name: str, target: str) -> CompleteBackend:
    """Call a class or factory, then adapt what it gives under the name it is known by."""
    try:
        made = (
            candidate()
            if callable(candidate) and (inspect.isclass(candidate) or not hasattr(candidate, "im2col"))
            else candidate
        )
        return complete(made, name, target)
    except AdapterError as error:
        raise RegistryError(str(error)) from error
    except (Exception, SystemExit) as error:
        if isinstance(error, ImportError) or _is_unavailable(error):
            raise BackendUnavailable(_one_line(error)) from error
        raise RegistryError(f"backend {target!r} cannot be made: {_describe(error)}") from error


def _is_unavailable(error: BaseException) -> bool:
    """By class name, so that a plug-in can define its own without importing us."""
    return any(cls.__name__ == "BackendUnavailable" for cls in type(error).__mro__)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {_one_line(error)}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""
