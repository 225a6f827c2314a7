"""The report: everything measured on one machine as one web page, with every chart as PNG and every table as text.

Importing this package imports neither pandas, matplotlib nor jinja2; only `write_report` does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.results.writing import ResultsError, require_folder

_LIBRARIES = ("pandas", "matplotlib", "jinja2")


def write_report(
    results: Path, out: Path, machine: str | None = None, left_out: Callable[[str], None] = lambda line: None
) -> Path:
    """Write `out`/index.html, `out`/figures/*.png and `out`/tables/*.csv, *.md. Returns the path of the page.

    `machine` is a folder name of `results`/runs; by default the one that was measured last. `left_out` gets a line on
    each file that cannot be used; the page has them too. Raises `ResultsError` if nothing is measured, the machine is
    unknown, `out` cannot be written or holds a file in the way that no report wrote, or a library is missing.
    """
    require_folder(out)
    try:
        from harness.report.measured.load import load
        from harness.report.page import write_page
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES:
            raise
        text = f"the report needs {error.name}, which is not installed: pip install 'im2col-harness[report]'"
        raise ResultsError(text) from error
    data = load(results, machine)
    for line in data.left_out:
        left_out(line)
    try:
        return write_page(data, out)
    except OSError as error:
        raise ResultsError(f"report folder {str(out)!r} cannot be written: {error.strerror or error}") from error
