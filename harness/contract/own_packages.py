"""Our own packages are found beside our own files, whatever the current folder holds.

Every kernel author has a folder called `backends`, and some a file `re.py`; Python would look there first. So this is
the first module of ours that is imported, and it imports nothing that Python has not imported itself.
"""

from __future__ import annotations

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
# -P: do not look in the current folder first; then `python -m MODULE` as if our files were installed.
_START = (
    "import runpy, sys; root, module, *rest = sys.argv[1:]; sys.argv[1:] = rest; "
    "root in sys.path or sys.path.insert(0, root); runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


def come_first() -> None:
    """Search the current folder last, where `module:Attr` may lie, and our own root before it."""
    here = {"", *_current()} - {ROOT}
    sys.path[:] = [place for place in sys.path if place not in here]
    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)
    sys.path.append("")


def _current() -> list[str]:
    """The current folder; none if it was deleted."""
    try:
        return [os.getcwd()]
    except OSError:
        return []


def command(module: str, *arguments: str) -> list[str]:
    """The words that run one of our modules in another process: `python -m MODULE`, but with our own packages."""
    return [sys.executable, "-P", "-c", _START, ROOT, module, *arguments]


if sys.argv[:1] == ["-m"]:  # `python -m harness` is looking for its module, and has not run a line of it yet
    come_first()
