"""The backend under test, called with suspicion: whatever it does becomes a diagnosis, never a crash of the suite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.protocol import Array, CompleteBackend, validate
from harness.spec import ConvSpec, Op


class Failed(Exception):
    """The backend is wrong; the text says how."""


class Mistrusted(Exception):
    """The expected array could not tell right from wrong, so nothing was shown."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Calls one backend on host arrays and vouches for the form of what comes back."""

    backend: CompleteBackend

    def raw(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """Whatever the backend returns, brought to the host. Raises `Failed` if it raises or exits."""
        validate(op, spec, *arrays)
        try:
            return self.backend.run(op, spec, *arrays)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit included: a backend must not end the run
            text = " ".join(str(error).split())
            raise Failed(f"{op} raised {type(error).__name__}: {text[:300]}") from error

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
        """The result as an array of the right shape and dtype. Raises `Failed` otherwise."""
        result = self.raw(op, spec, *arrays)
        require_array(op, result)
        require_shape(op, spec, result)
        given = next(a for a in arrays if a is not None)
        require_dtype(op, result, str(given.dtype))
        array: Array = result
        return array


def require_array(op: Op, result: object) -> None:
    """The result is a numpy.ndarray once on the host."""
    if not isinstance(result, np.ndarray):
        raise Failed(f"{op} returned {type(result).__name__}, not an array")


def require_shape(op: Op, spec: ConvSpec, result: Array) -> None:
    """The result has exactly the spec's shape."""
    if result.shape != spec.output_shape(op):
        raise Failed(f"{op} returned shape {result.shape}, the spec asks for {spec.output_shape(op)}")


def require_dtype(op: Op, result: Array, dtype: str) -> None:
    """The result has the dtype of the inputs."""
    if str(result.dtype) != dtype:
        raise Failed(f"{op} returned dtype {result.dtype} for {dtype} input")
