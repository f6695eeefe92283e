"""Whether a value is unlike those before it, by robust statistics. Numbers in, a verdict with its reasons out.

The centre of what is usual is the median, its width the median absolute deviation (MAD), made comparable with a
standard deviation by 1.4826 and by the factors for small samples of Croux and Rousseeuw (1992, "Time-efficient
algorithms for two highly robust estimators of scale"). Where more than half of the values are equal, so that the MAD
is 0, the third quartile of the deviations stands in for it. Almost half of the history may be wrong, and the centre
does not move far; a quarter, and the width does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from eltbuild.project.anomaly_tests import Anomaly, Change, Direction
from eltbuild.values import dataclass

NORMAL = 1.4826
"""The standard deviation of a normal distribution in units of its MAD."""
QUARTILE = 1 / 1.1503
"""The same in units of the third quartile of its absolute deviations."""
SMALL_SAMPLES = (1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107)
"""By how much the MAD of 2, 3 ... 9 values falls short."""

State = Literal["learning", "usual", "unusual"]


@dataclass(frozen=True, slots=True)
class Point:
    """One observation."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Range:
    """What is usual."""

    low: float
    high: float
    centre: float
    of: int
    """How many observations it is known from."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a value is by what was before it."""

    state: State
    known: int
    """How many observations there are to compare with."""
    range: Range | None = None
    score: float = 0.0
    """How far from the centre, where the border of what is usual has the distance `sensitivity`."""


def assess(value: float, history: Sequence[float], rules: Anomaly) -> Assessment:
    """What a value is by the values before it, those that count chosen already."""
    if len(history) < rules.min_history:
        return Assessment("learning", len(history))
    usual = usual_range(history, rules.sensitivity, rules.min_change)
    width = usual.high - usual.centre
    distance = value - usual.centre
    score = abs(distance) / width * rules.sensitivity if width > 0 else math.inf if distance else 0.0
    unusual = score > rules.sensitivity and _counts(distance, rules.direction)
    return Assessment("unusual" if unusual else "usual", len(history), usual, score)


def _counts(distance: float, direction: Direction) -> bool:
    return direction == "both" or (distance > 0) == (direction == "up")


def usual_range(history: Sequence[float], sensitivity: float, least: Change) -> Range:
    """The values that are usual after these. `least`: the change that is never too large."""
    centre = median(history)
    floor = least.amount * abs(centre) if least.relative else least.amount
    width = max(sensitivity * scale(history, centre), floor)
    return Range(centre - width, centre + width, centre, len(history))


def scale(values: Sequence[float], centre: float) -> float:
    """How far values are from their centre, comparable with a standard deviation; 0 where all are equal."""
    number = len(values)
    away = sorted(abs(value - centre) for value in values)
    deviation = median(away)
    if deviation == 0:
        return QUARTILE * away[(number - 1) * 3 // 4]
    factor = SMALL_SAMPLES[number - 2] if 2 <= number < 10 else number / (number - 0.8) if number > 1 else 1.0
    return NORMAL * factor * deviation


# Which observations count


def counting(points: Iterable[Point], rules: Anomaly, at: datetime) -> list[Point]:
    """The observations that a value at that time is compared with, in their order."""
    found = [point for point in points if rules.since is None or point.at >= rules.since]
    if rules.seasonality == "day_of_week":
        found = [
            point for point in last_of_days(found) if point.at.weekday() == at.weekday() and point.at.date() < at.date()
        ]
    return found[-rules.window :]


def last_of_days(points: Iterable[Point]) -> list[Point]:
    """The last observation of each day."""
    days: dict[date, Point] = {}
    for point in points:
        days[point.at.date()] = point
    return list(days.values())


def changes(points: Sequence[Point]) -> list[Point]:
    """How far each observation has moved from the one before it, at the time of the later one; see `moved`."""
    usual = usual_gap(points)
    return [Point(two.at, moved(one, two, usual)) for one, two in pairwise(points)]


def moved(one: Point, two: Point, usual: float) -> float:
    """How far a value has moved in as much time as lies between two observations usually, in seconds.

    Observations that did not count leave longer gaps: what has come in three days is no unusual day. In a shorter gap,
    as before a second try, it is all of the way.
    """
    steps = round((two.at - one.at).total_seconds() / usual) if usual > 0 else 1
    return (two.value - one.value) / max(1, steps)


def usual_gap(points: Sequence[Point]) -> float:
    """The seconds that lie between two observations usually; 0 where there are too few to tell."""
    gaps = [(two.at - one.at).total_seconds() for one, two in pairwise(points)]
    return median(gaps) if gaps else 0.0


# Distributions

Shape = Any
"""A distribution as it is kept: quantiles in order, or counts by value."""


def distance_of_quantiles(one: Sequence[float], other: Sequence[float]) -> float:
    """Kolmogorov and Smirnov's distance of two distributions that are known by their quantiles: from 0 to 1."""
    return max(abs(share_below(one, x) - share_below(other, x)) for x in (*one, *other))


def share_below(quantiles: Sequence[float], x: float) -> float:
    """The share of a distribution up to a value; between two quantiles it grows evenly."""
    last = len(quantiles) - 1
    if x < quantiles[0]:
        return 0.0
    if x >= quantiles[last]:
        return 1.0
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if quantiles[middle] <= x else (low, middle)
    return (low + (x - quantiles[low]) / (quantiles[high] - quantiles[low])) / last


def typical_quantiles(history: Sequence[Sequence[float]]) -> list[float]:
    """The distribution in the middle of several."""
    return [median(values) for values in zip(*history, strict=True)]


RARE = 0.001
"""The share that a value has at least: what is not there at all would be infinitely far."""


def distance_of_shares(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The population stability index of two distributions over categories: 0 where they are equal."""
    total = 0.0
    for name in {*one, *other}:
        a, b = max(one.get(name, 0.0), RARE), max(other.get(name, 0.0), RARE)
        total += (a - b) * math.log(a / b)
    return total


def typical_shares(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The shares in the middle of several distributions, which come to 1 together."""
    names = {name for shares in history for name in shares}
    middle = {name: median(shares.get(name, 0.0) for shares in history) for name in names}
    whole = sum(middle.values())
    return {name: share / whole for name, share in middle.items()} if whole else middle


def shares(counts: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    """The share of each category; NULL counts as one."""
    found = {"NULL" if value is None else str(value): float(count) for value, count in counts}
    whole = sum(found.values())
    return {name: count / whole for name, count in found.items()} if whole else {}


def assess_shape(
    shape: Shape,
    history: Sequence[Shape],
    rules: Anomaly,
    distance: Callable[[Any, Any], float],
    typical: Callable[[Any], Any],
) -> tuple[Assessment, float | None]:
    """What a distribution is by those before it, and how far it is from them; None where nothing is known yet.

    How far each of those before is from all the others tells which distance is usual.
    """
    if not history:
        return Assessment("learning", 0), None
    found = distance(shape, typical(history))
    if len(history) < rules.min_history:
        return Assessment("learning", len(history)), found
    usual = [distance(one, typical([*history[:index], *history[index + 1 :]])) for index, one in enumerate(history)]
    return assess(found, usual, rules), found
