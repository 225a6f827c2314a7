"""Outcomes as JSON (the `check` schema), with repros that can be pasted into a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from conformance import SUITE_VERSION
from conformance.cases.case import Case
from conformance.diagnosis import explain
from conformance.run.outcome import STATUSES, BackendResult, CaseResult, CheckResult, Status
from harness.contract.targets import Target

SCHEMA = 1
_WORST_FIRST: tuple[Status, ...] = ("fail", "xpass", "mistrusted", "not_run", "xfail", "pass", "unsupported")
_SHOWN = 3  # failures of a group


def to_json(outcome: BackendResult, target: Target, libraries: Sequence[str] = (), **run: Any) -> dict[str, Any]:
    """One backend's object of `harness check --json`; `run` adds facts.

    `libraries` are asked about the first failure of each group: who is the odd one out.
    """
    return {
        "schema": SCHEMA,
        "backend": outcome.backend,
        "suite_version": SUITE_VERSION,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "planned": outcome.planned,
        "executed": outcome.executed,
        "total": outcome.total,
        "counts": outcome.counts,
        "seconds": round(outcome.seconds, 3),
        **run,
        "cut": "; ".join(outcome.cuts),
        "checks": [_group(group, target, libraries) for group in outcome.groups()],
    }


def as_text(objects: Sequence[dict[str, Any]], lines: bool) -> str:
    """The objects as a JSON list, or as JSON lines: one group of cases a line, with its backend and verdict."""
    if not lines:
        return json.dumps(objects, indent=1) + "\n"
    rows = []
    for o in objects:
        whole = {name: value for name, value in o.items() if name != "checks"}
        rows += [{"kind": "backend", **whole}, *({"kind": "check", "backend": o["backend"], **c} for c in o["checks"])]
    return "".join(json.dumps(row) + "\n" for row in rows)


def repro(case: Case, target: Target) -> str:
    """The command that runs just this case again."""
    return f"harness check {shlex.quote(target.text)} --check {shlex.quote(str(case))}"


def pytest_line(case: Case, target: Target) -> str:
    """The same under pytest."""
    return f"pytest --pyargs conformance --backend {shlex.quote(target.text)} --check {shlex.quote(str(case))}"


def merge(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One object of the objects that the shards of a run gave for a backend; the first holds all of tier 0."""
    whole = dict(parts[0])
    whole["counts"] = {status: sum(part["counts"][status] for part in parts) for status in STATUSES}
    for number in ("planned", "executed", "total"):
        whole[number] = sum(part[number] for part in parts)
    whole["seconds"] = round(max(part["seconds"] for part in parts), 3)
    for text in ("reason", "cut"):
        whole[text] = "; ".join(dict.fromkeys(part[text] for part in parts if part[text]))
    order = ("unavailable", "fail", "incomplete", "pass")
    whole["verdict"] = min((part["verdict"] for part in parts), key=order.index)
    groups: dict[tuple[str, str, str], dict[str, Any]] = {}
    for group in (group for part in parts for group in part["checks"]):
        key = (group["id"], group["op"], group["dtype"])
        groups[key] = _joined(groups[key], group) if key in groups else dict(group)
    whole["checks"] = list(groups.values())
    return whole


def _joined(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    worst = min((a, b), key=lambda group: _WORST_FIRST.index(group["status"]))
    joined = {**a, **{name: worst[name] for name in ("status", "repro")}}
    for number in ("planned", "executed", "seconds"):
        joined[number] = a[number] + b[number]
    joined["reason"] = "; ".join(dict.fromkeys(text for text in (a["reason"], b["reason"]) if text))
    for several in ("diagnosis", "failures"):
        joined[several] = (a[several] + b[several])[:_SHOWN]
    joined["used"] = max((u for u in (a["used"], b["used"]) if u is not None), default=None)
    return joined


def _group(group: CheckResult, target: Target, libraries: Sequence[str]) -> dict[str, Any]:
    check, op, dtype = group.key
    status = next((s for s in _WORST_FIRST if group.counts[s]), "not_run")
    bad = sorted(
        (
            p
            for p in group.cases
            if p.status in ("fail", "xpass", "mistrusted", "xfail") or (p.detail and p.status == "not_run")
        ),
        key=lambda planned: _WORST_FIRST.index(planned.status),
    )[:_SHOWN]
    total, refused = group.counts.total(), group.counts["unsupported"]
    used = [p.used for p in group.cases if p.used is not None]
    return {
        "id": check,
        "op": op,
        "dtype": dtype,
        "status": status,
        "planned": total - refused,
        "executed": total - refused - group.counts["not_run"],
        "reason": "; ".join(f"{n} cases refused: {reason}" for reason, n in group.refusals.items()),
        "repro": repro(bad[0].case, target) if bad and status in ("fail", "mistrusted", "xpass") else "",
        "diagnosis": [f"{p.case}: {p.detail}" for p in bad if p.status != "xfail"],
        "seconds": round(group.seconds, 4),
        "optional": group.optional,
        "used": max(used, default=None),
        "failures": [_failure(p, target, libraries if k == 0 else ()) for k, p in enumerate(bad)],
    }


def _failure(planned: CaseResult, target: Target, libraries: Sequence[str]) -> dict[str, Any]:
    told = explain.explain(planned, target, libraries)
    return {
        "case": str(planned.case),
        "status": planned.status,
        "text": f"{planned.detail} (known: {planned.expected})" if planned.status == "xfail" else planned.detail,
        "pattern": told.pattern,
        "picture": told.picture,
        "witnesses": told.witnesses,
        "repro": repro(planned.case, target),
        "pytest": pytest_line(planned.case, target),
        "script": told.script,
    }
