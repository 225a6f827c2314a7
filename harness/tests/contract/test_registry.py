"""Backends are found by name, entry point or file; each is imported alone, and each mistake is told in one line."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness import BackendUnavailable, RegistryError, load, names
from harness.contract import targets
from harness.geometry.spec import ALL_OPS, OPS, ConvSpec, Op
from harness.oracle import by_taps, data
from harness.tests.helpers.plugins import GOOD, GOOD_CLASS, Write

_BUILTIN = ["naive_loops", "numpy_fancy", "matlab_loop", "octave_loop", "numba_loops", "numba_tiled", "numba_winograd",
            "cupy_kernels", "cupy_chunked", "cupy_implicit", "cupy_implicit_tf32", "triton_columns", "torch_native",
            "torch_native_cuda", "torch_native_cuda_tf32"]  # fmt: skip
_SPEC = ConvSpec.parse("n2c6h9w10_f6kh4kw2_sh2sw3_pt1pb2pl0pr1_dh1dw2_g2")
_OWN_UNAVAILABLE = "class BackendUnavailable(Exception):\n    pass\n\n\n"


def loaded_backends(code: str) -> list[str]:
    """The modules of `backends` that are in memory after `code` ran in a fresh process."""
    show = "import sys; print(*sorted(m for m in sys.modules if m.startswith('backends.')))"
    command = [sys.executable, "-c", f"import harness; {code}; {show}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout.split()


def message(target: object, kind: type[Exception] = RegistryError) -> str:
    """The text of the error that loading gives."""
    with pytest.raises(kind) as caught:
        load(str(target))
    return str(caught.value)


def fake_entry_points(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str, str]) -> None:
    """Pretend that packages registered these (package, name, target)."""
    found = [SimpleNamespace(name=n, value=v, dist=SimpleNamespace(name=package)) for package, n, v in entries]

    def entry_points(*, group: str) -> list[SimpleNamespace]:
        assert group == "im2col_harness.backends"
        return found

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    monkeypatch.setattr(targets, "_installed", targets._installed.__wrapped__)  # not once, but whenever it is asked


# -- registered names ----------------------------------------------------------------------------------------------


def test_names_imports_no_backend() -> None:
    assert loaded_backends("harness.names()") == []


def test_load_imports_only_the_one_asked_for() -> None:
    assert loaded_backends("harness.load('numpy_fancy')") == ["backends.numpy_fancy"]


def test_names_are_the_shipped_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_entry_points(monkeypatch)
    assert names() == _BUILTIN


def test_a_loaded_backend_knows_its_name_and_target() -> None:
    backend = load("numpy_fancy")
    assert (backend.name, backend.target) == ("numpy_fancy", "backends.numpy_fancy")
    assert backend.native == set(OPS)


def test_an_unknown_name_is_met_with_the_nearest_and_all() -> None:
    text = message("numpy_fanci")
    assert "unknown backend 'numpy_fanci', did you mean 'numpy_fancy'?" in text
    assert ", ".join(_BUILTIN) in text
    assert "did you mean" not in message("zzzz")


# -- a file of the user --------------------------------------------------------------------------------------------


def test_two_functions_in_a_file_are_a_backend(write: Write) -> None:
    backend = load(str(write("good.py", GOOD)))
    assert (backend.name, backend.numerics) == ("good", "gemm")
    assert backend.native == {"im2col", "col2im"}
    assert set(backend.ops) == set(ALL_OPS)


@pytest.mark.parametrize("op", OPS)
def test_a_plain_module_claims_float32_and_float64(write: Write, op: Op) -> None:
    backend = load(str(write("good.py", GOOD)))
    assert backend.unsupported(op, _SPEC, "float32") is None
    assert backend.unsupported(op, _SPEC, "float64") is None
    assert backend.unsupported(op, _SPEC, "float16") == "dtype float16 is not claimed"


@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize("op", ALL_OPS)
def test_derived_ops_equal_the_oracle(write: Write, op: Op, batch: int) -> None:
    spec = ConvSpec.parse(f"n{batch}c6h9w10_f9kh3kw2_sh2sw3_pt1pb2pl0pr1_dh2dw3_g3")
    backend = load(str(write("good.py", GOOD)))
    arrays = data.exact(op, spec, "float32", "seed")
    got = backend.run(op, spec, *arrays)
    assert (got.shape, got.dtype.name) == (spec.output_shape(op), "float32")
    np.testing.assert_array_equal(got, by_taps.run(op, spec, *arrays))


def test_a_derived_convolution_takes_no_bias(write: Write) -> None:
    x, w, _ = data.exact("conv2d", _SPEC, "float32", "seed")
    got = load(str(write("good.py", GOOD))).run("conv2d", _SPEC, x, w, None)
    np.testing.assert_array_equal(got, by_taps.run("conv2d", _SPEC, x, w, None))


def test_one_class_in_a_file_is_the_backend(write: Write) -> None:
    source = GOOD.replace("def im2col", "def _im2col").replace("def col2im", "def _col2im")
    own = GOOD_CLASS.format(name="Mine").replace("return ", "return _")
    backend = load(str(write("mine.py", f"from harness import Backend\n{source}{own}")))
    (x,) = data.exact("im2col", _SPEC, "float32", "seed")
    np.testing.assert_array_equal(backend.run("im2col", _SPEC, x), by_taps.run("im2col", _SPEC, x))


def test_two_classes_in_a_file_are_named(write: Write) -> None:
    path = write("pair.py", (GOOD_CLASS.format(name="One") + GOOD_CLASS.format(name="Two")))
    assert message(path) == f"{path} has several backends, name one: {path}:One, {path}:Two"


def test_one_of_two_classes_can_be_chosen(write: Write) -> None:
    source = GOOD_CLASS.format(name="One") + GOOD_CLASS.format(name="Two") + "\n    numerics = 'direct'\n"
    path = write("pair.py", source)
    assert load(f"{path}:One").numerics == "gemm"
    assert load(f"{path}:Two").numerics == "direct"
    assert (load(f"{path}:Two").name, load(f"{path}:Two").target) == ("pair.Two", f"{path}:Two")


def test_a_class_with_a_second_name_is_one_class(write: Write) -> None:
    path = write("mine.py", GOOD_CLASS.format(name="Mine") + "\n\nBackend = Mine\n")
    assert load(str(path)).native == {"im2col", "col2im"}


def test_a_helper_function_does_not_hide_the_class(write: Write) -> None:
    """docs/contract.md: the module itself if it defines im2col *and* col2im, else the one class in it that does."""
    path = write("mine.py", "def im2col(x, spec):\n    return x\n" + GOOD_CLASS.format(name="Mine"))
    assert load(str(path)).native == {"im2col", "col2im"}


def test_one_op_is_a_backend(write: Write) -> None:
    source = "def conv2d(x, w, b, spec):\n    return x\n"
    assert load(str(write("mine.py", source))).native == {"conv2d"}
    inside = source.replace("def conv2d(x", "class Mine:\n    def conv2d(self, x").replace(
        "    return", "        return"
    )
    assert load(str(write("inside.py", inside))).native == {"conv2d"}
    both = f"from math import sqrt as conv2d\n{inside.replace('conv2d(self, x, w, b', 'conv2d_input_grad(self, dy, w')}"
    assert load(str(write("imported.py", both.replace("return x", "return w")))).native == {"conv2d_input_grad"}


def test_a_factory_can_be_named(write: Write) -> None:
    path = write("mine.py", GOOD_CLASS.format(name="_Mine") + "\n\ndef make():\n    return _Mine()\n")
    assert load(f"{path}:make").native == {"im2col", "col2im"}


def test_a_missing_attribute_is_named(write: Write) -> None:
    path = write("mine.py", GOOD_CLASS.format(name="Mine"))
    assert message(f"{path}:Mihne") == f"{path}:Mihne has no 'Mihne', did you mean 'Mine'?; it has Mine"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert message(tmp_path / "none.py") == f"backend file '{tmp_path}/none.py' does not exist"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def im2col(x spec):\n", "cannot be imported: SyntaxError: "),
        ("raise KeyError('lost')\n", "cannot be imported: KeyError: 'lost'"),
        ("import sys\nsys.exit(0)\n", "cannot be imported: SystemExit: 0"),
        ("X = 1\n", "has none of im2col, col2im, conv2d, "),
    ],
    ids=["syntax", "raises", "exits", "nothing"],
)
def test_a_file_that_is_no_backend(write: Write, source: str, said: str) -> None:
    path = write("broken.py", source)
    assert str(path) in message(path)
    assert said in message(path)
    assert "im2col_harness_plugin_broken" not in sys.modules or source.startswith("X")


def test_a_file_may_bring_its_own_unavailable(write: Write) -> None:
    path = write("mine.py", _OWN_UNAVAILABLE + "raise BackendUnavailable('no such card')\n")
    assert message(path, BackendUnavailable) == "no such card"


@pytest.mark.parametrize(
    "body",
    ["raise ImportError('no such card')", "raise BackendUnavailable('no such card')"],
    ids=["ImportError", "own_class"],
)
def test_a_factory_can_be_unavailable(write: Write, body: str) -> None:
    path = write("mine.py", f"{_OWN_UNAVAILABLE}def make():\n    {body}\n")
    assert message(f"{path}:make", BackendUnavailable) == "no such card"


def test_a_factory_that_raises_is_an_error(write: Write) -> None:
    path = write("mine.py", "def make():\n    raise OSError('broken card')\n")
    assert message(f"{path}:make") == f"backend '{path}:make' cannot be made: OSError: broken card (mine.py, line 2)"


# -- module:Attr ---------------------------------------------------------------------------------------------------


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules in the test's folder can be imported by name, and are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in set(sys.modules) - before:
        if name.startswith("regtest_"):
            del sys.modules[name]


@pytest.mark.usefixtures("importable")
def test_a_class_in_a_module(write: Write) -> None:
    write("regtest_module.py", GOOD + GOOD_CLASS.format(name="Mine"))
    backend = load("regtest_module:Mine")
    assert (backend.name, backend.target) == ("regtest_module.Mine", "regtest_module:Mine")


def test_a_module_that_does_not_exist() -> None:
    assert "No module named 'regtest_nowhere'" in message("regtest_nowhere:Mine")


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("statement", ["raise KeyError('lost')", "import sys; sys.exit(0)"], ids=["raises", "exits"])
def test_a_module_that_fails_is_named(write: Write, statement: str) -> None:
    write("regtest_broken.py", f"{statement}\n")
    assert "backend 'regtest_broken:Mine' cannot be imported: " in message("regtest_broken:Mine")


@pytest.mark.parametrize("stem", ["my-backend", "MyBackend", "my backend", "class", "größe", "v2.1", "a:b", "--x"])
def test_any_file_name_is_accepted(write: Write, stem: str) -> None:
    assert load(str(write(f"{stem}.py", GOOD))).name == stem.replace(" ", "_")


def test_a_registered_name_has_small_letters_digits_and_underscores(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_entry_points(monkeypatch, ("p", "My-Backend", "numpy"))
    assert message("My-Backend") == "backend name 'My-Backend' must be made of a-z, 0-9 and _ (numpy)"


# -- entry points --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("importable")
def test_entry_points_are_names_like_any_other(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("regtest_good.py", GOOD + GOOD_CLASS.format(name="Mine"))
    fake_entry_points(monkeypatch, ("p", "whole_module", "regtest_good"), ("p", "one_class", "regtest_good:Mine"))
    assert names() == [*_BUILTIN, "whole_module", "one_class"]
    assert [load(n).name for n in names()[-2:]] == ["whole_module", "one_class"]


@pytest.mark.usefixtures("importable")
def test_a_broken_entry_point_hides_no_other(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("regtest_broken.py", "raise KeyError('lost')\n")
    write("regtest_good.py", GOOD)
    fake_entry_points(
        monkeypatch, ("p", "broken", "regtest_broken"), ("p", "good", "regtest_good"), ("q", "gone", "regtest_gone:A")
    )
    assert names() == [*_BUILTIN, "broken", "good", "gone"]
    assert load("good").name == "good"
    assert load("numpy_fancy").name == "numpy_fancy"
    said = "backend 'broken' (regtest_broken) cannot be imported: KeyError: 'lost' (regtest_broken.py, line 1)"
    assert message("broken") == said
    assert "regtest_gone" in message("gone")


@pytest.mark.usefixtures("importable")
def test_an_entry_point_may_bring_its_own_unavailable(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("regtest_card.py", _OWN_UNAVAILABLE + "raise BackendUnavailable('no such card')\n")
    fake_entry_points(monkeypatch, ("p", "card", "regtest_card"))
    assert message("card", BackendUnavailable) == "no such card"


@pytest.mark.usefixtures("importable")
def test_an_entry_point_that_exits_is_an_error(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("regtest_exits.py", "import sys\nsys.exit(0)\n")
    fake_entry_points(monkeypatch, ("p", "exits", "regtest_exits"))
    assert "cannot be imported" in message("exits")


def test_a_name_claimed_twice_is_refused_with_both_parties(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_entry_points(monkeypatch, ("other-package", "numpy_fancy", "other:Fancy"))
    assert names() == _BUILTIN
    assert message("numpy_fancy") == (
        "backend name 'numpy_fancy' is claimed twice: by built in (backends.numpy_fancy) and package other-package "
        "(other:Fancy); rename one of them"
    )
    assert load("naive_loops").name == "naive_loops"
