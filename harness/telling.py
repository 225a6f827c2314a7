"""Errors and near misses in one line: the ground that every room stands on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# What moves a terminal's cursor, colours it, or turns the direction of what follows; not tabs and the ends of lines.
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class WrongCall(ValueError):
    """What was asked for cannot be done as it was asked; the program tells the text in one line, with exit code 2."""


def one_line(said: object) -> str:
    """A text, or that of an exception, in one line; the exception's class where it says nothing.

    >>> one_line(ValueError("no\\n  such thing")), one_line(KeyboardInterrupt())
    ('no such thing', 'KeyboardInterrupt')
    """
    return _text(said) or (type(said).__name__ if isinstance(said, BaseException) else "")


def plain(text: str) -> str:
    r"""A text with escapes in place of what a terminal would obey.

    >>> plain("\x1b[31mred\x07\n"), plain("naïve 😀")
    ('\\x1b[31mred\\x07\n', 'naïve 😀')
    """
    return _COMMANDS.sub(lambda found: ascii(found[0])[1:-1], text)


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
        return plain(" ".join(str(said).split()))
    except Exception as error:
        return f"(no text: its __str__ raised {type(error).__name__})"
