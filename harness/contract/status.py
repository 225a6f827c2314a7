"""What became of a case, of a measured cell, and of a whole backend: the words of every report, the worst first.

Each enumeration is in the order in which a group of several is judged: by the first that occurs in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Self


class _Ranked(StrEnum):
    """Values that know their order, how people read them, and how they look on a terminal and on a page."""

    def __new__(cls, value: str, words: str, colour: str, marker: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.words, member.colour, member.marker = words, colour, marker
        return member

    words: str  # one line, for people
    colour: str  # a style of Rich, and a class of the pages' style sheets
    marker: str  # one to ten characters, where a table has no room for words

    @classmethod
    def worst(cls, found: Iterable[Self]) -> Self:
        """The one that stands for all. Raises `ValueError` if there is none."""
        occurring = set(found)
        for member in cls:
            if member in occurring:
                return member
        raise ValueError("the worst of nothing is not defined")


class Status(_Ranked):
    """What became of one case of the conformance suite."""

    FAIL = "fail", "a wrong result, or an error where none was announced", "bold red", "FAIL"
    XPASS = "xpass", "passes although listed as a known failure: remove it from the list", "bold red", "XPASS"
    MISTRUSTED = (
        "mistrusted", "not counted: the expected result could not tell right from wrong", "yellow", "mistrusted",
    )  # fmt: skip
    NOT_RUN = "not_run", "planned and not executed", "yellow", "not run"
    XFAIL = "xfail", "fails as listed in the known failures", "dim", "xfail"
    PASS = "pass", "every executed case is right", "green", "pass"
    UNSUPPORTED = (
        "unsupported", "the backend says that it does not do this (“unsupported” in the JSON)", "dim", "refused",
    )  # fmt: skip

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to look into it: the backend is wrong, or a list or a case of ours is."""
        return self in (Status.FAIL, Status.XPASS, Status.MISTRUSTED)

    @classmethod
    def counted(cls) -> tuple[Status, ...]:
        """All, in the order in which counts are told, which is that of the published JSON."""
        return (cls.PASS, cls.FAIL, cls.UNSUPPORTED, cls.XFAIL, cls.XPASS, cls.MISTRUSTED, cls.NOT_RUN)


class Grade(StrEnum):
    """What a check judges, the gravest first: numbers, memory that is not its own, or the form of a right result."""

    VALUES = "values"  # numbers, laws between them, numbers under threads and after other calls
    SAFETY = "safety"  # inputs changed, results that alias or change later, uninitialised memory
    FORM = "form"  # type, contiguity, writeability, what is refused by an exception, NaN where none was read

    def is_required(self, least: Grade) -> bool:
        """Whether those who ask for `least` ask for this too."""
        order = list(Grade)
        return order.index(self) <= order.index(least)


class Verdict(_Ranked):
    """What a run of the suite says of a backend."""

    FAIL = "fail", "numbers are wrong, or memory is touched that is not its own", "bold red", "failed"
    DEVIATES = "deviates", "the numbers are right, their form is not what was asked for", "magenta", "deviating"
    INCOMPLETE = "incomplete", "nothing is wrong, but not all that was planned was executed", "yellow", "incomplete"
    UNAVAILABLE = "unavailable", "it cannot run on this machine", "dim", "unavailable"
    PASS = "pass", "everything that was planned was executed and is right", "green", "passed"

    @classmethod
    def counted(cls) -> tuple[Verdict, ...]:
        """All, in the order in which backends are counted: what passed first."""
        return (cls.PASS, cls.DEVIATES, cls.FAIL, cls.INCOMPLETE, cls.UNAVAILABLE)


class Speed(_Ranked):
    """What paired times say of one backend against another, seen from the first."""

    SLOWER = "slower", "every process saw it slower, by more than the noise of the machine", "bold red", "slower"
    UNCLEAR = "unclear", "the noise is too large to tell", "yellow", "unclear"
    NO_DATA = "no_data", "one side has no time", "dim", "no data"
    SAME = "same", "the whole interval is within a small band around 1", "", "same"
    FASTER = "faster", "every process saw it faster, by more than the noise of the machine", "green", "faster"

    @property
    def turned(self) -> Speed:
        """What the same times say of the other backend."""
        return {Speed.SLOWER: Speed.FASTER, Speed.FASTER: Speed.SLOWER}.get(self, self)


class CellStatus(_Ranked):
    """What became of one cell of a measurement: a backend, op, dtype and layer. `marker` is its letter in a chart."""

    FAIL = "fail", "the result was wrong", "bold red", "F"
    CRASHED = "crashed", "the call ended its process", "bold red", "C"
    HUNG = "hung", "the call did not end", "bold red", "H"
    IMPLAUSIBLE = "implausible", "measured, and faster than this machine can be", "bold red", "!"
    OVER_BUDGET = "over_budget", "predicted to take too long", "yellow", "b"
    NO_MEMORY = "no_memory", "needs more memory than there is", "yellow", "m"
    UNAVAILABLE = "unavailable", "the backend cannot run on this machine", "dim", "a"
    UNSUPPORTED = "unsupported", "the backend says that it does not do this", "dim", "u"
    OK = "ok", "measured", "green", ""

    @property
    def is_bad(self) -> bool:
        """Whether it says that the backend is wrong, or its time is."""
        return self in (CellStatus.FAIL, CellStatus.CRASHED, CellStatus.HUNG, CellStatus.IMPLAUSIBLE)
