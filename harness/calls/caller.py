"""One call of an op, and everything that can be observed about it: the same code here and in a child process.

What is observed are facts (bytes, flags, shared memory), never verdicts: those need the expected values, which
must not exist where a backend could find them.
"""

from __future__ import annotations

import math
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from harness.calls import memory_layouts
from harness.contract.protocol import Array, CompleteBackend, Numerics
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data

_OWN_FOLDER = str(Path(__file__).parents[1])

Arrays = Sequence[Array | None]

_POISONED_BLOCKS = 3  # of each size: NumPy and malloc keep several freed blocks


class Conditions(NamedTuple):
    """Conditions of a call: memory layout of its inputs, threads (0: as they are), freed memory filled with 0xFF."""

    layout: str = "C"
    threads: int = 0
    poisoned: bool = False


PLAIN = Conditions()


@dataclass(slots=True)
class CallResult:
    """What came of one call. `result` is a C-contiguous copy, None if the call raised or gave no array of numbers."""

    error: str = ""  # "TypeName: text" of what it raised, or how its process ended
    died: bool = False  # whether its process crashed, exited or was ended because it hung
    kind: str = "numpy.ndarray"  # type of the result on the host
    result: Array | None = None
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    contiguous: bool = True
    writeable: bool = True
    changed: list[str] = field(default_factory=list)  # what of the inputs is not as before, in words
    shares: list[str] = field(default_factory=list)  # whose memory the result has, in words
    previous_changed: bool = False  # whether the call altered the result of the call before


