"""The search for false alarms counts and prints what the libraries said; those that are missing are named."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from conformance.diagnosis import compare_libraries, vote
from conformance.diagnosis.libraries import by_onnxruntime, witnesses
from conformance.diagnosis.libraries.common import Arrays, CannotDoIt
from conformance.diagnosis.vote import Vote, cast_votes, odd_one_out
from harness.contract.protocol import Array
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data

_SPEC = ConvSpec.parse("n2c4h5w6_f6kh2kw3_sh2sw1_pt1pb0pl2pr1_dh1dw2_g2")
_ONE = ConvSpec.parse("n1c1h2w3_f2kh1kw1")


def right(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """A library that does everything."""
    return by_taps.run(op, spec, *arrays)


def half(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """A library without gradients that is wrong about col2im and cannot be asked about stride 2."""
    if op.endswith("grad"):
        raise CannotDoIt("no gradients")
    if spec.stride[0] == 2:
        raise MemoryError("too\n  large")
    return by_taps.run(op, spec, *arrays) + (op == "col2im")


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two libraries that are here, under the names of modules, and two that are not."""
    given = {"json": half, "no_such_a": right, "csv": right, "no_such_b": right}
    monkeypatch.setattr(witnesses, "COMPUTE", given)


@pytest.mark.usefixtures("libraries")
def test_all_that_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(witnesses, "version", {"json": "1.2", "csv": "3.4"}.__getitem__)
    monkeypatch.setattr(compare_libraries, "ALL", {"one": _ONE, "two": _SPEC})
    assert compare_libraries.main([]) == 1
    col2im = f"json DISAGREES on col2im/{_ONE}: 6 of 6 elements differ, first at [0, 0, 0, 0], "
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == [
        "witness      version          compared    agree disagree   cannot",
        "json         1.2                     3        2        1        9",
        "no_such_a    missing: No module named 'no_such_a'",
        "csv          3.4                    12       12        0        0",
        "no_such_b    missing: No module named 'no_such_b'",
        "json cannot, 6 times: no gradients",
        "json cannot, 3 times: raised MemoryError: too large",
    ]
    assert last.startswith(col2im)


@pytest.mark.usefixtures("libraries")
def test_a_sample_is_compared_as_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(compare_libraries, "ALL", {"one": _ONE})
    monkeypatch.setattr(witnesses, "COMPUTE", {"csv": right})
    monkeypatch.setattr(witnesses, "version", lambda name: "3.4")
    for arguments, compared in (([], 6), (["--tier2-sample", "3"], 24)):
        assert compare_libraries.main(arguments) == 0
        assert capsys.readouterr().out.splitlines()[1].split() == ["csv", "3.4", *[str(compared)] * 2, "0", "0"]


