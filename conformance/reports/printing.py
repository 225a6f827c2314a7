"""Reports as texts that XML and HTML can hold: what backends say may contain anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from conformance.run.records import BackendReport

# All that XML 1.0 forbids, lone surrogates included, which no UTF-8 file can hold either.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(reports: Sequence[BackendReport]) -> list[BackendReport]:
    """The reports with every character that XML forbids replaced."""
    return msgspec.convert(_printable(msgspec.to_builtins(list(reports))), list[BackendReport])


def printable_text(text: str) -> str:
    """The same of one text."""
    return _FORBIDDEN.sub("\ufffd", text)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable_text(value)
    if isinstance(value, dict):
        return {printable_text(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value
