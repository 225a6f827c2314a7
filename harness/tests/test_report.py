"""The report: which records count, what is compared with what, and what a reader finds on the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness import report
from harness.report import comparisons, costs, facts, figures, load, measures, words
from harness.results import Record, ResultsError
from harness.spec import ConvSpec

_MACHINE = "cpu-x_2c2t"
_SPECS = {"net:small": "n1c2h6w6_f4kh3kw3", "net:large": "n1c8h12w12_f8kh3kw3_pt1pb1pl1pr1"}
_FLAT = [1.0] * 11


def _run(
    results: Path, run: str, cells: list[Record], *, machine: str = _MACHINE, finished: bool = True, **ceilings: Any
) -> None:
    """Write one run file of the real schema."""
    names = list(dict.fromkeys(c["backend"] for c in cells))
    code = {"commit": "ab" * 20, "dirty": False, "changes": ""}
    plan = {
        "shapes": "quick", "layers": list(_SPECS), "specs": list(_SPECS.values()), "ops": ["im2col", "conv2d"],
        "dtypes": ["float32"], "backends": names, "threads": 1, "allocator": "steady", "budget": 2.0, "rounds": 11,
    }  # fmt: skip
    facts_ = {
        "name": machine, "cpu": "CPU X", "cores": 2, "hardware_threads": 2, "caches": {"L1d": "32K"}, "memory_gib": 8.0,
        "os": "Linux", "python": "3.11.7", "versions": {"numpy": "2.4.6"}, "code": code,
    }  # fmt: skip
    records: list[Record] = [{"kind": "run", "schema": 1, "run": run, "plan": plan, "machine": facts_, "code": code}]
    for name in names:
        lost = [c["reason"] for c in cells if c["backend"] == name and c["status"] == "unavailable"]
        records.append({
            "kind": "backend", "backend": name, "target": name, "available": not lost, "reason": "".join(lost[:1]),
            "info": {"device": "cpu"}, "native": ["im2col", "col2im"], "load_seconds": 0.1,
        })  # fmt: skip
    records.append({
        "kind": "ceilings", "threads": 1, "allocator": "steady", "copy_gbs": {"cache": 100.0, "dram": 20.0}, "blas": [],
        "copy_bytes": {"cache": 2**21, "dram": 2**28}, "matmul_gflops": {"float32": 100.0}, **ceilings,
    })  # fmt: skip
    for c in cells:
        group = f"{run}/{c['op']}/{c['dtype']}/{c['spec']}"
        records.append({**c, "run": run, "group": group, "machine": machine, "commit": "ab" * 20})
    records += [{"kind": "end", "run": run}] if finished else []
    folder = results / "runs" / machine
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))


def _cell(backend: str, samples: list[float] | None = None, layer: str = "net:small", **other: Any) -> Record:
    """A cell with times, or, without samples, one that lacks them for the `status` and `reason` given."""
    return {
        "kind": "cell", "backend": backend, "op": "conv2d", "dtype": "float32", "layer": layer,
        "spec": _SPECS[layer], "threads": 1, "allocator": "steady", "status": "ok", "reason": "",
        "predicted_seconds": None, "native": True, "checked_points": 64, "first_seconds": None,
        "first_in_process": False, "samples": samples or [], "repetitions": 1, **other,
    }  # fmt: skip


def _ratios(results: Path, base: str = "torch_native") -> Any:
    """The frame of the only configuration, by backend and layer."""
    data = load.load(results)
    (config,) = data.configs()
    return measures.with_ratios(data.select(config), data, base).set_index(["backend", "layer"])


def _table(results: Path, make: Any) -> str:
    """The Markdown of a table made from the only configuration."""
    data = load.load(results)
    (config,) = data.configs()
    cells = measures.with_ratios(data.select(config), data, load.baseline(data.select(config)))
    return str(make(cells, data, config).markdown())


def _times(cells: pd.DataFrame, data: load.Data, config: load.Config) -> Any:
    return comparisons.times(cells, "conv2d", load.baseline(cells), config)


# -- what counts ---------------------------------------------------------------------------------------------------


def test_ratios_pair_samples_of_the_same_round(tmp_path: Path) -> None:
    """The machine slows down half-way: medians apart would say 2x, rounds say 3x without any spread."""
    drift = [1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 9.0]
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", drift), _cell("mine", [3 * t for t in drift])])
    row = _ratios(tmp_path).loc[("mine", "net:small")]
    assert (row["ratio"], row["ratio_low"], row["ratio_high"], row["pairs"]) == (3, 3, 3, 7)


def test_ratio_of_few_pairs_spans_all_of_them(tmp_path: Path) -> None:
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", [1.0, 1, 1, 1]), _cell("mine", [2.0, 5, 3])])
    row = _ratios(tmp_path).loc[("mine", "net:small")]
    assert (row["ratio"], row["ratio_low"], row["ratio_high"], row["pairs"]) == (3, 2, 5, 3)


def test_ratio_interval_uses_sign_test_ranks(tmp_path: Path) -> None:
    mine = [float(i) for i in range(1, 12)]
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", _FLAT), _cell("mine", mine)])
    row = _ratios(tmp_path).loc[("mine", "net:small")]
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (6, 2, 10)


def test_different_measurements_never_pair(tmp_path: Path) -> None:
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", _FLAT)])
    _run(tmp_path, "20260102T000000-b", [_cell("mine", _FLAT)])
    assert _ratios(tmp_path).loc[("mine", "net:small"), "pairs"] == 0
    assert "no ratio: not measured together with the baseline" in _table(tmp_path, _times)
    page = report.write(tmp_path, tmp_path / "out").read_text()
    assert "no layer measured together" in page


def test_baseline_without_a_time_is_named_as_the_reason(tmp_path: Path) -> None:
    large: dict[str, Any] = {"layer": "net:large"}
    lame = [_cell("torch_native", **large, status="unsupported", reason="groups"), _cell("mine", _FLAT, **large)]
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", _FLAT), _cell("mine", _FLAT), *lame])
    assert "no ratio: the baseline has no time" in _table(tmp_path, _times)


def test_newest_record_wins_and_older_groups_still_pair(tmp_path: Path) -> None:
    """The baseline was measured again without `mine`: its time is the new one, the ratio is of the old group."""
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", _FLAT), _cell("mine", [2.0] * 11)])
    _run(tmp_path, "20260102T000000-b", [_cell("torch_native", [8.0] * 11)])
    found = _ratios(tmp_path)
    assert found.loc[("torch_native", "net:small"), "seconds"] == 8
    assert found.loc[("mine", "net:small"), "seconds"] == 2
    assert found.loc[("mine", "net:small"), "ratio"] == 2
    assert "2.0x slower, 2.00 [2.00, 2.00], both in run 20260101T000000-a" in _table(tmp_path, _times)


def test_newest_record_wins_even_without_a_time(tmp_path: Path) -> None:
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", _FLAT), _cell("mine", _FLAT)])
    _run(tmp_path, "20260102T000000-b", [_cell("torch_native", _FLAT), _cell("mine", status="fail", reason="is off")])
    assert _ratios(tmp_path).loc[("mine", "net:small"), "status"] == "fail"
    assert "fail: is off" in _table(tmp_path, _times)


def test_conditions_are_kept_apart(tmp_path: Path) -> None:
    """One more thread, another allocator and another dtype are three more sections, the newest first."""
    others: list[dict[str, Any]] = [{}, {"allocator": "default"}, {"dtype": "float64"}]
    _run(tmp_path, "20260101T000000-a", [_cell("mine", _FLAT, **other) for other in others])
    _run(tmp_path, "20260102T000000-b", [_cell("mine", _FLAT, threads=2)])
    data = load.load(tmp_path)
    configs = data.configs()
    assert [len(data.select(config)) for config in configs] == [1, 1, 1, 1]
    assert configs[0] == load.Config(2, "steady", "float32")
    page = report.write(tmp_path, tmp_path / "out").read_text()
    assert all(f"<h2>{config}</h2>" in page for config in configs)


def test_default_machine_is_the_one_measured_last(tmp_path: Path) -> None:
    _run(tmp_path, "20260102T000000-b", [_cell("mine", _FLAT)], machine="aaa")
    _run(tmp_path, "20260101T000000-a", [_cell("mine", _FLAT)], machine="zzz")
    assert load.load(tmp_path).machine["name"] == "aaa"
    assert load.load(tmp_path, "zzz").machine["name"] == "zzz"


@pytest.mark.parametrize(
    ("measured", "base"),
    [
        (["mine", "numpy_fancy", "torch_native"], "torch_native"),
        (["mine", "numpy_fancy"], "numpy_fancy"),
        (["mine"], "mine"),
    ],
)
def test_baseline_is_torch_else_numpy_else_the_first(tmp_path: Path, measured: list[str], base: str) -> None:
    cells = [_cell(name, _FLAT) for name in measured]
    _run(tmp_path, "20260101T000000-a", [*cells, _cell("torch_native_cuda", status="unavailable", reason="no CUDA")])
    assert load.baseline(load.load(tmp_path).cells) == base


# -- what is said --------------------------------------------------------------------------------------------------


def test_summary_counts_only_common_layers(tmp_path: Path) -> None:
    _run(tmp_path, "20260101T000000-a", [
        _cell("torch_native", _FLAT), _cell("mine", [0.25] * 11),
        _cell("torch_native", _FLAT, "net:large"), _cell("mine", layer="net:large", status="over_budget"),
    ])  # fmt: skip
    text = _table(tmp_path, lambda cells, data, config: comparisons.summary(cells, "torch_native", config))
    assert "4.0x faster, 1 of 2 layers: 1 faster, 0 same, 0 slower, worst: 4.0x faster on net:small" in text


def test_missing_cells_show_their_reasons(tmp_path: Path) -> None:
    reasons = {
        "slow": ("over_budget", "41 min a call is too long", "over budget: predicted 41 min a call"),
        "choosy": ("unsupported", "asymmetric padding", "unsupported: asymmetric padding"),
        "wrong": ("fail", "3 of 64 sampled elements differ", "fail: 3 of 64 sampled elements differ"),
        "dead": ("crashed", "signal 11", "crashed: signal 11"),
        "absent": ("unavailable", "No module named 'cupy'", "absent (No module named 'cupy')"),
    }  # fmt: skip
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", _FLAT)] + [
        _cell(name, status=status, reason=reason, predicted_seconds=2460.0 if status == "over_budget" else None)
        for name, (status, reason, _) in reasons.items()
    ])  # fmt: skip
    page = report.write(tmp_path, tmp_path / "out")
    text = (tmp_path / "out/tables/times-conv2d-float32-t1-steady.md").read_text()
    assert [shown for *_, shown in reasons.values() if shown not in text] == []
    frame = pd.read_csv(tmp_path / "out/tables/times-conv2d-float32-t1-steady.csv").set_index("backend")
    assert [reason for name, (_, reason, _) in reasons.items() if frame.loc[name, "reason"] != reason] == []
    assert '<td class="fail"' in page.read_text()
    assert "Wrong results or crashes while measuring (2)" in page.read_text()


def test_differences_inside_the_interval_are_the_same() -> None:
    assert words.judged(0.5, 0.4, 0.6) == "2.0x faster"
    assert words.judged(3.1, 2.9, 3.2) == "3.1x slower"
    assert words.judged(1.5, 0.9, 1.6) == "same"


def test_derived_ops_carry_a_dagger(tmp_path: Path) -> None:
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", _FLAT), _cell("mine", _FLAT, native=False)])
    assert "| layer | torch_native (baseline) | mine † |" in _table(tmp_path, _times)


def test_share_above_its_ceiling_is_flagged(tmp_path: Path) -> None:
    spec = ConvSpec.parse(_SPECS["net:large"])
    fast, slow = spec.flops("conv2d") / 150e9, spec.flops("conv2d") / 50e9
    _run(
        tmp_path,
        "20260101T000000-a",
        [_cell("torch_native", [fast] * 6, "net:large"), _cell("mine", [slow] * 6, "net:large")],
    )
    text = _table(tmp_path, costs.throughput)
    assert "150 % compute, above its ceiling" in text
    assert "50 % compute, 50.0 GFLOP/s" in text


def test_without_a_product_ceiling_nothing_is_said_to_bind(tmp_path: Path) -> None:
    _run(tmp_path, "20260101T000000-a", [_cell("mine", _FLAT)], matmul_gflops={"float64": 1.0})
    assert "of memory (no ceiling of the product)" in _table(tmp_path, costs.throughput)


def test_copy_ceiling_depends_on_the_size(tmp_path: Path) -> None:
    spec = ConvSpec.parse(_SPECS["net:large"])
    seconds = spec.min_bytes("im2col", "float32") / 10e9
    cells = [_cell("mine", [seconds] * 6, "net:large", op="im2col")]
    _run(tmp_path, "20260101T000000-a", cells)
    assert "10 % memory, no arithmetic, 10.0 GB/s (10 % of cache)" in _table(tmp_path, costs.throughput)
    _run(tmp_path, "20260102T000000-b", cells, copy_bytes={"cache": 1024, "dram": 2**28})
    assert "50 % memory, no arithmetic, 10.0 GB/s (50 % of dram)" in _table(tmp_path, costs.throughput)


def test_claims_are_tested_on_paired_ratios_only(tmp_path: Path) -> None:
    cells = [_cell("naive_loops", [300.0] * 6), _cell("numpy_fancy", [1.0] * 6)]
    _run(tmp_path, "20260101T000000-a", cells)
    text = _table(tmp_path, comparisons.claims)
    assert "holds: 200x reached on 1 of 1" in text
    assert "numpy_fancy and torch_native were not measured together | not tested" in text
    _run(tmp_path, "20260102T000000-b", [_cell("numpy_fancy", [1.0] * 6)])
    assert "200x reached" not in _table(tmp_path, comparisons.claims)


def test_first_call_pays_off_after_some_calls(tmp_path: Path) -> None:
    """1 s of set-up more, 1/8 s a call less: eight calls."""
    first: dict[str, Any] = {"first_in_process": True}
    _run(tmp_path, "20260101T000000-a", [
        _cell("torch_native", [0.25] * 6, first_seconds=0.25, **first),
        _cell("mine", [0.125] * 6, first_seconds=1.25, **first),
        _cell("slow", [0.5] * 6, first_seconds=0.5, **first),
    ])  # fmt: skip
    text = _table(tmp_path, lambda cells, data, config: costs.first_calls(cells, data, "torch_native", config))
    assert "1.25 s, then 125 ms a call on net:small, breaks even after 8 calls" in text
    assert "never breaks even" in text


def test_unfinished_run_says_so(tmp_path: Path) -> None:
    cells = [_cell("torch_native", _FLAT), _cell("mine", status="unsupported", reason="groups")]
    _run(tmp_path, "20260101T000000-a", cells, finished=False)
    text = facts.completeness(load.load(tmp_path).runs[-1])
    assert "UNFINISHED" in text
    assert "1 of 8 planned cells measured; without a time: 1 unsupported; 6 not reached" in text


def test_conformance_verdicts(tmp_path: Path) -> None:
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", _FLAT), _cell("mine", _FLAT), _cell("new", _FLAT)])
    assert "not checked (there is no conformance.json" in facts.correctness(load.load(tmp_path))
    verdicts = [{"backend": "torch_native", "verdict": "pass"}, {"backend": "mine", "verdict": "fail"}]
    (tmp_path / "conformance.json").write_text(json.dumps([{**v, "planned": 9, "executed": 9} for v in verdicts]))
    data = load.load(tmp_path)
    assert facts.correctness(data) == "Correctness: 1 of 3 backends pass (torch_native); fail: mine; not checked: new."
    assert not facts.is_right(data)
    (tmp_path / "conformance.json").write_text(json.dumps([{**v, "verdict": "pass"} for v in verdicts]))
    assert facts.is_right(load.load(tmp_path))
    _run(tmp_path, "20260102T000000-b", [_cell("mine", status="fail", reason="is off")])
    assert not facts.is_right(load.load(tmp_path))
    (tmp_path / "conformance.json").write_text('{"no": "list"}')
    with pytest.raises(ResultsError, match=r"conformance\.json"):
        load.load(tmp_path)


def test_memory_of_columns() -> None:
    frame = measures.columns_memory(pd.DataFrame({"layer": ["a"], "spec": ["n1c2h6w6_f4kh3kw3"]}), "float32")
    assert frame.loc[0, "x_w_y_bytes"] == 4 * (2 * 36 + 4 * 2 * 9 + 4 * 16)
    assert frame.loc[0, "columns_bytes"] == 4 * 18 * 16


# -- the files -----------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Collects attributes, table rows by number of cells, and the text of script elements."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[str] = []
        self.data = ""
        self._in_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found[key] or "" for key in ("src", "href") if key in found]
        self.images += [found["src"] or ""] if tag == "img" else []
        self._in_data = tag == "script" and found.get("type") == "application/json"

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False

    def handle_data(self, data: str) -> None:
        self.data += data if self._in_data else ""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on three backends with a cell missing, one of whose reasons tries to break the page."""
    home = tmp_path_factory.mktemp("report")
    evil = "</script><b>& | NaN"
    _run(home, "20260101T000000-a", [
        _cell(name, [t * (1 + i / 50) for i in range(11)], layer, op=op, first_seconds=1.0,
              first_in_process=layer == "net:small")
        for layer in _SPECS for op in ("im2col", "conv2d")
        for name, t in (("torch_native", 2e-5), ("numpy_fancy", 9e-5))
    ] + [_cell("mine", status="fail", reason=evil)])  # fmt: skip
    report.write(home, home / "out")
    return home / "out"


