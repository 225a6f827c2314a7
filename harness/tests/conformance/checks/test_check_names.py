"""Checks are found by their ids: the function, and the file that it lies in, are named as the id."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import conformance.run.plan  # noqa: F401  (registers every check)
from conformance.checks import registration
from conformance.checks.registration import CHECKS, Check

_FOLDER = Path(registration.__file__).parent
_ASKS = re.compile(r"^@?asks\(", re.MULTILINE)
_FILES = sorted(path for path in _FOLDER.glob("*.py") if _ASKS.search(path.read_text(encoding="utf-8")))
_REGISTERED = [
    check for parts in CHECKS.values() for check in parts if check.run.__module__.startswith("conformance.checks.")
]
_ID = re.compile(r"`([a-z]+\.[a-z_]+)`")


def named(check: Check) -> str:
    """What its function has to be called."""
    second = check.id.partition(".")[2]
    return second if len(CHECKS[check.id]) == 1 else f"{second}_{check.ops[0]}"


def misnamed(checks: list[Check]) -> Iterator[str]:
    """Functions that are not named as their id; `type_` and the like may avoid a name that Python has."""
    for check in checks:
        name = getattr(check.run, "__name__", "")
        if name.removesuffix("_") != named(check):
            yield f"{check.id} is asked by {name}, which should be {named(check)}"


def ids_of(path: Path) -> set[str]:
    """Ids of the checks whose functions lie in a file."""
    return {check.id for check in _REGISTERED if Path(inspect.getsourcefile(check.run) or "") == path}


def test_functions_are_named_as_their_ids() -> None:
    assert list(misnamed(_REGISTERED)) == []


def test_a_check_of_several_functions_has_one_for_each_op() -> None:
    several = [parts for parts in CHECKS.values() if len(parts) > 1]
    assert [(parts[0].id, len(parts)) for parts in several] == [
        ("law.adjoint", 8),
        ("law.divisor", 2),
        ("law.lowering", 2),
    ]
    assert all(len(part.ops) == 1 for parts in several for part in parts)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_a_file_says_which_ids_it_has(path: Path) -> None:
    said = set(_ID.findall(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""))
    assert said == ids_of(path)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_a_file_of_one_family_is_named_after_it(path: Path) -> None:
    families = {id.partition(".")[0] for id in ids_of(path)}
    assert families
    assert len(families) > 1 or path.stem.partition("_")[0] in families


def test_a_wrong_name_is_seen() -> None:
    (right,) = CHECKS["law.linear"]
    (other,) = CHECKS["law.difference"]
    wrong = replace(right, run=other.run)
    assert list(misnamed([wrong])) == ["law.linear is asked by difference, which should be linear"]
