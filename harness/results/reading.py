"""Reads JSON that we wrote, whatever texts of backends it holds."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec


def parsed(text: str | bytes) -> Any:
    """The document, to be converted to a record. Raises `ValueError` for what is no JSON, or no text in UTF-8."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        try:
            return json.loads(text, parse_constant=_finite, parse_float=_finite)  # which knows lone surrogates
        except (ValueError, RecursionError):
            raise error from None
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def printable(record: Any) -> Any:
    """The record with escapes in place of lone surrogates, which no file or page can hold."""
    try:
        msgspec.json.encode(record)
    except UnicodeEncodeError:
        return msgspec.convert(_escaped(msgspec.to_builtins(record)), type(record))
    return record


def _finite(text: str) -> float:
    """A number of JSON. Raises `ValueError` for NaN, infinities, and what is as large."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number


def _escaped(found: Any) -> Any:
    """Every text in it, at any depth."""
    if isinstance(found, str):
        return found.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(found, dict):
        return {_escaped(key): _escaped(value) for key, value in found.items()}
    return [_escaped(value) for value in found] if isinstance(found, list) else found
