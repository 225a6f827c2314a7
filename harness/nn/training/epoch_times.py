"""Time of one epoch of 60,000 images of MNIST's size, and what two articles claim of such times.

All backends take their steps in turn, A B C, then C B A. One whose step would take too long does it for a slice of the
batch, and its time is a prediction: that of a slice is in proportion, as its loops are over images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from harness.calls.limits.threads import thread_limit
from harness.contract.protocol import Array
from harness.nn.errors import OpFailed, OpRefused
from harness.nn.networks import NETWORKS
from harness.nn.ops import THREADS, InAChild, Ops
from harness.nn.training.digits import MNIST_IMAGES, like_mnist
from harness.nn.training.run import Plan, Training
from harness.results.training.published import MATRIX_OVER_LOOPS, NUMPY_OVER_LOOPS, TORCH_OVER_NUMPY
from harness.results.training.records import EpochTime, HeldClaim
from harness.timing import clock

NETWORK, DTYPE, BATCH, SLICE = "lenet5", "float32", 64, 2
ROUNDS = 10
_SETS = 4  # batches of images, in turn


CLAIMS = (MATRIX_OVER_LOOPS, NUMPY_OVER_LOOPS, TORCH_OVER_NUMPY)


class _Timed:
    """One backend, and a step of its own network."""

    def __init__(self, name: str, ops: Ops, budget: float) -> None:
        """Estimate a step from a slice. Raises `OpFailed` and `OpRefused`."""
        plan = Plan(NETWORKS[NETWORK], epochs=1, batch=BATCH, rate=0.01, momentum=0.9, seed=0)
        self.name, self.isolated = name, isinstance(ops, InAChild)
        self._training = Training(plan, ops, DTYPE)
        self._batches = [like_mnist(BATCH, seed, DTYPE) for seed in range(_SETS)]
        self.batch, self._turn, self.samples = SLICE, 0, list[float]()
        self.step()  # what is compiled is no part of a step
        predicted = clock.seconds(self.step) * BATCH / SLICE
        self.is_slice = predicted * clock.FEWEST_ROUNDS > budget
        if not self.is_slice:
            self.batch = BATCH
            self.step()
        self.rounds = clock.rounds_within(clock.seconds(self.step), 1, ROUNDS, budget)

    def step(self) -> None:
        """On the next batch."""
        x, labels = self._next()
        self._training.step(x, labels)

    def _next(self) -> tuple[Array, Array]:
        self._turn += 1
        x, labels = self._batches[self._turn % _SETS]
        return x[: self.batch], labels[: self.batch]

    def found(self) -> EpochTime:
        """Scaled to all images."""
        return EpochTime(
            backend=self.name, seconds=median(self.samples) * MNIST_IMAGES / self.batch, batch=self.batch,
            steps=len(self.samples), predicted=self.is_slice, isolated=self.isolated,
        )  # fmt: skip


def measure(
    backends: Mapping[str, Ops], budget: float, on_step: Callable[[str], None] = lambda name: None
) -> tuple[list[EpochTime], dict[str, str]]:
    """The times by name, and of those without one the reason; about `budget` seconds for each backend."""
    timed: list[_Timed] = []
    without: dict[str, str] = {}
    with thread_limit(THREADS):
        for name, ops in backends.items():
            try:
                timed.append(_Timed(name, ops, budget))
            except (OpFailed, OpRefused) as reason:
                without[name] = str(reason)
            on_step(name)
        allowed = [one.rounds for one in timed]
        for number in range(max(allowed, default=0)):
            for index in clock.order(number, allowed):
                timed[index].samples.append(clock.seconds(timed[index].step))
                on_step(timed[index].name)
    return [one.found() for one in timed], without


def tested(times: Sequence[EpochTime]) -> list[HeldClaim]:
    """The claims beside the factors that were measured here, on the same network and images."""
    seconds = {one.backend: one.seconds for one in times}
    return [
        HeldClaim(
            claim=claim.text, source=claim.source, slow=claim.slow, fast=claim.fast, claimed=claim.factor,
            measured=seconds[claim.slow] / seconds[claim.fast] if {claim.slow, claim.fast} <= seconds.keys() else None,
        )
        for claim in CLAIMS
    ]  # fmt: skip
