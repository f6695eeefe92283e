"""Whether a value is unlike those before it, by robust statistics. Numbers in, a verdict with its reasons out.

The centre of what is usual is the median. Its width is Qn, a quantile of the distances between all pairs of values, or
the median absolute deviation (MAD) where that is wider, as of values that come in two clusters; both made comparable
with a standard deviation for large and small samples (Croux and Rousseeuw 1992, "Time-efficient algorithms for two
highly robust estimators of scale"). Where more than half of the values are equal, so that both are 0, the third
quartile of the deviations stands in for them. Almost half of the history may be wrong, and the centre does not move
far; a quarter, and the width does not. What is known from few values is known badly: the width grows as Student's
distribution does over the normal one, with as many degrees of freedom as Qn is worth. A trend that Mann and Kendall's
test finds is taken out by Theil and Sen's slope, the median of the slopes of all pairs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import combinations, pairwise
from statistics import fmean, median
from typing import Any, Literal

from eltbuild.project.anomaly_tests import Anomaly, Change, Direction
from eltbuild.values import dataclass

NORMAL_QN, NORMAL_MAD, QUARTILE = 2.2219, 1.4826, 1 / 1.1503
"""The standard deviation of a normal distribution in units of its Qn, its MAD, and the third quartile of its absolute
deviations."""
SMALL_QN = (0.399, 0.994, 0.512, 0.844, 0.611, 0.857, 0.669, 0.872)
SMALL_MAD = (1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107)
"""What makes up for samples of 2, 3 ... 9 values."""
EFFICIENCY = 0.82
"""How many values the standard deviation would need for each one of Qn's."""
LIKELY, SURE = 1.5, 3.0
"""From how many standard deviations of chance on a trend may be one, and is one."""
LONG = 14
"""Fewer observations are never sure to have one."""

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


def assess(
    value: float, history: Sequence[float], rules: Anomaly, *, counts: bool = False, reach: float = 0.0
) -> Assessment:
    """What a value is by the values before it, those that count chosen already.

    `counts`: they are numbers of things, of which few vary more for their size than many, and none are fewer than 0.
    `reach`: how far a trend that was taken out of them had to be drawn, see `Levelled`.
    """
    if len(history) < rules.min_history:
        return Assessment("learning", len(history))
    usual = usual_range(history, rules.sensitivity * caution(len(history), reach), rules.min_change, counts)
    distance = value - usual.centre
    width = usual.high - usual.centre if distance > 0 else usual.centre - usual.low
    score = abs(distance) / width * rules.sensitivity if width > 0 else math.inf if distance else 0.0
    unusual = score > rules.sensitivity and _counts(distance, rules.direction)
    return Assessment("unusual" if unusual else "usual", len(history), usual, score)


def assess_series(
    value: float, points: Sequence[Point], at: datetime, rules: Anomaly, *, counts: bool = False
) -> Assessment:
    """The same of a value at a time, by where a trend would have it; where that is only likely, by either."""
    plain = assess(value, [point.value for point in points], rules, counts=counts)
    certainty = trend_certainty([point.value for point in points])
    if plain.state == "learning" or certainty <= LIKELY:
        return plain
    line = levelled(points, at)
    moved_on = assess(value, line.values, rules, counts=counts, reach=line.reach)
    is_one = certainty > SURE and len(points) >= LONG
    return moved_on if is_one or moved_on.score < plain.score else plain


def _counts(distance: float, direction: Direction) -> bool:
    return direction == "both" or (distance > 0) == (direction == "up")


def caution(number: int, reach: float = 0.0) -> float:
    """How many times as wide a range must be that is known from so many values: 1.8 at 7, 1.3 at 14, 1.1 at 30.

    Student's quantile in place of the normal one, at three standard deviations (Abramowitz and Stegun 26.7.5), and
    what the centre itself is off by, more so the farther it was drawn from.
    """
    free = EFFICIENCY * max(number, 3)
    student = 1 + 2.5 / free + 5.75 / free**2 + 10.0625 / free**3
    return student * math.sqrt(1 + 1 / max(number, 1) + reach)


def usual_range(history: Sequence[float], times: float, least: Change, counts: bool = False) -> Range:
    """The values that are usual after these: so many times their spread to both sides, and `least` at the least."""
    centre = median(history)
    floor = least.amount * abs(centre) if least.relative else least.amount
    if counts:
        # The roots of numbers of things vary alike, whether they are few or many.
        roots = [math.sqrt(max(0.0, one)) for one in history]
        middle = median(roots)
        width = times * scale(roots, middle)
        low, high = max(0.0, middle - width) ** 2 if width < middle else -floor, (middle + width) ** 2
        return Range(min(low, centre - floor), max(high, centre + floor), centre, len(history))
    width = max(times * scale(history, centre), floor)
    return Range(centre - width, centre + width, centre, len(history))


