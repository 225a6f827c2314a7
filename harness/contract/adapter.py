"""Makes a `CompleteBackend` of whatever was loaded: checks its members, fills in plumbing, derives missing ops.

One op is enough; what neither is there nor follows from what is there is refused as not implemented. A plain module
claims float32 and float64. One that says `layout` or `convention` is put into the words of the contract first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_args

import numpy as np

from harness.contract import lowering, pooling
from harness.contract.conventions import ConventionError, translated
from harness.contract.protocol import ARGUMENTS, Array, CompleteBackend, Numerics, Subnormals
from harness.geometry.spec import ALL_OPS, OPS, POOL_OPS, ConvSpec, Op
from harness.geometry.windows import why_not_pooled

_SIGNATURES: dict[str, tuple[str, ...]] = {
    **{op: (*names, "spec") for op, names in ARGUMENTS.items()},
    "unsupported": ("op", "spec", "dtype"),
    "from_numpy": ("a",),
    "to_numpy": ("a",),
    "synchronize": ("a",),
    "seconds": ("call",),
    "info": (),
    "ceilings": (),
    "stages": ("op", "spec"),
}
NOT_IMPLEMENTED = "not implemented"
_PLUMBING = ("from_numpy", "to_numpy", "synchronize")
_ONLY_AS_WANTED = (*POOL_OPS, "stages")  # with another signature they are the user's own affair, and never called


class AdapterError(ValueError):
    """An object that is no backend; the text names the member and what the contract wants."""


def complete(candidate: Any, name: str, target: str) -> CompleteBackend:
    """Adapt `candidate` (an instance or a module) under `name`.

    Raises `AdapterError` when there is no op, a member has the wrong signature, the conversions are given in part, or
    a layout or convention is not known.
    """
    try:
        candidate = translated(candidate, target)
    except ConventionError as error:
        raise AdapterError(str(error)) from None
    for member in _SIGNATURES:
        if member not in _ONLY_AS_WANTED:
            _check_member(candidate, member, target)
    given = [m for m in _PLUMBING if hasattr(candidate, m)]
    if given and len(given) < len(_PLUMBING):
        missing = ", ".join(m for m in _PLUMBING if m not in given)
        raise AdapterError(
            f"{target} defines {', '.join(given)} but not {missing}: give all of {', '.join(_PLUMBING)} or none"
        )
    native = frozenset(op for op in ALL_OPS if hasattr(candidate, op) and (op in OPS or _is_as_wanted(candidate, op)))
    if native.isdisjoint(OPS):
        raise AdapterError(f"{target} has no op; a backend needs one at least: {', '.join(_wanted(op) for op in OPS)}")
    from_numpy, to_numpy = getattr(candidate, "from_numpy", _identity), getattr(candidate, "to_numpy", _identity)
    both = getattr(candidate, "im2col", _missing), getattr(candidate, "col2im", _missing)
    derived = lowering.derive(*both) | pooling.derive(*both, from_numpy, to_numpy)
    ops: dict[Op, Callable[..., Any]] = {op: derived[op] for op in _derivable(native)}
    ops |= {op: getattr(candidate, op) for op in native}
    takes_bias = _takes_bias(candidate, target) or "conv2d" not in native
    if not takes_bias:
        ops["conv2d"] = lowering.with_bias(ops["conv2d"])
    numerics: Numerics = _one_of(get_args(Numerics), candidate, "numerics", "gemm", target)
    subnormals: Subnormals = _one_of(get_args(Subnormals), candidate, "subnormals", "kept", target)
    return CompleteBackend(
        name=name, target=target, native=native, ops=ops, numerics=numerics, subnormals=subnormals,
        takes_bias=takes_bias,
        unsupported=_refusals(getattr(candidate, "unsupported", _only_floats), native),
        from_numpy=from_numpy, to_numpy=to_numpy,
        synchronize=getattr(candidate, "synchronize", _done), seconds=getattr(candidate, "seconds", None),
        ceilings=getattr(candidate, "ceilings", None), info=_info(candidate, target),
        stages=_stages(candidate, native, both[0]),
    )  # fmt: skip


def _check_member(candidate: Any, member: str, target: str) -> None:
    function, wanted = getattr(candidate, member, None), _wanted(member)
    if not hasattr(candidate, member):
        return
    if not callable(function):
        raise AdapterError(f"{target}: {member} must be a function {wanted}, got {type(function).__name__}")
    if not _is_as_wanted(candidate, member):
        raise AdapterError(f"{target}: {member}{inspect.signature(function)} must take {wanted}")


def _is_as_wanted(candidate: Any, member: str) -> bool:
    """Whether a member can be called as the contract does."""
    function = getattr(candidate, member)
    if not callable(function):
        return False
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # compiled functions without a signature
        return True
    try:
        signature.bind(*_SIGNATURES[member])
    except TypeError:
        return False
    return True


def _one_of(allowed: tuple[str, ...], candidate: Any, member: str, usual: str, target: str) -> Any:
    value = getattr(candidate, member, usual)
    if value not in allowed:
        raise AdapterError(f"{target}: {member} must be one of {', '.join(allowed)}, got {value!r}")
    return value


def _takes_bias(candidate: Any, target: str) -> bool:
    value = getattr(candidate, "bias", True)
    if not isinstance(value, bool):
        raise AdapterError(f"{target}: bias must be True, or False if conv2d takes none, got {value!r}")
    return value


def _wanted(member: str) -> str:
    """How a member is called."""
    return f"{member}({', '.join(_SIGNATURES[member])})"


def _missing(*arguments: Any) -> Any:
    raise AssertionError("an op that is not there was called")  # what is made of it is not handed out


def _derivable(native: frozenset[Op]) -> list[Op]:
    """The ops that follow from those given: convolutions, and pooling."""
    pools = [op for op, needed in pooling.NEEDS.items() if op not in native and native.issuperset(needed)]
    return [*lowering.derivable(native), *pools]


def _refusals(own: Callable[..., str | None], native: frozenset[Op]) -> Callable[[Op, ConvSpec, str], str | None]:
    """The backend's own answer; a derived op is refused as well wherever the op it is made of is."""
    there = {*native, *_derivable(native)}

    def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        if op not in there:
            return NOT_IMPLEMENTED
        reason = _why_not_pooled(op, spec, dtype) if op in POOL_OPS else None
        for asked in _asked(op, native):
            reason = own(asked, spec, dtype) if reason is None else reason
        if reason is not None and not isinstance(reason, str):
            raise AdapterError(f"unsupported must return a reason in words or None, got {reason!r}")
        return reason

    return unsupported


