"""Backend against backend: paired ratios with their intervals, as rows and as geometric means over layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from harness.geometry.spec import ConvSpec
from harness.results import rates
from harness.results.intervals import geomean, median, median_interval
from harness.results.run_files import Record

SCHEMA = 1


def rows(cells: Iterable[Record], names: Sequence[str], described: Sequence[Record] = ()) -> list[Record]:
    """One row per op, dtype, layer and other backend: ratio = time of a / time of b, a = the first name.

    Below 1, a is faster. A row without a ratio carries the status and reason of the side that has no time. A backend
    whose ceilings are among the `described` records also has its share of the nearer one.
    """
    a, others = names[0], names[1:]
    share = partial(_share, rates.by_backend(described), _numerics(described))
    groups: dict[str, dict[str, Record]] = {}
    for cell in cells:
        groups.setdefault(cell["group"], {})[cell["backend"]] = cell
    return [
        {**_row(group[a], group[b]), **share("a", group[a]), **share("b", group[b])}
        for group in groups.values()
        for b in others
        if {a, b} <= group.keys()
    ]


def geomeans(table: Sequence[Record]) -> list[Record]:
    """Geometric mean of the ratios per op, dtype and pair, with the number of layers that both could be timed on."""
    found: dict[tuple[str, str, str, str], list[float]] = {}
    for row in table:
        key = (row["op"], row["dtype"], row["a"], row["b"])
        found.setdefault(key, [])
        if row["ratio"] is not None:
            found[key].append(row["ratio"])
    return [
        {"op": op, "dtype": dtype, "a": a, "b": b, "ratio": geomean(ratios) if ratios else None, "layers": len(ratios)}
        for (op, dtype, a, b), ratios in found.items()
    ]


def in_words(ratio: float) -> str:
    """A ratio of times as people say it.

    >>> in_words(0.172), in_words(2.0), in_words(1.0)
    ('5.8x faster', '2.0x slower', 'same')
    """
    factor = 1 / ratio if ratio < 1 else ratio
    text = f"{factor:.1f}" if factor < 100 else f"{factor:.0f}"
    return "same" if text == "1.0" else f"{text}x {'faster' if ratio < 1 else 'slower'}"


def verdict(row: Record) -> str:
    """A row in words: `same` where the interval of the ratio holds 1."""
    return "same" if row["low"] <= 1 <= row["high"] else in_words(row["ratio"])


def paired_ratios(a: Record, b: Record) -> list[float]:
    """Ratios of samples of the same round of the same group; empty if the cells were not measured together."""
    if a["group"] != b["group"]:
        return []
    return [mine / theirs for mine, theirs in zip(a["samples"], b["samples"], strict=False)]


def _numerics(described: Sequence[Record]) -> dict[str, str | None]:
    return {r["backend"]: r["numerics"] for r in described if r["kind"] == "backend"}


def _share(limits: dict[str, Record], numerics: dict[str, str | None], side: str, cell: Record) -> Record:
    """The share of the nearer ceiling and which it is; both None where there is no time or no ceiling."""
    own, name = limits.get(cell["backend"]), cell["backend"]
    found: Record = {}
    if own is not None and cell["samples"]:
        spec, seconds = ConvSpec.parse(cell["spec"]), median(cell["samples"])
        found = rates.rates(cell["op"], spec, cell["dtype"], seconds, own, numerics.get(name))
    return {f"{side}_share": found.get("share"), f"{side}_bound": found.get("bound")}


def _row(a: Record, b: Record) -> Record:
    ratios = paired_ratios(a, b)
    ratio, low, high = median_interval(ratios) if ratios else (None, None, None)
    lame = next((cell for cell in (a, b) if cell["status"] != "ok"), None)
    return {
        "op": a["op"], "dtype": a["dtype"], "shape": a["layer"], "spec": a["spec"],
        "a": a["backend"], "b": b["backend"],
        "ratio": ratio, "low": low, "high": high, "pairs": len(ratios),
        "a_seconds": median(a["samples"]) if a["samples"] else None,
        "b_seconds": median(b["samples"]) if b["samples"] else None,
        "checked_points": min(a["checked_points"], b["checked_points"]),
        "status": "ok" if lame is None else lame["status"],
        "reason": "" if lame is None else f"{lame['backend']}: {lame['reason']}",
    }  # fmt: skip
