"""Messages between parent and child: every text and number arrives, and what is foreign ends the reading."""

from __future__ import annotations

import io

import numpy as np
import pytest
from msgspec import Struct

from harness.calls import pipe, seeing
from harness.telling import named, one_line


class Said(Struct, tag_field="kind", tag=True):
    """A text and a number."""

    text: str
    number: float = 0.0


class Asked(Struct, tag_field="kind", tag=True):
    """Another message."""

    words: list[str]


def sent(message: Struct, *arrays: np.ndarray | None) -> tuple[object, list[np.ndarray | None]]:
    """What arrives."""
    stream = io.BytesIO()
    pipe.write(stream, message, arrays)
    stream.seek(0)
    found = pipe.read(stream, Said | Asked)
    assert found is not None
    assert pipe.read(stream, Said | Asked) is None
    return found


@pytest.mark.parametrize("text", ["", "ü\n\0", "a path \udcff that is no UTF-8", "\ud800 alone"])
def test_every_text_arrives(text: str) -> None:
    assert sent(Said(text))[0] == Said(text)
    assert sent(Asked([text, text]))[0] == Asked([text, text])


def test_numbers_of_numpy_arrive_as_pythons() -> None:
    (message, _) = sent(Said("x", np.float64(1.5)))
    assert isinstance(message, Said)
    assert type(message.number) is float
    assert message.number == 1.5


def test_arrays_arrive_as_they_are_and_can_be_written() -> None:
    arrays = [np.arange(6, dtype="f4").reshape(2, 3)[:, ::-1], None, np.zeros((0, 3)), np.array(7, "i8")]
    _, found = sent(Said("x"), *arrays)
    for given, got in zip(arrays, found, strict=True):
        assert (given is None) == (got is None)
        if given is not None and got is not None:
            assert (got.dtype, got.shape, got.tobytes()) == (given.dtype, given.shape, given.tobytes())
            assert got.flags.writeable


@pytest.mark.parametrize("line", [b"word\n", b"[]\n", b'{"message": {"kind": "Other"}, "arrays": []}\n'])
def test_what_is_foreign_is_an_error(line: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        pipe.read(io.BytesIO(line), Said | Asked)


def test_an_array_that_is_cut_off_is_an_error() -> None:
    stream = io.BytesIO()
    pipe.write(stream, Said("x"), [np.ones(100)])
    with pytest.raises(EOFError, match="in the middle of an array"):
        pipe.read(io.BytesIO(stream.getvalue()[:-1]), Said | Asked)


class Speechless(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise KeyError("x")


def test_an_exception_without_a_text_is_told_all_the_same() -> None:
    assert one_line(Speechless()) == "(no text: its __str__ raised KeyError)"
    assert named(Speechless()).startswith("Speechless: ")
    assert named(MemoryError()) == "MemoryError"


def test_what_an_exception_says_is_cut() -> None:
    with pytest.raises(ValueError, match="long") as caught:
        raise ValueError("long " * 1000)
    assert len(seeing.raised(caught.value)) < 400
