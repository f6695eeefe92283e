"""Widths, cutting, numbers, times and secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.report.text import clean, count, cut, duration, listed, padded, width_of
from eltbuild.secrecy import mask_secrets


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("日本", 4), ("é", 1), ("e\u0301", 1), ("", 0), ("👍", 2)])
def test_widths(text: str, width: int) -> None:
    assert width_of(text) == width


@given(st.text(), st.integers(0, 30), st.sampled_from(["…", "..."]))
def test_cut_text_fits(text: str, width: int, ellipsis: str) -> None:
    shorter = cut(text, width, ellipsis)
    assert width_of(shorter) <= width
    assert shorter == text or width_of(text) > width


@given(st.text(st.characters(categories=["L", "N"])), st.integers(0, 30))
def test_padded_text_is_as_wide_as_asked_or_as_it_is(text: str, width: int) -> None:
    assert width_of(padded(text, width)) == max(width, width_of(text))


@given(st.text())
def test_clean_text_steers_no_terminal(text: str) -> None:
    assert all(
        character == "\n" or (ord(character) >= 32 and not 127 <= ord(character) < 160) for character in clean(text)
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00s"), (-1, "0.00s"), (0.416, "0.42s"), (9.994, "9.99s"), (9.996, "10.0s"), (59.94, "59.9s"),
        (59.96, "1m 00s"), (65, "1m 05s"), (3599.6, "1h 00m"), (7380, "2h 03m"), (360000, "100h 00m"),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_sequence_that_never_ends_hides_nothing() -> None:
    assert clean("\x1b]0;an error that must be read") == "]0;an error that must be read"
    assert clean("\x1b]0;title\x07text\x1b[31mred\r\nnext\tcell") == "textred\nnext    cell"
    assert clean("one\u2028two\u2029three\rfour") == "one\ntwo\nthree\nfour"
    assert clean("turned \u202eround\u202c \u2066here\u2069") == "turned round here"


def test_counts_and_lists() -> None:
    assert count(1, "row") == "1 row"
    assert count(336776, "row") == "336,776 rows"
    assert count(0, "analysis", "analyses") == "0 analyses"
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_the_longest_secret_is_masked_first() -> None:
    mask = mask_secrets({"abc", "abcdef", "", "  "})
    assert mask("abcdef abc ab") == "***** ***** ab"
    assert mask_secrets(set())("abc") == "abc"
