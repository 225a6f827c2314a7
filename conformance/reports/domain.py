"""The domain of a backend that does not do all, as a report and in words."""

from __future__ import annotations

from conformance.run.records import DomainReport
from conformance.run.results import BackendResult
from harness.contract.protocol import DTYPES
from harness.contract.status import Status
from harness.geometry.spec import ALL_OPS, Op


def report(result: BackendResult) -> DomainReport | None:
    """Of a result, None if every op that is there is done as a whole."""
    missing, choices = _missing(result), [part.choice for part in result.parts.values()]
    if not missing and all(part.is_whole for part in result.parts.values()):
        return None
    return DomainReport(
        words=_words(result, missing),
        geometries=min((len(choice.specs) for choice in choices), default=0),
        pairs_covered=sum(choice.pairs_covered for choice in choices),
        pairs=sum(choice.pairs for choice in choices),
    )


def _words(result: BackendResult, missing: list[Op]) -> str:
    """One domain where all ops have the same, else each with its ops; dtypes; the ops of which nothing is done."""
    found: dict[Op, dict[str, list[str]]] = {}
    for (op, dtype), part in result.parts.items():
        words = part.words or "a part that we have no short word for"
        found.setdefault(op, {}).setdefault(words, []).append(dtype)
    ops: dict[str, list[str]] = {}
    for op, by_words in found.items():
        for words, dtypes in by_words.items():
            ops.setdefault(words, []).append(op if len(by_words) == 1 else f"{op} in {', '.join(dtypes)}")
    alike = len(ops) == 1 and set(*ops.values()) >= set(_ops(result)) - set(missing)
    said = list(ops) if alike else [f"{', '.join(named)}: {words}" for words, named in ops.items()]
    done = {dtype for _, dtype in _done(result)}
    said.append(", ".join(dtype for dtype in DTYPES if dtype in done) or "no dtype")
    return "; ".join([*said, *([f"nothing of {', '.join(missing)}"] if missing else [])])


def _missing(result: BackendResult) -> list[Op]:
    """Ops of which every case was refused."""
    done = {op for op, _ in _done(result)}
    return [op for op in _ops(result) if op not in done]


def _ops(result: BackendResult) -> list[Op]:
    """Those that were asked for, in all parts of the run."""
    asked = {one.case.op for one in result.cases}.union(op for op, _ in result.elsewhere.claimed)
    return [op for op in ALL_OPS if op in asked]


def _done(result: BackendResult) -> set[tuple[Op, str]]:
    """Each op and dtype of which not every case was refused, in all parts of the run."""
    here = {(one.case.op, one.case.dtype) for one in result.cases if one.status is not Status.UNSUPPORTED}
    return here.union(key for key, specs in result.elsewhere.claimed.items() if specs)
