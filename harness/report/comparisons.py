"""The tables that compare backends: summary, time per layer, speed-up over plain loops, published claims.

A ratio is time / time of the baseline, so below 1 is faster; every shown ratio says so in words.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.report import words
from harness.report.load import NAIVE, Config, Data
from harness.report.measures import CONVOLUTIONS, records, with_ratios
from harness.report.tables import NEVER, Cell, Table, absent_notes, cell, missing_cell, unavailable
from harness.results.intervals import geomean, median
from harness.results.run_files import Record

_TIDY = ["op", "layer", "spec", "backend", "native", "status", "reason", "predicted_seconds", "n", "seconds",
         "seconds_low", "seconds_high", "ratio", "ratio_low", "ratio_high", "pairs", "run", "commit", "dirty",
         "checked_points", "repetitions"]  # fmt: skip


def tidy(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per cell with its time and ratio, without the samples."""
    return cells[_TIDY]


def columns_of(cells: pd.DataFrame) -> list[str]:
    """The backends that get a column: all but those that are unavailable throughout."""
    gone = unavailable(cells)
    return [str(name) for name in dict.fromkeys(cells["backend"]) if name not in gone]


def summary(cells: pd.DataFrame, base: str, config: Config) -> Table:
    """Per op and backend: geometric mean of the ratios over the layers that both have, wins, and the worst layer."""
    names = [name for name in columns_of(cells) if name != base]
    rows, tidy_rows = [], []
    for op, of_op in cells.groupby("op", sort=False):
        row = [cell(str(op))]
        for name in names:
            record = {"op": op, "backend": name, "baseline": base, **_summed(of_op[of_op.backend == name])}
            tidy_rows.append(record)
            row.append(_summary_cell(record))
        rows.append(row)
    notes = [
        f"Geometric mean of time / time of {base} over the layers that both were measured on together; then how many "
        "layers are faster, the same (the interval of the ratio holds 1) and slower, and the worst layer.",
        *absent_notes(cells),
    ]
    header = ["op", *(f"{name} is" for name in names)]
    return Table(f"summary-{config.slug}", f"Compared with {base}", header, rows, pd.DataFrame(tidy_rows), notes)


def _summed(own: pd.DataFrame) -> Record:
    both = records(own[own.pairs > 0])
    counts = {
        "layers": len(both), "of_layers": len(own),
        "faster": sum(r["ratio_high"] < 1 for r in both),
        "same": sum(r["ratio_low"] <= 1 <= r["ratio_high"] for r in both),
        "slower": sum(r["ratio_low"] > 1 for r in both),
    }  # fmt: skip
    if not both:
        return {"geomean_ratio": None, **counts, "worst_layer": "", "worst_ratio": None}
    worst = max(both, key=lambda r: float(r["ratio"]))
    mean = geomean([r["ratio"] for r in both])
    return {"geomean_ratio": mean, **counts, "worst_layer": worst["layer"], "worst_ratio": worst["ratio"]}


def _summary_cell(record: Record) -> Cell:
    ratio = record["geomean_ratio"]
    if ratio is None:
        return Cell(("no layer measured together",), "missing")
    text = words.compared(ratio)
    lines = (
        text,
        f"{record['layers']} of {words.plural(record['of_layers'], 'layer')}: {record['faster']} faster, "
        f"{record['same']} same, {record['slower']} slower",
        f"worst: {words.compared(record['worst_ratio'])} on {record['worst_layer']}",
    )
    return Cell(lines, text.split()[-1], f"time ratio {words.digits(ratio)}", ratio)


def times(cells: pd.DataFrame, op: str, base: str, config: Config) -> Table:
    """Layer x backend for one op: median time, and the ratio to the baseline with its interval."""
    of_op = cells[cells.op == op]
    names, lowered = columns_of(of_op), derived(of_op)
    rows = []
    for spec, on_layer in of_op.groupby("spec", sort=False):
        found = {r["backend"]: r for r in records(on_layer)}
        fastest = on_layer["seconds"].min()
        label = Cell((str(on_layer["layer"].iloc[0]), str(spec)))
        rows.append([label, *(_time_cell(found[n], found.get(base), fastest) if n in found else NEVER for n in names)])
    marks = {name: (" †" if name in lowered else "") + (" (baseline)" if name == base else "") for name in names}
    notes = [f"Median time of a call; below it the ratio of the times to {base} with its interval. Bold: the fastest."]
    if lowered:
        notes.append("† derived: the backend has no such op of its own; the harness lowers it to im2col, col2im and a "
                     "matrix product on the backend's arrays.")  # fmt: skip
    header = ["layer", *(name + mark for name, mark in marks.items())]
    return Table(f"times-{op}-{config.slug}", op, header, rows, tidy(of_op), [*notes, *absent_notes(of_op)])


def derived(cells: pd.DataFrame) -> set[str]:
    """The backends whose measured cells were completed by the harness."""
    return {str(name) for name, own in cells[cells.n > 0].groupby("backend") if not own["native"].any()}


def _time_cell(row: Record, base: Record | None, fastest: float) -> Cell:
    if not row["n"]:
        return missing_cell(row)
    time, low, high = (words.duration(row[key]) for key in ("seconds", "seconds_low", "seconds_high"))
    title = f"median of {row['n']}, {low} to {high}; {row['checked_points']} elements checked; run {row['run']}"
    lines = [time]
    if row["pairs"] and (base is None or base["backend"] != row["backend"]):
        ratio = (row["ratio"], row["ratio_low"], row["ratio_high"])
        lines += [words.judged(*ratio), words.interval(*ratio)]
        if base is None or base["group"] != row["group"]:  # else the two times shown would belie the ratio
            lines.append(f"both in run {row['run']}")
    elif base is None or base["backend"] != row["backend"]:
        timed = base is not None and base["n"]
        lines.append(f"no ratio: {'not measured together with the baseline' if timed else 'the baseline has no time'}")
    return Cell(tuple(lines), "best" if row["seconds"] == fastest else "", title, row["seconds"])


