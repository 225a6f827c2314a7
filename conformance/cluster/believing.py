"""Whether an answer may be believed, by itself and against a second worker's answer to the same batch.

A worker is held to what this machine knows of the batch: which cases it has, which harness and which sources of the
backend are meant, and that numbers add up. Statuses themselves can only be asked for again elsewhere.
"""

from __future__ import annotations

from collections import Counter

from conformance.cases.case import RANDOM
from conformance.cluster.batches import Batch, Expected
from conformance.cluster.remote.on_worker import Answer, Order
from conformance.reports import sums
from conformance.run.records import BackendReport
from harness.contract.status import Status


def why_not(answer: object, order: Order, batch: Batch, backend: str) -> str:
    """Why an answer is not believed, in words; empty if it is. `backend`: the digest of the sources that are meant."""
    if not isinstance(answer, Answer):
        return f"it answers with {type(answer).__name__}, which is no answer"
    if answer.number != order.number:
        return f"it answers batch {answer.number}, asked for was {order.number}"
    difference = answer.identity.difference(order.identity)
    if difference:
        return difference
    if answer.backend != backend:
        return f"it called other sources of {order.target.name}"
    if answer.listed is None or answer.part is None:
        return "its answer has no report"
    planned = Expected.of(answer.listed)
    return _other_cases(planned, batch.expected) or _wrong_sums(answer.part.report, order, batch)


def _other_cases(theirs: Expected, ours: Expected) -> str:
    left_out, more = Counter(ours.ids) - Counter(theirs.ids), Counter(theirs.ids) - Counter(ours.ids)
    for ids, how in ((left_out, "leaves out"), (more, "has")):
        if ids:
            return f"it judged other cases: it {how} {ids.total()}, the first {min(ids)}"
    if theirs.optional != ours.optional or dict(theirs.counted) != dict(ours.counted):
        return "it planned other numbers of cases"
    return ""


def _wrong_sums(report: BackendReport, order: Order, batch: Batch) -> str:
    counts, selection = report.counts, batch.selection
    if (report.suite_version, report.backend) != (order.identity.suite, order.target.name):
        return f"its report is of {report.backend} and suite {report.suite_version}"
    if (report.shard, report.tier, report.seed) != (selection.shard.label, selection.tier, selection.seed):
        return f"its report is of part {report.shard or 'all'}, tier {report.tier}, seed {report.seed}"
    wrong = sums.why_not(report)
    if wrong:
        return wrong
    found = sum(counts.values())
    expected = batch.expected.total
    may_end_early = any(key[0] == RANDOM for key in batch.expected.counted)  # a search ends where it finds something
    if found > expected or (found < expected and not (may_end_early and counts.get(Status.FAIL))):
        return f"its report has {found} cases, the batch {expected}"
    return ""
