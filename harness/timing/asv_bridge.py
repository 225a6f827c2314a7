"""The asv side: hands a finished run to asv, which keeps it under the commit; and what the asv suite reads.

asv's own parameter lists, not its results, decide what it keeps: its file for a commit holds the last run of it. The
JSON lines of `results/runs/` hold everything.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

from harness.calls.commands import run as run_command
from harness.contract import own_packages, targets
from harness.geometry import layers
from harness.results import machine, run_files
from harness.results.records import BackendFacts, Cell, RunHeader
from harness.timing.plan import Plan
from harness.timing.run import run

RUN_VARIABLE = "IM2COL_HARNESS_RUN"  # a finished run file, for the asv suite to read
_DEFAULT_SET = "quick"

CellKey = tuple[str, str, str, str]  # op, dtype, layer, backend


def left_out(file: Path) -> str:
    """Why asv does not record a run, in one line; empty if it does."""
    header = run_files.header(file)
    root, code = machine.project_root(), header.code
    if root is None:
        return "asv step left out: not in a git checkout of the harness"
    foreign = [text for text in header.plan.backends if not _is_ours(text)]
    if foreign:
        return f"asv step left out: it keeps the history of built-in backends, and this run has {', '.join(foreign)}"
    if not file.resolve().is_relative_to(root / "results"):
        return f"asv step left out: it keeps what lies in {root / 'results'}"
    if importlib.util.find_spec("asv") is None:
        return "asv step left out: asv is not installed (pip install 'im2col-harness[bench]')"
    if code.dirty or code != machine.code():
        return f"asv step left out: the working tree is not the commit {code.commit[:8]} alone"
    return ""


def _is_ours(text: str) -> bool:
    """Whether a target is a built-in backend under its own name."""
    try:
        target = targets.resolve(text)
    except targets.RegistryError:  # a file that is gone by now
        return False
    return target.is_builtin and not target.is_named


def record(file: Path) -> str:
    """Let asv record a finished run that is not left out; a few seconds. Returns one line that says what was done."""
    header = run_files.header(file)
    words, root = own_packages.command("harness.timing.asv_child"), machine.project_root() or Path.cwd()
    failed, printed = run_command(words, root, {**os.environ, RUN_VARIABLE: str(file.resolve())})
    if failed:
        last = [line for line in printed.splitlines() if line.strip()][-1:]
        return f"asv step failed with exit code {failed}: {''.join(last)[:200]}"
    name = conditions(header)["machine"]
    return f"asv recorded commit {header.code.commit[:8]} for machine {name} in results/asv"


def conditions(header: RunHeader) -> dict[str, str]:
    """What asv calls a machine: ours under the conditions of the run. Facts beyond its own select on its site."""
    facts, plan = header.machine, header.plan
    found = {
        "machine": f"{facts.name}-t{plan.threads}-{plan.allocator}", "cpu": facts.cpu,
        "num_cpu": facts.hardware_threads, "os": facts.os, "ram": facts.memory_gib, "arch": facts.os.split()[-1],
        "threads": plan.threads, "allocator": plan.allocator, "numpy": facts.versions["numpy"],
    }  # fmt: skip
    return {key: str(value) for key, value in found.items()}


def parameters() -> tuple[list[str], list[str], list[str]]:
    """(layers, dtypes, backends) of the asv suite: those of the run at hand, else the quick set and all backends."""
    file = os.environ.get(RUN_VARIABLE)
    if file:
        plan = run_files.header(Path(file)).plan
        found = [r.backend for r in run_files.read(Path(file)) if isinstance(r, BackendFacts)]
        return plan.layers, plan.dtypes, list(dict.fromkeys([*targets.names(), *found]))
    return [layer.name for layer in layers.read_layers(_DEFAULT_SET)], ["float32"], targets.names()


def cells() -> dict[CellKey, Cell]:
    """Cells of the run at hand by (op, dtype, layer, backend); without one, the quick set is measured now."""
    given = os.environ.get(RUN_VARIABLE)
    if given:
        file = Path(given)
    else:
        plan = Plan(_DEFAULT_SET, layers.read_layers(_DEFAULT_SET), targets.resolve_all(targets.names()))
        root = machine.project_root()
        file = run(plan, root / "results" / "runs" if root else Path(tempfile.mkdtemp())).path
    found = (record for record in run_files.read(file) if isinstance(record, Cell))
    return {(c.op, c.dtype, c.layer, c.backend): c for c in found}
