"""What fails, passes or is refused now and was not before; and what had a status and has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from harness.contract.status import CellStatus, Status, Verdict
from harness.results.diff.documents import BackendStatus, Judged, Measured
from harness.results.diff.records import Diff, Judgement


class Meaning(Enum):
    """What a status is to somebody who compares it with another."""

    FAILS = auto()
    PASSES = auto()
    REFUSED = auto()
    NOT_KNOWN = auto()  # it was not run, or could not be


# By what is true, not by what was expected: a known failure fails all the same.
_OF_CHECK = {
    Status.FAIL: Meaning.FAILS, Status.XFAIL: Meaning.FAILS, Status.PASS: Meaning.PASSES, Status.XPASS: Meaning.PASSES,
    Status.UNSUPPORTED: Meaning.REFUSED,
}  # fmt: skip


class _Found(NamedTuple):
    """One status, and what is told of it."""

    status: Status | CellStatus
    told: Judgement  # without `before` and `after`

    @property
    def meaning(self) -> Meaning:
        if isinstance(self.status, Status):
            return _OF_CHECK.get(self.status, Meaning.NOT_KNOWN)
        if self.status.is_bad:
            return Meaning.FAILS
        return {CellStatus.OK: Meaning.PASSES, CellStatus.UNSUPPORTED: Meaning.REFUSED}.get(
            self.status, Meaning.NOT_KNOWN
        )


Key = tuple[str, ...]


def of_checks(before: Judged, after: Judged) -> Diff:
    """From two runs of the suite. What was asked differently is said in the notes, and compared all the same."""
    diff = Diff(notes=list(_how_they_differ(before, after)))
    _compare(dict(_checks(before)), dict(_checks(after)), diff)
    return diff


def of_cells(before: Measured, after: Measured, diff: Diff) -> None:
    """From two measurements, added to `diff`."""
    _compare(dict(_cells(before)), dict(_cells(after)), diff)


def _compare(before: Mapping[Key, _Found], after: Mapping[Key, _Found], diff: Diff) -> None:
    into = {
        Meaning.FAILS: diff.newly_failing, Meaning.PASSES: diff.newly_passing, Meaning.REFUSED: diff.newly_refused,
        Meaning.NOT_KNOWN: diff.missing,
    }  # fmt: skip
    for key in [*after, *(key for key in before if key not in after)]:
        was, now = before.get(key), after.get(key)
        had = was.meaning if was else Meaning.NOT_KNOWN
        has = now.meaning if now else Meaning.NOT_KNOWN
        if has is had or (was is None and has is not Meaning.FAILS):
            continue
        told = now.told if now else was.told if was else None
        if told is not None:
            into[has].append(_changed(told, was, now))


def _changed(told: Judgement, was: _Found | None, now: _Found | None) -> Judgement:
    return Judgement(
        backend=told.backend, check=told.check, op=told.op, dtype=told.dtype, shape=told.shape, spec=told.spec,
        before=was.status.value if was else None, after=now.status.value if now else None,
        reason=told.reason if now else "there is no such result any more", repro=told.repro,
    )  # fmt: skip


def _checks(judged: Judged) -> Iterator[tuple[Key, _Found]]:
    """Every check that counts; of a backend that cannot run none, so that all of them are missed."""
    for backend in judged.backends.values():
        if backend.verdict is Verdict.UNAVAILABLE:
            continue
        for check in backend.checks:
            if not check.optional:
                reason = check.diagnosis[0] if check.status.is_bad and check.diagnosis else check.reason
                told = Judgement(
                    backend=backend.backend, check=check.id, op=check.op, dtype=check.dtype, before=None, after=None,
                    reason=reason, repro=check.repro,
                )  # fmt: skip
                yield (backend.backend, check.id, check.op, check.dtype), _Found(check.status, told)


def _cells(measured: Measured) -> Iterator[tuple[Key, _Found]]:
    for key, cell in measured.found.items():
        told = Judgement(
            backend=key.backend, op=key.op, dtype=key.dtype, shape=key.shape, spec=key.spec, before=None, after=None,
            reason=cell.reason,
        )  # fmt: skip
        yield tuple(key), _Found(cell.status, told)


def _how_they_differ(before: Judged, after: Judged) -> Iterator[str]:
    for name, was in before.backends.items():
        now = after.backends.get(name)
        if now is None:
            yield f"{name} is in the first document alone"
            continue
        if now.verdict is Verdict.UNAVAILABLE and was.verdict is not Verdict.UNAVAILABLE:
            yield f"{name} is unavailable now: {now.reason}"
        yield from (f"{name}: {text}" for text in _asked_differently(was, now))
        if now.cut and not was.cut:
            yield f"{name}: the second run was cut short: {now.cut}"
    yield from (f"{name} is in the second document alone" for name in after.backends if name not in before.backends)


def _asked_differently(was: BackendStatus, now: BackendStatus) -> Iterator[str]:
    for what, one, other in (
        ("suite", was.suite_version, now.suite_version), ("tier", was.tier, now.tier), ("seed", was.seed, now.seed),
        ("shard", was.shard, now.shard),
    ):  # fmt: skip
        if one != other:
            yield f"{what} {one} before, {other} now: a difference may be that of the questions"
