"""Imports point one way, nothing heavy is loaded unasked, one clock, typed records, no long file.

Every rule is a function from a source text to a list of complaints, so that each is also seen to complain.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.tests.helpers.imports import FILES, PACKAGES, PRODUCT, imports, package_of, within

_HEAVY = (
    "numba", "cupy", "torch", "triton", "pandas", "matplotlib", "asv", "asv_runner", "jinja2",
    "distributed", "dask", "zarr",
)  # fmt: skip
_OWN_LIBRARY = {
    "numba_loops": {"numba"},
    "numba_tiled": {"numba", "llvmlite"},
    "cupy_kernels": {"cupy"},
    "triton_columns": {"torch", "triton"},
    "torch_native": {"torch"},
    "peers": {
        "numba", "onnx", "onnxruntime", "jax", "scipy", "openvino", "ncnn", "mlx", "torch", "unfoldNd", "MNN",
        "tinygrad", "tensorflow",
    },
}  # fmt: skip
Rule = Callable[[str, str], list[str]]
_CLOCK = "harness.timing.clock"
_HARMLESS_TIME = {"monotonic", "sleep"}  # progress and deadlines
_MOST_LINES = 330
_MOST_PARAMETERS = 8
_MANY_BY_NATURE = ("harness.geometry.spec", "harness.geometry.shorthand", "conformance.api")


def complaints_about_imports(module: str, source: str) -> list[str]:
    """What the source of `module` imports against docs/architecture.md."""
    found = list(imports(source, package_of(module)))
    bad = []
    for name, _ in found:
        ground = ("harness.geometry", "harness.telling")
        if within(module, "harness.geometry") and within(name, *PACKAGES) and not within(name, *ground):
            bad.append(f"{module} imports {name}")
        if within(module, "harness") and not within(module, "harness.cli") and within(name, "conformance"):
            bad.append(f"{module} imports {name}")
        if module != "harness.__main__" and not within(module, "harness.cli") and within(name, "harness.cli"):
            bad.append(f"{module} imports {name}")
        if within(name, "backends") and not _is_of_its_package(module, name):
            bad.append(f"{module} imports {name}")
        if within(module, "backends") and not _allowed_to_a_backend(module, name):
            bad.append(f"{module} imports {name}")
    return bad


def _is_of_its_package(module: str, name: str) -> bool:
    """A backend that is a package, and what it imports of itself; a test of a backend imports that one."""
    package = ".".join(module.split(".")[:2])
    if module.startswith("harness.tests.backends.test_"):
        package = f"backends.{module.removeprefix('harness.tests.backends.test_')}"
        return FILES.get(package, Path()).name == "__init__.py" and (name == "backends" or within(name, package))
    return within(module, "backends") and FILES.get(package, Path()).name == "__init__.py" and within(name, package)


def _allowed_to_a_backend(module: str, name: str) -> bool:
    public = {"harness", "harness.contract.columns_layouts", *(f"harness.{n}" for n in harness.__all__)}
    if within(name, "harness"):
        return name in public or within(name, "harness.contract.columns_layouts")
    top = name.partition(".")[0]
    own = _OWN_LIBRARY.get(module.removeprefix("backends.").partition(".")[0], set())
    if _is_of_its_package(module, name):
        return True
    return (
        top == "numpy"
        or top in own
        or (top in sys.stdlib_module_names and top != "importlib")
        or (within(name, "importlib.metadata", "importlib.resources"))
    )


def complaints_about_dynamic_imports(module: str, source: str) -> list[str]:
    """Calls of import_module or __import__, and modules of backends named in strings, outside the registry."""
    if module in ("harness.contract.registry", "harness.contract.targets", "backends"):
        return []
    bad = []
    for node in ast.walk(ast.parse(source)):
        called = node.func if isinstance(node, ast.Call) else None
        name = getattr(called, "attr", getattr(called, "id", ""))
        if name in ("import_module", "__import__"):
            bad.append(f"{module} calls {name} in line {getattr(node, 'lineno', 0)}")
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("backends."):
            bad.append(f"{module} names {node.value!r}")
    return bad


def complaints_about_clocks(module: str, source: str) -> list[str]:
    """Uses of a clock, other than for progress and deadlines, outside timing.py."""
    if module == _CLOCK:
        return []
    bad = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
            used = {node.attr}
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            used = {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            used = {a.name for a in node.names if a.name == "timeit" or (a.name == "time" and a.asname)}
        else:
            continue
        bad += [f"{module} uses {name} in line {node.lineno}" for name in sorted(used - _HARMLESS_TIME)]
    return bad


def _functions(source: str) -> list[tuple[str, list[ast.arg], ast.expr | None]]:
    """Name, parameters (without self) and result of every function."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            found.append((node.name, [a for a in given if a.arg not in ("self", "cls")], node.returns))
    return found


