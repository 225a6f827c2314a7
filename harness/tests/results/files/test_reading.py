"""JSON that we wrote: whatever texts of backends it holds, but no number that JSON does not have."""

from __future__ import annotations

import pytest

from harness.results.reading import parsed, printable
from harness.results.records import Code
from harness.tests.helpers.records import a_cell, some_facts


def test_half_characters_come_back() -> None:
    assert parsed('{"a": ["\\udc80", 1.5]}') == {"a": ["\udc80", 1.5]}
    assert parsed(b'{"a": ["\\udc80", 1e3]}') == {"a": ["\udc80", 1000.0]}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_json_does_not_have_is_refused(number: str) -> None:
    for text in (f"[{number}]", f'["\\udc80", {number}]'):
        with pytest.raises(ValueError, match=r"malformed|out of range|invalid"):
            parsed(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '["\\udc80", ' + "[" * 100_000])
def test_a_document_that_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply|truncated|surrogate|malformed"):
        parsed(text)


def test_a_record_is_made_printable_at_any_depth() -> None:
    odd = some_facts("mine", info={"devi\udc80ce": "c\ud800"}, native=["im2col", "\udfff"], reason="é \0 $")
    plain = some_facts("mine", info={"devi\\udc80ce": "c\\ud800"}, native=["im2col", "\\udfff"], reason="é \0 $")
    assert printable(odd) == plain


def test_a_record_that_is_printable_is_left_as_it_is() -> None:
    cell, code = a_cell(samples=[0.1], reason="é \0"), Code(commit="abc", dirty=True)
    assert printable(cell) is cell
    assert printable(code) is code
