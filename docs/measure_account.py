"""Where the time of conv2d goes: each part of its kernels is left out in turn, in a copy of the backend.

    python docs/measure_account.py results/account README     (`make account`; 3 minutes, alone on the machine)

A copy without a part gives wrong results, and takes as much less time as the part costs: no clock runs inside a kernel.
Of a convolution,

    planes    the image laid out as padded planes
    packing   pixels or weights packed into panels
    sums      sums moved from scratch memory to y, or transposed to it
    tiles     the multiply-adds

What is left of the time without any of them is calls, plans and loops, and the dot products of the few pixels beyond
whole vectors, which wait for the weights. The copies are called in turn, and arrays change
from call to call as they do for `harness bench`; the median of paired ratios counts. The table of a machine is written
into README between marks of its name.
"""

from __future__ import annotations

import ast
import importlib
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numba
import numpy as np

import backends.numba_tiled
from backends.numba_tiled.depthwise import convolve as depthwise
from backends.numba_tiled.ops.conv2d import plan
from backends.numba_tiled.product.divide import way_of
from backends.numba_tiled.simd.registers import BYTES
from harness import ConvSpec
from harness.geometry.layers import read_layers, set_names
from harness.report.readme import Marks
from harness.results import machine

PARTS = {
    "planes": {"layout/fill.py": ("fill_planes",)},
    "packing": {"product/pixels.py": ("pack_panel",), "product/transposed.py": ("_pack_weights",)},
    "sums": {"product/pixels.py": ("store_tile",), "layout/transpose.py": ("transpose",)},
    "tiles": {"product/register_tile.py": ("multiply_tile",)},
}
_ALL = "all"  # without any of the parts
_ROTATED = 48 << 20  # bytes of arrays, so that most come from memory
_SECONDS = 1.2  # for the rounds of a layer, of which there are 9 to 60
_FEW, _SMALL = 4, 16  # channels of a first layer; rows and columns of the results of a small one
_Call = Callable[[int], None]


def emptied(source: str, names: Sequence[str]) -> str:
    """A module in which functions do nothing. Raises `ValueError` for a name that it does not define."""
    tree = ast.parse(source)
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name in names:
        if name not in found:
            raise ValueError(f"there is no function {name} to leave out")
        found[name].body = [ast.Pass()]
    return ast.unparse(tree)


def copied(folder: Path, part: str) -> Any:
    """The module of conv2d, of a copy of the backend without a part."""
    name = f"numba_tiled_without_{part}"
    own = folder / name
    shutil.copytree(Path(backends.numba_tiled.__file__).parent, own, ignore=shutil.ignore_patterns("__pycache__"))
    for path in own.rglob("*.py"):
        text = path.read_text(encoding="utf-8").replace("backends.numba_tiled", name)
        path.write_text(text.replace("from backends import numba_tiled", f"import {name} as numba_tiled"))
    for left_out in PARTS.values() if part == _ALL else [PARTS[part]]:
        for place, names in left_out.items():
            text = (own / place).read_text(encoding="utf-8")
            (own / place).write_text(emptied(text, names), encoding="utf-8")
    return importlib.import_module(f"{name}.ops.conv2d")


