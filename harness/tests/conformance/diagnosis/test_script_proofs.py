"""What a script calls and asserts for every fault that calls show, word for word, and which fault comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis.script import faults
from conformance.diagnosis.script.standalone import standalone
from harness.calls.caller import CallResult, Conditions
from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps, data
from harness.tests.helpers.plugins import called

_SPEC = ConvSpec.parse("n1c1h1w4_f1kh1kw2")
_X = np.array([[[[3, 1, 4, 2]]]], np.float32)
_RIGHT = np.array([[[3, 1, 4], [1, 4, 2]]], np.float32)
_BITS = 'assert got[-1].tobytes() == got[0].tobytes(), "the same call gave other bits"'
_PLAIN = "got = [out(f(*[g if g is None else own(lay(g)) for g in x], z)) for f, z, lay, *x in calls]"
_TRYING = [
    "def run(f, z, lay, *x):",
    "    try: return out(f(*[g if g is None else own(lay(g)) for g in x], z))",
    "    except Exception as error: return error",
    "got = [run(*call) for call in calls]",
]
_RAISE = "if isinstance(got[-1], Exception): raise got[-1]"
_ARGS = "args = [[g if g is None else lay(g) for g in x] for _, _, lay, *x in calls]"
_MINE = "mine = [[g if g is None else own(g) for g in x] for x in args]"
_GOT = "got = [out(c[0](*x, c[1])) for c, x in zip(calls, mine)]"
_STATE = (
    "[[g if g is None else (g.tobytes(), g.shape, g.strides, g.flags.writeable) for g in map(out, x)] for x in mine]"
)
_HANGS = "import faulthandler; faulthandler.dump_traceback_later(60, exit=True)"
_FORM = "form = [getattr(got[-1], n, None) for n in ('__class__', 'shape', 'dtype')]"
_IS_FORM = "assert form == [np.ndarray, (1, 2, 3), 'float32'], form"
_WANT = "want = np.array([[[3, 1, 4], [1, 4, 2]]], 'float64')"
_SHOWN = 'print("expected", want, "got", {0}, sep="\\n"); '
_EQUAL = 'assert np.array_equal({0}, want), f"wrong at {{np.argwhere({0} != want)[:3].tolist()}}, ..."'
_GOT_SHOWN = 'print("got", got[-1], sep="\\n"); '
_VALUES = [_WANT, (_SHOWN + _EQUAL).format("got[-1]")]
_BEFORE = [
    "made, kept = [], []",
    "for f, z, lay, *x in calls:",
    "    made.append(f(*[g if g is None else own(lay(g)) for g in x], z)); kept.append(out(made[-1]).tobytes())",
]
Told = tuple[int, list[str], list[str]]


def a_call(result: Any = _RIGHT, x: Array = _X, layout: str = "C", **facts: Any) -> RecordedCall:
    """A call of im2col and what came of it: all is right, but for the facts given."""
    return RecordedCall("im2col", _SPEC, (x,), CallResult(result=result, **facts), Conditions(layout))


def raised(error: str, x: Array = _X, died: bool = False) -> RecordedCall:
    """A call that gave no result."""
    return a_call(None, x, error=error, died=died)


def told(calls: Sequence[RecordedCall], case: str = "values.exact/im2col", numerics: Numerics = "gemm") -> list[Told]:
    """Of every proof: how many of the calls it makes, and its lines."""
    return [(len(made), proof.making, proof.holding) for made, proof in faults.proofs(calls, case, numerics)]


_UNFIT = _X[..., :3]
_WRONG = _RIGHT + np.eye(2, 3, dtype=np.float32)
_READ_ONLY = 'assert got[-1].flags.writeable, "the result is not writeable"'
_CONTIGUOUS = 'assert got[-1].flags.c_contiguous, "the result is not c_contiguous"'


@pytest.mark.parametrize(
    ("calls", "wanted"),
    [
        ([a_call()], []),
        ([a_call(x=_UNFIT, result=None, error="ValueError: no")], []),
        ([raised("KeyError: 'no'")], [(1, [_PLAIN], [])]),
        ([raised("KeyError: 'no'", _UNFIT, died=True)], [(1, [_HANGS, *_TRYING], [_RAISE])]),
        ([raised("was killed", died=True)], [(1, [_HANGS, _PLAIN], [])]),
        (
            [raised("SystemExit: 0")],
            [(1, ["try:", f"    {_PLAIN}", 'except SystemExit: raise AssertionError("it exited") from None'], [])],
        ),
        ([a_call(x=_UNFIT)], [
            (1, _TRYING, ['assert isinstance(got[-1], Exception), "arrays that do not fit are accepted"'])
        ]),
        ([a_call(_RIGHT.astype("f8"))], [(1, [_PLAIN], [_FORM, _IS_FORM])]),
        ([a_call(_RIGHT[0])], [(1, [_PLAIN], [_FORM, _IS_FORM])]),
        ([a_call(kind="numpy.matrix")], [(1, [_PLAIN], [_FORM, _IS_FORM])]),
        ([a_call(None, kind="builtins.list")], [(1, [_PLAIN], [_FORM, _IS_FORM])]),
        ([a_call(_WRONG)], [(1, [_PLAIN], _VALUES)]),
        ([a_call(changed=["the bytes of argument 0"])], [
            (1, [_ARGS, _MINE, f"state = {_STATE}", _GOT], [f'assert state == {_STATE}, "an input was changed"'])
        ]),
        ([a_call(shares=["argument 2", "argument 1"])], [
            (1, [_ARGS, _MINE, _GOT], [
                'assert not np.may_share_memory(got[-1], args[-1][2]), "the result is memory of an input"'
            ])
        ]),
        ([a_call(contiguous=False)], [(1, [_PLAIN], [_CONTIGUOUS])]),
        ([a_call(writeable=False)], [(1, [_PLAIN], [_READ_ONLY])]),
        ([a_call(writeable=False, contiguous=False)], [(1, [_PLAIN], [_CONTIGUOUS])]),
        ([a_call(), a_call(previous_changed=True)], [
            (2, _BEFORE, [
                'assert out(made[-2]).tobytes() == kept[-2], "the call changed the result of the call before"'
            ])
        ]),
        ([a_call(), a_call(shares=["the previous result"])], [
            (2, [_PLAIN], [
                'assert not np.may_share_memory(got[-1], got[-2]), "the result is memory of the one before"'
            ])
        ]),
        # Nothing is before the first call.
        ([a_call(previous_changed=True)], []),
        ([a_call(shares=["the previous result"])], []),
    ],
)  # fmt: skip
def test_a_fault_is_shown(calls: list[RecordedCall], wanted: list[Told]) -> None:
    assert told(calls) == wanted


def test_calls_that_must_be_refused_are_tried_together_with_the_others() -> None:
    refused = raised("ValueError: no", _UNFIT)
    assert told([refused, a_call(_WRONG)]) == [(2, _TRYING, _VALUES)]
    assert told([refused, raised("KeyError: 'no'")]) == [(2, _TRYING, [_RAISE])]
    assert told([refused, a_call(_RIGHT[0])]) == [(2, _TRYING, [_FORM, _IS_FORM])]
    assert told([refused, a_call(writeable=False)]) == [(2, _TRYING, [_READ_ONLY])]
    assert told([a_call(_WRONG), refused]) == [(1, [_PLAIN], _VALUES)]


def test_the_gravest_fault_comes_first_and_the_first_call_that_has_it() -> None:
    calls = [
        a_call(shares=["argument 0"], writeable=False), a_call(_WRONG), a_call(_RIGHT[0]),
        a_call(_WRONG, changed=["the bytes of argument 0"]), a_call(), raised("KeyError: 'no'"), a_call(x=_UNFIT),
        raised("MemoryError: no"),
    ]  # fmt: skip
    accepted = 'assert isinstance(got[-1], Exception), "arrays that do not fit are accepted"'
    shared = 'assert not np.may_share_memory(got[-1], args[-1][0]), "the result is memory of an input"'
    assert [(count, "".join(holding[:1])) for count, _, holding in told(calls)] == [
        (6, ""), (8, _RAISE), (7, accepted), (3, _FORM), (2, _WANT), (4, _WANT), (1, shared),
        (4, f'assert state == {_STATE}, "an input was changed"'), (2, _BITS), (4, _BITS),
    ]  # fmt: skip


_OTHER = _RIGHT + np.float32(2.0**-22)


@pytest.mark.parametrize(
    ("calls", "wanted"),
    [
        ([a_call(), a_call(_OTHER)], [(2, 0)]),
        ([a_call(x=_X + 1), a_call(), a_call(_OTHER)], [(3, 1)]),
        ([a_call(), a_call(_OTHER, x=_X + 1)], []),
        ([a_call(), a_call(_OTHER, layout="F")], []),
        ([a_call(), a_call(_OTHER, x=_X.astype("f8"))], []),
        ([a_call(None), a_call(_OTHER)], []),
        ([a_call(), a_call(_RIGHT.copy(order="F"))], []),
        ([a_call(), a_call(_OTHER), a_call(), a_call(_OTHER)], [(2, 0), (4, 0)]),
    ],
)
def test_the_same_call_must_give_the_same_bits(calls: list[RecordedCall], wanted: list[tuple[int, int]]) -> None:
    found = [
        (number, proof.making, proof.holding)
        for number in range(1, len(calls) + 1)
        for proof in faults._other_bits(calls[:number])
    ]
    assert found == [(count, [_PLAIN], [_BITS.replace("got[0]", f"got[{first}]")]) for count, first in wanted]


def test_of_many_numbers_the_definition_comes_first() -> None:
    """Up to 64 the values themselves are no longer."""
    for width, count in ((33, 1), (34, 2)):
        spec = ConvSpec.parse(f"n1c1h1w{width}_f1kh1kw2")
        (x,) = data.exact("im2col", spec, "float32", "0")
        right = by_taps.run("im2col", spec, x)
        assert right.size == 2 * width - 2
        call = RecordedCall("im2col", spec, (x,), CallResult(result=(right + 1).astype(np.float32)))
        found = [holding for *_, holding in told([call])]
        assert len(found) == count
        assert [len(holding) for holding in found] == [2] if count == 1 else [6, 2]
        assert {holding[-1] for holding in found} == {_VALUES[-1]}
        assert found[-1][0].startswith("want = np.array([[[" if count == 1 else "want = np.frombuffer(")
        assert found[0][0].endswith("  # the definition") == (count == 2)


def real(off: Sequence[float], numerics: Numerics = "gemm") -> list[Told]:
    """What is said of a bias gradient of 1000.5 and 0.25 where the results are off by so much."""
    spec = ConvSpec.parse("n1c1h1w1_f2kh1kw1")
    dy = np.array([1000.5, 0.25], np.float32).reshape(1, 2, 1, 1)
    made = (dy.ravel().astype(np.float64) + off).astype(np.float32)
    return told([RecordedCall("conv2d_bias_grad", spec, (dy,), CallResult(result=made))], numerics=numerics)


def test_of_real_numbers_the_worst_by_excess_is_asserted() -> None:
    """Here the first is off by more, and allowed nearly all of it."""
    unit = 2.0**-24
    first, second = ((unit / (1 - unit) + unit) * value for value in (1000.5, 0.25))
    assert real([2.0**-13, 2.0**-18]) == [
        (1, [_PLAIN], [
            f"{_GOT_SHOWN}assert abs(float(got[-1][1]) - 0.25) <= {second!r}, float(got[-1][1])"
        ])
    ]  # fmt: skip
    assert real([2.0**-12, 2.0**-18]) == [
        (1, [_PLAIN], [f"{_GOT_SHOWN}assert abs(float(got[-1][0]) - 1000.5) <= {first!r}, float(got[-1][0])"])
    ]  # fmt: skip
    assert real([2.0**-14, 0]) == []


def test_what_the_numerics_allow_is_no_fault() -> None:
    """Of products: a sum is no transform."""
    assert len(real([2.0**-12, 0])) == len(real([2.0**-12, 0], "fft")) == 1
    spec, tenth = ConvSpec.parse("n1c1h1w1_f1kh1kw1"), np.full((1, 1, 1, 1), 0.1, np.float32)
    made = tenth * tenth + np.float32(1e-8)
    call = RecordedCall("conv2d", spec, (tenth, tenth, None), CallResult(result=made))
    assert standalone([call], "values.random", "off", called("numpy_fancy")) != ""
    assert standalone([call], "values.random", "off", called("numpy_fancy"), "fft") == ""


_AT_ONCE = [
    "from concurrent.futures import ThreadPoolExecutor",
    "one = lambda c: out(c[0](*[g if g is None else own(c[2](g)) for g in c[3:]], c[1]))",
    "for _ in range(50):",
    "    with ThreadPoolExecutor({}) as pool: got = list(pool.map(one, calls))",
]


def at_once(count: int) -> list[str]:
    """The lines that make so many calls at once."""
    return [*_AT_ONCE[:3], _AT_ONCE[3].format(count)]


@pytest.mark.parametrize(
    ("calls", "wanted"),
    [
        ([a_call(), a_call()], []),
        ([a_call(), raised("KeyError: 'no'"), a_call()], [(3, at_once(3), [])]),
        ([a_call(), a_call(_WRONG), raised("x")], [(3, [_WANT, *at_once(3)], [f"    {_EQUAL.format('got[1]')}"])]),
        ([raised("x"), a_call(_WRONG)], [(2, at_once(2), [])]),
        ([a_call(_WRONG)] * 4, [(4, [_WANT, *at_once(4)], [f"    {_EQUAL.format('got[0]')}"])]),
        # Other faults of such a case are not of one call.
        ([a_call(writeable=False)] * 2, []),
    ],
)
def test_calls_at_once_are_made_fifty_times(calls: list[RecordedCall], wanted: list[Told]) -> None:
    assert told(calls, "contract.concurrent/im2col") == wanted


def test_what_cannot_be_compared_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^a call without a right or without any result$"):
        faults._comparisons(a_call(None), np.ones(6, bool), "gemm", "got[-1]", [])
