"""What is computed from the times: paired ratios, throughput against the measured ceilings, bytes of the columns.

A backend that has measured its own device is held against that; the CPU's ceilings are for backends on the CPU alone.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pandas as pd

from harness.geometry.spec import ConvSpec, Op
from harness.report.load import Config, Data
from harness.results import rates, ratios
from harness.results.intervals import median_interval
from harness.results.run_files import Record

CONVOLUTIONS = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


def with_ratios(cells: pd.DataFrame, data: Data, reference: str) -> pd.DataFrame:
    """`cells` with `ratio` = time / time of `reference`, `ratio_low`, `ratio_high` and `pairs` (0: no ratio).

    Sample i meets sample i of the same group; without a common group there is no ratio.
    """
    found = []
    for cell in cells.itertuples():
        theirs = data.samples.get((str(cell.group), reference), [])
        mine = data.samples.get((str(cell.group), str(cell.backend)), []) if cell.status == "ok" else []
        pairs = ratios.paired_ratios(
            {"group": cell.group, "samples": mine}, {"group": cell.group, "samples": theirs}
        )  # fmt: skip
        found.append((*median_interval(pairs), len(pairs)) if pairs else (None, None, None, 0))
    columns = ["ratio", "ratio_low", "ratio_high", "pairs"]
    added = pd.DataFrame(found, columns=columns, index=cells.index)
    return cells.assign(**{c: added[c] if c == "pairs" else added[c].astype(float) for c in columns})


def with_throughput(cells: pd.DataFrame, data: Data, config: Config) -> pd.DataFrame:
    """The measured cells with rates, shares of the ceilings, and which ceiling binds.

    `gflops`, `gbs`: counted work over the median. `compute_share`, `memory_share`: None without a ceiling for the dtype
    or on a device without ceilings. `bound` is the ceiling that is nearer, `device` whose ceilings these are ("": the
    CPU's, or nobody's).
    """
    return pd.DataFrame([_throughput(cell, data, config) for cell in records(cells[cells.n > 0])])


def records(frame: pd.DataFrame) -> list[Record]:
    """The rows as dicts."""
    return cast(list[Record], frame.to_dict("records"))


def _throughput(cell: Record, data: Data, config: Config) -> Record:
    backend = data.backends.get(str(cell["backend"]), {})
    own = data.ceilings(config, str(cell["backend"]))
    on_cpu = str(backend.get("info", {}).get("device", "cpu")).startswith("cpu")
    limits = own or (data.ceilings(config) if on_cpu else None)
    spec, op, dtype = ConvSpec.parse(str(cell["spec"])), cast(Op, cell["op"]), str(cell["dtype"])
    kept = ("op", "layer", "spec", "backend", "dtype", "seconds")
    found = rates.rates(op, spec, dtype, cast(float, cell["seconds"]), limits, backend.get("numerics"))
    return {**{key: cell[key] for key in kept}, **found, "device": own["device"] if own else ""}


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
