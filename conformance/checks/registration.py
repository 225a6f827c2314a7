"""What a check is: an id, the ops it judges, the cases it plans, and a function that raises `Failed`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from conformance.cases.case import Case, CaseError
from conformance.checks.under_test import BackendUnderTest
from harness.geometry.spec import OPS, ConvSpec, Op

Variant = dict[str, object]
# A check that judges different ops in different ways is registered once for each way.
CHECKS: dict[str, list[Check]] = {}


@dataclass(frozen=True, slots=True)
class Check:
    """One property. `needs` are the further ops that it calls: a backend that refuses one is not judged."""

    id: str
    ops: tuple[Op, ...]
    specs: Callable[[Op], Iterable[ConvSpec]]
    run: Callable[[BackendUnderTest, Case], None]
    needs: tuple[Op, ...]
    kinds: str  # dtype kinds that it applies to: "f", or "fi"
    variants: Callable[[Op], Iterable[Variant]]
    fits: Callable[[Op, ConvSpec], bool]
    optional: bool = False  # run only when asked for by name, and never part of the verdict
    standing: bool = True  # has geometries of its own; those of the others come with the higher tiers

    def cases(self, op: Op, dtype: str, specs: Iterable[ConvSpec] | None = None, seed: int = 0) -> list[Case]:
        """The cases for one op and dtype, on the check's own geometries or on those given (that it fits)."""
        chosen = self.specs(op) if specs is None else [s for s in specs if self.fits(op, s)]
        return [
            Case(self.id, op, dtype, spec, seed=seed, **variant)  # type: ignore[arg-type]
            for spec in chosen
            for variant in self.variants(op)
        ]


def asks(
    id: str,
    specs: Iterable[ConvSpec] | Callable[[Op], Iterable[ConvSpec]],
    *,
    ops: Iterable[Op] = OPS,
    needs: Iterable[Op] = (),
    kinds: str = "fi",
    variants: Callable[[Op], Iterable[Variant]] | None = None,
    fits: Callable[[Op, ConvSpec], bool] = lambda op, spec: True,
    optional: bool = False,
) -> Callable[[Callable[[BackendUnderTest, Case], None]], Callable[[BackendUnderTest, Case], None]]:
    """Register the decorated function as a check. Raises `ValueError` if the id is taken for one of the ops."""
    fixed = None if callable(specs) else list(specs)
    choose: Callable[[Op], Iterable[ConvSpec]] = specs if callable(specs) else lambda op: fixed or []
    standing = fixed != []

    def register(run: Callable[[BackendUnderTest, Case], None]) -> Callable[[BackendUnderTest, Case], None]:
        judged = {op for part in CHECKS.get(id, []) for op in part.ops}
        if judged & set(ops):
            raise ValueError(f"check {id!r} is defined twice for {', '.join(sorted(judged & set(ops)))}")
        new = Check(
            id, tuple(ops), choose, run, tuple(needs), kinds, variants or (lambda op: [{}]), fits, optional, standing
        )
        CHECKS.setdefault(id, []).append(new)
        return run

    return register


def check_of(case: Case) -> Check:
    """The check that a case belongs to: `law.adjoint` judges different ops in different functions.

    Raises `CaseError` if the check does not judge the op.
    """
    for one in CHECKS[case.check]:
        if case.op in one.ops:
            return one
    raise CaseError(f"check {case.check!r} does not judge {case.op}")
