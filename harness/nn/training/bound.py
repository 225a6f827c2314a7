"""How far the losses of a right backend may be from the oracle's at every step of a training run.

The oracle (im2col and col2im by taps, all else derived, float64) trains by the plan: losses R[k]. Then it trains
again, and every result of every op is moved by its own error bound (`harness.oracle.comparing.allowance`), up or down
by chance, in each element. What comes of these errors, through all later steps, is what rounding can do to this very
run; no law of growth has to be guessed. The bound of step k is

    8 * (largest |P[i] - R[i]| of all steps i up to k and of two such runs) + gamma * R[k]

The maximum over earlier steps is there because a difference may pass through zero. Eight is room for chance: the two
runs may be lucky. A right backend needs little of it, as its real errors are smaller than their bounds, by the square
root of the number of terms. The last term is the rounding of the loss itself, whose sum is ours and the same for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.nn.networks import CLASSES
from harness.nn.ops import Ops, reference
from harness.nn.training.digits import Images
from harness.nn.training.run import DTYPE, Plan, follow
from harness.oracle import by_taps
from harness.oracle.comparing import UNIT, allowance

FACTOR = 8.0
RUNS = 1 + 2  # the oracle as it is, and moved
_EXACT: tuple[Op, ...] = ("im2col", "max_pool2d")  # they copy


@dataclass(frozen=True)
class Bound:
    """Of every step: the loss of the oracle, and how far from it another may be."""

    losses: Sequence[float]
    allowed: Sequence[float]

    def shares(self, losses: Sequence[float], others: Sequence[float] | None = None) -> list[float]:
        """The part of the bound that each step uses, against the oracle or other losses; infinite for no number."""
        against = self.losses if others is None else others
        return [
            abs(one - other) / most if math.isfinite(one) and math.isfinite(other) else math.inf
            for one, other, most in zip(losses, against, self.allowed, strict=False)
        ]

    def left_at(self, losses: Sequence[float]) -> int | None:
        """The first step, counted from 1, whose loss is out of the bound; None if none is."""
        return next((step for step, share in enumerate(self.shares(losses), 1) if share > 1), None)


class Moved:
    """The oracle with every result moved by its error bound, each element up or down by chance."""

    name = "moved oracle"

    def __init__(self, exact: Ops, seed: int) -> None:
        self._exact, self._rng = exact, np.random.default_rng([seed, 4])

    def run(self, op: Op, spec: ConvSpec, /, *arrays: Array | None) -> Array:
        """See `Ops`."""
        exact = self._exact.run(op, spec, *arrays)
        if op in _EXACT:
            return exact
        absolute = self._exact.run(op, spec, *by_taps.with_terms(op, arrays, np.abs))
        allowed = allowance(DTYPE, "gemm", exact, absolute, _terms(op, spec), op)
        return exact + np.where(self._rng.random(exact.shape) < 0.5, -allowed, allowed)


def bound(plan: Plan, images: Images, on_step: Callable[[], None] = lambda: None) -> Bound:
    """Train the oracle three times by the plan."""
    oracle = reference()
    exact = _losses(plan, images, oracle, on_step)
    moved = [_losses(plan, images, Moved(oracle, seed), on_step) for seed in range(1, RUNS)]
    apart = [max(abs(other - loss) for other in others) for loss, *others in zip(exact, *moved, strict=True)]
    unit = (plan.batch + CLASSES + 2) * UNIT[DTYPE]  # a sum over the classes, its logarithm, the mean over the batch
    largest = accumulate(apart, max)
    return Bound(exact, [FACTOR * most + unit * abs(loss) for most, loss in zip(largest, exact, strict=True)])


def _losses(plan: Plan, images: Images, ops: Ops, on_step: Callable[[], None]) -> list[float]:
    found: list[float] = []
    for trained in follow(plan, images, ops):
        found = trained.losses
        on_step()
    return found


@cache
def _terms(op: Op, spec: ConvSpec) -> Array:
    """How many terms are summed into each element: for convolutions counted, of pooling all taps of a window."""
    if op in POOL_OPS:
        return np.full(spec.output_shape(op), float(spec.taps + 1))  # and a division
    ones = [np.ones(shape) for shape in spec.input_shapes(op)]
    return reference().run(op, spec, *ones)
