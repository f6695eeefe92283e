"""Numbers drawn in a line."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from eltbuild.report.sparks import ASCII_BLOCKS, BLOCKS, bar, spark

VALUES = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=30)


@given(VALUES, st.booleans(), st.booleans())
@example([1.7976931348623157e308, -1.7976931348623157e308, 0.0], True, False)
def test_one_character_for_each_value(values: list[float | None], unicode: bool, zero: bool) -> None:
    drawn = spark(values, unicode=unicode, zero=zero)
    assert len(drawn) == len(values)
    assert set(drawn) <= {*(BLOCKS if unicode else ASCII_BLOCKS), " "}
    assert all((one == " ") == (value is None or not math.isfinite(value)) for one, value in zip(drawn, values))


@given(st.lists(st.integers(0, 1000), min_size=2))
def test_what_is_higher_is_drawn_no_lower(values: list[int]) -> None:
    drawn = spark([float(value) for value in values])
    heights = [BLOCKS.index(one) for one in drawn]
    assert all(
        heights[a] <= heights[b] for a in range(len(values)) for b in range(len(values)) if values[a] <= values[b]
    )


def test_the_highest_and_the_lowest() -> None:
    assert spark([0, 1, 2]) == "▁▅█"
    assert spark([10, 11], zero=False) == "▁█"
    assert spark([5, 5], zero=False) == "▅▅"
    assert spark([None, 1.0], unicode=False) == " #"


@given(st.floats(0, 1), st.integers(1, 40), st.booleans())
def test_a_bar_is_never_too_long_and_shows_what_is_there(share: float, width: int, unicode: bool) -> None:
    drawn = bar(share, width, unicode=unicode)
    assert len(drawn) <= width
    assert bool(drawn) == (share > 0)


def test_bars() -> None:
    assert (bar(1, 4), bar(0.5, 4), bar(0.6, 4), bar(0.001, 4)) == ("████", "██", "██▍", "▏")
    assert (bar(0.5, 4, unicode=False), bar(0.001, 4, unicode=False)) == ("##", "#")