@pytest.mark.usefixtures("libraries")
def test_libraries_are_given_whole_numbers_that_depend_on_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[Op, str, list[float]]] = []

    def heard_of(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
        heard.append((op, str(arrays[0].dtype), arrays[0].ravel().tolist()))  # type: ignore[union-attr]
        return by_taps.run(op, spec, *arrays)

    monkeypatch.setattr(witnesses, "COMPUTE", {"csv": heard_of})
    counts = compare_libraries.compare([_ONE], ["col2im", "im2col"])
    assert (list(counts), counts["csv"].agree) == (["csv"], 2)
    assert heard == [
        (op, "float32", data.exact(op, _ONE, "float32", f"witnesses/{op}/{_ONE}")[0].ravel().tolist())
        for op in ("col2im", "im2col")
    ]
    heard.clear()
    assert compare_libraries.compare(iter([_ONE]))["csv"].agree == 6
    assert [op for op, *_ in heard] == list(OPS)


def test_a_sample_is_the_same_everywhere() -> None:
    assert [str(spec) for spec in compare_libraries.sample(4)] == [
        "n2c3h5w8_f3kh3kw4_sh2sw4_pt0pb2pl3pr1_dh3dw1",
        "n3c6h2w5_f6kh2kw1_sh3sw2_pt1pb2pl1pr2_g3",
        "n3c6h3w2_f6kh1kw1_sh3sw4_pt0pb1pl2pr1_dh3dw3_g2",
        "n3c6h6w5_f2kh1kw1_sh4sw3_pt3pb2pl3pr2_dh3dw1_g2",
    ]
    assert compare_libraries.sample(0) == []


def test_every_small_number_is_drawn() -> None:
    many = compare_libraries.sample(150)
    drawn = {
        "batch": {s.batch for s in many}, "groups": {s.groups for s in many},
        "channels": {s.in_channels // s.groups for s in many}, "filters": {s.out_channels // s.groups for s in many},
        "size": {n for s in many for n in s.input_size}, "kernel": {n for s in many for n in s.kernel_size},
        "stride": {n for s in many for n in s.stride}, "padding": {n for s in many for n in s.padding},
        "dilation": {n for s in many for n in s.dilation},
    }  # fmt: skip
    three, four = {1, 2, 3}, {1, 2, 3, 4}
    assert drawn == {
        "batch": three, "groups": three, "channels": three, "filters": three, "size": set(range(1, 9)), "kernel": four,
        "stride": four, "padding": {0, 1, 2, 3}, "dilation": three,
    }  # fmt: skip


# -- votes -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("libraries")
def test_votes_are_those_of_the_oracle_the_libraries_and_the_backend() -> None:
    arrays = data.exact("col2im", _ONE, "float32", "0")
    got = by_taps.run("col2im", _ONE, *arrays)
    said = [(v.name, v.value is None, v.agrees_with_oracle) for v in cast_votes("col2im", _ONE, arrays, got + 1)]
    assert said == [
        ("the oracle", False, True), ("json", False, False), ("csv", False, True), ("the backend", False, False)
    ]  # fmt: skip
    assert [v.name for v in cast_votes("col2im", _ONE, arrays)] == ["the oracle", "json", "csv"]
    assert [v.name for v in cast_votes("col2im", _ONE, arrays, got, ["csv"])] == ["the oracle", "csv", "the backend"]
    assert [v.name for v in cast_votes("col2im", _ONE, arrays, got, [])] == ["the oracle", "the backend"]


@pytest.mark.parametrize(
    ("raised", "note"),
    [
        (CannotDoIt("no way,\n as it is"), "no way,\n as it is"),
        (ValueError("one\n  two\tthree"), "raised ValueError: one two three"),
        (MemoryError(), "raised MemoryError: "),
        (OSError("x" * 160), f"raised OSError: {'x' * 150}"),
    ],
)
def test_a_silent_library_says_why(monkeypatch: pytest.MonkeyPatch, raised: Exception, note: str) -> None:
    def silent(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
        raise raised

    monkeypatch.setattr(witnesses, "COMPUTE", {"a": silent})
    vote_of_a = cast_votes("im2col", _ONE, data.exact("im2col", _ONE, "float32", "0"), names=["a"])[1]
    assert vote_of_a == Vote("a", None, False, note)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("o1 a1 b1 B1", "o, a, b and the backend agree"),
        ("o1 a2 b2 B1", "a and b agree; o and the backend are the odd ones out"),
        ("o1 a2 b2 c1 B1", "no majority: o, c and the backend against a and b"),
        ("o1 a2 b3 B2", "no majority: o against a and the backend against b"),
        ("o1 a1 b2 c2 d3", "no majority: o and a against b and c against d"),
        ("o1 a2 b2 c2 d1", "a, b and c agree; o and d are the odd ones out"),
        ("o1 a2 b2 c2", "a, b and c agree; o is the odd one out"),
        ("o1 B1", "o and the backend agree"),
        ("o1 B2", "no majority: o against the backend"),
        ("B1", "only the backend says anything"),
    ],
)
def test_who_is_the_odd_one_out(values: str, said: str) -> None:
    votes = [
        Vote({"B": vote.BACKEND}.get(word[0], word[0]), np.array([int(word[1])]), word[1] == "1")
        for word in values.split()
    ]
    assert odd_one_out([Vote("silent", None, False, "cannot"), *votes]) == said


# -- which libraries are here ----------------------------------------------------------------------------------------


def test_what_is_missing_or_of_unknown_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnesses, "COMPUTE", {"json": right, "pytest": right, "no_such_module": right})
    assert witnesses.available() == {
        "json": "version unknown",
        "pytest": pytest.__version__,
        "no_such_module": "No module named 'no_such_module'",
    }
    assert witnesses.installed() == ["json", "pytest"]


