"""Layouts of the columns: three arrangements of the same numbers, written out by hand, and each turned back."""

from __future__ import annotations

import numpy as np
import pytest

from harness.contract.columns_layouts import COLUMNS_LAYOUTS
from harness.geometry.spec import ConvSpec

# Two images, one channel, kernel 1 x 2 by 2 x 1 positions: an entry says image, row, position.
_SPEC = ConvSpec.parse("n2c2h3w2_f1kh2kw1")
_COLUMNS = np.array([[[100 * n + 10 * row + position for position in range(4)] for row in range(4)] for n in range(2)])
_ALL_DISTINCT = ConvSpec.parse("n3c2h6w7_f4kh3kw5")


def test_batched_is_what_the_contract_says() -> None:
    layout = COLUMNS_LAYOUTS["batched"]
    assert layout.from_batched(_COLUMNS, _SPEC).tolist() == layout.to_batched(_COLUMNS, _SPEC).tolist()
    assert layout.from_batched(_COLUMNS, _SPEC)[1, 2].tolist() == [120, 121, 122, 123]


def test_the_images_of_a_position_lie_beside_each_other() -> None:
    made = COLUMNS_LAYOUTS["batch_innermost"].from_batched(_COLUMNS, _SPEC)
    assert made.tolist() == [
        [0, 100, 1, 101, 2, 102, 3, 103],
        [10, 110, 11, 111, 12, 112, 13, 113],
        [20, 120, 21, 121, 22, 122, 23, 123],
        [30, 130, 31, 131, 32, 132, 33, 133],
    ]


def test_patches_are_column_major() -> None:
    """Kernel 2 x 3 in two channels: rows c, u, v become c, v, u."""
    spec = ConvSpec.parse("n1c2h2w3_f1kh2kw3")
    made = COLUMNS_LAYOUTS["matlab"].from_batched(np.arange(12).reshape(1, 12, 1), spec)
    assert made[0, :, 0].tolist() == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
    assert COLUMNS_LAYOUTS["matlab"].to_batched(np.arange(12).reshape(1, 12, 1), spec)[0, :, 0].tolist() == [
        0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11,
    ]  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS_LAYOUTS)
@pytest.mark.parametrize("spec", [_SPEC, _ALL_DISTINCT, ConvSpec.parse("n0c2h3w2_f1kh2kw1")], ids=str)
def test_there_and_back(name: str, spec: ConvSpec) -> None:
    columns = np.arange(np.prod(spec.columns_shape)).reshape(spec.columns_shape)
    layout = COLUMNS_LAYOUTS[name]
    there = layout.from_batched(columns, spec)
    back = layout.to_batched(there, spec)
    assert back.shape == columns.shape
    assert np.array_equal(back, columns)
    assert np.array_equal(layout.from_batched(back, spec), there)
    assert back.flags.c_contiguous


def test_layouts_are_told_apart() -> None:
    forms = {name: layout.form for name, layout in COLUMNS_LAYOUTS.items()}
    assert forms == {
        "batched": "(N, C*KH*KW, L)", "batch_innermost": "(C*KH*KW, L*N)", "matlab": "(N, C*KW*KH, L)",
    }  # fmt: skip
    columns = np.arange(np.prod(_ALL_DISTINCT.columns_shape)).reshape(_ALL_DISTINCT.columns_shape)
    made = {layout.from_batched(columns, _ALL_DISTINCT).tobytes() for layout in COLUMNS_LAYOUTS.values()}
    assert len(made) == 3
