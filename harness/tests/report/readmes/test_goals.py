"""The table of goals beside what documents of `harness compare --json` say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec
from harness.report import goal_files, goals
from harness.report.goal_files import KINDS, Goal
from harness.results.records import Ceilings, Code, Comparison, ComparisonRow, Machine
from harness.results.writing import ResultsError
from harness.tests.helpers.imports import ROOT

_HEAD = "backend,op,dtype,against,goal,floor,layers"
_SPEC, _LARGE = "n1c8h12w12_f8kh3kw3", "n32c64h112w112_f8kh3kw3"


def _row(shape: str, ratio: float | None, a: str = "ours", b: str = "theirs", **other: Any) -> ComparisonRow:
    """A ratio of times, a's over b's: 1/8 is 8 times as fast."""
    given = {"op": "conv2d", "dtype": "float32", "spec": _SPEC, **other}
    return ComparisonRow(
        shape=shape, a=a, b=b, ratio=ratio, low=ratio, high=ratio, pairs=0 if ratio is None else 11, a_seconds=ratio,
        b_seconds=1.0, checked_points=64, status=CellStatus.OK, reason="", **given,
    )  # fmt: skip


def _write(folder: Path, name: str, rows: list[ComparisonRow], device: str = "", **other: Any) -> None:
    """A document, of one thread and commit abababab unless told otherwise."""
    given: dict[str, Any] = {"threads": 1, "allocator": "steady", "commit": "ab" * 20, "cpu": "CPU X"} | other
    machine = Machine(
        name="cpu-x", cpu=given.pop("cpu"), cores=2, hardware_threads=2, caches={}, memory_gib=8.0, os="Linux",
        python="3.11.7", versions={}, code=Code(commit=given.pop("commit")),
    )  # fmt: skip
    ceilings = [Ceilings(threads=1, allocator="steady", backend="ours", device=device)] if device else []
    document = Comparison(schema=1, machine=machine, rows=rows, geomean=[], ceilings=ceilings, **given)
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(document))


def _goals(folder: Path, *lines: str) -> None:
    (folder / "goals.csv").write_text("\n".join([_HEAD, *lines]) + "\n")


# -- the whole table ---------------------------------------------------------------------------------------------------


def test_goals_of_a_cpu_have_a_column_for_each_number_of_threads(tmp_path: Path) -> None:
    """One thread: 2, 8 and 1/2 have the mean 2; two threads: 4 and 1. In float64 one layer, on two threads only."""
    _goals(
        tmp_path, "ours,conv2d,float32,theirs,1.5,0.6,", "ours,conv2d,float64,theirs,2,1,",
        "ours,im2col,float32,theirs,1,,", "ours,conv2d,float32,others,1.25,,dense 3x3",
        "other,conv2d,float32,theirs,1,3,",
    )  # fmt: skip
    one = [_row("net:1", 0.5), _row("net:2", 0.125), _row("net:3", 2.0), _row("net:1", 0.2, a="other")]
    _write(tmp_path, "a", one)
    _write(tmp_path, "b", [_row("net:1", 0.25), _row("net:2", 1.0), _row("net:1", 0.5, dtype="float64")], threads=2,
           allocator="default", commit="cd" * 20)  # fmt: skip
    _write(tmp_path, "c", [_row("net:1", 0.8, b="others"), _row("net:2", 0.2, b="others", spec="n1c8h12w12_f8kh1kw1")],
           commit="")  # fmt: skip
    assert (
        goals.markdown(tmp_path)
        == """\
| backend and op | against | goal | 1 thread | 2 threads | no layer below | lowest, 1 thread |
| --- | --- | --- | --- | --- | --- | --- |
| `ours` conv2d | theirs | 1.5 | 2.00 (3 layers) | 2.00 (2 layers) | 0.6 | 0.50 net:3; 1 of 3 below |
| `ours` conv2d, float64 | theirs | 2 | not measured | 2.00 (1 layer) | 1 | not measured |
| `other` conv2d | theirs | 1 | 5.00 (1 layer) | not measured | 3 | 5.00 net:1; 0 of 1 below |

