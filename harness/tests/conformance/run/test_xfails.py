"""Known failures: read from a file, marked before the run, settled after it; what they hide, and when they are loud."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from conformance.cases.case import Case
from conformance.run import xfails
from conformance.run.results import BackendResult, CaseCounts, CaseResult, CheckKey
from conformance.run.xfails import KnownFailure, XfailsError
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op

_SPECS = [ConvSpec.parse(f"n{n}c1h2w2_f1kh1kw1") for n in (1, 2, 3, 4)]


def one(
    status: Status,
    check: str = "values.real",
    number: int = 1,
    op: Op = "im2col",
    dtype: str = "float32",
    reason: str = "",
) -> CaseResult:
    """A case of a check on one of the geometries, by the number of its images; `reason`: why it is known to fail."""
    return CaseResult(Case(check, op, dtype, _SPECS[number - 1]), status, known_reason=reason)


def lines(*patterns: str) -> list[KnownFailure]:
    """Known failures as of a file with these lines, with reasons `because of 1`, `because of 2`, ..."""
    return [KnownFailure(pattern, f"because of {k}", k) for k, pattern in enumerate(patterns, 1)]


# -- the file ------------------------------------------------------------------------------------------------------


def test_a_file_has_a_pattern_and_a_reason_in_each_line(tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    path.write_text(
        "# of mine\n\nvalues.real/conv2d/float16/*   # sums in float16, https://example.org/#12\n"
        "   law.divisor# none\n   # nothing\n",
        encoding="utf-8",
    )
    assert xfails.read(path) == [
        KnownFailure("values.real/conv2d/float16/*", "sums in float16, https://example.org/#12", 3),
        KnownFailure("law.divisor", "none", 4),
    ]


@pytest.mark.parametrize("line", ["values.real", "values.real #", "values.real  #   "])
def test_a_line_without_a_reason_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    path.write_text(f"law.divisor  # none\n\n{line}\n", encoding="utf-8")
    with pytest.raises(XfailsError) as raised:
        xfails.read(path)
    text = "line 3: 'values.real' needs a reason, as in: values.real  # why it fails"
    assert str(raised.value) == f"{path} {text}"


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for name, told in (("absent.txt", "No such file"), (".", "directory"), ("binary", "codec can't decode")):
        (tmp_path / "binary").write_bytes(b"values.real # \xff\xfe")
        path = tmp_path / name
        with pytest.raises(XfailsError, match=f"^known failures '.*{path.name}' cannot be read: .*{told}"):
            xfails.read(path)


def test_a_known_failure_is_named_by_its_pattern_and_line() -> None:
    assert str(KnownFailure("law.*", "why", 7)) == "known failure 'law.*' (line 7)"


@pytest.mark.parametrize(
    ("pattern", "is_exact"),
    [
        (f"values.real/im2col/float32/{_SPECS[0]}", True), (f"values.real/im2col/float32/{_SPECS[0]}/seed=3", True),
        ("values.real", False), ("values.real/im2col/float32", False), (f"values.*/im2col/float32/{_SPECS[0]}", False),
        (f"values.rea?/im2col/float32/{_SPECS[0]}", False), (f"values.rea[l]/im2col/float32/{_SPECS[0]}", False),
    ],
)  # fmt: skip
def test_a_whole_id_is_exact(pattern: str, is_exact: bool) -> None:
    assert KnownFailure(pattern, "why", 1).is_exact is is_exact


# -- before the run ------------------------------------------------------------------------------------------------


def test_cases_that_wait_are_marked_with_the_reason_of_the_last_line_that_matches() -> None:
    result = BackendResult("fake", True, [
        one(Status.NOT_RUN), one(Status.NOT_RUN, number=2), one(Status.NOT_RUN, "law.divisor"),
        one(Status.UNSUPPORTED), one(Status.FAIL),
    ])  # fmt: skip
    xfails.mark(result, lines("values.*", str(result.cases[1].case), "law.lowering"))
    assert [case.known_reason for case in result.cases] == ["because of 1", "because of 2", "", "", ""]


# -- after the run -------------------------------------------------------------------------------------------------


def settled(cases: list[CaseResult], *patterns: str, narrowed: bool = False) -> BackendResult:
    """The cases, once the lines are settled."""
    result = BackendResult("fake", narrowed, cases)
    xfails.settle(result, lines(*patterns))
    return result


def test_an_exact_id_that_passes_stays_loud_and_says_why() -> None:
    case = one(Status.XPASS, reason="was broken")
    result = settled([case, one(Status.XFAIL, number=2), one(Status.PASS, number=3)], str(case.case))
    assert case.status is Status.XPASS
    assert case.detail == "is known to fail (was broken), and passed: remove the line"
    assert [other.detail for other in result.cases[1:]] == ["", ""]


def test_a_pattern_that_fails_somewhere_may_pass_elsewhere() -> None:
    cases = [one(Status.XPASS, number=1), one(Status.XFAIL, number=2), one(Status.XPASS, number=3)]
    other = one(Status.XPASS, "law.divisor")
    result = settled([*cases, other], "values.real/*", "law.*")
    assert [case.status for case in cases] == [Status.PASS, Status.XFAIL, Status.PASS]
    assert other.status is Status.XPASS  # its own pattern fails nowhere
    assert [bool(case.detail) for case in result.cases] == [False, False, False, True]
    assert result.stale == []


def test_an_exact_id_is_not_forgiven_by_its_own_failure_elsewhere() -> None:
    case = one(Status.XPASS, number=1)
    settled([case, one(Status.XFAIL, number=2)], str(case.case))
    assert case.status is Status.XPASS


def test_a_line_that_matches_nothing_is_stale_unless_the_plan_was_narrowed() -> None:
    cases = [one(Status.PASS), one(Status.UNSUPPORTED, number=2)]
    assert settled(cases, "law.nothing", "values.real", "gone/im2col/*").stale == [
        "known failure 'law.nothing' (line 1) matches no case",
        "known failure 'gone/im2col/*' (line 3) matches no case",
    ]
    assert settled(cases, "law.nothing", narrowed=True).stale == []


# -- what the grid and the search found ------------------------------------------------------------------------------


def found(kept: list[CaseResult], fails: int, key: CheckKey | None = None) -> CaseCounts:
    """Counts with failures, of which the first are kept."""
    key = key or CheckKey("values.grid", "im2col", "float32")
    return CaseCounts(key, 100, Counter({Status.PASS: 100 - fails, Status.FAIL: fails}), kept=kept)


def test_failures_that_are_all_known_are_counted_as_known() -> None:
    kept = [one(Status.FAIL, "values.grid", number) for number in (1, 2)]
    counts = found(kept, fails=30)
    result = BackendResult("fake", True, counted=[counts])
    xfails.settle_counted(result, lines("law.*", "values.grid", "values.grid/im2col/*"))
    assert +counts.counts == {Status.PASS: 70, Status.XFAIL: 30}
    assert [(case.status, case.known_reason) for case in kept] == [(Status.XFAIL, "because of 2")] * 2
    xfails.settle_counted(result, lines("values.grid"))
    assert counts.counts[Status.XFAIL] == 30


def test_one_failure_that_is_not_known_keeps_the_count() -> None:
    kept = [one(Status.FAIL, "values.grid", number) for number in (1, 2, 3)]
    counts = found(kept, fails=3)
    xfails.settle_counted(BackendResult("fake", True, counted=[counts]), lines("values.grid/*/n[13]c*"))
    assert counts.counts == {Status.PASS: 97, Status.FAIL: 3}
    assert [case.status for case in kept] == [Status.XFAIL, Status.FAIL, Status.XFAIL]
    assert [case.known_reason for case in kept] == ["because of 1", "", "because of 1"]


def test_every_group_is_settled_by_itself() -> None:
    key = CheckKey("values.random", "im2col", "float32")
    counted = [found([], fails=0), found([one(Status.FAIL, "values.random")], 1, key)]
    counted.append(found([one(Status.FAIL, "values.grid", 2)], fails=2))
    xfails.settle_counted(BackendResult("fake", True, counted=counted), lines("values.random"))
    assert [counts.counts[Status.XFAIL] for counts in counted] == [0, 1, 0]
    assert [counts.counts[Status.FAIL] for counts in counted] == [0, 0, 2]


def test_what_grid_or_search_found_makes_a_line_meaningful() -> None:
    cases = [one(Status.XPASS), one(Status.XPASS, "law.divisor")]
    result = BackendResult("fake", False, cases, [found([one(Status.FAIL, "values.grid")], 1)])
    xfails.settle(result, lines("values.grid/*", "values.*", "law.divisor", "law.nothing"))
    assert result.stale == ["known failure 'law.nothing' (line 4) matches no case"]
    assert [case.status for case in cases] == [Status.PASS, Status.XPASS]
    assert +result.counted[0].counts == {Status.PASS: 99, Status.XFAIL: 1}


# -- lines that mean nothing, as pytest tells of them ------------------------------------------------------------------


def _sentences(cases: list[CaseResult], *patterns: str, counted: bool = False, narrowed: bool = False) -> list[str]:
    result = BackendResult("fake", narrowed, cases, [found([], 0)] if counted else [])
    return list(xfails.meaningless(result, lines(*patterns)))


def test_a_line_without_a_case_is_told_unless_the_plan_was_narrowed() -> None:
    assert _sentences([one(Status.PASS)], "law.x") == ["known failure 'law.x' (line 1) matches no case"]
    assert _sentences([one(Status.PASS)], "law.x", narrowed=True) == []


@pytest.mark.parametrize(
    ("statuses", "is_told"),
    [
        ([Status.PASS, Status.XPASS], True), ([Status.XPASS, Status.UNSUPPORTED], True),
        ([Status.PASS, Status.XFAIL], False), ([Status.PASS, Status.NOT_RUN], False), ([Status.UNSUPPORTED], False),
        ([Status.XFAIL], False), ([Status.PASS, Status.MISTRUSTED], False),
    ],
)  # fmt: skip
def test_a_pattern_that_passes_in_every_case_that_ran_is_told(statuses: list[Status], is_told: bool) -> None:
    cases = [one(status, number=number) for number, status in enumerate(statuses, 1)]
    told = ["known failure 'values.real/*' (line 1) passes in every case: remove the line"]
    assert _sentences(cases, "values.real/*") == (told if is_told else [])
    assert _sentences(cases, "values.real/*", narrowed=True) == (told if is_told else [])


def test_an_exact_id_that_passes_is_told_by_its_own_test() -> None:
    case = one(Status.XPASS)
    assert _sentences([case], str(case.case)) == []


def test_what_grid_and_search_may_find_is_not_told() -> None:
    """Their cases are known only once they have failed."""
    assert _sentences([one(Status.PASS)], "values.grid/*", "values.*/im2col/*", counted=True) == []
    assert _sentences([one(Status.PASS)], "values.grid", "values.real/*", "law.x", counted=True) == [
        "known failure 'values.real/*' (line 2) passes in every case: remove the line",
        "known failure 'law.x' (line 3) matches no case",
    ]
