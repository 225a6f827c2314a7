"""A run of a single backend, planned: of a target, or of a live object, class or module.

A live object is always called in this process, so one that crashes takes the caller with it.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from conformance.run.suite_run import Options, SuiteRun
from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.registry import says_unavailable
from harness.contract.targets import Target, resolve


def opened(backend: Any, options: Options) -> SuiteRun:
    """A run of this one backend, planned. Its target is empty if it is a live object that no shell could name."""
    suite_run = SuiteRun(options)
    if isinstance(backend, str | os.PathLike):
        suite_run.add(resolve(os.fspath(backend)))
        return suite_run
    name, place = _name(backend), address(backend)
    target = Target(place, name, place)
    try:
        caller = InProcess(complete(backend() if inspect.isclass(backend) else backend, name, place or name))
    except Exception as reason:
        if not isinstance(reason, ImportError) and not says_unavailable(reason):
            raise
        suite_run.add_unavailable(target, str(reason))
    else:
        suite_run.add_open(target, caller)
    return suite_run


def address(backend: Any) -> str:
    """How a shell could name a live object: by the file or package where it is a global; empty if it is none."""
    module = backend if isinstance(backend, ModuleType) else sys.modules.get(getattr(backend, "__module__", ""))
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        return ""
    if module is backend:
        return shortest(file)
    name = next((name for name, value in vars(module).items() if value is backend), "")
    if not name:
        return ""
    return f"{module.__name__}:{name}" if module.__package__ else f"{shortest(file)}:{name}"


def _name(backend: Any) -> str:
    """Its own name if it has one as the contract wants it, else that of its module or class."""
    own = getattr(backend, "name", None)
    if isinstance(own, str) and re.fullmatch(r"[a-z0-9_]+", own):
        return own
    named = backend if inspect.isclass(backend) or inspect.ismodule(backend) else type(backend)
    return re.sub(r"[^a-z0-9_]", "_", named.__name__.rpartition(".")[2].lower())


def shortest(file: str) -> str:
    """A path from here if it is below, else the whole path."""
    path = Path(file).resolve()
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
