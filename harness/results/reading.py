"""Reads JSON that we wrote, whatever texts of backends it holds."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def parsed(text: str | bytes) -> Any:
    """The document, to be converted to a record. Raises `ValueError` for what is no JSON, or no text in UTF-8."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        try:
            return json.loads(text)  # which knows lone surrogates
        except ValueError:
            raise error from None