CPU X, default and steady allocator, commit abababab, cdcdcdcd, unknown. Geometric means of paired ratios: the peer's \
time over ours; float32 unless said otherwise.
"""
    )


def test_goals_of_a_card_stand_there_measured_or_not(tmp_path: Path) -> None:
    """1/2 of the copy and 0.72 of it have the mean 0.6; the share of another card is another document's."""
    _goals(
        tmp_path, "ours,im2col,float32,device copy,0.85,0.55,ResNet-50", "ours,conv2d,float32,theirs,1,,",
        "ours,col2im,float32,theirs,1,0.5,",
    )  # fmt: skip
    shares = [
        _row("resnet50:1", 0.5, op="im2col", a_share=0.5, a_bound="memory"),
        _row("resnet50:2", 0.5, a="theirs", b="ours", op="im2col", b_share=0.72, b_bound="memory", a_share=0.1,
             a_bound="memory"),
    ]  # fmt: skip
    _write(tmp_path, "b", [*shares, _row("net:1", 0.25)], device="B card")
    _write(tmp_path, "a", [], device="A card", threads=2, commit="cd" * 20)
    assert (
        goals.markdown(tmp_path)
        == """\
| backend and op | against | goal | measured | no layer below | lowest |
| --- | --- | --- | --- | --- | --- |
| `ours` im2col, ResNet-50 | device copy | 0.85 | 0.60 (2 layers) | 0.55 | 0.50 resnet50:1; 1 of 2 below |
| `ours` conv2d | theirs | 1 | 4.00 (1 layer) |  | 4.00 net:1 |
| `ours` col2im | theirs | 1 | not measured | 0.5 | not measured |

A card and B card, commit abababab, cdcdcdcd. Geometric means of paired ratios: the peer's time over ours; float32 \
unless said otherwise. Against device copy: share of the copy bandwidth measured there.
"""
    )


def test_without_documents_the_table_says_that_nothing_was_measured(tmp_path: Path) -> None:
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,0.6,")
    (tmp_path / "conformance.json").write_text("[]")
    assert (
        goals.markdown(tmp_path)
        == """\
| backend and op | against | goal | measured | no layer below | lowest |
| --- | --- | --- | --- | --- | --- |
| `ours` conv2d | theirs | 1 | not measured | 0.6 | not measured |

Not measured: no GPU was at hand.
"""
    )


def test_conditions_are_of_the_first_document_and_every_allocator_by_name(tmp_path: Path) -> None:
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,,")
    for name in "fbdace":
        _write(tmp_path, name, [_row("net:1", 0.5)], allocator=f"z{name}", cpu=f"CPU {name}", commit=name * 9)
    assert (
        goals.markdown(tmp_path)
        .splitlines()[-1]
        .startswith(
            "CPU a, za and zb and zc and zd and ze and zf allocator, commit aaaaaaaa, bbbbbbbb, cccccccc, dddddddd, "
            "eeeeeeee, ffffffff. Geometric"
        )
    )


def test_a_layer_at_the_floor_is_not_below_it(tmp_path: Path) -> None:
    """Twice as fast exactly where the floor is 2; the other one is below."""
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,2,")
    _write(tmp_path, "a", [_row("net:1", 0.5), _row("net:2", 0.8), _row("net:3", 0.25)])
    assert goals.markdown(tmp_path).splitlines()[2].endswith("| 2 | 1.25 net:2; 1 of 3 below |")


# -- which rows count, and as what -------------------------------------------------------------------------------------


def _reached(folder: Path, *rows: ComparisonRow, against: str = "theirs", layers: str = "", op: str = "conv2d") -> str:
    """The mean and the lowest of a goal, of one document."""
    _goals(folder, f"ours,{op},float32,{against},1,,{layers}")
    _write(folder, "a", list(rows), device="card")
    cells = goals.markdown(folder).splitlines()[2].split(" | ")
    return f"{cells[3]} {cells[5]}".rstrip("| ")


def test_a_pair_counts_on_either_side_and_no_other_pair(tmp_path: Path) -> None:
    rows = [
        _row("net:1", 0.125), _row("net:2", 2.0, a="theirs", b="ours"), _row("net:3", 9.0, a="theirs", b="third"),
        _row("net:4", 9.0, b="third"), _row("net:5", 9.0, op="im2col"), _row("net:6", 9.0, dtype="float64"),
        _row("net:7", None),
    ]  # fmt: skip
    assert _reached(tmp_path, *rows) == "4.00 (2 layers) 2.00 net:2"


def test_of_two_results_for_a_layer_the_later_document_counts(tmp_path: Path) -> None:
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,,")
    for name, ratio in (("20260102-x", 0.25), ("20260101-x", 0.5), ("20260103-y", None)):
        _write(tmp_path, name, [_row("net:1", ratio)], device="card")
    assert "| 4.00 (1 layer) |" in goals.markdown(tmp_path)


