"""Imports a file of the user's, under a name of its own, and finds what lies beside it.

Two versions of a plug-in may each have a `kernels.py` beside them. Python keeps one module of a name, so what came from
the folder of another plug-in is set aside first: that one keeps what it has imported.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from harness.contract.own_packages import ROOT

_OURS = ("harness", "backends", "conformance")
_folders: list[Path] = []  # of the plug-ins that were imported, the last one last


def plugin_name(path: Path) -> str:
    """The module name that a file is imported under: any file name makes one."""
    return f"im2col_harness_plugin_{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}"


def import_file(path: Path) -> ModuleType:
    """The module of a file. Raises whatever it raises, and `ImportError` if it cannot be read as Python."""
    spec = importlib.util.spec_from_file_location(plugin_name(path), path)
    if spec is None or spec.loader is None:
        raise ImportError("it cannot be read as Python")
    _look_beside(path.resolve().parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _look_beside(folder: Path) -> None:
    """Search the folder after our own packages and before all else; set aside what others had beside them."""
    others = set(_folders) - {folder}
    tops = {name.partition(".")[0] for name in sys.modules}  # few, and each is looked up on the disk
    aside = {top for top in tops if others and _home(top) in others}
    for name in [name for name in sys.modules if name.partition(".")[0] in aside]:
        del sys.modules[name]
    for known in map(str, _folders):
        if known in sys.path:
            sys.path.remove(known)
    sys.path.insert(sys.path.index(ROOT) + 1 if ROOT in sys.path else 0, str(folder))
    if folder in _folders:
        _folders.remove(folder)
    _folders.append(folder)


def _home(top: str) -> Path | None:
    """The folder that a top-level module is a file or package of; None for ours, and for what is in no file."""
    file = getattr(sys.modules.get(top), "__file__", None)
    if top in _OURS or file is None:
        return None
    path = Path(file).resolve()
    if path.name == "__init__.py" and path.parent.name == top:
        return path.parent.parent
    return path.parent if path.stem == top else None
