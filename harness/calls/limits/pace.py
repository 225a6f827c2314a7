"""How long the next call of an op will take, from those before: a backend that is slow has not hung.

Only a second call of the same geometry says something: the first may compile. Nor does a short one, of which most is
overhead. The fastest that was seen counts, as a busy machine only makes calls slower. What takes long for its size says
little of something far larger: who loops over planes needs as long for 1,283 pixels as for as many images.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.geometry.spec import ConvSpec, Op

LONGEST = 100.0  # seconds that a call may be predicted to take, where there is no deadline
TRUSTED = 0.05  # seconds; beyond this, overhead is a small part of a call
_GENEROUS = 5.0  # times the prediction: that much a busy machine, or another geometry, may take longer
_FAR = 16  # times the work of the largest that was called: beyond it nothing is predicted
_Call = tuple[Op, ConvSpec, str]


@dataclass(slots=True)
class Pace:
    """Of one backend. Times are in seconds; work is counted in multiply-adds, or elements that are copied."""

    longest: float = LONGEST
    _called: set[_Call] = field(default_factory=set)
    _rates: dict[tuple[Op, str], float] = field(default_factory=dict)  # seconds for one of work
    _largest: dict[tuple[Op, str], int] = field(default_factory=dict)  # work of a call that said something
    _foretold: dict[_Call, float] = field(default_factory=dict)

    def add(self, op: Op, spec: ConvSpec, dtype: str, seconds: float) -> None:
        """A call that came to an end took so long."""
        call = (op, spec, dtype)
        if seconds < TRUSTED:
            return
        if call in self._called:
            rate = seconds / max(spec.work(op), 1)
            self._rates[op, dtype] = min(rate, self._rates.get((op, dtype), rate))
            self._largest[op, dtype] = max(spec.work(op), self._largest.get((op, dtype), 0))
        self._called.add(call)

    def foretell(self, op: Op, spec: ConvSpec, dtype: str, seconds: float) -> None:
        """Smaller geometries of the same kind were tried: this one will take so long."""
        self._foretold[op, spec, dtype] = seconds

    @property
    def knows_something(self) -> bool:
        """Whether anything can be predicted."""
        return bool(self._rates or self._foretold)

    def is_foretold(self, op: Op, spec: ConvSpec, dtype: str) -> bool:
        """Whether smaller ones were tried."""
        return (op, spec, dtype) in self._foretold

    def predicted(self, op: Op, spec: ConvSpec, dtype: str) -> float:
        """How long a call will take; 0 if nothing is known."""
        if not self.knows_something:
            return 0.0
        known = self._foretold.get((op, spec, dtype))
        if known is None and spec.work(op) > _FAR * self._largest.get((op, dtype), 0):
            return 0.0
        return self._scaled(op, spec, dtype) if known is None else known

    def _scaled(self, op: Op, spec: ConvSpec, dtype: str) -> float:
        return spec.work(op) * self._rates.get((op, dtype), 0.0)

    def patience(self, op: Op, spec: ConvSpec, dtype: str) -> float:
        """How long to wait at least before a call is said to have hung."""
        return _GENEROUS * max(self.predicted(op, spec, dtype), self._scaled(op, spec, dtype))
