"""Whether all values are different, the cheap way for as many as there are: `Measure`s, nothing is run."""

from __future__ import annotations

from eltbuild.quality.data_tests import Outcome
from eltbuild.quality.measures.limits import Limits
from eltbuild.quality.measures.measure import Measure, Query, Values
from eltbuild.sql.counting import (
    ALIKE,
    DIGEST,
    DISTINCT_BITS,
    HASHED_DISTINCT,
    INTEGERS,
    IS_TEXT,
    MOST_BITS,
)

FEW = 10_000
"""So many values are grouped right away: that takes less time than a second query."""
SPREAD = 64
"""How much further than there are values integers may lie apart for a bit each to be the cheapest way."""


def unique(limits: Limits, value: str, relation: str, dialect: str, rows: int | None) -> Measure | None:
    """Values that are in more than one row, NULL aside; None where the dialect knows no way that is cheaper.

    Few values are counted exactly. Of many it is told only whether there are such.
    """
    if dialect not in HASHED_DISTINCT:
        return None
    if dialect not in DISTINCT_BITS or (rows is not None and rows <= FEW):
        return _distinct(limits, value)

    def outcome(values: Values) -> Outcome | Measure | None:
        present, least, greatest, is_text, among_few = values
        if present <= FEW:
            return limits.outcome(int(among_few))
        if isinstance(least, int) and greatest - least < min(MOST_BITS, SPREAD * present):
            return _all_different(limits, value, DISTINCT_BITS[dialect].format(value, least, greatest))
        return _digests(limits, value, dialect) if is_text else _distinct(limits, value)

    integer = INTEGERS[dialect].format(value)
    asked = (f"count({value})", f"min({integer})", f"max({integer})", IS_TEXT[dialect].format(value))
    return Measure(asked, outcome, (Query(_among_few(value, relation), 1),))


def _among_few(value: str, relation: str) -> str:
    """The number of values that more than one of the first rows have."""
    few = f"select {value} as eltbuild_value from {relation} where {value} is not null limit {FEW + 1}"
    again = f"select 1 from ({few}) as few group by eltbuild_value having count(*) > 1"
    return f"select count(*) from ({again}) as again"


def _distinct(limits: Limits, value: str) -> Measure:
    return _all_different(limits, value, f"count(distinct {value})")


def _digests(limits: Limits, value: str, dialect: str) -> Measure:
    """Texts by their digests, which are smaller; where the collation has its own mind, by what it says."""

    def outcome(values: Values) -> Outcome | Measure | None:
        present, digests, alike = values
        if alike:
            return _distinct(limits, value)
        return limits.outcome(0) if present == digests else None

    digests = f"count(distinct {DIGEST[dialect].format(value)})"
    return Measure((f"count({value})", digests, ALIKE[dialect].format(value)), outcome)


def _all_different(limits: Limits, value: str, distinct: str) -> Measure:
    def outcome(values: Values) -> Outcome | None:
        return limits.outcome(0) if values[0] == values[1] else None

    return Measure((f"count({value})", distinct), outcome)
