"""`numba_tiled`'s register tile as the machine code of an ARM CPU, which need not be at hand: fused, and no spill.

Numba compiles for this CPU only, so it is told of the registers of the other one, and what it makes before optimising
is given to LLVM for that one. It has not been run there.
"""

from __future__ import annotations

import re
from functools import cache

import pytest

from harness.tests.helpers.compiled.child import child

pytest.importorskip("numba", reason="numba is not installed")
pytestmark = pytest.mark.heavy

CPUS = ("neoverse-n1", "apple-m1")
_TILES = [8 * 3, 8 * 2, 8 * 1]  # sums of a tile, by its width
_ASSEMBLY = """
import re, sys
import llvmlite.binding as llvm
from numba import types
from numba.core.registry import cpu_target

triple, (cpu, dtype) = "aarch64-unknown-linux-gnu", sys.argv[1:]
codegen = type(cpu_target.target_context.codegen())
ours, codegen.magic_tuple = codegen.magic_tuple, lambda self: (triple, cpu, "+neon")
from backends.numba_tiled.product.register_tile import FILTERS, multiply_tile
codegen.magic_tuple = ours

values, table, whole = types.CPointer(getattr(types, dtype)), types.CPointer(types.intp), types.intp
rows = types.UniTuple(whole, FILTERS)
signature = (whole, whole, values, rows, table, values, table, values, rows, values, whole, types.boolean)
multiply_tile.compile(signature)
text = multiply_tile.inspect_llvm(signature)
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=3, reloc="pic", codemodel="default")
module = llvm.parse_assembly(re.sub(r"target (triple|datalayout) = .*\\n", "", text))
module.triple, module.data_layout = triple, str(machine.target_data)
passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
passes.getModulePassManager().run(module, passes)
print(machine.emit_assembly(module))
"""


@cache
def assembly(cpu: str, dtype: str) -> str:
    done = child(_ASSEMBLY, cpu, dtype, NUMBA_OPT="0")
    assert done.returncode == 0, done.stderr
    return done.stdout


def loops(text: str) -> list[list[str]]:
    """The instructions of every block that branches to itself."""
    found = []
    for label, body in re.findall(r"^(\.LBB\d+_\d+):(.*?)(?=^\S+:|\Z)", text, re.S | re.M):
        lines = [line.strip() for line in body.splitlines() if line.startswith("\t") and not line.startswith("\t.")]
        if any(re.match(rf"(b\.\w+|cbn?z|tbn?z)\s.*{re.escape(label)}$", line) for line in lines):
            found.append(lines)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cpu", CPUS)
def test_a_step_is_fused_multiply_adds_of_vectors_and_nothing_of_it_goes_to_the_stack(cpu: str, dtype: str) -> None:
    lanes = "4s" if dtype == "float32" else "2d"
    fused = rf"fmla\s+v\d+\.{lanes}"
    steps = [lines for lines in loops(assembly(cpu, dtype)) if any(line.startswith(("fmla", "fmul")) for line in lines)]
    assert [sum(bool(re.match(fused, line)) for line in lines) for lines in steps] == _TILES
    for lines in steps:
        assert [line for line in lines if re.match(r"fmul|fadd|fmadd", line)] == []
        assert [line for line in lines if "[sp" in line or "[x29" in line] == []
        assert [line for line in lines if re.match(r"st[rpu]", line)] == []
