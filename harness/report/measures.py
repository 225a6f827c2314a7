"""What is computed from the times: paired ratios, throughput against the measured ceilings, bytes of the columns.

A copy moves each byte twice (read and write) and its ceiling counts both, as `min_bytes` does, so the two compare.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pandas as pd

from harness import versus
from harness.report.load import Data
from harness.results import Record
from harness.spec import ConvSpec, Op
from harness.statistics import median_interval

CONVOLUTIONS = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


def with_ratios(cells: pd.DataFrame, data: Data, reference: str) -> pd.DataFrame:
    """`cells` with `ratio` = time / time of `reference`, `ratio_low`, `ratio_high` and `pairs` (0: no ratio).

    Sample i meets sample i of the same group; without a common group there is no ratio.
    """
    found = []
    for cell in cells.itertuples():
        theirs = data.samples.get((str(cell.group), reference), [])
        mine = data.samples.get((str(cell.group), str(cell.backend)), []) if cell.status == "ok" else []
        pairs = versus.paired_ratios(
            {"group": cell.group, "samples": mine}, {"group": cell.group, "samples": theirs}
        )  # fmt: skip
        found.append((*median_interval(pairs), len(pairs)) if pairs else (None, None, None, 0))
    columns = ["ratio", "ratio_low", "ratio_high", "pairs"]
    ratios = pd.DataFrame(found, columns=columns, index=cells.index)
    return cells.assign(**{c: ratios[c] if c == "pairs" else ratios[c].astype(float) for c in columns})


def with_throughput(cells: pd.DataFrame, ceilings: Record | None, backends: dict[str, Record]) -> pd.DataFrame:
    """The measured cells with rates, shares of the ceilings, and which ceiling binds.

    `gflops`, `gbs`: counted work over the median. `compute_share`, `memory_share`: None without a ceiling for the dtype
    or on another device than the CPU, whose ceilings these are. `bound` is the ceiling that is nearer.
    """
    rows = [_throughput(cell, ceilings, backends.get(str(cell["backend"]))) for cell in records(cells[cells.n > 0])]
    return pd.DataFrame(rows)


def records(frame: pd.DataFrame) -> list[Record]:
    """The rows as dicts."""
    return cast(list[Record], frame.to_dict("records"))


def _throughput(cell: Record, ceilings: Record | None, backend: Record | None) -> Record:
    spec, op, dtype = ConvSpec.parse(str(cell["spec"])), cast(Op, cell["op"]), str(cell["dtype"])
    seconds = cast(float, cell["seconds"])
    moved, flops = spec.min_bytes(op, dtype), spec.flops(op)
    row: Record = {
        **{key: cell[key] for key in ("op", "layer", "spec", "backend", "dtype", "seconds")},
        "flops": flops, "min_bytes": moved, "intensity": flops / moved if moved else None,
        "gflops": flops / seconds / 1e9, "gbs": moved / seconds / 1e9, "copy_ceiling": "", "copy_gbs": None,
        "matmul_gflops": None, "memory_share": None, "compute_share": None, "bound": "", "share": None,
    }  # fmt: skip
    on_cpu = str((backend or {}).get("info", {}).get("device", "cpu")).startswith("cpu")
    if ceilings is None or not on_cpu:
        return row
    row["copy_ceiling"] = "cache" if moved <= ceilings["copy_bytes"]["cache"] else "dram"
    row["copy_gbs"] = ceilings["copy_gbs"][row["copy_ceiling"]]
    row["memory_share"] = row["share"] = row["gbs"] / row["copy_gbs"]
    product = ceilings["matmul_gflops"].get(dtype)
    row["bound"] = "memory" if product or not flops else "of memory (no ceiling of the product)"
    if product:
        row["matmul_gflops"], row["compute_share"] = product, row["gflops"] / product
        if row["compute_share"] > row["memory_share"]:
            row["bound"], row["share"] = "compute", row["compute_share"]
    return row


def columns_memory(cells: pd.DataFrame, dtype: str) -> pd.DataFrame:
    """Per layer: bytes of x + w + y, and of the explicit columns that im2col would add."""
    rows = []
    for layer, text in cells[["layer", "spec"]].drop_duplicates().itertuples(index=False):
        spec = ConvSpec.parse(str(text))
        arrays = sum(map(math.prod, (spec.x_shape, spec.w_shape, spec.y_shape))) * np.dtype(dtype).itemsize
        columns = spec.columns_bytes(dtype)
        rows.append({"layer": layer, "spec": text, "x_w_y_bytes": arrays, "columns_bytes": columns,
                     "factor": columns / arrays if arrays else None})  # fmt: skip
    return pd.DataFrame(rows)