def test_page_needs_no_network_and_embeds_every_figure(written: Path) -> None:
    page = _Page()
    page.feed((written / "index.html").read_text())
    assert [
        link for link in page.links if re.match(r"\w+:|//", link) and not link.startswith("data:image/png;base64,")
    ] == []
    saved = list((written / "figures").glob("*.png"))
    assert len(page.images) == len(saved) == 3  # two ops and the roofline
    assert all(image.startswith("data:image/png;base64,") for image in page.images)
    assert all((written / link).is_file() for link in page.links if not link.startswith(("#", "data:")))


def test_inline_records_are_strict_json(written: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    page = _Page()
    page.feed((written / "index.html").read_text())
    records = json.loads(page.data, parse_constant=refuse)["records"]
    assert len(records) == 9
    (missing,) = [r for r in records if r["status"] != "ok"]
    assert missing["seconds"] is None
    assert missing["reason"] == "</script><b>& | NaN"
    assert "<b>& |" not in (written / "index.html").read_text()


def test_every_table_has_csv_and_markdown(written: Path) -> None:
    ids = set(re.findall(r'<table id="([^"]+)"', (written / "index.html").read_text()))
    assert len(ids) == 11
    for name in ids:
        assert len(pd.read_csv(written / "tables" / f"{name}.csv").columns) > 1
        lines = (written / "tables" / f"{name}.md").read_text().splitlines()
        pipes = {re.sub(r"\\\|", "", line).count("|") for line in lines if line.startswith("|")}
        assert len(pipes) == 1, name


def test_many_layers_make_several_small_figures() -> None:
    """70 layers and 12 backends, every third cell missing."""
    rows = [
        {"spec": f"n1c{i}h9w9_f4kh3kw3", "layer": f"a_network_with_a_name:layer_{i}", "backend": f"backend_{b}",
         "status": "ok", "n": 9, "native": True, "pairs": 0 if (i + b) % 3 == 0 else 9, "ratio": 1.01**i * 1.3**b,
         "ratio_low": 1.009**i, "ratio_high": 1.02**i * 1.4**b, "reason": ""}
        for i in range(1, 71) for b in range(12)
    ]  # fmt: skip
    pictures = figures.ratios(pd.DataFrame(rows), "backend_0", "conv2d\nmachine", "name")
    assert [picture.name for picture in pictures] == ["name-1", "name-2", "name-3"]
    assert all(picture.png.startswith(b"\x89PNG") and len(picture.png) < 200_000 for picture in pictures)


def test_colours_do_not_depend_on_what_was_measured() -> None:
    assert (
        figures.looks(["torch_native"])["torch_native"] == figures.looks(["zzz", "torch_native", "aaa"])["torch_native"]
    )
    known = figures.looks([])
    assert len(set(known.values())) == len(known)


def test_older_files_of_the_report_go_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _run(tmp_path, "20260101T000000-a", [_cell("torch_native", _FLAT), _cell("mine", _FLAT)])
    report.write(tmp_path, out)
    (out / "tables" / "own.csv").write_text("kept")
    (tmp_path / "runs" / _MACHINE / "20260101T000000-a.jsonl").unlink()
    _run(tmp_path, "20260102T000000-b", [_cell("torch_native", _FLAT, threads=2)])
    report.write(tmp_path, out)
    assert (out / "tables" / "own.csv").read_text() == "kept"
    assert not list(out.glob("*/*-t1-*"))


# -- errors --------------------------------------------------------------------------------------------------------


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"no measured results in .*harness bench"):
        report.write(tmp_path, tmp_path / "out")
    _run(tmp_path, "20260101T000000-a", [_cell("mine", status="unavailable", reason="gone")])
    with pytest.raises(ResultsError, match="no measured results"):
        report.write(tmp_path, tmp_path / "out")


def test_unknown_machine_names_the_known_ones(tmp_path: Path) -> None:
    _run(tmp_path, "20260101T000000-a", [_cell("mine", _FLAT)])
    with pytest.raises(ResultsError, match=rf"'other'.*known: {_MACHINE}"):
        report.write(tmp_path, tmp_path / "out", "other")


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    _run(tmp_path, "20260101T000000-a", [_cell("mine", _FLAT)])
    (tmp_path / "file").write_text("")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures").write_text("")
    with pytest.raises(ResultsError, match="cannot be written"):
        report.write(tmp_path, tmp_path / "out")
    with pytest.raises(ResultsError, match="cannot be written"):
        report.write(tmp_path, tmp_path / "file")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, harness.report; print([m for m in ('pandas', 'matplotlib', 'jinja2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
