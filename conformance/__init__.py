"""The conformance suite: a function of the backend, in plain Python, with pytest as one of its fronts.

Importing the package costs nothing; the suite is loaded when `conformance.check` is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.cases.suite_version import SUITE_VERSION

if TYPE_CHECKING:
    from conformance.api import ConformanceError, Report, check

__all__ = ["SUITE_VERSION", "ConformanceError", "Report", "check"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from conformance import api

    return getattr(api, name)