def test_a_share_of_the_copy_is_the_backends_own_and_bound_by_memory(tmp_path: Path) -> None:
    shares = [
        _row("l:1", 0.5, op="im2col", a_share=0.9, a_bound="memory", b_share=0.1, b_bound="memory"),
        _row("l:2", 0.5, a="theirs", b="ours", op="im2col", b_share=0.4, b_bound="memory", a_share=0.1,
             a_bound="memory"),
        _row("l:3", 0.5, op="im2col", a_share=0.3, a_bound="compute"),
        _row("l:4", 0.5, a="theirs", b="ours", op="im2col", b_share=0.3, b_bound="compute"),
        _row("l:5", 0.5, op="im2col"), _row("l:6", 0.5, op="conv2d", a_share=0.3, a_bound="memory"),
        _row("l:7", 0.5, a="theirs", b="others", op="im2col", b_share=0.2, b_bound="memory", a_share=0.2,
             a_bound="memory"),
    ]  # fmt: skip
    assert _reached(tmp_path, *shares, against="device copy", op="im2col") == "0.60 (2 layers) 0.40 l:2"


@pytest.mark.parametrize(
    ("kind", "spec", "shape", "op", "belongs"),
    [
        ("", "n1c1h5w5_f1kh2kw2", "x", "im2col", True),
        ("dense 3x3", "n1c12h9w9_f12kh3kw3_pt1pb1pl1pr1", "x", "conv2d", True),
        ("dense 3x3", "n1c11h9w9_f12kh3kw3", "x", "conv2d", False),
        ("dense 3x3", "n1c12h9w9_f11kh3kw3", "x", "conv2d", False),
        ("dense 3x3", "n1c24h9w9_f24kh3kw3_g2", "x", "conv2d", True),
        ("dense 3x3", "n1c24h9w9_f22kh3kw3_g2", "x", "conv2d", False),
        ("dense 3x3", "n1c12h9w9_f12kh3kw2", "x", "conv2d", False),
        ("dense 3x3", "n1c12h9w9_f12kh2kw3", "x", "conv2d", False),
        ("dense 3x3", "n1c12h9w9_f12kh3kw3_sh1sw2", "x", "conv2d", False),
        ("dense 3x3", "n1c12h9w9_f12kh3kw3_dh2dw1", "x", "conv2d", False),
        ("ResNet-50", _SPEC, "resnet50:conv1", "conv2d", True),
        ("ResNet-50", _SPEC, "resnet20:conv1", "conv2d", False),
        ("beyond 128 MiB", "n1c16h1024w1024_f1kh1kw1", "resnet50:1", "im2col", False),  # 2 * 4 * 2^24 bytes exactly
        ("beyond 128 MiB", "n1c16h1025w1024_f1kh1kw1", "resnet50:1", "im2col", True),
        ("beyond 128 MiB", "n1c16h1025w1024_f1kh1kw1", "vgg:1", "im2col", False),
        ("beyond 2^31 elements", "n2c1h32768w32768_f1kh1kw1", "x", "conv2d", False),  # 2^31 exactly
        ("beyond 2^31 elements", "n1c3h32768w32768_f1kh1kw1", "x", "conv2d", True),
    ],
)
def test_which_layers_are_of_a_kind(kind: str, spec: str, shape: str, op: Any, belongs: bool) -> None:
    goal = Goal(backend="a", op=op, dtype="float32", against="b", mean=1, floor=None, layers=kind)
    row = _row(shape, 1.0, spec=spec, op=op)
    assert KINDS[kind](row, ConvSpec.parse(spec)) is belongs
    assert goal.is_about(row) is belongs


def test_a_goal_is_about_its_own_op_and_dtype() -> None:
    goal = Goal(backend="a", op="conv2d", dtype="float32", against="b", mean=1, floor=None, layers="")
    found = [goal.is_about(_row("x", 1.0, op=op, dtype=dtype)) for op, dtype in (
        ("conv2d", "float32"), ("im2col", "float32"), ("conv2d", "float64"))]  # fmt: skip
    assert found == [True, False, False]


# -- files -------------------------------------------------------------------------------------------------------------


