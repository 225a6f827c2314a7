"""The history over commits: what is read of asv's files, over which layers, and what is left out."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.geometry.spec import OPS
from harness.results.history import asv_folder, read_history
from harness.tests.helpers.runfiles import write_asv as write


def test_a_time_is_the_mean_over_the_layers_of_all_commits(tmp_path: Path) -> None:
    """Of each backend apart; what was skipped (NaN) or failed (null) is no time. Commits are in their own order."""
    write(tmp_path, "bbb", 2, {("l1", "mine"): 1.0, ("l2", "mine"): 4.0, ("l3", "mine"): 9.0, ("l1", "other"): 3.0})
    write(tmp_path, "aaa", 5, {("l0", "mine"): 7.0, ("l2", "mine"): 16.0, ("l1", "mine"): 1.0, ("l2", "other"): None})
    write(tmp_path, "ccc", 3, {("l1", "mine"): 4.0, ("l2", "mine"): 9.0, ("l3", "mine"): math.nan})
    (tmp_path / "machine.json").write_text("{}")
    history = read_history(tmp_path)
    assert history.left_out == []
    mine, other = history.series
    assert (mine.op, mine.dtype, mine.backend) == ("im2col", "float32", "mine")
    assert set(mine.layers) == {"l1", "l2"}
    assert [point.commit for point in mine.points] == ["bbb", "ccc", "aaa"]
    assert [point.seconds for point in mine.points] == pytest.approx([2.0, 6.0, 4.0])
    assert [point.made for point in mine.points] == [datetime(1970, 1, day, tzinfo=UTC) for day in (3, 4, 6)]
    assert (other.backend, other.layers) == ("other", ("l1",))
    assert [point.seconds for point in other.points] == pytest.approx([3.0])


def test_commits_without_a_layer_in_common_have_no_history(tmp_path: Path) -> None:
    write(tmp_path, "aaa", 1, {("l1", "mine"): 1.0, ("l1", "other"): 1.0})
    write(tmp_path, "bbb", 2, {("l2", "mine"): 1.0, ("l1", "other"): 2.0})
    history = read_history(tmp_path)
    assert [one.backend for one in history.series] == ["other"]
    assert history.left_out == ["mine, im2col in float32: no layer was measured at every commit"]


def test_every_op_is_known_by_its_class_in_the_asv_suite(tmp_path: Path) -> None:
    """In the order of the ops, whatever asv's; what is not ours is passed over."""
    from harness.benchmarks import bench_ops

    classes = {found.op: name for name, found in vars(bench_ops).items() if getattr(found, "op", "")}
    for day, op in enumerate(reversed(OPS)):
        write(tmp_path, f"c{day}", day, {("l1", "mine"): 1.0}, name=classes[op])
    write(tmp_path, "other", 9, {("l1", "mine"): 1.0}, name="Unknown")
    assert [one.op for one in read_history(tmp_path).series] == list(OPS)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": 1}, "version 2, got 1"),
        ({"date": "today"}, "is no result of asv"),
        ({"results": {"bench_ops.Im2col.track_seconds": [[1.0], [["'l1'"], ["'float32'"]]]}}, "is not of our suite"),
        (
            {"results": {"bench_ops.Im2col.track_seconds": [[1.0], [["l1("], ["'float32'"], ["'m'"]]]}},
            "is not of our s",
        ),
        ({"results": {"bench_ops.Im2col.track_seconds": [[1.0]]}}, "is not of our suite"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_left_out(changed: dict[str, Any], said: str, tmp_path: Path) -> None:
    write(tmp_path, "aaa", 1, {("l1", "mine"): 1.0})
    write(tmp_path, "bbb", 2, {("l1", "mine"): 2.0}, **changed)
    history = read_history(tmp_path)
    (line,) = history.left_out
    assert said in line
    assert "bbb" in line
    assert [point.commit for point in history.series[0].points] == ["aaa"]


def test_a_file_cut_off_is_named_and_nothing_is_no_history(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"commit_hash": "aaa"')
    assert [line.partition(" is no")[0] for line in read_history(tmp_path).left_out] == [str(tmp_path / "cut.json")]
    assert read_history(tmp_path / "none") == ([], [])


def test_the_committed_history_is_read() -> None:
    """As asv itself has written it."""
    from harness.results.machine import project_root

    root = project_root()
    assert root is not None
    folder = asv_folder(root / "results", "amd-epyc-family-26-model-2_2c2t", 1, "steady")
    history = read_history(folder)
    assert history.left_out == []
    assert {one.op for one in history.series} == set(OPS)
    assert {one.backend for one in history.series} >= {"numpy_fancy", "numba_tiled", "torch_native"}
    tiled = next(one for one in history.series if (one.op, one.backend) == ("conv2d", "numba_tiled"))
    assert len(tiled.layers) == 6
    assert 1e-6 < tiled.points[0].seconds < 1
