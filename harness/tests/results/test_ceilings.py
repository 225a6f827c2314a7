"""Ceilings that a backend measures on its own device, through a real child: kept, or lost with a reason."""

from __future__ import annotations

import pytest

from harness.contract import registry
from harness.contract.targets import resolve_all
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.results import rates
from harness.results.records import BackendFacts, Ceilings
from harness.tests.helpers.plugins import GOOD, GOOD_CLASS, Write
from harness.timing import run
from harness.timing.plan import Plan

_SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
_SIZES = "copy_gbs=dict(cache=4000.0, dram=3000), copy_bytes=dict(cache=2**24, dram=2**31)"


def _measured(write: Write, body: str) -> Ceilings:
    """What a run keeps of a right plug-in with a method `ceilings` of the given body; its cells are all measured."""
    source = GOOD + GOOD_CLASS.format(name="Own") + f"\n    def ceilings(self):\n        import os\n        {body}\n"
    targets = resolve_all([f"{write('own.py', source)}:Own"])
    plan = Plan("test", [Layer("test", _SPEC)], targets, ["im2col", "conv2d"], budget=5.0, rounds=3)
    records: list[BackendFacts | Ceilings] = []
    assert [cell.status for cell in run.measure(plan, described=records.append)] == ["ok", "ok"]
    (own,) = [record for record in records if isinstance(record, Ceilings)]
    return own


def test_they_are_kept_with_their_backend(write: Write) -> None:
    own = _measured(write, f"return dict(device='card', matmul_gflops=dict(tf32=400), {_SIZES})")
    assert own == Ceilings(
        backend="own.Own", device="card", threads=1, allocator="steady", copy_gbs={"cache": 4000.0, "dram": 3000.0},
        copy_bytes={"cache": 2**24, "dram": 2**31}, matmul_gflops={"tf32": 400.0},
    )  # fmt: skip
    assert rates.by_backend([own]) == {"own.Own": own}


@pytest.mark.parametrize(
    ("body", "reason"),
    [("raise OSError('no room')", "ceilings() raised OSError: no room"), ("os._exit(7)", "exited with code 7")],
)
def test_those_that_cannot_be_had_cost_no_cell(write: Write, body: str, reason: str) -> None:
    own = _measured(write, body)
    assert reason in own.reason
    assert (own.backend, own.copy_gbs, own.copy_bytes, own.matmul_gflops) == ("own.Own", {}, {}, {})
    assert rates.by_backend([own]) == {}


def test_they_must_be_a_function_without_arguments(write: Write) -> None:
    path = write("own.py", GOOD + "\n\ndef ceilings(size):\n    return {}\n")
    with pytest.raises(registry.RegistryError, match=r"ceilings\(size\) must take ceilings\(\)"):
        registry.load(str(path))
