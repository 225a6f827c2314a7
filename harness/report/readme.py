"""The part of a README that a program writes: what stands between two marks."""

from __future__ import annotations

from typing import NamedTuple


class Marks(NamedTuple):
    """Where the part begins and ends."""

    begin: str
    end: str

    def replaced(self, text: str, new: str) -> str:
        """The text with what stands between the marks exchanged. Raises `ValueError` if they are not there.

        >>> Marks("<", ">").replaced("a<old>b", "new")
        'a<new>b'
        """
        before, found, rest = text.partition(self.begin)
        _, closed, after = rest.partition(self.end)
        if not (found and closed):
            raise ValueError(f"the text has no {self.begin.strip()} .. {self.end.strip()}")
        return before + self.begin + new + self.end + after
