"""The asv side: hands a finished run to asv, which keeps it under the commit; and what the asv suite reads.

asv's own parameter lists, not its results, decide what it keeps: its file for a commit holds the last run of it. The
JSON lines of `results/runs/` hold everything.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.contract import targets
from harness.geometry import layers
from harness.results import machine, run_files
from harness.results.records import BackendFacts, Cell, Machine, PlanRecord
from harness.timing.plan import Plan
from harness.timing.run import run

RUN_VARIABLE = "IM2COL_HARNESS_RUN"  # a finished run file, for the asv suite to read
_DEFAULT_SET = "quick"


def record(file: Path) -> str:
    """Let asv record a finished run. Returns one line that says what was done, or why it was left out."""
    header = run_files.header(file)
    root, plan, code = machine.project_root(), header.plan, header.code
    if root is None:
        return "asv step left out: not in a git checkout of the harness"
    foreign = [text for text in plan.backends if not targets.resolve(text).is_builtin]
    if foreign:
        return f"asv step left out: it keeps the history of built-in backends, and this run has {', '.join(foreign)}"
    if not file.resolve().is_relative_to(root / "results"):
        return f"asv step left out: it keeps what lies in {root / 'results'}"
    if importlib.util.find_spec("asv") is None:
        return "asv step left out: asv is not installed (pip install 'im2col-harness[bench]')"
    if code.dirty or code != machine.code():
        return f"asv step left out: the working tree is not the commit {code.commit[:8]} alone"
    name = f"{header.machine.name}-t{plan.threads}-{plan.allocator}"
    _save_machine(name, header.machine, plan)
    command = [sys.executable, "-m", "asv", "run", "--config", str(root / "asv.conf.json"), "-E", "existing:same",
               "--set-commit-hash", "HEAD", "--record-samples", "-m", name]  # fmt: skip
    done = subprocess.run(
        command, cwd=root, env={**os.environ, RUN_VARIABLE: str(file.resolve())}, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode not in (0, 2):  # 2: a benchmark failed, which the cells say already
        last = [line for line in done.stdout.splitlines() if line.strip()][-1:]
        return f"asv step failed with exit code {done.returncode}: {''.join(last)[:200]}"
    return f"asv recorded commit {code.commit[:8]} for machine {name} in results/asv"


def parameters() -> tuple[list[str], list[str], list[str]]:
    """(layers, dtypes, backends) of the asv suite: those of the run at hand, else the quick set and all backends."""
    file = os.environ.get(RUN_VARIABLE)
    if file:
        plan = run_files.header(Path(file)).plan
        found = [r.backend for r in run_files.read(Path(file)) if isinstance(r, BackendFacts)]
        return plan.layers, plan.dtypes, list(dict.fromkeys([*targets.names(), *found]))
    return [layer.name for layer in layers.read_layers(_DEFAULT_SET)], ["float32"], targets.names()


def cells() -> dict[tuple[str, str, str, str], Cell]:
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


def _save_machine(name: str, facts: Machine, plan: PlanRecord) -> None:
    """asv refuses to run without a record of the machine; extra facts become selectors of its site."""
    from asv.machine import Machine, MachineCollection

    extra = {
        "machine": name, "cpu": facts.cpu, "num_cpu": facts.hardware_threads, "os": facts.os,
        "ram": facts.memory_gib, "arch": facts.os.split()[-1], "threads": plan.threads,
        "allocator": plan.allocator, "numpy": facts.versions["numpy"],
    }  # fmt: skip
    MachineCollection.save(name, {**Machine.get_defaults(), **{k: str(v) for k, v in extra.items()}})