def over_naive(cells: pd.DataFrame, data: Data, config: Config) -> Table:
    """Per op and backend: how many times faster than the plain loops, median and range over the layers."""
    faster = with_ratios(cells, data, NAIVE)
    names = [name for name in columns_of(cells) if name != NAIVE]
    rows, tidy_rows = [], []
    for op, of_op in faster.groupby("op", sort=False):
        row = [cell(str(op))]
        for name in names:
            own = of_op[(of_op.backend == name) & (of_op.pairs > 0)]
            ups = [1 / ratio for ratio in own["ratio"]]
            tidy_rows.append({"op": op, "backend": name, "layers": len(ups), "median": median(ups) if ups else None,
                              "least": min(ups, default=None), "most": max(ups, default=None)})  # fmt: skip
            row.append(_speedup_cell(ups))
        rows.append(row)
    return Table(f"over-naive-{config.slug}", f"How many times faster than {NAIVE}", ["op", *names], rows,
                 pd.DataFrame(tidy_rows), _naive_notes(cells))  # fmt: skip


def _naive_notes(cells: pd.DataFrame) -> list[str]:
    naive = cells[cells.backend == NAIVE]
    without = naive[naive.n == 0]
    if len(naive) == len(without):
        return [f"{NAIVE} was not measured under these conditions, so there is nothing to compare with."]
    notes = [f"Time of {NAIVE} / time of the backend, both measured together; median (least to most) over the layers."]
    if len(without):
        reasons = ", ".join(f"{n} {str(s).replace('_', ' ')}" for s, n in without["status"].value_counts().items())
        notes.append(f"{NAIVE} has no time in {len(without)} of {len(naive)} cells ({reasons}). Over budget are the "
                     "large layers, so the table then speaks of the small ones.")  # fmt: skip
    return notes


def _speedup_cell(ups: list[float]) -> Cell:
    if not ups:
        return Cell(("not measured together",), "missing")
    return Cell((_spread(ups), words.plural(len(ups), "layer")), "", "", median(ups))


def _spread(ups: list[float]) -> str:
    """Median, least and most."""
    least, most = words.digits(min(ups)), words.digits(max(ups))
    return f"{words.digits(median(ups))}x" + (f" ({least}x to {most}x)" if len(ups) > 1 else "")


@dataclass(frozen=True)
class Claim:
    """A published speed-up of `fast` over `slow` on these ops; `lowered`: derived backends count as well."""

    text: str
    source: str
    slow: str
    fast: tuple[str, ...]
    ops: tuple[str, ...]
    factor: float
    lowered: bool = False


CLAIMS = (
    Claim("convolution as im2col and a matrix product: 200x or more over loops",
          "Leonardo Araujo dos Santos, Artificial Intelligence (book)",
          NAIVE, ("numpy_fancy", "matlab_loop"), ("conv2d",), 200, lowered=True),
    Claim("the fast NumPy network over the naive one: 40x (an epoch: 4 h, 6 min)",
          "3outeille, CNNumpy", NAIVE, ("numpy_fancy",), CONVOLUTIONS, 40),
    Claim("the torch network over the fast NumPy one: 6x (an epoch: 6 min, 1 min)",
          "3outeille, CNNumpy", "numpy_fancy", ("torch_native",), CONVOLUTIONS, 6),
)  # fmt: skip


def claims(cells: pd.DataFrame, data: Data, config: Config) -> Table:
    """What two public articles claim, next to what was measured here."""
    found = []
    for claim in CLAIMS:
        compared = with_ratios(cells[cells.op.isin(claim.ops)], data, claim.slow)
        names = dict.fromkeys(claim.fast) | dict.fromkeys(sorted(derived(compared)) if claim.lowered else ())
        for name in names:
            own = compared[(compared.backend == name) & (compared.pairs > 0)]
            found.append(_tested(claim, name, [1 / ratio for ratio in own["ratio"]]))
    rows = [
        [Cell((r["claim"], r["source"])), cell(f"{r['fast']} over {r['slow']}"),
         cell(r["measured"], "" if r["pairs"] else "missing", r["median"]), cell(r["verdict"])]
        for r in found
    ]  # fmt: skip
    notes = ["The articles time whole training epochs of their own networks on their own machines; here single calls "
             "on the layers above are compared: a verdict speaks of this machine and these layers only."]  # fmt: skip
    header = ["claim", "compared here", "measured here", "verdict"]
    return Table(f"claims-{config.slug}", "Published claims", header, rows, pd.DataFrame(found), notes)


def _tested(claim: Claim, name: str, ups: list[float]) -> Record:
    reached = sum(up >= claim.factor for up in ups)
    if ups:
        measured = f"median {_spread(ups)} over {words.plural(len(ups), 'pair')} of op and layer"
        verdict = "holds" if reached == len(ups) else "does not hold" if not reached else "holds in part"
        verdict += f": {claim.factor:g}x reached on {reached} of {len(ups)}"
    else:
        measured, verdict = f"{claim.slow} and {name} were not measured together", "not tested"
    return {"claim": claim.text, "source": claim.source, "slow": claim.slow, "fast": name, "factor": claim.factor,
            "pairs": len(ups), "median": median(ups) if ups else None, "least": min(ups, default=None),
            "most": max(ups, default=None), "reached": reached, "measured": measured, "verdict": verdict}  # fmt: skip