class Caller(Protocol):
    """A backend that can be called and watched, here (`InProcess`) or in a child (`InChild`)."""

    name: str
    numerics: Numerics

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer."""

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, how: Conditions = PLAIN) -> CallResult:
        """One call on copies of `arrays`."""

    def together(self, op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[CallResult]:
        """One call for each set of arrays, all at once, each from its own thread."""

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """One call on `data.pooled(op, spec, dtype, seed)`; of the result, the elements at `points` alone."""


class InProcess:
    """Calls the backend in this process."""

    def __init__(self, backend: CompleteBackend) -> None:
        self.backend, self.name, self.numerics = backend, backend.name, backend.numerics
        self._previous: tuple[Any, bytes] | None = None

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer."""
        return self.backend.unsupported(op, spec, dtype)

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, how: Conditions = PLAIN) -> CallResult:
        """See `Caller`. Whatever the backend raises, SystemExit included, is in the reply."""
        given = [None if a is None else memory_layouts.arrange(a, how.layout) for a in arrays]
        with thread_limit(how.threads):
            if how.poisoned:
                _poison(op, spec, given)
            return self._watched(op, spec, given)

    def together(self, op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[CallResult]:
        """See `Caller`. The threads start their calls at the same moment."""
        replies = [CallResult(error="RuntimeError: the call did not end") for _ in several]
        barrier = threading.Barrier(len(several))

        def one(number: int, arrays: list[Array | None]) -> None:
            barrier.wait()
            replies[number] = self._plain(op, spec, arrays)

        pool = [
            threading.Thread(target=one, args=(number, [None if a is None else a.copy() for a in arrays]), daemon=True)
            for number, arrays in enumerate(several)
        ]
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
        return replies

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Caller`."""
        self._previous = None
        try:
            own = [self.backend.from_numpy(a) for a in data.pooled(op, spec, dtype, seed)]
            host = self.backend.to_numpy(self.backend.call(op, spec, *own))
            if not isinstance(host, np.ndarray) or host.shape != spec.output_shape(op):
                return _described(host)
            values = np.array([host[tuple(point)] for point in points], host.dtype)
            return CallResult(result=values, shape=host.shape)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return CallResult(error=_raised(error))

    def _plain(self, op: Op, spec: ConvSpec, given: list[Array | None]) -> CallResult:
        try:
            own = [None if a is None else self.backend.from_numpy(a) for a in given]
            return _described(self.backend.to_numpy(self.backend.call(op, spec, *own)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return CallResult(error=_raised(error))

    def _watched(self, op: Op, spec: ConvSpec, given: list[Array | None]) -> CallResult:
        backend = self.backend
        before = [None if a is None else _state(a) for a in given]
        try:
            own = [None if a is None else backend.from_numpy(a) for a in given]
            made = backend.call(op, spec, *own)
            host = backend.to_numpy(made)
            reply = _described(host)
            reply.changed = _changes(given, before, [None if a is None else backend.to_numpy(a) for a in own])
            if isinstance(host, np.ndarray):
                reply.shares = [
                    f"argument {number}" for number, a in enumerate(given) if a is not None and _overlap(host, a)
                ]
                self._compare_with_previous(reply, made, host)
            return reply
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reply = CallResult(error=_raised(error))
            reply.changed = _changes(given, before, given)
            return reply

    def _compare_with_previous(self, reply: CallResult, made: Any, host: Array) -> None:
        """Against the backend's own previous result, which on a device is no host memory: its bytes are asked again."""
        if self._previous is not None:
            earlier = self.backend.to_numpy(self._previous[0])
            reply.previous_changed = earlier.tobytes() != self._previous[1]
            if _overlap(host, earlier) or made is self._previous[0]:
                reply.shares.append("the previous result")
        self._previous = (made, host.tobytes())


@contextmanager
def thread_limit(threads: int) -> Iterator[None]:
    """Limit the threads of BLAS, OpenMP, Numba and torch, as far as they are loaded; 0 changes nothing."""
    if not threads:
        yield
        return
    from threadpoolctl import threadpool_limits

    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(threads))
        for library, get, put in (("numba", "get_num_threads", "set_num_threads"),
                                  ("torch", "get_num_threads", "set_num_threads")):  # fmt: skip
            if library in sys.modules:
                module = sys.modules[library]
                most = module.config.NUMBA_NUM_THREADS if library == "numba" else threads
                stack.callback(getattr(module, put), getattr(module, get)())
                getattr(module, put)(min(threads, most))
        yield


def _poison(op: Op, spec: ConvSpec, given: Arrays) -> None:
    """Leave freed blocks full of 0xFF (NaN, -1) in the sizes that the op is likely to allocate: the next get these."""
    size = next(a.itemsize for a in given if a is not None)
    shapes = (spec.output_shape(op), spec.columns_shape, (spec.batch, spec.in_channels, *spec.padded_size))
    blocks = [np.full(math.prod(shape) * size, 0xFF, np.uint8) for shape in shapes for _ in range(_POISONED_BLOCKS)]
    del blocks


def _described(host: object) -> CallResult:
    kind = f"{type(host).__module__}.{type(host).__qualname__}"
    if not isinstance(host, np.ndarray):
        return CallResult(kind=kind)
    if host.dtype.kind not in "biufc":
        return CallResult(kind=f"{kind} of dtype {host.dtype}")
    copy = np.array(host, dtype=host.dtype.newbyteorder("="), order="C", copy=True, subok=False)
    return CallResult(
        kind=kind,
        result=copy,
        shape=host.shape,
        strides=host.strides,
        contiguous=host.flags.c_contiguous,
        writeable=host.flags.writeable,
    )


def _state(a: Array) -> tuple[Any, ...]:
    return a.tobytes(), a.shape, a.strides, a.flags.writeable, a.dtype.str


def _changes(given: Arrays, before: Sequence[tuple[Any, ...] | None], own: Arrays) -> list[str]:
    """Which inputs are not as before: the caller's arrays, and the backend's own copies of them."""
    words = ("bytes", "shape", "strides", "writeable flag", "dtype")
    found = []
    for number, (a, state, copy) in enumerate(zip(given, before, own, strict=True)):
        if a is None or state is None:
            continue
        found += [
            f"the {word} of argument {number}" for word, x, y in zip(words, state, _state(a), strict=True) if x != y
        ]
        if copy is not None and not found and np.ascontiguousarray(copy).tobytes() != state[0]:
            found.append(f"the bytes of argument {number}")
    return found


def _overlap(a: Array, b: Array) -> bool:
    """May share memory: bounds only, since interleaved views of one buffer are no fresh memory either."""
    return bool(a.size and b.size and np.may_share_memory(a, b))


def _raised(error: BaseException) -> str:
    """Type and text in one line, and where it was raised if that is not in the harness or a library."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith("<") and not _is_ours_or_installed(f.filename)]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{where}"


def _is_ours_or_installed(file: str) -> bool:
    return file.startswith(_OWN_FOLDER) or "site-packages" in file or file.startswith(sys.base_prefix)
