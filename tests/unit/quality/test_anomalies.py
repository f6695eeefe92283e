"""What is unusual, by the laws that hold for it: whatever the unit, whatever the order, whatever went wrong before."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.project.anomaly_tests import Change, anomaly_of, wrong_arguments
from eltbuild.project.resources import Node
from eltbuild.quality.anomalies import (
    Point,
    assess,
    assess_series,
    assess_shape,
    changes,
    counting,
    distance_of_quantiles,
    distance_of_shares,
    levelled,
    moved,
    repeats,
    scale,
    share_below,
    shares,
    trend_certainty,
    typical_quantiles,
    typical_shares,
    usual_gap,
)
from eltbuild.quality.anomaly_measures import Compared, outcome_of
from eltbuild.state.records import Observed
from eltbuild.values import replace

NUMBERS = st.integers(-10_000, 10_000).map(lambda whole: whole / 8)
HISTORY = st.lists(NUMBERS, min_size=7, max_size=40)
PLAIN = replace(anomaly_of("row_count_anomaly", {}), min_change=Change(0.0))
DAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
"""A Monday."""


def rules(**given: Any) -> Any:
    return replace(PLAIN, **given)


@given(HISTORY, NUMBERS, st.integers(-1000, 1000))
def test_a_shift_of_everything_changes_nothing(history: list[float], value: float, by: int) -> None:
    moved = assess(value + by, [one + by for one in history], PLAIN)
    assert moved.state == assess(value, history, PLAIN).state


@given(HISTORY, NUMBERS, st.sampled_from([0.125, 0.5, 4.0, 1024.0]), st.booleans())
def test_another_unit_changes_nothing(history: list[float], value: float, times: float, relative: bool) -> None:
    """Powers of two, so that nothing is rounded."""
    least = rules(min_change=Change(0.0625, relative=True)) if relative else PLAIN
    scaled = assess(value * times, [one * times for one in history], least)
    assert scaled.state == assess(value, history, least).state


@given(HISTORY, NUMBERS)
def test_up_and_down_are_the_same_in_the_mirror(history: list[float], value: float) -> None:
    up = assess(value, history, rules(direction="up"))
    down = assess(-value, [-one for one in history], rules(direction="down"))
    assert up.state == down.state
    both = {assess(value, history, rules(direction=one)).state for one in ("up", "down")}
    assert ("unusual" in both) == (assess(value, history, PLAIN).state == "unusual")


@given(NUMBERS, st.integers(7, 40))
def test_a_series_that_never_changes_alarms_at_nothing_but_a_change(value: float, times: int) -> None:
    history = [value] * times
    assert assess(value, history, PLAIN).state == "usual"
    assert assess(value + 0.125, history, PLAIN).state == "unusual"
    noise = rules(min_change=Change(0.25))
    assert assess(value + 0.125, history, noise).state == "usual"


@given(HISTORY)
def test_what_is_far_away_is_unusual_and_the_middle_is_not(history: list[float]) -> None:
    width = scale(history, sorted(history)[len(history) // 2]) or 1.0
    away = max(history) + (max(history) - min(history)) * 20 + 20 * width + 1
    assert assess(away, history, PLAIN).state == "unusual"
    assert assess(sorted(history)[len(history) // 2], history, PLAIN).state == "usual"


@given(st.lists(st.integers(900, 1100), min_size=10, max_size=30), st.integers(0, 10**6))
def test_some_outliers_in_the_history_hide_no_other(history: list[int], seed: int) -> None:
    spoiled = [float(one) for one in history]
    for index in random.Random(seed).sample(range(len(spoiled)), len(spoiled) // 4):
        spoiled[index] = 1e9
    assert assess(2e5, spoiled, rules(min_change=Change(0.05, relative=True))).state == "unusual"


@given(HISTORY, NUMBERS, st.integers(1, 5))
def test_more_sensitive_alarms_at_all_that_less_sensitive_does(history: list[float], value: float, low: int) -> None:
    tight = assess(value, history, rules(sensitivity=float(low)))
    loose = assess(value, history, rules(sensitivity=float(low + 1)))
    assert not (loose.state == "unusual" and tight.state == "usual")
    if tight.state == "unusual":
        assert tight.score > low


def test_noise_of_a_normal_distribution_alarms_seldom() -> None:
    chance = random.Random(7)
    for number in (7, 10, 20):
        alarms = 0
        for _ in range(2000):
            history = [chance.gauss(1000, 50) for _ in range(number)]
            alarms += assess(chance.gauss(1000, 50), history, PLAIN).state == "unusual"
        assert alarms < 2000 * 0.008, number


@pytest.mark.parametrize("number", [8, 20])
def test_values_that_come_in_two_clusters_are_usual_both(number: int) -> None:
    history = [100.0 + 100 * (at % 2) + at / 100 for at in range(number)]
    assert {assess(value, history, PLAIN).state for value in (100.0, 200.0)} == {"usual"}


def test_no_rows_are_unusual_where_there_always_were_some() -> None:
    history = [5.0, 3.0, 8.0, 4.0, 6.0, 5.0, 7.0, 2.0, 5.0, 6.0, 4.0, 9.0, 5.0, 3.0]
    assert assess(0.0, history, PLAIN, counts=True).state == "unusual"
    assert assess(0.0, [*history, 0.0, 1.0, 0.0], PLAIN, counts=True).state == "usual"
    assert {assess(value, history, PLAIN, counts=True).state for value in (2.0, 12.0)} == {"usual"}
    assert assess(0.0, [0.0] * 9, rules(min_change=Change(0.05, relative=True)), counts=True).state == "usual"


# Trends


def line(slope: float, number: int, seed: int = 1) -> list[Point]:
    chance = random.Random(seed)
    values = (1000 + slope * day + chance.gauss(0, 5) for day in range(number))
    return [Point(DAY + timedelta(days=day), value) for day, value in enumerate(values)]


@pytest.mark.parametrize("slope", [40.0, -20.0])
def test_a_trend_goes_on_and_its_end_does_not_go_unseen(slope: float) -> None:
    points = line(slope, 30)
    at = DAY + timedelta(days=30)
    assert assess_series(1000 + slope * 30, points, at, PLAIN).state == "usual"
    assert assess_series(1000 + slope * 15, points, at, PLAIN).state == "unusual"
    later = at + timedelta(days=10)
    assert assess_series(1000 + slope * 40, points, later, PLAIN).state == "usual"


def test_where_a_trend_is_only_likely_it_may_go_on_or_not() -> None:
    points = line(10, 8)
    at = DAY + timedelta(days=8)
    assert {assess_series(value, points, at, PLAIN).state for value in (1080.0, 1040.0)} == {"usual"}
    assert assess_series(1300.0, points, at, PLAIN).state == "unusual"


@given(st.lists(NUMBERS, min_size=2, max_size=30))
def test_trends_up_and_down_are_equally_certain(values: list[float]) -> None:
    assert trend_certainty(values) == pytest.approx(trend_certainty([-one for one in values]))
    assert trend_certainty(values) == pytest.approx(trend_certainty(values[::-1]))
    assert trend_certainty([values[0]] * 20) == 0


def test_one_moment_for_all_has_no_trend() -> None:
    assert levelled([Point(DAY, 1.0), Point(DAY, 5.0)], DAY).values == [1.0, 5.0]


# What has come before


def test_what_has_come_before_is_known_again() -> None:
    assert repeats(330.0, 1000.0, [Point(DAY, 300.0), Point(DAY, 350.0)])
    assert not repeats(330.0, 1000.0, [Point(DAY, 300.0), Point(DAY, 1000.0)])
    assert not repeats(330.0, 1000.0, [])


def test_too_little_is_known_at_first() -> None:
    found = assess(5.0, [1.0] * 6, PLAIN)
    assert (found.state, found.known, found.range) == ("learning", 6, None)


# Seasons


def weeks(number: int) -> list[Point]:
    """1,000 rows on working days, 100 on others, twice a day; the first run of a day has half of them."""
    days = [DAY + timedelta(days=day) for day in range(7 * number)]
    values = [1000.0 if day.weekday() < 5 else 100.0 for day in days]
    halves = [Point(day, value / 2) for day, value in zip(days, values)]
    return sorted((*halves, *(Point(p.at + timedelta(hours=9), p.value * 2) for p in halves)), key=lambda p: p.at)


@pytest.mark.parametrize(
    ("day", "value", "expected"), [(0, 1000, "usual"), (5, 100, "usual"), (5, 1000, "unusual"), (0, 100, "unusual")]
)
def test_a_day_is_compared_with_its_like(day: int, value: float, expected: str) -> None:
    weekly = rules(seasonality="day_of_week", min_change=Change(0.05, relative=True))
    at = DAY + timedelta(days=7 * 8 + day, hours=3)
    known = counting(weeks(8), weekly, at)
    assert [point.at.weekday() for point in known] == [day] * 8
    assert assess(value, [point.value for point in known], weekly).state == expected


def test_without_a_season_the_last_observations_count() -> None:
    assert [p.value for p in counting(weeks(2), rules(window=3), DAY)] == [100.0, 50.0, 100.0]
    since = rules(since=DAY + timedelta(days=13))
    assert len(counting(weeks(2), since, DAY)) == 2


def test_changes_stand_at_the_later_time() -> None:
    points = [Point(DAY, 1.0), Point(DAY + timedelta(days=1), 5.0), Point(DAY + timedelta(days=2), 4.0)]
    assert [(p.at.day, p.value) for p in changes(points)] == [(3, 4.0), (4, -1.0)]


def test_a_change_after_a_pause_is_spread_over_it() -> None:
    days = [0, 1, 2, 5, 6]
    points = [Point(DAY + timedelta(days=day), 100.0 * day) for day in days]
    assert [point.value for point in changes(points)] == [100.0] * 4
    assert usual_gap(points) == timedelta(days=1).total_seconds()


def test_a_second_try_at_once_hides_nothing() -> None:
    usual = timedelta(days=1).total_seconds()
    assert moved(Point(DAY, 1.0), Point(DAY + timedelta(minutes=5), 301.0), usual) == 300.0
    assert moved(Point(DAY, 1.0), Point(DAY + timedelta(days=3, hours=-2), 301.0), usual) == 100.0


@pytest.mark.parametrize("days", [[], [0]])
def test_too_few_observations_have_no_usual_gap(days: list[int]) -> None:
    assert usual_gap([Point(DAY + timedelta(days=day), 1.0) for day in days]) == 0
    assert moved(Point(DAY, 1.0), Point(DAY + timedelta(days=9), 5.0), 0) == 4.0


# Distributions

QUANTILES = st.lists(NUMBERS, min_size=21, max_size=21).map(sorted)
SHARES = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 100), min_size=1).map(
    lambda counts: shares(counts.items())
)


@given(QUANTILES, QUANTILES, st.sampled_from([0.5, 2.0]), st.integers(-100, 100))
def test_the_distance_of_quantiles_is_one(one: list[float], other: list[float], times: float, by: int) -> None:
    far = distance_of_quantiles(one, other)
    assert 0 <= far <= 1
    assert distance_of_quantiles(one, one) == 0
    assert far == distance_of_quantiles(other, one)
    shifted = [[value * times + by for value in values] for values in (one, other)]
    assert distance_of_quantiles(*shifted) == pytest.approx(far, abs=1e-9)


@given(QUANTILES)
def test_distributions_that_do_not_meet_are_as_far_as_can_be(one: list[float]) -> None:
    assert distance_of_quantiles(one, [value + one[-1] - one[0] + 1 for value in one]) == 1
    assert share_below(one, one[-1]) == 1
    assert share_below(one, one[0] - 1) == 0


@given(SHARES, SHARES)
def test_the_distance_of_shares_is_one(one: dict[str, float], other: dict[str, float]) -> None:
    far = distance_of_shares(one, other)
    assert far >= 0
    assert math.isfinite(far)
    assert far == pytest.approx(distance_of_shares(other, one))
    assert distance_of_shares(one, one) == 0
    assert sum(typical_shares([one, other]).values()) == pytest.approx(1)


def drawn(chance: random.Random, centre: float) -> list[float]:
    values = sorted(chance.gauss(centre, 10) for _ in range(2000))
    return [values[min(1999, round(step * 1999 / 20))] for step in range(21)]


def test_a_distribution_that_moves_is_unusual_and_one_that_is_drawn_again_is_not() -> None:
    chance = random.Random(3)
    numbers = anomaly_of("distribution_anomaly", {"column_name": "x"})
    history = [drawn(chance, 50) for _ in range(10)]
    same, far = assess_shape(drawn(chance, 50), history, numbers, distance_of_quantiles, typical_quantiles)
    assert (same.state, far is not None and far < 0.1) == ("usual", True)
    moved, _ = assess_shape(drawn(chance, 60), history, numbers, distance_of_quantiles, typical_quantiles)
    assert moved.state == "unusual"
    first, nothing = assess_shape(drawn(chance, 50), [], numbers, distance_of_quantiles, typical_quantiles)
    assert (first.state, nothing) == ("learning", None)


def test_a_new_category_is_unusual() -> None:
    wanted = anomaly_of("distribution_anomaly", {"column_name": "x", "categories": True})
    history = [shares([("paid", 60 + i % 3), ("open", 40), (None, 5)]) for i in range(8)]
    same, _ = assess_shape(history[0], history, wanted, distance_of_shares, typical_shares)
    new, far = assess_shape(shares([("paid", 40), ("void", 60)]), history, wanted, distance_of_shares, typical_shares)
    assert (same.state, new.state) == ("usual", "unusual")
    assert far is not None
    assert far > 1


# Advice


def days_of(values: Sequence[float], statuses: str) -> tuple[Observed, ...]:
    """Observations of one run a day, up to yesterday."""
    first = DAY - timedelta(days=len(values))
    names = {"p": "pass", "f": "fail"}
    return tuple(
        Observed(
            run=day, subject="m", name="row_count", value=value, status=names[status], at=first + timedelta(days=day)
        )
        for day, (value, status) in enumerate(zip(values, statuses, strict=True))
    )


def told(history: tuple[Observed, ...], value: int, **given: Any) -> str:
    node = Node(id="t", resource_type="test", name="t", package="shop", path="t", original_path="t",
                config={"severity": "warn", "warn_if": "!= 0"})  # fmt: skip
    outcome = outcome_of(Compared(node, anomaly_of("row_count_anomaly", given), "m", history, DAY), (value,))
    return str(outcome.message)


def test_a_day_of_the_week_is_named_where_it_is_always_so() -> None:
    values = [300.0 if day % 7 == 0 else 1000.0 + day % 3 for day in range(28)]
    weekly = days_of(values, "".join("f" if value == 300 else "p" for value in values))
    advice = "so it was on the last 3 Mondays: `seasonality: day_of_week` compares with those"
    assert told(weekly, 310, seasonality="none").endswith(advice)
    assert advice not in told(weekly, 30, seasonality="none")
    assert advice not in told(days_of([1000.0 + day % 3 for day in range(28)], "p" * 28), 310)


def test_what_each_of_the_last_three_of_its_weekday_was_is_usual_by_itself() -> None:
    values = [300.0 + day if day % 7 == 0 else 1000.0 + day % 3 for day in range(28)]
    weekly = days_of(values, "".join("f" if value < 400 else "p" for value in values))
    assert told(weekly, 310) == "None"
    assert "usual is" in told(weekly, 30)
    assert "usual is" in told(weekly, 5000)
    assert "usual is" in told(weekly[-15:], 310)
    assert "usual is" in told(weekly, 310, since=f"{DAY - timedelta(days=14):%Y-%m-%d}")


def test_what_is_so_on_all_days_is_no_pattern_of_weekdays() -> None:
    """However long it stays: whether it is right is to be said."""
    shifted = days_of([1000.0 + day % 3 for day in range(10)] + [500.0] * 30, "p" * 10 + "f" * 30)
    assert "usual is" in told(shifted, 501)


def test_since_is_named_where_a_change_has_stayed() -> None:
    changed = days_of([1000.0 + day % 3 for day in range(10)] + [700.0, 710.0, 705.0], "p" * 10 + "fff")
    assert told(changed, 702).endswith(
        "so it was in the last 3 runs: if that is right, `since: 2026-02-27` learns anew"
    )
    assert "since" not in told(changed, 400)
    assert told(changed, 702, since="2026-02-27").startswith("learning")


# Arguments


@pytest.mark.parametrize(
    ("test", "given", "told"),
    [
        ("row_count_anomaly", {"sensitivty": 2}, "no argument `sensitivty`"),
        ("row_count_anomaly", {"sensitivity": 0}, "must be a number above 0"),
        ("row_count_anomaly", {"sensitivity": "high"}, "must be a number above 0"),
        ("row_count_anomaly", {"min_history": 2}, "must be a whole number from 3 to 365"),
        ("row_count_anomaly", {"min_history": 7.5}, "must be a whole number from 3 to 365"),
        ("row_count_anomaly", {"seasonality": "weekly"}, "must be auto or none or day_of_week"),
        ("row_count_anomaly", {"min_change": "-5%"}, "must be a number, a share such as 5%"),
        ("row_count_anomaly", {"min_change": "5 per cent"}, "must be a number, a share such as 5%"),
        ("row_count_anomaly", {"since": "yesterday"}, "must be a date"),
        ("null_rate_anomaly", {}, "needs a column"),
        ("metric_anomaly", {}, "needs an `expression`"),
        ("distribution_anomaly", {"column_name": "a", "direction": "up"}, "no argument `direction`"),
    ],
)
def test_what_is_wrong_with_arguments_is_told(test: str, given: dict[str, Any], told: str) -> None:
    (problem,) = wrong_arguments(test, given, None)
    assert told in problem.message


def test_arguments_mean_what_they_say() -> None:
    written = {
        "sensitivity": "2.5",
        "min_change": "5%",
        "since": "2026-01-01",
        "seasonality": "day_of_week",
        "window": 9,
    }
    assert list(wrong_arguments("row_count_anomaly", written, None)) == []
    found = anomaly_of("row_count_anomaly", {"model": "x", **written})
    assert (found.sensitivity, found.min_change, found.window) == (2.5, Change(0.05, relative=True), 9)
    assert found.since == datetime(2026, 1, 1, tzinfo=UTC)
    assert anomaly_of("freshness_anomaly", {"column_name": "at", "min_change": "30m"}).min_change == Change(1800.0)
    assert list(wrong_arguments("row_count_anomaly", {"sensitivity": "{{ var('s') }}"}, None)) == []