def measured(modules: dict[str, Any], spec: ConvSpec) -> dict[str, float]:
    """Seconds of a whole call, and which share of it each part takes."""
    shapes = spec.input_shapes("conv2d")
    sets = min(max(_ROTATED // sum(4 * math.prod(shape) for shape in shapes), 2), 100)
    rng = np.random.default_rng(0)
    arrays = [[rng.standard_normal(shape, np.float32) for shape in shapes] for _ in range(sets)]

    def call(name: str, i: int) -> None:
        x, w, b = (*arrays[i % sets], None)[:3]
        modules[name].conv2d(x, w, b, spec)

    for name in modules:
        call(name, 0)  # compiles
    begun = time.perf_counter()
    call("", 1)
    once = time.perf_counter() - begun
    repeat = max(1, int(1e-3 / once))
    rounds = min(max(int(_SECONDS / (once * repeat * len(modules))), 9), 60)
    found: dict[str, list[float]] = {name: [] for name in modules}
    i = 0
    for _ in range(rounds):
        for name in modules:
            begun = time.perf_counter()
            for _ in range(repeat):
                call(name, i := i + 1)
            found[name].append((time.perf_counter() - begun) / repeat)
    whole = found.pop("")
    lost = {name: median(1 - s / t for s, t in zip(seconds, whole, strict=True)) for name, seconds in found.items()}
    return {"seconds": median(whole), **lost}


def layers() -> dict[str, ConvSpec]:
    """Different layers of the core set and of the networks, by name: those that are products."""
    found: dict[ConvSpec, str] = {}
    for name in set_names():
        for layer in read_layers(name) if name not in ("pools", "transposed") else []:
            if not depthwise.takes(layer.spec):
                found.setdefault(layer.spec, layer.name)
    return {name: spec for spec, name in found.items()}


def kind_of(spec: ConvSpec) -> str:
    """What layers are told apart by in the table."""
    if spec.in_channels // spec.groups <= _FEW:
        return f"first layers, up to {_FEW} channels"
    kernel = "1x1" if spec.taps == 1 else "3x3 and larger"
    if max(spec.output_size) > _SMALL:
        return f"{kernel}, larger images"
    return f"{kernel}, up to {_SMALL}x{_SMALL} pixels" + ", batches" * (spec.batch > 1)


def markdown(document: dict[str, Any]) -> str:
    """A line for each kind of layer: the median of its layers."""
    heads = ["layers", "number", "10^9 multiply-adds a second", *PARTS, "what is left"]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    kinds = sorted({row["kind"] for row in document["rows"]}, key=lambda kind: (not kind.startswith("first"), kind))
    for kind in kinds:
        rows = [row for row in document["rows"] if row["kind"] == kind]
        rate = median(row["macs"] / row["seconds"] for row in rows) / 1e9
        shares = [median(row[part] for row in rows) for part in PARTS]
        rest = 1 - median(row[_ALL] for row in rows)
        cells = [kind, str(len(rows)), f"{rate:.0f}", *(f"{max(share, 0):.0%}" for share in [*shares, rest])]
        lines.append("| " + " | ".join(cells) + " |")
    told = f"{document['cpu']}, vectors of {document['bits']} bits, one thread, commit {document['commit'][:8]}."
    return "\n".join([*lines, "", told]) + "\n"


def marks(machine_and_bits: str) -> Marks:
    """Where the table of a machine goes."""
    return Marks(f"<!-- account {machine_and_bits} -->\n", f"<!-- /account {machine_and_bits} -->")


def main(folder: Path, readme: Path) -> None:
    """Measure, show, and write to a file with the machine's name and into the table.

    A README without marks for it is left as it is.
    """
    numba.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        sys.path.insert(0, place)
        modules: dict[str, Any] = {"": importlib.import_module("backends.numba_tiled.ops.conv2d")}
        modules |= {part: copied(Path(place), part) for part in [*PARTS, _ALL]}
        for name, spec in layers().items():
            row = {"layer": name, "spec": str(spec), "kind": kind_of(spec), "macs": spec.macs}
            row |= {"way": way_of(plan(spec, 4, 1)[0].work), **measured(modules, spec)}
            rows.append(row)
            shown = "  ".join(f"{part} {row[part]:.0%}" for part in PARTS)
            print(f"{name}, {row['way']}: {row['seconds'] * 1e3:.3f} ms; {shown}", flush=True)
    facts, bits = machine.facts(), 8 * BYTES
    document = {"machine": facts.name, "cpu": facts.cpu, "commit": facts.code.commit, "bits": bits, "rows": rows}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{facts.name}_{bits}bit.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")
    try:
        text = marks(path.stem).replaced(readme.read_text(encoding="utf-8"), markdown(document))
    except ValueError as error:
        sys.exit(f"{readme} was left as it is: {error}")
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
