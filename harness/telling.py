"""Errors and near misses in one line: the ground that every room stands on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def one_line(said: object) -> str:
    """A text, or that of an exception, in one line; the exception's class where it says nothing.

    >>> one_line(ValueError("no\\n  such thing")), one_line(KeyboardInterrupt())
    ('no such thing', 'KeyboardInterrupt')
    """
    return _text(said) or (type(said).__name__ if isinstance(said, BaseException) else "")


def named(error: BaseException) -> str:
    """An exception with its class, in one line.

    >>> named(ValueError("no such thing")), named(KeyboardInterrupt())
    ('ValueError: no such thing', 'KeyboardInterrupt')
    """
    return ": ".join(filter(None, (type(error).__name__, _text(error))))


def did_you_mean(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """What to add to an unknown word: the nearest known one; nothing if none is near.

    >>> did_you_mean("quik", ["quick", "core"]), did_you_mean("xyz", ["quick"])
    (", did you mean 'quick'?", '')
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=likeness)
    return f", did you mean {close[0]!r}?" if close else ""


def _text(said: object) -> str:
    """In one line, whatever the object does when it is asked: exceptions of plug-ins are anybody's code."""
    try:
        return " ".join(str(said).split())
    except Exception as error:
        return f"(no text: its __str__ raised {type(error).__name__})"
