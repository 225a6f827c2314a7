"""What `harness compare` shows and writes: a line and a row for each layer and other backend, means, limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.contract.status import CellStatus
from harness.results.records import Ceilings
from harness.tests.helpers.plugins import Write
from harness.tests.helpers.program import call, stored
from harness.tests.helpers.records import a_cell, some_facts
from harness.tests.helpers.timing.fake_comparison import FakeComparison, cells_of, table_lines

_UNEQUAL = [
    *cells_of("net:1", "im2col", "float32", a=[1.0, 3.0, 2.0], b=[4.0, 4.0, 4.0], c=[1.0, 0.25, 8.0]),
    *cells_of("net:2", "im2col", "float32", a=[1.0, 1.0, 1.0], b=[1.0, 2.0, 8.0], c=[0.5, 2.0, 0.25]),
    *cells_of("net:1", "conv2d", "float64", a=[6.0, 6.0], b=[2.0, 3.0]),
    a_cell("c", status=CellStatus.HUNG, reason="no answer within 9 s", layer="net:1", spec="n1c2h6w6_f4kh3kw3",
           op="conv2d", dtype="float64", group="net:1/conv2d/float64"),
]  # fmt: skip


@pytest.fixture
def three(measured: FakeComparison, write: Write) -> list[str]:
    """The words that name a, b and c, between which there are unequal ratios; c hangs in one case."""
    measured.cells = _UNEQUAL
    return [f"{name}=numpy_fancy" for name in "abc"]


def test_the_tables_say_how_a_stands_to_each_other(
    three: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it is not clear which is faster, it says so below; cells are those of every process."""
    assert call(monkeypatch, "compare", *three) == 1
    lines = table_lines(capsys.readouterr().out)
    assert lines[:8] == [
        ["a, 1 thread, steady allocator"],
        ["layer", "op", "dtype", "against", "a is", "time ratio [95 %]", "pairs"],
        ["net:1", "im2col", "float32", "b", "1.6x faster", "0.612 [0.553, 0.678]", "24"],
        ["net:1", "im2col", "float32", "c", "unclear", "1.732 [0.658, 4.559]", "24"],
        ["net:2", "im2col", "float32", "b", "4.0x faster", "0.250 [0.177, 0.354]", "24"],
        ["net:2", "im2col", "float32", "c", "unclear", "1.414 [0.841, 2.378]", "24"],
        ["net:1", "conv2d", "float64", "b", "2.0x slower", "2.000 [2.000, 2.000]", "12"],
        ["net:1", "conv2d", "float64", "c", "hung: c: no answer within 9 s", "0"],
    ]
    assert lines[-7:] == [
        [],
        ["geometric means"],
        ["op", "dtype", "against", "a is", "layers"],
        ["im2col", "float32", "b", "2.6x faster", "2"],
        ["im2col", "float32", "c", "1.6x slower", "2"],
        ["conv2d", "float64", "b", "2.0x slower", "1"],
        ["conv2d", "float64", "c", "not measured", "0"],
    ]


def test_why_there_is_no_ratio_stands_where_it_would_be_in_words(
    three: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "compare", *three)
    _, header, *lines = capsys.readouterr().out.splitlines()
    (lost,) = [line for line in lines if "hung" in line]
    assert lost.index("hung: c: no answer") == header.index("a is")


