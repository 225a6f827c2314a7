"""What the numbers rest on: verdicts, completeness of the run, backends, machine, and the commands that reproduce it.

A backend that was never checked for correctness is named as such; it is not counted among the right ones.
"""

from __future__ import annotations

import shlex

import pandas as pd

from harness.geometry.spec import OPS
from harness.report import words
from harness.report.load import Config, Data, Run, order
from harness.report.measures import records
from harness.report.tables import Cell, Table, cell
from harness.results.run_files import STATUSES, Record

NOT_CHECKED = "not checked"
_BAD = ("fail", "crashed", "hung")


def correctness(data: Data) -> str:
    """Which backends are right, in one sentence."""
    measured = order(data.cells["backend"])
    if data.verdicts is None:
        how = "harness check --json results/conformance.json"
        return f"Correctness: {NOT_CHECKED} (there is no conformance.json; `{how}` writes it)."
    by: dict[str, list[str]] = {}
    for name in measured:
        by.setdefault(_verdict(data, name), []).append(name)
    right = by.pop("pass", [])
    text = f"Correctness: {len(right)} of {words.plural(len(measured), 'backend')} pass"
    text += f" ({', '.join(right)})" if right else ""
    return text + "".join(f"; {verdict}: {', '.join(names)}" for verdict, names in by.items()) + "."


def is_right(data: Data) -> bool:
    """Whether some backend passed, none failed, and no measured result was wrong."""
    verdicts = {_verdict(data, name) for name in order(data.cells["backend"])}
    return "pass" in verdicts and "fail" not in verdicts and not failures(data)


def failures(data: Data) -> list[str]:
    """A sentence for each cell whose result was wrong or whose call took the process down."""
    bad = records(data.cells[data.cells.status.isin(_BAD)])
    return [f"{r['backend']} {r['op']} on {r['layer']} ({r['dtype']}): {r['status']}, {r['reason']}" for r in bad]


def _verdict(data: Data, name: str) -> str:
    return str((data.verdicts or {}).get(name, {}).get("verdict", NOT_CHECKED))


def completeness(run: Run) -> str:
    """How much of the plan of a run was measured, and why the rest was not."""
    newest = {(c["backend"], c["op"], c["dtype"], c["spec"]): c["status"] for c in run.cells}
    counts = {status: sum(found == status for found in newest.values()) for status in STATUSES}
    skipped = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in counts.items() if n and status != "ok")
    left = max(run.planned - len(newest), 0)
    state = "finished" if run.finished else "UNFINISHED (the same `harness bench` continues it)"
    text = f"Run {run.name} is {state}: {counts['ok']} of {run.planned} planned cells measured"
    text += f"; without a time: {skipped}" if skipped else ""
    return text + (f"; {left} not reached." if left else ".")


def absent(data: Data) -> list[str]:
    """A sentence for each backend that is unavailable, with the reason."""
    return [f"{name}: {b['reason'] or 'no reason given'}" for name, b in data.backends.items() if not b["available"]]


def backends(data: Data) -> Table:
    """Every backend that was asked for: verdict, device and versions, native ops, target, reason."""
    rows, tidy = [], []
    for name, record in data.backends.items():
        found, verdict = (data.verdicts or {}).get(name), _verdict(data, name)
        cases = f"{found['executed']} of {found['planned']} cases" if found and record["available"] else ""
        info = ", ".join(f"{key} {value}" for key, value in record["info"].items())
        native = "all" if set(OPS) <= set(record["native"]) else ", ".join(op for op in OPS if op in record["native"])
        load = record.get("load_seconds")
        facts = {"backend": name, "available": record["available"], "reason": record["reason"], "verdict": verdict,
                 "info": info, "native": native, "load_seconds": load, "target": record["target"]}  # fmt: skip
        tidy.append(facts)
        here = cell("available") if record["available"] else Cell(("unavailable", record["reason"]), "missing")
        kind = {"pass": "faster", "fail": "fail"}.get(verdict, "missing")
        rows.append([cell(name), here, Cell((verdict, cases), kind), cell(info), cell(native),
                     cell(words.duration(load) if load else "", "", load), cell(record["target"])])  # fmt: skip
    header = ["backend", "here", "conformance", "device and versions", "native ops", "import", "target"]
    return Table("backends", "Backends", header, rows, pd.DataFrame(tidy))


