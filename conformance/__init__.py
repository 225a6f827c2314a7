"""The conformance suite: a function of the backend, in plain Python, with pytest as one of its fronts.

Surprising fact: `conformance.check` is the function to call, although the package has a module of that name too.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.api import ConformanceError, Report, check

SUITE_VERSION = "2026.12"
__all__ = ["SUITE_VERSION", "ConformanceError", "Report", "check"]


class _Package(ModuleType):
    """Loads the suite when one of its names is asked for: importing the package alone costs nothing."""

    def __getattr__(self, name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from conformance import api

        return getattr(api, name)

    @property
    def check(self) -> Any:
        """The function; the import system's wish to put the module `conformance.check` here is not granted."""
        return self.__getattr__("check")

    @check.setter
    def check(self, module: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Package
