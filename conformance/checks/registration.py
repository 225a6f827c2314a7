"""Where checks are registered: `@asks(id, geometries)` above a function makes it the check of that id.

The function calls the backend and raises `Failed` if it is wrong. Its name is the second part of the id: `values.exact`
is `exact`. A check that asks each op in a way of its own has a function for each, with the op in its name:
`law.adjoint` is `adjoint_im2col` and two more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from conformance.cases.case import Case, CaseError
from conformance.checks.under_test import BackendUnderTest
from harness.contract.status import Grade
from harness.geometry.spec import ALL_OPS, ConvSpec, Op

Question = Callable[[BackendUnderTest, Case], None]
Geometries = Callable[[Op], Iterable[ConvSpec]]


@dataclass(frozen=True, slots=True)
class Variant:
    """How a case is asked, besides its geometry: with a bias or without, and the memory layout of its inputs."""

    bias: bool = True
    layout: str = "C"
    as_returned: bool = False  # the array that the backend hands out: without a bias, if it is we who would add it


PLAINLY = (Variant(),)
LITTLE = 20_000  # multiply-adds: such a geometry may be asked about in several ways


def as_returned(op: Op) -> Iterable[Variant]:
    """The variants of a check that looks at the array and its memory, and not at numbers alone."""
    return (Variant(as_returned=True),)


@dataclass(frozen=True, slots=True)
class OfDomain:
    """On which geometries of a backend's domain a check is asked besides its own, of an op in its main dtype."""

    own: Iterable[ConvSpec] | Geometries
    every: int  # each so many
    without_images: bool = False  # of these, made of the others
    most_work: float = float("inf")  # multiply-adds


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One property of the ops that it judges, and the cases in which it asks for it."""

    id: str
    ops: tuple[Op, ...]
    specs: Geometries
    run: Question
    needs: tuple[Op, ...]  # further ops that it calls: a backend that refuses one of them is not judged
    kinds: str  # dtype kinds that it applies to: "f", or "fi"
    variants: Callable[[Op], Iterable[Variant]]
    fits: Callable[[Op, ConvSpec], bool]
    grade: Grade
    optional: bool  # run only when asked for by name, and never part of the verdict
    standing: bool  # has geometries of its own; those of the others come with the higher tiers
    of_domain: OfDomain | None = None

    def cases(
        self, op: Op, dtype: str, specs: Iterable[ConvSpec] | None = None, seed: int = 0, *, takes_bias: bool = True
    ) -> list[Case]:
        """The cases for one op and dtype, on the check's own geometries or on those given (that it fits).

        `takes_bias` is whether the backend's own conv2d does.
        """
        chosen = self.specs(op) if specs is None else [s for s in specs if self.fits(op, s)]
        return [
            Case(self.id, op, dtype, spec, bias=_has_bias(variant, op, takes_bias), layout=variant.layout, seed=seed)
            for spec in chosen
            for variant in self.variants(op)
        ]


def _has_bias(variant: Variant, op: Op, takes_bias: bool) -> bool:
    return variant.bias and (takes_bias or op != "conv2d" or not variant.as_returned)


# By id, in the order in which they are run and shown; several of one id judge different ops.
CHECKS: dict[str, list[Check]] = {}


def asks(
    id: str,
    specs: Iterable[ConvSpec] | Geometries | OfDomain,
    *,
    ops: Iterable[Op] = ALL_OPS,
    needs: Iterable[Op] = (),
    kinds: str = "fi",
    variants: Callable[[Op], Iterable[Variant]] = lambda op: PLAINLY,
    fits: Callable[[Op, ConvSpec], bool] = lambda op, spec: True,
    grade: Grade | None = Grade.VALUES,
) -> Callable[[Question], Question]:
    """Register the decorated function as a check; without a grade it is optional.

    Raises `ValueError` if the id is taken for one of the ops.
    """
    of_domain = specs if isinstance(specs, OfDomain) else None
    given = specs.own if isinstance(specs, OfDomain) else specs
    own = None if callable(given) else list(given)

    def register(question: Question) -> Question:
        judged = {op for check in CHECKS.get(id, []) for op in check.ops}
        if judged & set(ops):
            raise ValueError(f"check {id!r} is defined twice for {', '.join(sorted(judged & set(ops)))}")
        check = Check(
            id=id,
            ops=tuple(ops),
            specs=given if callable(given) else lambda op: own or [],
            run=question,
            needs=tuple(needs),
            kinds=kinds,
            variants=variants,
            fits=fits,
            grade=grade or Grade.FORM,
            optional=grade is None,
            standing=own != [],
            of_domain=of_domain,
        )
        CHECKS.setdefault(id, []).append(check)
        return question

    return register


def grade_of(check_id: str) -> Grade:
    """What a check judges; of a check that this suite does not have, numbers."""
    return next((check.grade for check in CHECKS.get(check_id, [])), Grade.VALUES)


def check_of(case: Case) -> Check:
    """The check that a case belongs to. Raises `CaseError` if the check does not judge the op of the case."""
    for check in CHECKS[case.check]:
        if case.op in check.ops:
            return check
    raise CaseError(f"check {case.check!r} does not judge {case.op}")
