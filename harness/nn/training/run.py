"""One training run: a plan, the steps that follow from it, and the losses on one backend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from harness.contract.protocol import Array
from harness.nn.learning import SGD, softmax_cross_entropy
from harness.nn.network import Network
from harness.nn.networks import Design
from harness.nn.ops import Ops
from harness.nn.training.digits import Images
from harness.timing import clock

DTYPE = "float64"
_WEIGHTS, _ORDER = 2, 3  # streams of random numbers, each of its own


@dataclass(frozen=True)
class Plan:
    """What every backend does alike: the same weights to begin with, the same batches in the same order.

    The rate of learning falls from `rate` in equal steps, to end near 0: the last batches no longer shake the weights.
    """

    design: Design
    epochs: int
    batch: int
    rate: float
    momentum: float
    seed: int

    def steps(self, images: int) -> int:
        """How many updates; the last batch of an epoch has what is left."""
        return self.epochs * -(-images // self.batch)

    def network(self, ops: Ops, dtype: str = DTYPE) -> Network:
        """The network before its first step."""
        return Network(self.design.layers(np.random.default_rng([self.seed, _WEIGHTS]), dtype), ops)

    def batches(self, images: Images) -> Iterator[tuple[Array, Array]]:
        """x and labels of every step."""
        rng = np.random.default_rng([self.seed, _ORDER])
        for _ in range(self.epochs):
            order = rng.permutation(len(images.x))
            for start in range(0, len(order), self.batch):
                chosen = order[start : start + self.batch]
                yield images.x[chosen], images.labels[chosen]


@dataclass
class Trained:
    """Of one backend, as far as it has come: the loss of every step, before its update."""

    network: Network
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0  # of all steps
    images: int = 0  # seen in them


class Training:
    """One network that learns by a plan."""

    def __init__(self, plan: Plan, ops: Ops, dtype: str = DTYPE) -> None:
        network = plan.network(ops, dtype)
        self.trained = Trained(network)
        self.sgd = SGD(network.layers, plan.rate, plan.momentum)

    def step(self, x: Array, labels: Array) -> float:
        """Forward, backward, update. The loss before the update. Raises `OpFailed` and `OpRefused`."""
        with np.errstate(all="ignore"):  # a wrong backend may send its weights to infinity: the losses show it
            forward = self.trained.network.forward(x)
            loss, slope = softmax_cross_entropy(forward.y, labels)
            self.sgd.step(forward.backward(slope))
        return loss


def follow(plan: Plan, images: Images, ops: Ops) -> Iterator[Trained]:
    """Train; the same record after every step. Raises `OpFailed` and `OpRefused`.

    What is compiled or loaded at a first call is not in the seconds: a first step on the same weights is thrown away.
    """
    training, steps = Training(plan, ops), plan.steps(len(images.x))
    for number, (x, labels) in enumerate(plan.batches(images)):
        if number == 0:
            Training(plan, ops).step(x, labels)
        training.sgd.rate = plan.rate * (1 - number / steps)
        start = clock.now()
        loss = training.step(x, labels)
        trained = training.trained
        trained.seconds += clock.now() - start
        trained.images += len(x)
        trained.losses.append(loss)
        yield trained
