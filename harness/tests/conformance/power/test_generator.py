"""All faults: how many and of which kinds, each once, the same on every machine; none alters what it does not say."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections import Counter

from conformance.power.fault import EVERY, FLOATS, Implementation
from conformance.power.generator import RANDOM, faults, sample
from conformance.power.right.ops import Call, run
from harness.geometry.spec import OPS, ConvSpec
from harness.oracle import data

_KINDS = {
    "parameter", "index", "index.tail", "precision", "data", "state.cache", "state.calls", "memory.strides",
    "memory.sharing", "index.where", "parameter.where", "precision.where", "data.where", "state.where", "memory.where",
    "dtype", "state.number", "data.only", "retold", "random.one", "random.two", "random.three",
}  # fmt: skip
_PRINT = (
    "from conformance.power.generator import faults; print(*(f'{f.kind} {f}' for f in faults(5)), sep='\\n', end='')"
)


def test_there_are_thousands_of_all_kinds_in_all_ops() -> None:
    found = faults()
    assert len(found) > 5000
    assert {fault.kind for fault in found} == _KINDS
    counted = Counter(fault.op for fault in found)
    assert min(counted[op] for op in OPS) > 500
    assert len({(fault.kind, str(fault)) for fault in found}) == len(found)
    assert {fault.dtypes for fault in found} == {FLOATS, EVERY}


def test_another_seed_draws_other_random_ones_and_changes_nothing_else() -> None:
    one, other = ([(f.kind, str(f)) for f in faults(seed)] for seed in (0, 1))
    assert [f for f in one if not f[0].startswith("random")] == [f for f in other if not f[0].startswith("random")]
    drawn = [{f for f in several if f[0].startswith("random")} for several in (one, other)]
    assert min(map(len, drawn)) > 2.9 * RANDOM
    assert len(drawn[0] & drawn[1]) < RANDOM / 10


def test_they_do_not_depend_on_the_process() -> None:
    here = "\n".join(f"{f.kind} {f}" for f in faults(5))
    there = subprocess.run([sys.executable, "-c", _PRINT], capture_output=True, check=True).stdout
    assert zlib.crc32(there) == zlib.crc32(here.encode())


def test_a_sample_is_as_large_as_asked_in_order_and_by_seed() -> None:
    every = faults()[:1000]
    one = sample(every, 50, 1)
    places = [every.index(fault) for fault in one]
    assert (len(one), places) == (50, sorted(places))
    assert one == sample(every, 50, 1)
    assert one != sample(every, 50, 2)
    assert sample(every, 5000, 1) == every


def test_an_implementation_is_right_in_the_other_ops_and_where_its_condition_does_not_hold() -> None:
    spec = ConvSpec.parse("n2c4h5w6_f6kh2kw3_sh1sw2_pt1pb0pl2pr1_g2")
    for fault in sample(faults(), 200, 8):
        wrong = Implementation(fault)
        for op in OPS:
            arrays = data.exact(op, spec, "float32", "power")
            if op == fault.op and fault.condition.holds(Call(op, spec, arrays)):
                continue
            assert (wrong.run(op, spec, *arrays) == run(Call(op, spec, arrays))).all(), (fault, op)
