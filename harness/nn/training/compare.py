"""All backends train by one plan, one after the other, and are judged by the bound.

So are two that are wrong on purpose: if one of those stayed within the bound, it would be too wide to say anything of
the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.calls.limits.threads import thread_limit
from harness.contract import registry, targets
from harness.contract.protocol import BackendUnavailable
from harness.contract.status import Verdict
from harness.contract.targets import RegistryError, Target
from harness.nn.errors import NetworkError, OpFailed, OpRefused
from harness.nn.ops import THREADS, InThisProcess, Ops, opened
from harness.nn.training.bound import Bound
from harness.nn.training.digits import Images
from harness.nn.training.run import Plan, Trained, follow
from harness.results.training.records import TrainedBackend

_EXAMPLES = Path(__file__).parents[1] / "examples"
WRONG_ON_PURPOSE = ("overwriting_col2im", "reversed_weight_grad")
OnStep = Callable[[str], None]


@dataclass
class Judged:
    """The backends as they are finished. `partial` if the user interrupted."""

    backends: list[TrainedBackend] = field(default_factory=list)
    wrong_on_purpose: list[TrainedBackend] = field(default_factory=list)
    partial: bool = False


class Comparison:
    """Of one plan on one set of images, judged by one bound."""

    def __init__(self, plan: Plan, images: Images, bound: Bound, budget: float = math.inf) -> None:
        """`budget` is in seconds of training, of each backend."""
        self._plan, self._images, self._bound, self._budget = plan, images, bound, budget

    def run(self, asked: Sequence[Target], on_step: OnStep = lambda name: None) -> Judged:
        """Train all of them, then those that are wrong on purpose. Ctrl-C ends it, and what is finished stays.

        Raises `RegistryError` if a target is no backend.
        """
        found = Judged()
        try:
            for target in asked:
                first = next((one.losses for one in found.backends if one.losses), None)
                found.backends.append(self.of_target(target, first, on_step))
            found.wrong_on_purpose += self.wrong_on_purpose(on_step)
        except KeyboardInterrupt:
            found.partial = True
        return found

    def of_target(self, target: Target, first: Sequence[float | None] | None, on_step: OnStep) -> TrainedBackend:
        """One backend; `first` has the losses of the first one."""
        try:
            with opened(target) as ops:
                return self.of_ops(ops, target.name, first, on_step, isolated=not target.is_builtin)
        except BackendUnavailable as reason:
            return TrainedBackend(backend=target.name, verdict=Verdict.UNAVAILABLE, reason=str(reason))
        except RegistryError as broken:
            if target.location not in targets.names():
                raise
            return TrainedBackend(backend=target.name, verdict=Verdict.UNAVAILABLE, reason=str(broken))

    def of_ops(
        self, ops: Ops, name: str, first: Sequence[float | None] | None, on_step: OnStep, isolated: bool = False
    ) -> TrainedBackend:
        """One that is ready to be called."""
        trained, verdict, reason = None, Verdict.PASS, ""
        accuracy = None
        with thread_limit(THREADS):
            try:
                for trained in follow(self._plan, self._images, ops):
                    on_step(name)
                    if trained.seconds > self._budget:
                        break
                if trained is not None and len(trained.losses) == len(self._bound.losses):
                    accuracy = self._accuracy(trained)
                else:
                    verdict, reason = Verdict.INCOMPLETE, f"stopped after {self._budget:g} s of training"
            except OpRefused as refusal:
                verdict, reason = Verdict.INCOMPLETE, str(refusal)
            except (OpFailed, NetworkError) as failure:
                step = len(trained.losses) + 1 if trained else 1
                verdict, reason = Verdict.FAIL, f"step {step}: {failure}"
        return self._judged(name, trained, verdict, reason, first, accuracy, isolated)

    def wrong_on_purpose(self, on_step: OnStep) -> Iterator[TrainedBackend]:
        """The two examples: col2im that overwrites, and weight gradients with the kernel reversed."""
        unhurried = Comparison(self._plan, self._images, self._bound)  # they are seen, however long that takes
        for name in WRONG_ON_PURPOSE:
            backend = registry.load(Target(name, name, str(_EXAMPLES / f"{name}.py")))
            yield unhurried.of_ops(InThisProcess(backend), name, None, on_step)

    def _judged(
        self, name: str, trained: Trained | None, verdict: Verdict, reason: str,
        first: Sequence[float | None] | None, accuracy: float | None, isolated: bool,
    ) -> TrainedBackend:  # fmt: skip
        losses = trained.losses if trained else []
        step = self._bound.left_at(losses)
        if step is not None and verdict is not Verdict.FAIL:
            verdict, reason = Verdict.FAIL, f"diverges at step {step}"
        others = [math.nan if loss is None else loss for loss in (losses if first is None else first)]
        per_image = trained.seconds / trained.images if trained and trained.images else None
        return TrainedBackend(
            backend=name, verdict=verdict, reason=reason, losses=[finite(loss) for loss in losses],
            share=largest(self._bound.shares(losses)), share_of_first=largest(self._bound.shares(losses, others)),
            diverges_at=step, accuracy=accuracy,
            epoch_seconds=None if per_image is None else per_image * len(self._images.x), isolated=isolated,
        )  # fmt: skip

    def _accuracy(self, trained: Trained) -> float:
        with np.errstate(all="ignore"):
            found = trained.network.predict(self._images.test_x)
        return float((found == self._images.test_labels).mean())


def largest(shares: Sequence[float]) -> float | None:
    """Of the shares of the bound; None if there are none, or one is infinite."""
    return finite(max(shares)) if shares else None


def finite(value: float) -> float | None:
    """A number of JSON, or None."""
    return value if math.isfinite(value) else None
