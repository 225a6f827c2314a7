"""Which version of the suite has which check: an older one keeps the checks that it had, and gets no new ones."""

from __future__ import annotations

import pytest

import conformance
from conformance.cases.case import SelectionError
from conformance.cases.selection import Selection, asked_ops
from conformance.checks.registration import CHECKS
from conformance.run import versions

_OF_2026_11 = {
    "contract.shape", "contract.dtype", "values.exact", "values.real", "values.golden", "law.adjoint",
    "law.difference", "law.divisor", "law.lowering", "contract.contiguous", "contract.inputs_untouched",
    "contract.repeatable", "contract.state", "contract.strided_inputs", "contract.nonfinite",
}  # fmt: skip


def test_the_first_version_has_its_fifteen_checks() -> None:
    assert {check for check in CHECKS if versions.in_suite(check, "2026.11")} == _OF_2026_11


@pytest.mark.parametrize("version", ["", "2026.15"])
def test_the_current_version_has_all(version: str) -> None:
    assert all(versions.in_suite(check, version) for check in [*CHECKS, "of.tomorrow"])


def test_versions_are_named_oldest_first() -> None:
    assert versions.VERSIONS == ("2026.11", "2026.12", "2026.13", "2026.14", "2026.15")
    assert conformance.SUITE_VERSION == "2026.15"


_NEW_IN_2026_13 = {"values.strided", "values.domain"}
_NEW_IN_2026_14 = {"values.special", "contract.in_place", "contract.many_calls", "contract.bounds", "law.conserved"}


def test_a_version_has_all_but_what_came_after_it() -> None:
    later = {version: {check for check in CHECKS if not versions.in_suite(check, version)} for version in _OLDER}
    assert later == {"2026.12": _NEW_IN_2026_13 | _NEW_IN_2026_14, "2026.13": _NEW_IN_2026_14, "2026.14": set()}


_OLDER = ("2026.12", "2026.13", "2026.14")


def test_pooling_is_asked_for_since_the_version_that_has_it() -> None:
    asked = {v: asked_ops(Selection(suite=v), ["max_pool2d"]) for v in ("", *versions.VERSIONS)}
    assert {v for v, ops in asked.items() if "max_pool2d" in ops} == {"", "2026.14", "2026.15"}


def test_a_version_that_there_is_none_of_is_refused() -> None:
    for version in ("", "2026.11", "2026.12", "2026.13", "2026.14", "2026.15"):
        assert versions.require(version) == version
    with pytest.raises(SelectionError) as raised:
        versions.require("1999.1")
    assert str(raised.value) == "--as-of must be among 2026.11, 2026.12, 2026.13, 2026.14, 2026.15, got '1999.1'"


def test_an_older_version_keeps_what_was_new_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_SINCE", {"2026.10": ("a.first",), "2026.11": ("a.second",)})
    found = {
        version: [check for check in ("a.first", "a.second", "a.third") if versions.in_suite(check, version)]
        for version in ("2026.10", "2026.11", "2026.15")
    }
    assert found == {
        "2026.10": ["a.first"], "2026.11": ["a.first", "a.second"],
        "2026.15": ["a.first", "a.second", "a.third"],
    }  # fmt: skip
