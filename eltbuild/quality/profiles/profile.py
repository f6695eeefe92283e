"""What stands in a relation, column by column, as values; read from the answers to the questions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from eltbuild.quality.profiles.kinds import NUMBERS, TIMES, Kind
from eltbuild.quality.profiles.questions import POINTS, TOP, Asked, Bins, Key
from eltbuild.values import dataclass, replace

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CYCLE = 400 * 365.2425 * 86_400
"""Seconds after which the calendar repeats itself: 400 years."""
GREATEST = Decimal("1e308")
"""The greatest number that programs can read from JSON."""


@dataclass(frozen=True, slots=True)
class Frequent:
    """A value, as text, and how many rows have it; None is NULL."""

    value: str | None
    rows: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many rows lie in each of some equal slices between two numbers."""

    low: float
    high: float
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What stands in a column. Numbers of dates and times are seconds: since 1970, since midnight, or of a span."""

    name: str
    type: str
    kind: Kind
    rows: int
    nulls: int
    distinct: int
    exact: bool
    """Whether the distinct values were counted; else their number was estimated."""
    min: str | None = None
    max: str | None = None
    """As text; of numbers and times with all their digits."""
    low: float | None = None
    high: float | None = None
    """The least and the greatest finite number."""
    mean: float | None = None
    stddev: float | None = None
    quantiles: Mapping[str, float] | None = None
    not_finite: int = 0
    """NaN and infinite values, and numbers that are too large to be averaged."""
    zeros: int | None = None
    negative: int | None = None
    true: int | None = None
    shortest: int | None = None
    longest: int | None = None
    length: float | None = None
    """The mean length: of texts in characters, of lists in elements, of binary values in bytes."""
    empty: int | None = None
    top: tuple[Frequent, ...] = ()
    histogram: Histogram | None = None

    @property
    def filled(self) -> int:
        """How many rows have a value."""
        return self.rows - self.nulls

    @property
    def is_unique(self) -> bool:
        """Whether every value is there once, as far as that is known."""
        return self.exact and self.filled > 0 and self.distinct == self.filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What stands in a relation."""

    node: str
    name: str
    resource_type: str
    relation: str
    rows: int
    """All rows, of which `sampled` were looked at; None where that is all of them."""
    sampled: int | None
    columns: tuple[ColumnProfile, ...]


def without_values(column: ColumnProfile) -> ColumnProfile:
    """The same without any value of a row: counts, means and lengths stay."""
    mean = column.mean if column.distinct > 1 else None
    return replace(column, min=None, max=None, low=None, high=None, quantiles=None, top=(), histogram=None, mean=mean)


def column_profile(column: Asked, rows: int, told: Mapping[str, Any], counted: bool, groups: Groups) -> ColumnProfile:
    """The profile of a column, from what both questions told. `counted`: the distinct values were not estimated."""
    filled = int(told["filled"] or 0)
    distinct, exact = int(told["distinct"] or 0), counted
    known = groups.known.get(column.place)
    if known is not None:
        distinct, exact = known - int(filled < rows), True
    numeric = column.kind in NUMBERS | TIMES
    points = _listed(told.get("quantiles"))
    return ColumnProfile(
        name=column.name,
        type=column.type,
        kind=column.kind,
        rows=rows,
        nulls=rows - filled,
        distinct=min(distinct, filled),
        exact=exact,
        min=_text(told.get("min")),
        max=_text(told.get("max")),
        low=_number(told.get("low")),
        high=_number(told.get("high")),
        mean=_number(told.get("mean")),
        stddev=_number(told.get("stddev")),
        quantiles={f"{point:g}": float(value) for point, value in zip(POINTS, points)} if points else None,
        not_finite=filled - int(told["numbers"] or 0) if numeric else 0,
        zeros=_whole(told.get("zeros")),
        negative=_whole(told.get("negative")),
        true=_whole(told.get("true")),
        shortest=_whole(told.get("shortest")),
        longest=_whole(told.get("longest")),
        length=_number(told.get("length")),
        empty=_whole(told.get("empty")),
        top=groups.top.get(column.place, ()),
        histogram=groups.histograms.get(column.place),
    )


@dataclass(frozen=True, slots=True)
class Groups:
    """What the second question told, by the places of columns."""

    top: Mapping[int, tuple[Frequent, ...]]
    known: Mapping[int, int]
    """How many different values there are, NULL among them."""
    histograms: Mapping[int, Histogram]


NOTHING = Groups({}, {}, {})


def groups_of(keys: Sequence[Key], rows: Iterable[Sequence[Any]]) -> Groups:
    """The answer to the second question."""
    top: dict[int, list[Frequent]] = {}
    known: dict[int, int] = {}
    slices: dict[int, list[int]] = {}
    spans: dict[int, Bins] = {}
    for which, value, times, number in rows:
        key = keys[int(which)]
        place = key.column.place
        if key.bins is None:
            known[place] = int(number)
            top.setdefault(place, []).append(Frequent(None if value is None else str(value), int(times)))
        elif value is not None:
            spans[place] = key.bins
            slices.setdefault(place, [0] * key.bins.number)[int(float(value))] = int(times)
    histograms = {place: Histogram(spans[place].low, spans[place].high, tuple(told)) for place, told in slices.items()}
    values = {
        place: tuple(sorted((one for one in found if one.value is not None), key=_order)[:TOP])
        for place, found in top.items()
    }
    return Groups(values, known, histograms)


def _order(one: Frequent) -> tuple[Any, ...]:
    """The most frequent first; of those that are as frequent as others, in the order of their values."""
    number = as_number(one.value)
    return (-one.rows, number is None, number or 0, one.value)


def told_value(column: ColumnProfile, number: float | None) -> Any:
    """A number of a column in the words of its type: dates and times as texts."""
    if number is None:
        return None
    if column.kind in ("date", "timestamp"):
        return _dated(number, column.kind == "date")
    if column.kind == "time":
        whole = int(number)
        return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
    return number


def _dated(seconds: float, whole: bool) -> str:
    """A date, and unless it is `whole` the time of the day; also of years that Python does not know."""
    cycles, rest = divmod(seconds, CYCLE)
    moment = EPOCH + timedelta(seconds=rest)
    year = moment.year + 400 * int(cycles)
    told = f"{year if year > 0 else 1 - year:04}-{moment:%m-%d}" + ("" if whole else f" {moment:%H:%M:%S}")
    return told if year > 0 else f"{told} BC"


def as_number(text: str | None) -> int | float | None:
    """The number that a text of the engine's means; None for what is none, not finite, or too great."""
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    if not found.is_finite() or abs(found) > GREATEST:
        return None
    return int(found) if found == found.to_integral_value() and "." not in text else float(found)


def _listed(value: Any) -> list[Any]:
    found = list(value) if value is not None else []
    return [] if any(one is None for one in found) else found


def _number(value: Any) -> float | None:
    if value is None or not math.isfinite(float(value)):
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