def machine(data: Data) -> Table:
    """CPU, memory, system, versions, BLAS and the code."""
    m, code = data.machine, data.runs[-1].header["code"]
    pools = [b for run in data.runs for c in run.ceilings for b in c.get("blas", [])] or m.get("blas", [])
    blas = dict.fromkeys(f"{b['library']} {b['version']} ({b['kernel']} kernel)" for b in pools)
    facts = {
        "machine": m["name"], "CPU": m["cpu"], "cores": f"{m['cores']} ({m['hardware_threads']} hardware threads)",
        "caches": ", ".join(f"{level} {amount}" for level, amount in m["caches"].items()),
        "memory": f"{m['memory_gib']} GiB", "system": m["os"], "Python": m["python"],
        "versions": ", ".join(f"{name} {version}" for name, version in m["versions"].items()),
        "BLAS of NumPy": ", ".join(blas) or "unknown",
        "code": (code["commit"] or "no git commit") + (" + uncommitted changes" if code["dirty"] else ""),
    }  # fmt: skip
    rows = [[cell(key), cell(str(value))] for key, value in facts.items()]
    frame = pd.DataFrame([{"fact": key, "value": value} for key, value in facts.items()])
    return Table("machine", "Machine", ["fact", "value"], rows, frame)


def ceilings(data: Data) -> Table:
    """The measured ceilings: the CPU's for every number of threads and allocator, then those of backends' devices."""
    newest: dict[tuple[str, int, str], Record] = {}
    for run in data.runs:
        for c in run.ceilings:
            name = str(c.get("backend", ""))
            newest[name, *((0, "") if name else (c["threads"], c["allocator"]))] = c
    tidy: list[Record] = []
    for (name, threads, allocator), c in sorted(newest.items(), key=lambda item: bool(item[0][0])):
        device = f"{c['device']} ({name})" if name else "cpu"
        shared = {"device": device, "threads": None if name else threads, "allocator": allocator}
        if c.get("reason"):
            why = f"not measured: {c['reason']}"
            tidy.append({**shared, "device": name, "ceiling": why, "value": None, "unit": ""})
        for where, gbs in c["copy_gbs"].items():
            how = "read + write" if name else "one thread, read + write"
            what = f"copy within {words.size(c['copy_bytes'][where])} ({where}), {how}"
            tidy.append({**shared, "ceiling": what, "value": gbs, "unit": "GB/s"})
        for dtype, gflops in c["matmul_gflops"].items():
            tidy.append({**shared, "ceiling": f"matrix product {dtype}", "value": gflops, "unit": "GFLOP/s"})
    rows = [[cell(t["device"]), cell(str(t["threads"] or "")), cell(t["allocator"]), cell(t["ceiling"]),
             cell(f"{words.digits(t['value'])} {t['unit']}" if t["value"] else "", "", t["value"])]
            for t in tidy]  # fmt: skip
    header = ["device", "threads", "allocator", "ceiling", "measured"]
    return Table("ceilings", "Ceilings", header, rows, pd.DataFrame(tidy))


def commands(data: Data, config: Config) -> list[str]:
    """The lines that measure one configuration again and write the report."""
    plan = data.last_run(config).header["plan"]
    options = {
        "--shapes": plan["shapes"], "--ops": ",".join(plan["ops"]), "--dtype": ",".join(plan["dtypes"]),
        "--threads": f"{plan['threads']}", "--allocator": plan["allocator"], "--budget": f"{plan['budget']:g}",
    }  # fmt: skip
    if plan.get("batch"):
        options["--batch"] = str(plan["batch"])
    if set(plan["ops"]) == set(OPS):
        del options["--ops"]
    words_of_bench = [word for option in options.items() for word in option]
    return [shlex.join(["harness", "bench", *plan["backends"], *words_of_bench]), "harness report"]
