"""The smallest case that would see a fault; or none, on a sample of the geometries that meet its condition."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.cases.specs import MAX_WORK
from conformance.power.fault import Fault
from conformance.power.where.geometries import meeting, smaller
from conformance.power.witness.scenes import Scene, scenes
from harness.geometry.spec import ConvSpec
from harness.oracle.data import DataError

SAMPLE = 240  # geometries
_SEQUENCES = 24  # of which this many with all that can go before a call
_SHRINKING = 400  # steps


@dataclass(frozen=True, slots=True)
class Witness:
    """A scene in which a fault shows, with its multiply-adds; or why there is none."""

    case: str = ""
    work: int = 0
    equivalent: str = ""


def find(fault: Fault) -> Witness:
    """The smallest scene that was found to show it."""
    room = fault.kind.split(".", maxsplit=1)[0]
    found = meeting(fault.condition, _SEQUENCES if room in ("state", "memory", "precision", "data") else SAMPLE)
    if not found:
        return Witness(
            equivalent=f"no geometry of at most {MAX_WORK:,} multiply-adds was found that meets the condition"
        )
    for spec in found:
        scene = _showing(fault, spec)
        if scene is not None:
            return _shrunk(fault, spec, scene)
    return Witness(equivalent=f"the same on all of {len(found)} geometries that meet the condition")


def _showing(fault: Fault, spec: ConvSpec, like: Scene | None = None) -> Scene | None:
    """The first scene that shows it, among all or those that take the same kind of thing as one before."""
    if not spec.batch and fault.kind.startswith("state"):
        return None
    for scene in scenes(fault, spec):
        try:
            if (like is None or scene.takes == like.takes) and scene.shows():
                return scene
        except DataError:  # sums too long for whole numbers of the dtype
            continue
    return None


def _shrunk(fault: Fault, spec: ConvSpec, scene: Scene) -> Witness:
    """Step by step, as long as it meets the condition and shows the fault."""
    steps, shrinking = 0, True
    while shrinking and steps < _SHRINKING:
        shrinking = False
        for other in smaller(spec):
            steps += 1
            if fault.condition.fits(other):
                again = _showing(fault, other, scene)
                if again is not None:
                    spec, scene, shrinking = other, again, True
                    break
    return Witness(str(scene), max(spec.macs, spec.work("im2col")))