def test_goals_are_read_field_by_field(tmp_path: Path) -> None:
    _goals(tmp_path, "a,im2col,float64,b,2.5,0.75,dense 3x3", "c,conv2d,float32,device copy,1,,")
    assert goal_files.read_goals(tmp_path) == [
        Goal(backend="a", op="im2col", dtype="float64", against="b", mean=2.5, floor=0.75, layers="dense 3x3"),
        Goal(backend="c", op="conv2d", dtype="float32", against="device copy", mean=1.0, floor=None, layers=""),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{_HEAD}\na,conv2d,float32,b,1,,\na,conv2d,float32,b,fast,,\n", "line 3 is no goal: ValueError: could not"),
        (f"{_HEAD}\na,conv2d,float32,b,1,,large\n", "line 2 is no goal: KeyError: 'large'"),
        ("backend,op\na,conv2d\n", "line 2 is no goal: KeyError: 'floor'"),
        (f"{_HEAD}\na,conv2d\n", "line 2 is no goal: TypeError"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_goal_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "goals.csv").write_text(text)
    with pytest.raises(ResultsError) as e:
        goal_files.read_goals(tmp_path)
    assert str(e.value).startswith(f"'{tmp_path / 'goals.csv'}': {said}")


def test_comparisons_are_read_by_name_and_other_documents_left_out(tmp_path: Path) -> None:
    _write(tmp_path, "b", [_row("net:2", 1.0)])
    _write(tmp_path, "a", [_row("net:1", 1.0)])
    (tmp_path / "conformance.json").write_text('[{"rows": 1}]')
    (tmp_path / "c.json").write_text('{"other": "rows"}')
    (tmp_path / "d.txt").write_text("{")
    assert [found.rows[0].shape for found in goal_files.read_comparisons(tmp_path)] == ["net:1", "net:2"]


def test_half_characters_in_the_reason_of_a_backend_come_back(tmp_path: Path) -> None:
    """`harness compare` writes whatever a backend says."""
    _write(tmp_path, "a", [_row("net:1", None)])
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text.replace('"reason":""', '"reason":"no \\udc80"'))
    assert [row.reason for found in goal_files.read_comparisons(tmp_path) for row in found.rows] == ["no \udc80"]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ('{"rows": [{"op": "conv2d"}]}', "Object missing required field"),
        ('{"rows": 7, "schema": "x"}', "Expected `array`, got `int` - at `$.rows`"),
        ("{", "Input data was truncated"),
    ],
)
def test_a_damaged_comparison_leaves_the_readme_and_is_named(tmp_path: Path, document: str, reason: str) -> None:
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,0.6,")
    readme = tmp_path / "README.md"
    marks = goals.marks(tmp_path)
    readme.write_text(text := f"{marks.begin}old\n{marks.end}")
    (tmp_path / "bad.json").write_text(document)
    with pytest.raises(SystemExit) as e:
        goals.main(tmp_path, readme)
    path = tmp_path / "bad.json"
    assert str(e.value).startswith(
        f"harness: {readme} was left as it is: {str(path)!r} is no record of `harness compare --json`: {reason}"
    )
    assert readme.read_text() == text


def test_the_table_goes_between_the_marks_of_the_readme_named(tmp_path: Path) -> None:
    folder = tmp_path / "goals"
    folder.mkdir()
    _goals(folder, "ours,conv2d,float32,theirs,1,0.6,")
    readme = tmp_path / "README.md"
    readme.write_text("before é\n<!-- goals -->\nold\n<!-- /goals -->\nafter\n", encoding="utf-8")
    goals.main(folder, readme)
    assert (
        readme.read_text(encoding="utf-8")
        == """\
before é
<!-- goals -->
| backend and op | against | goal | measured | no layer below | lowest |
| --- | --- | --- | --- | --- | --- |
| `ours` conv2d | theirs | 1 | not measured | 0.6 | not measured |

Not measured: no GPU was at hand.
<!-- /goals -->
after
"""
    )
    readme.write_text("no marks")
    with pytest.raises(SystemExit, match=r"was left as it is: the text has no <!-- goals --> \.\. <!-- /goals -->"):
        goals.main(folder, readme)
    assert readme.read_text() == "no marks"
    with pytest.raises(SystemExit, match=r"none\.md was left as it is: .*No such file"):
        goals.main(folder, tmp_path / "none.md")


@pytest.mark.parametrize("folder", ["gpu", "goals/avx512", "goals/avx512_zen4", "goals/avx2", "pooling"])
def test_the_committed_goals_are_goals(folder: str) -> None:
    found = goal_files.read_goals(ROOT / "results" / folder)
    assert len(found) >= 6
    assert all(goal.mean >= 0.85 for goal in found)