@pytest.mark.parametrize(
    ("here", "missing"),
    [
        (set(), {"torch": "torch", "scipy": "scipy", "jax": "jax", "onnxruntime": "onnxruntime"}),
        ({"torch", "onnx"}, {"scipy": "scipy", "jax": "jax", "onnxruntime": "onnxruntime"}),
        ({"scipy", "onnxruntime"}, {"torch": "torch", "jax": "jax", "onnxruntime": "onnx"}),
        ({"torch", "jax", "onnxruntime", "onnx"}, {"scipy": "scipy"}),
    ],
)
def test_what_a_library_needs(monkeypatch: pytest.MonkeyPatch, here: set[str], missing: dict[str, str]) -> None:
    monkeypatch.setattr(witnesses, "find_spec", lambda name: object() if name in here else None)
    found = {name: witnesses.missing(name) for name in ("torch", "scipy", "jax", "onnxruntime")}
    assert found == {name: f"No module named {missing[name]!r}" if name in missing else "" for name in found}
    assert witnesses.installed() == [name for name in found if name not in missing]


def test_at_hand_is_what_is_loaded_and_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnesses, "missing", lambda name: "gone" if name == "onnxruntime" else "")
    for name in ("torch", "scipy", "jax", "onnxruntime"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert witnesses.at_hand() == ["scipy"]
    monkeypatch.setitem(sys.modules, "jax", ModuleType("jax"))
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    assert witnesses.at_hand() == ["scipy", "jax"]


# -- ONNX Runtime, whose models ONNX's own reference runs -------------------------------------------------------------


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every session that was made, in place of those of the runtime."""
    pytest.importorskip("onnx", reason="No module named 'onnx'")
    made: list[dict[str, Any]] = []

    class Options:
        """What the runtime is told."""

    class Session:
        """A model and what it is run with."""

        def __init__(self, model: bytes, options: Options, providers: list[str]) -> None:
            from onnx.reference import ReferenceEvaluator

            made.append({**vars(options), "providers": providers})
            self.run = ReferenceEvaluator(model).run

    fake: Any = ModuleType("onnxruntime")
    fake.SessionOptions, fake.InferenceSession = Options, Session
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    return made


@pytest.mark.parametrize("op", ["im2col", "col2im", "conv2d"])
def test_models_of_one_node_agree_with_the_oracle(op: Op, sessions: list[dict[str, Any]]) -> None:
    arrays: list[Any] = [data.exact(op, _SPEC, "float32", "0")]
    arrays += [(*arrays[0][:2], None)] if op == "conv2d" else []
    for given in arrays:
        made = by_onnxruntime.run(op, _SPEC, given)
        assert (str(made.dtype), made.tolist()) == ("float64", by_taps.run(op, _SPEC, *given).tolist())
    options = {"log_severity_level": 4, "intra_op_num_threads": 1, "providers": ["CPUExecutionProvider"]}
    assert sessions == [options] * len(arrays)


@pytest.mark.parametrize(("largest", "said"), [(2**24 - 1, ""), (2**24, "float32 does not hold these sums exactly")])
def test_sums_that_float32_holds_are_below_2_24(largest: int, said: str, sessions: list[dict[str, Any]]) -> None:
    x = np.full(_ONE.x_shape, 1.0)
    x[0, 0, 1, 2] = -largest
    if said:
        with pytest.raises(CannotDoIt, match=f"^{said}$"):
            by_onnxruntime.run("im2col", _ONE, (x,))
    else:
        assert by_onnxruntime.run("im2col", _ONE, (x,)).ravel()[-1] == -largest
    assert len(sessions) == (not said)


@pytest.mark.parametrize("op", [op for op in OPS if op.endswith("grad")])
def test_the_runtime_has_no_gradients(op: Op) -> None:
    with pytest.raises(CannotDoIt, match=r"^no gradients: it is for inference$"):
        by_onnxruntime.run(op, _ONE, data.exact(op, _ONE, "float32", "0"))