def _why_not_pooled(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    if op.startswith("avg") and dtype.startswith("int"):
        return f"an average needs a float dtype, got {dtype}"
    return why_not_pooled(spec)


def _asked(op: Op, native: frozenset[Op]) -> tuple[Op, ...]:
    """The ops that a backend is asked about; one that does not pool may never have heard of pooling."""
    if op in native:
        return (op,)
    if op in POOL_OPS:
        return pooling.NEEDS[op]
    return (op, lowering.NEEDS[op]) if op in lowering.NEEDS else (op,)


def _stages(candidate: Any, native: frozenset[Op], im2col: lowering.Function) -> lowering.StagesOf:
    """What tells the stages of an op: the backend itself of its own ops, the lowering of a derived conv2d."""
    own = candidate.stages if hasattr(candidate, "stages") and _is_as_wanted(candidate, "stages") else None
    derived = lowering.conv2d_stages(im2col) if "conv2d" in _derivable(native) else None

    def stages(op: Op, spec: ConvSpec) -> lowering.Stages:
        found = own if op in native else derived
        return list((found(op, spec) if found else None) or [])

    return stages


def _only_floats(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"


def _identity(a: Array) -> Array:
    return a


def _done(a: Array) -> None:
    return None


def _info(candidate: Any, target: str) -> dict[str, str]:
    info = candidate.info() if hasattr(candidate, "info") else {"device": "cpu", "numpy": np.__version__}
    if not isinstance(info, dict):
        raise AdapterError(f"{target}: info() must return a dict of strings, got {type(info).__name__}")
    return {str(k): str(v) for k, v in info.items()}
