"""A report and a conformance page with much on them: long names, texts of plug-ins that are no texts, every status."""

from __future__ import annotations

from pathlib import Path

from conformance.reports.page import render
from harness import report
from harness.results.records import BackendFacts
from harness.tests.helpers.runfiles import make_cell, make_facts, make_header, write_run
from harness.tests.helpers.suite import samples

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)> & \x00"
LAYERS = {
    "resnet50:res2a_2b": "n1c64h56w56_f64kh3kw3_pt1pb1pl1pr1",
    "resnet50:res2a_2c": "n1c64h56w56_f256kh1kw1",
    "resnet50:res3a_2b": "n1c128h28w28_f128kh3kw3_pt1pb1pl1pr1",
    "resnet50:res5b_2b": "n1c512h7w7_f512kh3kw3_pt1pb1pl1pr1",
    "resnet50:conv1": "n1c3h224w224_f64kh7kw7_sh2sw2_pt3pb3pl3pr3",
    "vgg16:conv1_2": "n1c64h224w224_f64kh3kw3_pt1pb1pl1pr1",
    "mobilenet_v1:dw2": "n1c32h112w112_f32kh3kw3_pt1pb1pl1pr1_g32",
    "mobilenet_v1:pw2": "n1c32h112w112_f64kh1kw1",
    "deepbench_train:1x161x700_32_5x20_s2_n4": "n4c1h161w700_f32kh5kw20_sh2sw2",
    "inception_v3:mixed_4_tower_conv_1": "n1c128h17w17_f128kh1kw7_pt0pb0pl3pr3",
}
THIRD = "a_third_party_with_a_long_name"
SPEEDS = {"naive_loops": 300.0, "numpy_fancy": 5.0, "numba_tiled": 0.6, "torch_native": 1.0, THIRD: 0.8}
OPS = ("im2col", "conv2d", "conv2d_input_grad")


def seconds(place: int, name: str) -> list[float]:
    """Eleven times that scatter a little, always the same."""
    return [1e-4 * (1 + place % 7) * SPEEDS[name] * (1 + ((place * 31 + i * 17) % 23) / 200) for i in range(11)]


def write_report(home: Path) -> Path:
    """Two runs, of one thread and of two, the second of one network. Returns the page."""
    for threads in (1, 2):
        cells = []
        for place, (op, layer, name) in enumerate((o, la, n) for o in OPS for la in LAYERS for n in SPEEDS):
            if threads == 2 and not layer.startswith("resnet50"):
                continue
            slow = name == "naive_loops" and place % 2
            cells.append(make_cell(
                name, [] if slow else [t / threads**0.5 for t in seconds(place, name)], layer, op=op, threads=threads,
                spec=LAYERS[layer], status="over_budget" if slow else "ok", reason="predicted 9 s" if slow else "",
                first_seconds=None if slow else 0.02 * (1 + place % 5) / SPEEDS[name] ** 0.5,
                first_in_process=layer == "resnet50:res2a_2b", native=name != "numpy_fancy",
            ))  # fmt: skip
        cells += [make_cell("liar", seconds(1, "torch_native"), la, spec=LAYERS[la], threads=threads) for la in LAYERS]
        cells += [make_cell("sick", layer=EVIL, spec="n1c1h5w5_f1kh3kw3", status="fail", reason=EVIL, threads=threads)]
        facts: list[BackendFacts] = [make_facts("cupy_kernels", available=False, reason="CuPy finds no CUDA device")]
        names = [*SPEEDS, "liar", "sick", "cupy_kernels"]
        run = f"2026010{threads}T000000-a"
        header = make_header(run, backends=names, threads=threads, layers=list(LAYERS), specs=list(LAYERS.values()))
        write_run(home, run, cells, header=header, more=facts)
    verdicts = [*((name, "pass") for name in SPEEDS), ("liar", "fail")]
    text = ", ".join(f'{{"backend": "{name}", "verdict": "{verdict}"}}' for name, verdict in verdicts)
    (home / "conformance.json").write_text(f"[{text}]")
    return report.write_report(home, home / "out")


def write_conformance(home: Path) -> Path:
    """Four backends, in which every status and verdict occurs. Returns the page."""
    page = home / "conformance.html"
    page.write_text(render(samples.all_four()), encoding="utf-8")
    return page
