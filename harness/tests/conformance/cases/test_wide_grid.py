"""The wide grid: geometries by number, each another one, split without looking at the others."""

from __future__ import annotations

import math

from conformance.cases.grids import grid, wide_grid
from conformance.cases.shard import Shard


def test_numbers_mean_geometries_that_are_all_different_and_valid() -> None:
    specs = list(wide_grid.geometries(3000))
    assert len(set(specs)) == 3000
    assert all(spec.output_size >= (1, 1) for spec in specs)


def test_every_number_has_a_geometry_of_its_own() -> None:
    assert wide_grid.total() == 1_035_294_976 > wide_grid.MOST
    assert math.gcd(wide_grid._STEP, wide_grid.total()) == 1


def test_the_first_thousand_have_every_setting_of_every_kind() -> None:
    specs = list(wide_grid.geometries(1000))
    assert {spec.kernel_size[0] for spec in specs} == {1, 2, 3, 4, 5}
    assert {spec.stride[1] for spec in specs} == {1, 2, 3, 4}
    assert {spec.dilation[0] for spec in specs} == {1, 2, 3}
    assert {spec.padding[2] for spec in specs} == {0, 1, 2, 3}
    assert {spec.groups for spec in specs} == {1, 2, 3, 6}


def test_shards_of_a_sweep_hold_each_geometry_once() -> None:
    parts = [list(grid.geometries(Shard(index, 7), sweep=100)) for index in range(1, 8)]
    assert sorted(str(spec) for part in parts for spec in part) == sorted(map(str, grid.geometries(sweep=100)))
    assert [grid.size(Shard(index, 7), sweep=100) for index in range(1, 8)] == [len(part) for part in parts]
    assert grid.size(Shard(500, 10**9), sweep=10**9) == 1