def complaints_about_parameters(module: str, source: str) -> list[str]:
    """Functions with more parameters than anybody can keep apart: they take a record.

    A command has its options, `ConvSpec.of` the numbers of a convolution, `conformance.check` the options of a run;
    what Numba compiles has a rule of its own, in the tests of that backend.
    """
    if within(module, "backends", "harness.cli.commands") or module in _MANY_BY_NATURE:
        return []
    many = [(name, len(given)) for name, given, _ in _functions(source) if len(given) > _MOST_PARAMETERS]
    return [f"{module}.{name} has {count} parameters" for name, count in many]


def complaints_about_dicts(module: str, source: str) -> list[str]:
    """Dicts with values of any type in the signature of a public function: what crosses files is typed.

    Only `to_json`, `found` and `ceilings` speak to the outside, in plain dicts.
    """
    bad = []
    for name, given, result in _functions(source):
        said = [ast.unparse(a) for a in [*(g.annotation for g in given), result] if a is not None]
        public = not name.startswith("_") and name not in ("to_json", "found", "ceilings")
        bad += [f"{module}.{name} passes {text}" for text in said if public and "dict[str, Any]" in text]
    return bad


def complaints_about_tests(module: str, source: str) -> list[str]:
    """Tests that import another test: what two of them need is a helper."""
    if not module.rpartition(".")[2].startswith("test_"):
        return []
    found = [name for name, _ in imports(source, package_of(module)) if within(name, "harness.tests")]
    return [
        f"{module} imports {name}" for name in found if any(part.startswith("test_") for part in name.split(".")[3:4])
    ]


def complaints_about_length(module: str, source: str) -> list[str]:
    """A file with more lines than anybody reads in one go."""
    count = len(source.splitlines())
    return [f"{module} has {count} lines, more than {_MOST_LINES}"] if count > _MOST_LINES else []


def test_all_packages_are_looked_at() -> None:
    expected = {
        "harness",
        "harness.geometry.spec",
        "harness.cli.main",
        "backends.numpy_fancy",
        "backends.cupy_kernels",
        "conformance.run.engine",
    }
    assert expected <= PRODUCT.keys()
    assert "harness.tests.house.test_layering" in FILES.keys() - PRODUCT.keys()


@pytest.mark.parametrize(
    "rule",
    [
        complaints_about_imports,
        complaints_about_dynamic_imports,
        complaints_about_clocks,
        complaints_about_parameters,
        complaints_about_dicts,
    ],
)
def test_sources_keep_the_rule(rule: Rule) -> None:
    assert [text for name, path in PRODUCT.items() for text in rule(name, path.read_text(encoding="utf-8"))] == []


def test_only_tests_and_main_import_the_command_line() -> None:
    found = {n for n, p in FILES.items() if any(within(i, "harness.cli") for i, _ in imports(p.read_text(), n))}
    assert {n for n in found if not within(n, "harness.tests", "harness.cli")} == {"harness.__main__"}


def test_no_test_imports_another() -> None:
    assert [text for n, p in FILES.items() for text in complaints_about_tests(n, p.read_text(encoding="utf-8"))] == []


