"""What layouts have in common, in words; their names where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.diagnosis.inputs.lying import Lying, common
from harness.calls.memory_layouts import MEMORY_LAYOUTS, arrange

_A = np.arange(2 * 3 * 4 * 5, dtype=np.float64).reshape(2, 3, 4, 5)
_ALL = {name: Lying(name, arrange(_A, name)) for name in MEMORY_LAYOUTS}


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        (["readonly", "broadcast", "broadcast1", "broadcast2", "broadcast3"], "is read-only"),
        (["F"], "lies in Fortran order"),
        (["unaligned"], "is not aligned"),
        ([name for name, one in _ALL.items() if min(one.view.strides) < 0], "has a negative stride"),
        ([name for name, one in _ALL.items() if not one.view.flags.c_contiguous], "is not C-contiguous"),
        (["offset", "unaligned", "memmap"], "is a contiguous view of a larger array"),
        (["crop", "memmap"], "lies as a crop of a larger array, in a file"),
    ],
)  # fmt: skip
def test_what_they_have_in_common(failing: list[str], words: str) -> None:
    passing = [one for name, one in _ALL.items() if name not in failing]
    assert common([_ALL[name] for name in failing], passing).words == words


def test_many_names_are_counted() -> None:
    failing = ["crop", "memmap", "step2", "offset", "row_pitch", "F", "first_step2"]
    said = common([_ALL[name] for name in failing], [_ALL["C"], _ALL["rows_step2"], _ALL["last_step2"]]).words
    assert said.startswith("lies as a crop of a larger array, in a file, ")
    assert said.endswith(", and in 2 ways more")


def test_whether_another_array_lies_so() -> None:
    by_property = common([_ALL["F"]], [_ALL["C"], _ALL["permuted"]])
    by_name = common(
        [_ALL["crop"], _ALL["memmap"]], [one for name, one in _ALL.items() if name not in ("crop", "memmap")]
    )
    assert [name for name, one in _ALL.items() if by_property.holds(one)] == ["F"]
    assert [name for name, one in _ALL.items() if by_name.holds(one)] == ["memmap", "crop"]