def test_the_document_has_a_row_for_each_line(
    three: list[str], measured: FakeComparison, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "compare", *three, "--json", "out.json") == 1
    document = stored(Path("out.json"))
    assert set(document) == {
        "schema", "machine", "threads", "allocator", "ceilings", "rows", "geomean", "partial", "missing", "noise_floor",
        "against_itself",
    }  # fmt: skip
    assert (document["schema"], document["threads"], document["allocator"]) == (1, 1, "steady")
    assert (document["machine"]["name"], document["machine"]["code"]["commit"]) == ("some-cpu_4c8t", "0123456789abcdef")
    assert (document["ceilings"], document["partial"], document["missing"]) == ([], False, [])
    no_limits = dict(a_share=None, a_bound=None, b_share=None, b_bound=None)
    first, *_, unequal, lost = document["rows"]
    assert first == dict(
        op="im2col", dtype="float32", shape="net:1", spec="n1c2h6w6_f4kh3kw3", a="a", b="b",
        ratio=pytest.approx(0.375**0.5), low=pytest.approx(0.553, abs=1e-3), high=pytest.approx(0.678, abs=1e-3),
        pairs=24, a_seconds=2.0,
        b_seconds=4.0, checked_points=8, status="ok", reason="", verdict="faster", processes=12, **no_limits,
    )  # fmt: skip
    assert unequal == dict(
        op="conv2d", dtype="float64", shape="net:1", spec="n1c2h6w6_f4kh3kw3", a="a", b="b",
        ratio=pytest.approx(2.0), low=pytest.approx(2.0), high=pytest.approx(2.0), pairs=12, a_seconds=6.0,
        b_seconds=2.5, checked_points=8, status="ok", reason="", verdict="slower", processes=12, **no_limits,
    )  # fmt: skip
    assert lost == dict(
        op="conv2d", dtype="float64", shape="net:1", spec="n1c2h6w6_f4kh3kw3", a="a", b="c", ratio=None, low=None,
        high=None, pairs=0, a_seconds=6.0, b_seconds=None, checked_points=8, status="hung",
        reason="c: no answer within 9 s", verdict="no_data", processes=0, **no_limits,
    )  # fmt: skip
    assert [(row["shape"], row["b"], row["verdict"]) for row in document["rows"][1:4]] == [
        ("net:1", "c", "unclear"), ("net:2", "b", "faster"), ("net:2", "c", "unclear")
    ]  # fmt: skip
    assert document["rows"][3]["reason"].startswith("24 pairs in 12 processes, and the interval is still ±68 %: ")
    assert document["geomean"] == [
        dict(op="im2col", dtype="float32", a="a", b="b", ratio=pytest.approx(0.375**0.25 / 2), layers=2),
        dict(op="im2col", dtype="float32", a="a", b="c", ratio=pytest.approx(6**0.25), layers=2),
        dict(op="conv2d", dtype="float64", a="a", b="b", ratio=pytest.approx(2.0), layers=1),
        dict(op="conv2d", dtype="float64", a="a", b="c", ratio=None, layers=0),
    ]
    assert (document["noise_floor"], document["against_itself"]) == (0.01, [])
    assert "geometric means" in capsys.readouterr().out


def test_a_document_on_stdout_is_alone_there(
    three: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(monkeypatch, "compare", *three, "--json", "-") == 1
    said = capsys.readouterr()
    Path("out.json").write_text(said.out)
    assert len(stored(Path("out.json"))["rows"]) == 6
    assert "geometric means" in said.err


def limits(backend: str) -> Ceilings:
    """Of a device that does next to nothing, so that its shares are round: see the numbers in the test below."""
    return Ceilings(
        backend=backend, device="card", threads=1, allocator="steady", copy_gbs={"cache": 1.152e-5, "dram": 9.0},
        copy_bytes={"cache": 2**20, "dram": 2**28}, matmul_gflops={"float32": 9.216e-6, "tf32": 9.216e-5},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("op", "dtype", "numerics", "share"),
    [
        ("im2col", "float32", "gemm", "25% of memory"),  # 1,440 bytes in 0.5 s: 2.88e-6 GB/s
        ("conv2d", "float32", "gemm", "50% of compute"),  # 2,304 operations in 0.5 s: 4.608e-6 GFLOP/s
        ("conv2d", "float32", "tf32", "15% of memory"),  # 848 bytes: 1.696e-6 GB/s
        ("conv2d", "float64", "gemm", "29% of memory (no ceiling of the product)"),  # 1,696 bytes
    ],
)
@pytest.mark.parametrize(("side", "header"), [("a", "a's limit"), ("b", "peer's limit")])
def test_who_measures_its_device_is_held_against_it(
    measured: FakeComparison, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], op: str, dtype: str,
    numerics: str, share: str, side: str, header: str,
) -> None:  # fmt: skip
    """In a column that is there only if somebody does; in the document as a number."""
    other = "b" if side == "a" else "a"
    measured.cells = cells_of("net:1", op, dtype, **{side: [0.25, 0.75, 0.5], other: [4.0, 8.0, 2.0]})
    measured.described = [some_facts(side, numerics=numerics), some_facts(other, numerics="direct"), limits(side)]
    assert call(monkeypatch, "compare", "a=numpy_fancy", "b=numpy_fancy", "--json", "out.json") == 0
    lines = table_lines(capsys.readouterr().out)
    assert lines[1][-2:] == ["pairs", header]
    assert lines[2][-2:] == ["6", share]
    document = stored(Path("out.json"))
    (row,) = document["rows"]
    assert f"{row[f'{side}_share']:.0%}" == share.split(maxsplit=1)[0]
    assert (row[f"{other}_share"], row[f"{other}_bound"]) == (None, None)
    assert [(c["backend"], c["device"]) for c in document["ceilings"]] == [(side, "card")]