def scale(values: Sequence[float], centre: float) -> float:
    """How far values are from each other, comparable with a standard deviation; 0 where all are equal."""
    number = len(values)
    if number < 2:
        return 0.0
    pairs = sorted(abs(one - other) for one, other in combinations(values, 2))
    half = number // 2 + 1
    known = SMALL_QN[number - 2] if number < 10 else number / (number + (1.4 if number % 2 else 3.8))
    spread = NORMAL_QN * known * pairs[half * (half - 1) // 2 - 1]
    away = sorted(abs(value - centre) for value in values)
    known = SMALL_MAD[number - 2] if number < 10 else number / (number - 0.8)
    spread = max(spread, NORMAL_MAD * known * median(away))
    return spread or QUARTILE * away[(number - 1) * 3 // 4]


# Trends


@dataclass(frozen=True, slots=True)
class Levelled:
    """Values as they would be at a later time by their trend."""

    values: list[float]
    reach: float
    """What an error of the slope counts for at that time, in variances of the noise."""


def levelled(points: Sequence[Point], at: datetime) -> Levelled:
    """The values with the median of the slopes of all pairs taken out."""
    ahead = [(at - point.at).total_seconds() for point in points]
    slopes = [
        (points[later].value - points[sooner].value) / (ahead[sooner] - ahead[later])
        for sooner, later in combinations(range(len(points)), 2)
        if ahead[sooner] > ahead[later]
    ]
    slope = median(slopes) if slopes else 0.0
    middle = fmean(ahead)
    around = sum((one - middle) ** 2 for one in ahead)
    values = [point.value + slope * one for point, one in zip(points, ahead, strict=True)]
    return Levelled(values, middle**2 / around if around else 0.0)


def trend_certainty(values: Sequence[float]) -> float:
    """How many more pairs of values go up than down, or the other way, in standard deviations of chance."""
    number = len(values)
    rising = sum((later > sooner) - (later < sooner) for sooner, later in combinations(values, 2))
    equal = sum(ties * (ties - 1) * (2 * ties + 5) for ties in Counter(values).values())
    variance = (number * (number - 1) * (2 * number + 5) - equal) / 18
    return (abs(rising) - 1) / math.sqrt(variance) if variance > 0 else 0.0


# What unusual values are like


def repeats(value: float, centre: float, points: Sequence[Point]) -> bool:
    """Whether a value that is far from the centre has come before: all of the points are much closer to it."""
    near = abs(value - centre) / 5
    return bool(points) and all(abs(point.value - value) <= near for point in points)


SAME_DAYS, OTHER_DAYS = 3, 9
"""So many of its weekday must have been like a value, and so many other days be known, before it has a level."""
WEEKS = timedelta(days=7 * SAME_DAYS, hours=12)


def of_weekday(value: float, centre: float, points: Iterable[Point], at: datetime) -> list[Point]:
    """The last observation of each of the weekdays before that is the time's, where the value belongs to those.

    So it is where each of the last three was like it, and most other days of these weeks were not; else there is none.
    What stays as it is on all days is no pattern of weekdays, however long.
    """
    days = [point for point in last_of_days(points) if point.at.date() < at.date()]
    same = [point for point in days if point.at.weekday() == at.weekday()]
    late = [point for point in days if at - point.at <= WEEKS]
    others = [point for point in late if point.at.weekday() != at.weekday()]
    like = [point for point in others if abs(point.value - value) < abs(point.value - centre)]
    lately = [point for point in late if point.at.weekday() == at.weekday()]
    if len(lately) < SAME_DAYS or len(others) < OTHER_DAYS or 2 * len(like) >= len(others):
        return []
    return same if value != centre and repeats(value, centre, lately) else []


def without_patterns(known: Sequence[Point], points: Sequence[Point], at: datetime) -> Sequence[Point]:
    """The observations that are known, but for those of other weekdays that have a level of their own."""
    if not known:
        return known
    centre = median(point.value for point in known)
    last = {point.at.weekday(): point for point in last_of_days(points) if timedelta(0) < at - point.at <= timedelta(8)}
    own = {
        weekday
        for weekday, point in last.items()
        if weekday != at.weekday() and of_weekday(point.value, centre, points, point.at)
    }
    return [point for point in known if point.at.weekday() not in own]


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
