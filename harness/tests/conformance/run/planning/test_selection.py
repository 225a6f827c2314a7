"""What a selection can mean is told without asking any check for its cases."""

from __future__ import annotations

import pytest

from conformance.cases.selection import Selection


@pytest.mark.parametrize(
    ("pattern", "means"),
    [("", True), ("*", True), ("law.x", True), ("law.*", True), ("law.x/im2col/*", True), ("*/im2col/*", True),
     ("l[ab]w.x", True), ("law.x/im2col/float32/n1c1h1w1_f1kh1kw1", True), ("law.?", True),
     ("law.xy", False), ("law.x1*", False), ("values.*", False), ("aw.x", False)],
)  # fmt: skip
def test_a_check_that_no_pattern_can_mean_is_told_by_its_id(pattern: str, means: bool) -> None:
    assert Selection(pattern=pattern).may_mean("law.x") is means
