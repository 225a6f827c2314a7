"""The two pages, and a browser to read them in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.tests.helpers.browser import pages
from harness.tests.helpers.browser.driving import Window, window


@pytest.fixture(scope="session")
def report_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report."""
    return pages.write_report(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def conformance_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a conformance run."""
    return pages.write_conformance(tmp_path_factory.mktemp("conformance"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """A window; the test is skipped where there is no browser."""
    with window(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="session")
def scriptless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """A window in which pages run no scripts."""
    with window(tmp_path_factory.mktemp("scriptless"), scripts=False) as found:
        yield found


@pytest.fixture(params=["report", "conformance"])
def page(request: pytest.FixtureRequest) -> Path:
    """Each of the two."""
    found: Path = request.getfixturevalue(f"{request.param}_page")
    return found
