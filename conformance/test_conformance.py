"""The pytest front of the suite: one item per backend, check, op and dtype, looping over its cases."""

from __future__ import annotations

from collections import Counter

import pytest

from conformance import engine
from conformance.subject import Subject
from harness.protocol import CompleteBackend


def test_group(backend: CompleteBackend, group: list[engine.Planned]) -> None:
    """Every planned case of the group passes; a group that is refused altogether is skipped with its reason."""
    to_run = [planned for planned in group if planned.status != "unsupported"]
    if not to_run:
        pytest.skip(f"{len(group)} cases refused: {group[0].detail}")
    subject = Subject(backend)
    for planned in to_run:
        planned.status, planned.detail = engine.judge(subject, planned.case)
    counts = Counter(planned.status for planned in to_run)
    assert counts == {"pass": len(to_run)}, "\n".join(engine.diagnoses(group))
