"""Every way of a product, timed on the layers of known networks: is the one that a count of cycles chooses the best?

    python docs/measure_ways.py results/ways     (`make ways`; 5 minutes, alone on the machine)

The ways of a layer are called in turn, so that what slows the machine slows all of them; the lower quintile of each
counts. `product/cost.py` is fitted to these files, and a test holds its choice to them: within a tenth of the best on
nine layers of ten.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from backends.numba_tiled.launch.records import packed
from backends.numba_tiled.launch.threads import launch
from backends.numba_tiled.launch.workspace import fresh, scratch, zeros
from backends.numba_tiled.ops import conv2d, input_grad
from backends.numba_tiled.ops.input_grad_kernel import input_grad as backward
from backends.numba_tiled.product.cost import WAYS
from backends.numba_tiled.product.divide import way_of
from backends.numba_tiled.product.scratch_layout import segments
from backends.numba_tiled.simd.caches import L1_BYTES, L2_BYTES
from backends.numba_tiled.simd.registers import BYTES, REGISTERS
from harness import ConvSpec
from harness.geometry.layers import read_layers, set_names
from harness.results import machine

PRODUCTS = ("conv2d", "conv2d_input_grad")
_MOST = 2 << 30  # multiply-adds of a layer
_SECONDS = 1.0  # for the rounds of a layer, and between 7 and 60 rounds
_Call = Callable[[], None]


def chosen(op: str, spec: ConvSpec) -> str:
    """The way that a call of float32 goes; empty where it is none of them: depthwise, or by columns."""
    if spec.in_channels == spec.groups or (op != "conv2d" and input_grad.goes_by_columns(spec)):
        return ""
    return way_of((conv2d if op == "conv2d" else input_grad).plan(spec, 4, 1)[0].work)


def _forward(spec: ConvSpec, way: str) -> tuple[str, _Call]:
    """The way that conv2d goes if it is to go this one, and a call of it."""
    x, w = (np.random.default_rng(0).standard_normal(shape, np.float32) for shape in (spec.x_shape, spec.w_shape))
    plan, runs = conv2d.plan(spec, 4, 1, way)
    given, order = packed(plan), packed(runs) if runs else None

    def call() -> None:
        memory = scratch("memory", plan.room.size, x.dtype)
        start, y = zeros(1, x.dtype), fresh(spec.y_shape, x.dtype)
        launch(conv2d.forward, x, w, start, y, 1, given, memory, segments(1), order)

    return way_of(plan.work), call


def _backward(spec: ConvSpec, way: str) -> tuple[str, _Call]:
    """The same of the input gradient."""
    dy, w = (np.random.default_rng(0).standard_normal(shape, np.float32) for shape in (spec.y_shape, spec.w_shape))
    plan, runs, parts, row = input_grad.plan(spec, 4, 1, way)
    given, order = packed(plan), packed(runs) if runs else None

    def call() -> None:
        sizes = {"parts": parts, "rows": row, "memory": plan.room.size}
        arrays = (*(scratch(name, size, dy.dtype) for name, size in sizes.items()), segments(1))
        launch(backward, dy, w, fresh(spec.x_shape, dy.dtype), 1, given, arrays, order)

    return way_of(plan.work), call


def measured(op: str, spec: ConvSpec) -> dict[str, float]:
    """Seconds of each way that the product can go; asked for another, it goes one that it can."""
    asked = {way: (_forward if op == "conv2d" else _backward)(spec, way) for way in WAYS}
    calls = {way: call for way, (gone, call) in asked.items() if gone == way}
    for call in calls.values():
        call()  # compiles
    start = time.perf_counter()
    for call in calls.values():
        call()
    once = max((time.perf_counter() - start) / len(calls), 1e-7)
    repeat = max(1, int(1e-3 / once))
    rounds = min(max(int(_SECONDS / (once * repeat * len(calls))), 7), 60)
    found: dict[str, list[float]] = {way: [] for way in calls}
    for _ in range(rounds):
        for way, call in calls.items():
            start = time.perf_counter()
            for _ in range(repeat):
                call()
            found[way].append((time.perf_counter() - start) / repeat)
    return {way: float(np.quantile(seconds, 0.2)) for way, seconds in found.items()}


def layers() -> dict[str, ConvSpec]:
    """Different layers of the core set and of the networks, by name."""
    found: dict[ConvSpec, str] = {}
    for name in set_names():
        for layer in read_layers(name) if name not in ("pools", "transposed") else []:
            if layer.spec.macs <= _MOST:
                found.setdefault(layer.spec, layer.name)
    return {name: spec for spec, name in found.items()}


def _told(rows: list[dict[str, Any]]) -> str:
    """How good the choice was."""
    lost = np.array([row["seconds"][row["chosen"]] / min(row["seconds"].values()) for row in rows])
    share, mean = np.mean(lost <= 1.1), np.exp(np.log(lost).mean())
    return f"{share:.0%} of {len(rows)} within a tenth of the best way, whose time they take {mean:.3f} times"


def main(folder: Path) -> None:
    """Measure, show and write to a file with the machine's name."""
    numba.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for op in PRODUCTS:
        for name, spec in layers().items():
            way = chosen(op, spec)
            if not way:
                continue
            seconds = measured(op, spec)
            if len(seconds) == 1:  # regions are packed, whatever is asked for
                continue
            rows.append({"op": op, "layer": name, "spec": str(spec), "chosen": way, "seconds": seconds})
            shown = "  ".join(f"{w} {s * 1e3:.3f}" for w, s in seconds.items())
            print(f"{op} {name}: {way}; ms: {shown}", flush=True)
        print(f"{op}: {_told([row for row in rows if row['op'] == op])}")
    facts = machine.facts()
    written = {
        "machine": facts.name, "cpu": facts.cpu, "commit": facts.code.commit, "registers": REGISTERS,
        "l1": L1_BYTES, "l2": L2_BYTES, "rows": rows,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{facts.name}_{8 * BYTES}bit.json"
    path.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
