"""Whether all values are different, the cheap way for as many as there are: `Measure`s, nothing is run."""

from __future__ import annotations

from collections.abc import Sequence

from eltbuild.quality.data_tests import Outcome
from eltbuild.quality.measures.limits import Limits
from eltbuild.quality.measures.measure import Measure, Values
from eltbuild.sql.counting import (
    ALIKE,
    DIGEST,
    DISTINCT_BITS,
    HASHED_DISTINCT,
    INTEGERS,
    IS_TEXT,
    LENGTHS,
    MOST_BITS,
    NUMBERED,
    ORDINALS,
    TEXTS,
)

FEW = 10_000
"""So many rows are grouped in less time than a second query takes."""
DIGITS = 18
"""Longer numbers have no 64 bits."""
SPREAD = 64
"""How much further than there are values integers may lie apart for a bit each to be the cheapest way."""


def unique(limits: Limits, value: str, dialect: str, rows: int | None) -> Measure | None:
    """Whether no value is in more than one row, NULL aside; None where no way is known that is cheaper than the test's.

    Few rows are counted along with whatever else is counted of them: a query beside that takes longer than they do. Of
    a relation that may be a view it is best asked as it is written.
    """
    if dialect not in DISTINCT_BITS:
        return _distinct(limits, value) if dialect in HASHED_DISTINCT else None
    if rows is None:
        return None
    if rows <= FEW:
        return _distinct(limits, value)

    def outcome(values: Values) -> Outcome | Measure | None:
        present, least, greatest, is_text, first, last, longest = values
        if not present:
            return limits.outcome(0)
        if isinstance(least, int) and greatest - least < min(MOST_BITS, SPREAD * present):
            return _all_different(limits, value, DISTINCT_BITS[dialect].format(value, least, greatest))
        if not is_text:
            return _distinct(limits, value)
        start = _alike(first, last)
        numbers = 10 ** (longest - start) if longest - start < DIGITS else MOST_BITS + 1
        if numbers > min(MOST_BITS, SPREAD * present) or not (first[start:] + last[start:]).isdecimal():
            return _digests(limits, value, dialect)
        return _numbered(limits, value, dialect, start + 1, numbers)

    integer, text = INTEGERS[dialect].format(value), TEXTS[dialect].format(value)
    asked = (f"count({value})", f"min({integer})", f"max({integer})", IS_TEXT[dialect].format(value))
    return Measure((*asked, f"min({text})", f"max({text})", f"max({LENGTHS[dialect].format(value)})"), outcome)


def can_be_counted(dialect: str, rows: int | None) -> bool:
    """Whether a way may be cheaper than a table of all keys; `rows`: about how many there are, where that is known."""
    return dialect in DISTINCT_BITS and rows is not None and rows > FEW


def unique_together(limits: Limits, keys: Sequence[str], condition: str, dialect: str, written: Measure) -> Measure:
    """Whether no two rows have all of these keys in common, NULL being equal to NULL; `written`: the test as it stands.

    Integers and dates that lie close enough together are one number: their place among all combinations that there
    could be.
    """

    def under(value: str) -> str:
        return f"case when {condition} then {value} end" if condition else value

    def outcome(values: Values) -> Outcome | Measure | None:
        rows, *found = values
        bounds = [found[at : at + 3] for at in range(0, len(found), 3)]
        if not rows:
            return limits.outcome(0)
        if not all(present == rows and _is_short(least, greatest) for present, least, greatest in bounds):
            return written
        place, combinations = "0", 1
        for number, (_, least, greatest) in zip(numbers, bounds, strict=True):
            place += f" + {combinations} * ({number} - {least})"
            combinations *= greatest - least + 1
        if combinations > min(MOST_BITS, SPREAD * rows):
            return written
        distinct = DISTINCT_BITS[dialect].format(under(place), 0, combinations - 1)
        return Measure(
            (count, distinct), lambda values: limits.outcome(0) if values[0] == values[1] == rows else written
        )

    count = f"count({under('1')})"
    numbers = [ORDINALS[dialect].format(key) for key in keys]
    asked = (
        part
        for key, number in zip(keys, numbers, strict=True)
        for part in (f"count({under(key)})", f"min({under(number)})", f"max({under(number)})")
    )
    return Measure((count, *asked), outcome)


def _is_short(least: object, greatest: object) -> bool:
    """Whether these are whole numbers, not far apart."""
    return isinstance(least, int) and isinstance(greatest, int) and greatest - least < MOST_BITS


def _distinct(limits: Limits, value: str) -> Measure:
    return _all_different(limits, value, f"count(distinct {value})")


def _alike(one: str, other: str) -> int:
    """With how many characters both texts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _numbered(limits: Limits, value: str, dialect: str, start: int, numbers: int) -> Measure:
    """Texts by the numbers in which they end, such as `C-000017`: where all numbers are different, the texts are, too.

    Otherwise the digests have the word. `start`: where the number begins; `numbers`: how many there could be.
    """

    def outcome(values: Values) -> Outcome | Measure | None:
        present, distinct, alike = values
        return limits.outcome(0) if present == distinct and not alike else _digests(limits, value, dialect)

    number = NUMBERED[dialect].format(value, start)
    bounded = f"case when {number} between 0 and {numbers - 1} then {number} end"
    distinct = DISTINCT_BITS[dialect].format(bounded, 0, numbers - 1)
    return Measure((f"count({value})", distinct, ALIKE[dialect].format(value)), outcome)


def _digests(limits: Limits, value: str, dialect: str) -> Measure:
    """Texts by their digests, which are smaller; nothing where the collation has a mind of its own."""

    def outcome(values: Values) -> Outcome | None:
        present, digests, alike = values
        return limits.outcome(0) if present == digests and not alike else None

    digests = f"count(distinct {DIGEST[dialect].format(value)})"
    return Measure((f"count({value})", digests, ALIKE[dialect].format(value)), outcome)


def _all_different(limits: Limits, value: str, distinct: str) -> Measure:
    def outcome(values: Values) -> Outcome | None:
        return limits.outcome(0) if values[0] == values[1] else None

    return Measure((f"count({value})", distinct), outcome)
