"""The table of goals from documents of `harness compare --json`, and the step before `make gpu`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.cli import gpu
from harness.contract.status import CellStatus
from harness.report import goal_files, goals
from harness.results.records import Ceilings, Code, Comparison, ComparisonRow, Machine

_ROOT = Path(gpu.__file__).resolve().parents[2]
_HEAD = "backend,op,dtype,against,goal,floor,layers"
_SPEC, _LARGE = "n1c8h12w12_f8kh3kw3", "n32c64h112w112_f8kh3kw3"


def _row(shape: str, ratio: float | None, a: str = "ours", b: str = "theirs", **other: Any) -> ComparisonRow:
    given = {"op": "conv2d", "dtype": "float32", "spec": _SPEC, **other}
    return ComparisonRow(
        shape=shape, a=a, b=b, ratio=ratio, low=ratio, high=ratio, pairs=0 if ratio is None else 11, a_seconds=ratio,
        b_seconds=1.0, checked_points=64, status=CellStatus.OK, reason="", **given,
    )  # fmt: skip


def _write(folder: Path, name: str, rows: list[ComparisonRow], device: str = "card", threads: int = 1) -> None:
    machine = Machine(
        name="cpu-x", cpu="CPU X", cores=2, hardware_threads=2, caches={}, memory_gib=8.0, os="Linux", python="3.11.7",
        versions={}, code=Code(commit="ab" * 20),
    )  # fmt: skip
    ceilings = [Ceilings(threads=threads, allocator="steady", backend="ours", device=device)] if device else []
    document = Comparison(
        schema=1, machine=machine, threads=threads, allocator="steady", rows=rows, geomean=[], ceilings=ceilings
    )
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(document))


def _goals(folder: Path, *lines: str) -> None:
    (folder / "goals.csv").write_text("\n".join([_HEAD, *lines]) + "\n")


def test_without_documents_the_table_says_that_nothing_was_measured(tmp_path: Path) -> None:
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,0.6,")
    (tmp_path / "conformance.json").write_text("[]")
    text = goals.markdown(tmp_path)
    assert "| `ours` conv2d | theirs | 1 | not measured | 0.6 | not measured |" in text
    assert text.endswith("\n\nNot measured: no GPU was at hand.\n")


def test_what_was_unavailable_is_not_measured_either(tmp_path: Path) -> None:
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,0.6,")
    _write(tmp_path, "a", [_row("net:1", None)])
    assert "| 1 | not measured | 0.6 | not measured |" in goals.markdown(tmp_path)


def test_a_pair_counts_on_either_side_and_the_later_document_wins(tmp_path: Path) -> None:
    """Ratios are of times, a's over b's: 1/8 is 8 times as fast, 2 with the peer first is twice."""
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,0.6,", "ours,conv2d,float32,others,1,,")
    _write(tmp_path, "20260101-x", [_row("net:1", 100.0), _row("net:3", 0.125, b="another")])
    _write(tmp_path, "20260102-x", [_row("net:1", 0.125), _row("net:2", 0.5, a="theirs", b="ours")])
    text = goals.markdown(tmp_path)
    assert "| `ours` conv2d | theirs | 1 | 2.00 (2 layers) | 0.6 | 0.50 net:2; 1 of 2 below |" in text
    assert "| `ours` conv2d | others | 1 | not measured |  | not measured |" in text
    assert "card, commit abababab." in text


def test_a_share_of_the_copy_is_of_large_layers_of_memory_and_of_the_backend_itself(tmp_path: Path) -> None:
    _goals(tmp_path, "ours,im2col,float32,device copy,0.85,,beyond 128 MiB")
    large: dict[str, Any] = {"op": "im2col", "spec": _LARGE}
    shares = [
        _row("resnet50:1", 0.5, **large, a_share=0.81, a_bound="memory"),
        _row("resnet50:2", 0.5, a="theirs", b="ours", **large, b_share=0.9, b_bound="memory", a_share=0.1,
             a_bound="memory"),
        _row("resnet50:3", 0.5, op="im2col", a_share=0.2, a_bound="memory"),
        _row("resnet50:4", 0.5, **large, a_share=0.3, a_bound="compute"),
        _row("resnet50:5", 0.5, **large),
        _row("resnet50:6", 0.5, a="theirs", b="others", **large, b_share=0.2, b_bound="memory"),
        _row("vgg:6", 0.5, **large, a_share=0.1, a_bound="memory"),
    ]  # fmt: skip
    _write(tmp_path, "a", shares)
    text = goals.markdown(tmp_path)
    assert "| `ours` im2col, beyond 128 MiB | device copy | 0.85 | 0.85 (2 layers) |  | 0.81 resnet50:1 |" in text
    assert "Against device copy: share of the copy bandwidth" in text


def test_a_layer_beyond_2_31_elements_is_a_kind_of_its_own(tmp_path: Path) -> None:
    _goals(
        tmp_path, "ours,conv2d,float32,theirs,1,,ResNet-50", "ours,conv2d,float32,theirs,1,,beyond 2^31 elements"
    )  # fmt: skip
    huge = "n64c128h513w513_f64kh3kw3_sh2sw2"
    _write(tmp_path, "a", [_row("resnet50:1", 0.5), _row(huge, 0.1, spec=huge)])
    text = goals.markdown(tmp_path)
    assert "ResNet-50 | theirs | 1 | 2.00 (1 layer) |" in text
    assert "beyond 2^31 elements | theirs | 1 | 10.00 (1 layer) |" in text


def test_the_table_goes_between_the_marks_of_the_readme_named(tmp_path: Path) -> None:
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,0.6,")
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{goals.MARKS.begin}old\n{goals.MARKS.end}\nafter\n")
    goals.main(tmp_path, readme)
    assert readme.read_text() == f"before\n{goals.MARKS.begin}{goals.markdown(tmp_path)}{goals.MARKS.end}\nafter\n"
    readme.write_text("no marks")
    with pytest.raises(SystemExit, match="was left as it is: the text has no"):
        goals.main(tmp_path, readme)
    assert readme.read_text() == "no marks"


def test_each_number_of_threads_has_a_column_where_no_device_is_named(tmp_path: Path) -> None:
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,0.6,", "ours,im2col,float32,theirs,1,,")
    _write(tmp_path, "a", [_row("net:1", 0.5)], device="")
    _write(tmp_path, "b", [_row("net:1", 0.25)], device="", threads=2)
    text = goals.markdown(tmp_path)
    assert "| goal | 1 thread | 2 threads | no layer below | lowest, 1 thread |" in text
    assert "| 1 | 2.00 (1 layer) | 4.00 (1 layer) | 0.6 | 2.00 net:1; 0 of 1 below |" in text
    assert "im2col" not in text
    assert "CPU X, steady allocator, commit abababab." in text


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ('{"rows": [{"op": "conv2d"}]}', "missing required field"),
        ('{"rows": 7, "schema": "x"}', "Expected `array`, got `int`"),
        ("{", "malformed|truncated"),
    ],
)
def test_a_damaged_comparison_leaves_the_readme_and_is_named(tmp_path: Path, document: str, reason: str) -> None:
    _goals(tmp_path, "ours,conv2d,float32,theirs,1,0.6,")
    readme = tmp_path / "README.md"
    readme.write_text(text := f"{goals.MARKS.begin}old\n{goals.MARKS.end}")
    (tmp_path / "bad.json").write_text(document)
    with pytest.raises(SystemExit, match=rf"was left as it is: .*bad\.json.*({reason})"):
        goals.main(tmp_path, readme)
    assert readme.read_text() == text


def test_the_goals_of_the_gpu_name_only_kinds_that_are_known() -> None:
    assert goals.markdown(_ROOT / "results/gpu").count("\n| `cupy_") >= 10
    assert all(goal.layers in goal_files.KINDS for goal in goal_files.read_goals(_ROOT / "results/gpu"))


def test_a_machine_without_a_card_is_told_so_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        text = f"class BackendUnavailable(Exception):\n    pass\n\n\nraise BackendUnavailable('no card\\nfor {name}')\n"
        (tmp_path / f"{name}.py").write_text(text)
    files = [str(tmp_path / f"{name}.py") for name in ("first", "second")]
    done = subprocess.run(
        ["make", "gpu", f"GPU_PYTHON={sys.executable}", f"GPU_DIR={tmp_path / 'out'}", f"GPU_OURS={files[0]}",
         f"GPU_PEERS={files[1]}", f"GPU_README={tmp_path / 'README.md'}"],
        cwd=_ROOT, capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},  # `make test` may run this
    )  # fmt: skip
    assert done.returncode != 0
    assert "first: no card for first; second: no card for second" in done.stderr.splitlines()[0]
    assert all(line.startswith("make") for line in done.stderr.splitlines()[1:])
    assert not (tmp_path / "out").exists()
    assert gpu.main(files) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("harness: nothing was run")
    assert "first: no card for first; second: no card for second" in said
    assert gpu.reasons(["no_such"]) == {"no_such": "unknown backend 'no_such'"}
    assert gpu.main([*files, "numpy_fancy"]) == 0
    assert capsys.readouterr().err == ""
