"""Messages between parent and child: every text and number arrives, and what is foreign ends the reading."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor

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


_NONE = '{"message": {"kind": "Other"}, "arrays": []}'
_BAD_ARRAY = '{"message": {"kind": "Said", "text": ""}, "arrays": [%s]}'


@pytest.mark.parametrize(
    "line",
    ["word", "", "[]", "7", "{}", _NONE, _BAD_ARRAY % "3", _BAD_ARRAY % '["<f4", "x"]', _BAD_ARRAY % '["no", [1]]',
     _BAD_ARRAY % f'["<f8", [{2**50}]]'],
)  # fmt: skip
def test_what_is_foreign_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        pipe.read(io.BytesIO(line.encode() + b"\n"), Said | Asked)


def test_a_line_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "_LONGEST_LINE", 100)
    stream = io.BytesIO(b"x" * 1000)
    with pytest.raises(EOFError, match="in the middle of a message"):
        pipe.read(stream, Said)
    assert stream.tell() == 100


@pytest.mark.parametrize(("kept", "where"), [(-1, "an array"), (20, "a message")])
def test_what_is_cut_off_is_an_error(kept: int, where: str) -> None:
    stream = io.BytesIO()
    pipe.write(stream, Said("x"), [np.ones(100)])
    with pytest.raises(EOFError, match=f"ended in the middle of {where}"):
        pipe.read(io.BytesIO(stream.getvalue()[:kept]), Said | Asked)


def test_a_patient_writer_waits_for_its_reader_but_not_for_ever() -> None:
    """A pipe holds 64 KiB: what is more is written as it is read."""
    out, into = os.pipe()
    data = np.arange(2**18, dtype="u4")
    with open(out, "rb") as reader, ThreadPoolExecutor(1) as pool:
        sink = pipe.PatientSink(into)
        sink.give(120)
        read = pool.submit(reader.read, data.nbytes)
        sink.write(data.data)
        assert read.result(120) == data.tobytes()
        sink.give(0.1)
        with pytest.raises(TimeoutError, match="nobody has read"):
            sink.write(data.data)
        sink.give(0)
        with pytest.raises(TimeoutError):
            sink.write(b"x")
    sink.give(1e9)  # longer than the system can wait at once
    with pytest.raises(BrokenPipeError):
        sink.write(b"x")
    os.close(into)


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
