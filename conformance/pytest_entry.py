"""What pytest loads wherever this package is installed: it does nothing unless asked for `--pyargs conformance`.

pytest loads the conftest of a package given by --pyargs only after it has refused unknown options.
"""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Load our conftest, under the name that pytest will look for it, so that it is not loaded twice."""
    named = {arg.partition("::")[0].partition(".")[0] for arg in args}
    if "--pyargs" in args and "conformance" in named:
        from conformance import conftest

        path = str(Path(conftest.__file__))
        if not early_config.pluginmanager.has_plugin(path):
            early_config.pluginmanager.register(conftest, path)
