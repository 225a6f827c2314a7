"""What a selection means, is told without asking any check for its cases; and what part of the suite it is."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from harness.geometry.spec import ConvSpec


@pytest.mark.parametrize(
    ("pattern", "means"),
    [("", True), ("*", True), ("law.x", True), ("law.*", True), ("law.x/im2col/*", True), ("*/im2col/*", True),
     ("l[ab]w.x", True), ("law.x/im2col/float32/n1c1h1w1_f1kh1kw1", True), ("law.?", True),
     ("law.xy", False), ("law.x1*", False), ("values.*", False), ("aw.x", False)],
)  # fmt: skip
def test_a_check_that_no_pattern_can_mean_is_told_by_its_id(pattern: str, means: bool) -> None:
    assert Selection(pattern=pattern).may_mean("law.x") is means


# Of a pattern, which of four checks it may mean, and which of them it names.
MEANT: dict[str, tuple[str, str]] = {
    "": ("values.exact values.real law.shift external.onnx", ""),
    "*": ("values.exact values.real law.shift external.onnx", "values.exact values.real law.shift external.onnx"),
    "values.*": ("values.exact values.real", "values.exact values.real"),
    "values.exact": ("values.exact", "values.exact"),
    "values.exact/im2col/*": ("values.exact", "values.exact"),
    "values.[er]*/conv2d/*": ("values.exact values.real", "values.exact values.real"),
    "values.?eal": ("values.exact values.real", "values.real"),
    "val": ("values.exact values.real", ""),
    "l*": ("law.shift", "law.shift"),
    "external.onnx/col2im/float32/n1c1h1w1_f1kh1kw1": ("external.onnx", "external.onnx"),
    "Values.*": ("", ""),
    "values.exactly/*": ("", ""),
}


@pytest.mark.parametrize("pattern", MEANT)
def test_a_pattern_may_mean_a_check_by_its_beginning_and_names_it_by_all(pattern: str) -> None:
    ids = ("values.exact", "values.real", "law.shift", "external.onnx")
    selection, (may, names) = Selection(pattern=pattern), MEANT[pattern]
    assert " ".join(id for id in ids if selection.may_mean(id)) == may
    assert " ".join(id for id in ids if selection.names(id)) == names
    assert [id for id in ids if selection.means(id)] == [id for id in ids if selection.names(id) or not pattern]


@pytest.mark.parametrize(
    ("asked", "narrowed"),
    [
        ({}, False), ({"seed": 5, "tier": 3, "suite": "2026.11"}, False), ({"shard": Shard(1, 4)}, False),
        ({"shard": Shard(2, 4)}, True), ({"ops": ["im2col"]}, True), ({"dtypes": ["float32"]}, True),
        ({"specs": [ConvSpec.parse("n1c1h1w1_f1kh1kw1")]}, True), ({"pattern": "*"}, True),
    ],
    ids=str,
)  # fmt: skip
def test_less_than_the_whole_suite_is_narrowed(asked: dict[str, Any], narrowed: bool) -> None:
    assert Selection(**asked).narrowed == narrowed


def test_parts_are_labelled_and_share_out_every_text() -> None:
    assert [Shard(k, n).label for k, n in ((1, 1), (1, 3), (3, 3))] == ["", "1/3", "3/3"]
    texts = [f"values.exact/{number}" for number in range(200)]
    held = [[k for k in (1, 2, 3) if Shard(k, 3).holds(text)] for text in texts]
    assert {len(found) for found in held} == {1}
    assert {found[0] for found in held} == {1, 2, 3}
    assert all(Shard().holds(text) for text in texts)
    parts = [Shard(2, 3).part(number, 2) for number in (1, 2)]
    assert parts == [Shard(2, 6), Shard(5, 6)]
    assert [sum(part.holds(text) for part in parts) for text in texts] == [Shard(2, 3).holds(text) for text in texts]