def test_no_file_is_long() -> None:
    assert [text for n, p in FILES.items() for text in complaints_about_length(n, p.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("harness.geometry.spec", "from harness.contract import protocol"),
        ("harness.geometry.layers", "def f():\n    from harness.oracle import data"),
        ("harness.timing.run", "from conformance.run import engine"),
        ("harness.timing.run", "def f():\n    import conformance.run.engine"),
        ("harness.timing.run", "from harness.cli import main"),
        ("harness.timing.run", "from harness import cli"),
        ("harness.timing.run", "from .. import cli"),
        ("harness.contract.registry", "import backends"),
        ("harness.contract.registry", "from backends import numpy_fancy"),
        ("conformance.run.engine", "import backends.numpy_fancy"),
        ("conformance.run.engine", "from harness.cli import main"),
        ("backends.numpy_fancy", "from harness.geometry.spec import ConvSpec"),
        ("backends.numpy_fancy", "from harness.oracle import by_taps"),
        ("backends.numpy_fancy", "from backends.naive_loops import im2col"),
        ("backends.numpy_fancy", "from .naive_loops import im2col"),
        ("backends.numpy_fancy", "from conformance.cases.data import golden"),
        ("backends.numpy_fancy", "import torch"),
        ("backends.torch_native", "import numba"),
        ("backends.cupy_kernels", "from .. import numpy_fancy"),
    ],
)
def test_a_wrong_import_is_seen(module: str, source: str) -> None:
    assert complaints_about_imports(module, source) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("harness.geometry.spec", "import numpy as np\nfrom harness.geometry import rules"),
        ("harness.cli.main", "from conformance.run import engine"),
        ("harness.__main__", "from harness.cli import main"),
        ("harness.timing.run", "from harness.contract.registry import load"),
        ("conformance.run.engine", "from harness.oracle import by_taps\nfrom conformance.checks import values"),
        ("backends.torch_native", "import torch.nn.functional as F\nfrom harness import ConvSpec, Op"),
        (
            "backends.numpy_fancy",
            "from functools import lru_cache\nfrom harness.contract.columns_layouts import COLUMNS_LAYOUTS",
        ),
        ("backends.numba_tiled", "from importlib.metadata import version\nfrom numba import njit"),
    ],
)
def test_a_right_import_is_not_complained_about(module: str, source: str) -> None:
    assert complaints_about_imports(module, source) == []


@pytest.mark.parametrize(
    "source",
    ["import importlib\nimportlib.import_module('x')", "__import__('x')", "TARGET = 'backends.numpy_fancy'"],
)
def test_a_dynamic_import_is_seen(source: str) -> None:
    assert complaints_about_dynamic_imports("harness.timing.run", source) != []
    assert complaints_about_dynamic_imports("harness.contract.registry", source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time\nstart = time.perf_counter()",
        "import time\nstart = time.time()",
        "import time\nf = time.process_time_ns",
        "from time import perf_counter",
        "import time as t",
        "import timeit",
    ],
)
def test_another_clock_is_seen(source: str) -> None:
    assert complaints_about_clocks("harness.timing.run", source) != []
    assert complaints_about_clocks(_CLOCK, source) == []


def test_progress_and_deadlines_are_no_clock() -> None:
    assert complaints_about_clocks("harness.timing.run", "import time\ntime.sleep(time.monotonic())") == []


def test_many_parameters_are_seen() -> None:
    many = "def f(self, a, b, c, d, e, f, g, *, h{}): pass"
    assert complaints_about_parameters("harness.timing.run", many.format("")) == []
    assert complaints_about_parameters("harness.timing.run", many.format(", i")) != []
    assert complaints_about_parameters("harness.cli.commands.bench", many.format(", i")) == []


def test_an_untyped_dict_is_seen() -> None:
    assert complaints_about_dicts("harness.timing.run", "def f(job: dict[str, Any]) -> int: ...") != []
    assert complaints_about_dicts("harness.timing.run", "def f() -> list[dict[str, Any]]: ...") != []
    assert complaints_about_dicts("harness.timing.run", "def f(by_name: dict[str, int]) -> int: ...") == []


def test_a_test_that_imports_a_test_is_seen() -> None:
    test = "harness.tests.cli.test_cli"
    assert complaints_about_tests(test, "from harness.tests.report.test_report import build") != []
    assert complaints_about_tests(test, "from harness.tests.helpers.plugins import GOOD") == []
    assert complaints_about_tests("harness.timing.run", "from harness.tests.report.test_report import build") == []


def test_a_long_file_is_seen() -> None:
    assert complaints_about_length("harness.timing.run", "x = 1\n" * _MOST_LINES) == []
    assert complaints_about_length("harness.timing.run", "x = 1\n" * (_MOST_LINES + 1)) != []


def heavy_after(code: str) -> list[str]:
    """Heavy libraries in memory after `code` ran in a fresh process."""
    show = f"import sys; print(*[m for m in {_HEAVY} if m in sys.modules])"
    command = [sys.executable, "-c", f"{code}\n{show}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_importing_our_packages_loads_nothing_heavy() -> None:
    assert heavy_after("import harness, backends, conformance.run.engine, harness.cli.main; harness.names()") == []


def test_a_heavy_library_would_be_seen() -> None:
    assert heavy_after("import sys, types; sys.modules['torch'] = types.ModuleType('torch')") == ["torch"]
