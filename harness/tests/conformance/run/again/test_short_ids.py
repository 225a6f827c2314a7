"""Short ids: each means one case, those of the run before first, and a line says so where it does not."""

from __future__ import annotations

import pytest

from conformance.cases.case import SelectionError
from conformance.checks.registration import CHECKS
from conformance.run.again import short_ids
from conformance.run.again.short_ids import is_short, resolve, short

_STANDING = "values.exact/im2col/float32/n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1"
_OWN = "values.domain/im2col/float32/n1c1h777w3_f1kh3kw3"


def test_it_has_six_hex_digits_and_more_if_asked_for() -> None:
    assert (len(short(_OWN)), short(_OWN, 9)[:6]) == (6, short(_OWN))
    assert is_short(short(_OWN))
    assert is_short(short(_OWN, 16))
    assert not any(map(is_short, ("abcde", "values", "ABCDEF", "a1b2c3/", "", "0" * 17)))


def test_no_check_looks_like_one() -> None:
    assert not any(map(is_short, CHECKS))


def test_a_case_of_the_run_before_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not a standing case has the same short id."""
    other = "values.exact/im2col/float32/n9c9h9w9_f9kh1kw1"
    monkeypatch.setattr(short_ids, "short", lambda case_id, digits=6: "abc123"[:digits])
    monkeypatch.setattr(short_ids, "_standing", lambda: iter([other]))
    assert resolve("abc123", [_OWN]) == _OWN
    assert resolve("abc123") == other


def test_a_standing_case_is_meant_in_a_folder_without_a_run() -> None:
    standing = list(short_ids._standing())
    counts: dict[str, int] = {}
    for case_id in standing:
        counts[short(case_id)] = counts.get(short(case_id), 0) + 1
    alone = next(case_id for case_id in standing if counts[short(case_id)] == 1)
    assert resolve(short(alone)) == alone


def test_one_that_means_nothing_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_ids, "_standing", lambda: iter([_STANDING]))
    with pytest.raises(SelectionError, match=r"^'000000' is the short id of no case that failed .* take the whole id"):
        resolve("000000", [_OWN])


def test_one_that_means_several_is_told_with_what_tells_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {"a/one": "abc1230", "a/two": "abc1231"}
    monkeypatch.setattr(short_ids, "short", lambda case_id, digits=6: digests[case_id][:digits])
    with pytest.raises(SelectionError) as raised:
        resolve("abc123", digests)
    assert str(raised.value) == "'abc123' is the short id of 2 cases: abc1230 a/one, abc1231 a/two"
    assert resolve("abc1231", digests) == "a/two"
