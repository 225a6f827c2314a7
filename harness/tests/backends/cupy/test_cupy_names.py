"""CuPy has every name that we use of it, and the fake that stands for it in tests has no name that CuPy lacks."""

from __future__ import annotations

import ast
import importlib.util
from functools import reduce
from pathlib import Path

import pytest

from harness.tests.helpers.imports import ROOT

pytestmark = pytest.mark.cuda


def names_used(tree: ast.AST) -> set[str]:
    """Every cp.a.b.c in a source, as a.b.c."""
    found = set()
    for node in ast.walk(tree):
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if parts and isinstance(node, ast.Name) and node.id == "cp":
            found.add(".".join(parts))
    return found


def test_cupy_has_what_is_used_of_it() -> None:
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("CuPy is not installed")
    import cupy

    used = names_used(ast.parse((ROOT / "backends" / "cupy_kernels" / "device.py").read_text(encoding="utf-8")))
    assert {"RawModule", "cuda.memory.OutOfMemoryError", "cuda.runtime.getDevice"} <= used
    for name in used:
        reduce(getattr, name.split("."), cupy)
    assert hasattr(cupy.RawKernel, "max_dynamic_shared_size_bytes")
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)
    from cupy._core import _routines_linalg as linalg

    assert all(hasattr(linalg, name) for name in ("get_compute_type", "set_compute_type", "COMPUTE_TYPE_TF32"))


def test_the_fake_has_no_more_than_cupy() -> None:
    """The fake must not offer what CuPy does not have under that name."""
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("CuPy is not installed")
    import cupy

    fake = ast.parse(
        (Path(__file__).parents[2] / "helpers" / "cuda" / "fake_cupy" / "cupy" / "__init__.py").read_text(
            encoding="utf-8"
        )
    )
    functions = {node.name for node in fake.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}
    assert {name for name in functions if not hasattr(cupy, name)} == set()
