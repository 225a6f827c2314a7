"""What tier 4 and the published examples ask for in truth: numbers that other tests replace by small ones."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from conformance.cases import full_size, specs, strategies
from conformance.cases.case import Case
from conformance.cases.data.golden import EXAMPLES, SHAPES
from conformance.cases.grids import grid
from conformance.cases.grids.axis import Setting
from conformance.checks.contract import sequences
from conformance.parallel import child
from conformance.reports import summary
from conformance.run import engine, grid_run, plan
from harness.calls.limits import pace
from harness.cli import options, terminal
from harness.cli.commands import app
from harness.geometry.layers import read_layers
from harness.geometry.spec import OPS, ConvSpec, Op


def test_the_large_results_need_more_than_32_bits() -> None:
    spec = full_size.LARGE_SPEC
    assert spec == ConvSpec.parse("n1c1h15502w15502_f1kh3kw3")
    assert spec.columns_shape == (1, 9, 15_500**2)
    assert np.prod(spec.columns_shape, dtype=np.int64) > 2**31 > np.prod(spec.columns_shape[1:]) - 15_500**2
    assert full_size.LARGE_OPS == ("im2col", "col2im")
    assert (full_size.LAYER, full_size.LARGE_INDEX) == ("values.layer", "contract.large_index")


# Limits that other tests set to small numbers, or that only a run of hours reaches.
LIMITS: list[tuple[ModuleType, str, float]] = [
    (plan, "RANDOM_CASES", 1000), (plan, "FULL_SIZE", 4), (engine, "KEPT", 3), (summary, "SHOWN", 3),
    (grid_run, "_KEPT", 20), (grid_run, "_REPORT_EVERY", 5000), (pace, "LONGEST", 100.0),
    (strategies, "MOST_WORK", 20_000), (specs, "MAX_WORK", 200_000), (specs, "MAX_TOTAL_WORK", 8_000_000),
    (full_size, "_ROOM", 2.0), (sequences, "_CALLERS", 4), (child, "_TELL_EVERY", 0.2),
    (terminal, "_SILENT", 2.0), (terminal, "_LINE_EVERY", 4.0), (app, "_LONGEST", 2000), (options, "_SHOWN", 60),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name", "value"), LIMITS, ids=lambda given: getattr(given, "__name__", given))
def test_a_limit_is_what_it_was(module: ModuleType, name: str, value: float) -> None:
    assert getattr(module, name) == value


@pytest.mark.parametrize(
    ("op", "dtype", "elements"),
    [
        ("im2col", "float32", 15_502**2 + 9 * 15_500**2),
        ("col2im", "float64", 15_502**2 + 9 * 15_500**2),
        ("conv2d", "float16", 15_502**2 + 9 + 1 + 15_500**2),
    ],
)
def test_a_case_needs_twice_its_inputs_and_result(op: Op, dtype: str, elements: int) -> None:
    case = Case("values.layer", op, dtype, full_size.LARGE_SPEC)
    assert full_size.bytes_needed(case) == 2 * elements * np.dtype(dtype).itemsize


def test_pooling_is_asked_on_layers_of_its_own() -> None:
    found = list(full_size.full_size_cases([*OPS, "max_pool2d"], ()))
    own = [(case.op, case.spec) for case in found if case.op not in OPS]
    assert own == [("max_pool2d", layer.spec) for layer in read_layers("pools")]
    assert [case for case in found if case.op in OPS] == list(full_size.full_size_cases((), ()))


def test_the_layers_are_those_of_the_core_set() -> None:
    layers = [layer.spec for layer in read_layers("core")]
    found = [case for case in full_size.full_size_cases((), ()) if case.check == "values.layer"]
    assert [(case.spec, case.op) for case in found] == [(spec, op) for spec in layers for op in OPS]
    assert len(layers) > 5
    assert {case.dtype for case in found} == {"float32"}
    few = list(full_size.full_size_cases(["col2im", "conv2d"], ["int32", "float64"]))
    assert [(c.check, c.op, c.dtype) for c in few if c.spec in (layers[0], full_size.LARGE_SPEC)] == [
        *[("values.layer", op, dtype) for op in ("col2im", "conv2d") for dtype in ("int32", "float64")],
        *[("contract.large_index", "col2im", dtype) for dtype in ("int32", "float64")],
    ]


# Op, geometry, and of the published result the first elements and the sum.
PUBLISHED: list[tuple[Op, str, list[float], int]] = [
    ("im2col", "n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1", [0, 0, 0, 0, 1, 2], 245),
    ("col2im", "n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1", [4, 12, 12, 24, 45, 36], 245),
    ("im2col", "n1c1h5w5_f1kh3kw3", [0, 1, 2, 10, 11, 12], 1782),
    ("col2im", "n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1", [4, 6, 4, 6, 9, 6], 49),
    ("col2im", "n1c1h3w3_f1kh2kw2", [1, 2, 1, 2, 4, 2], 16),
    ("conv2d", "n1c1h3w3_f1kh2kw2", [37, 47, 67, 77], 228),
    ("max_pool2d", "n1c1h5w5_f1kh5kw5_pt2pb2pl2pr2", [13, 14, 15, 15, 15, 18], 535),
    ("max_pool2d", "n1c1h5w5_f1kh2kw2_sh2sw2", [7, 9, 17, 19], 52),
    ("max_pool2d", "n1c1h5w5_f1kh3kw3_sh2sw2_pt1pb1pl1pr1", [7, 9, 10, 17, 19, 20], 153),
    ("avg_pool2d", "n1c1h5w5_f1kh2kw2_sh2sw2", [4, 6, 14, 16], 40),
    ("avg_pool2d_exclude_padding", "n1c1h5w5_f1kh5kw5_pt2pb2pl2pr2", [7, 7.5, 8, 8.5, 9, 9.5], 325),
    ("avg_pool2d_exclude_padding", "n1c1h5w5_f1kh3kw3_sh2sw2_pt1pb1pl1pr1", [4, 5.5, 7, 11.5, 13, 14.5], 117),
]


def test_the_published_examples_are_all_there() -> None:
    found = [(e.op, str(e.spec), np.ravel(e.expected)[:6].tolist(), int(np.sum(e.expected))) for e in EXAMPLES]
    assert found == PUBLISHED
    assert [np.shape(e.expected) for e in EXAMPLES] == [e.spec.output_shape(e.op) for e in EXAMPLES]


def test_the_published_shapes_are_all_there() -> None:
    assert [shape[1:4] for shape in SHAPES] == [
        (363, 3025, 96), (27, 1024, 16), (27, 65536, 16), (27, 900, 16), (27, 225, 16)
    ]  # fmt: skip


# Of settings of rows and columns (size, kernel, stride, pads, dilation), the geometry: it must never change.
HASHED = {
    ((1, 1, 1, 0, 0, 1), (1, 1, 1, 0, 0, 1)): "n2c2h1w1_f4kh1kw1_g2",
    ((5, 3, 2, 1, 2, 2), (4, 2, 3, 0, 1, 1)): "n2c2h5w4_f2kh3kw2_sh2sw3_pt1pb2pl0pr1_dh2dw1",
    ((2, 2, 1, 2, 0, 1), (3, 1, 2, 0, 2, 1)): "n2c2h2w3_f2kh2kw1_sh1sw2_pt2pb0pl0pr2",
    ((5, 2, 1, 2, 1, 2), (1, 3, 2, 1, 2, 1)): "n2c2h5w1_f2kh2kw3_sh1sw2_pt2pb1pl1pr2_dh2dw1",
    ((5, 3, 1, 2, 1, 1), (3, 2, 2, 0, 1, 2)): "n2c3h5w3_f3kh3kw2_sh1sw2_pt2pb1pl0pr1_dh1dw2_g3",
}


@pytest.mark.parametrize("settings", HASHED)
def test_a_geometry_of_the_grid_is_the_same_for_ever(settings: tuple[Setting, Setting]) -> None:
    assert str(grid.spec_of(*settings)) == HASHED[settings]
    assert settings[0] in grid.settings()
    assert settings[1] in grid.settings()


def test_channels_and_groups_of_the_grid_are_mixed() -> None:
    every = grid.settings()
    found = [grid.spec_of(every[k], every[-k]) for k in range(1, len(every), 7)]
    shares = dict.fromkeys(((2, 2, 1), (2, 4, 2), (3, 3, 3)), 0)
    for spec in found:
        shares[spec.in_channels, spec.out_channels, spec.groups] += 1
    assert min(shares.values()) > len(found) // 6
    assert {spec.batch for spec in found} == {2}
