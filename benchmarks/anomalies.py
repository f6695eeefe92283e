"""How often tests against history alarm at nothing, and how many faults they find: histories of 120 days, played.

    python benchmarks/anomalies.py [--histories 100]

Nothing is built: each day's measure goes through the test as a run would take it, with the clock of that day, and
what passed is remembered. Days on which the test still learns are not counted. Faults come on single days from day 70
on, ten days apart.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import NormalDist, fmean, stdev
from typing import Any

from eltbuild.compile.anomalies import POINTS
from eltbuild.project.anomaly_tests import anomaly_of
from eltbuild.project.resources import Node
from eltbuild.quality.anomaly_measures import Compared, outcome_of
from eltbuild.state.records import Observed
from eltbuild.values import dataclass, replace

DAYS = 120
FIRST_FAULT, BETWEEN = 70, 10
STUCK = 5
START = datetime(2013, 1, 1, 6, tzinfo=UTC)

Values = tuple[Any, ...]
Day = Callable[[int, random.Random], Values]
"""What is measured on a day."""


@dataclass(frozen=True, slots=True)
class Case:
    """A history, the test that looks at it, and what goes wrong."""

    name: str
    test: str
    day: Day
    arguments: dict[str, Any]
    faults: dict[str, Callable[[Values, int], Values]]


def noisy(mean: float, share: float, rng: random.Random) -> float:
    """A value with normal noise."""
    return max(0.0, mean * (1 + share * rng.gauss(0, 1)))


def weekly(day: int, weekend: float) -> float:
    """The share of an ordinary day that comes on that day of the week."""
    return weekend if (START + timedelta(days=day)).weekday() >= 5 else 1.0


def rows(level: Callable[[int], float], noise: float) -> Day:
    """A number of rows."""
    return lambda day, rng: (round(noisy(level(day), noise, rng)),)


def growing(noise: float) -> Day:
    """A table that only grows, by 1,000 rows a day."""
    total: dict[int, float] = {}

    def day_of(day: int, rng: random.Random) -> Values:
        total[day] = (total[day - 1] if day else 50_000.0) + noisy(1000, noise, rng)
        return (round(total[day]),)

    return day_of


def nulls(rate: float, spread: float) -> Day:
    """Rows, and those with a value."""
    return lambda day, rng: (10_000, 10_000 - round(10_000 * min(1.0, max(0.0, rng.gauss(rate, spread)))))


def late(hours: float, spread: float, weekend: float = 0.0) -> Day:
    """The time of the latest row; `weekend`: hours more on Sundays and Mondays, since nothing comes before."""

    def day_of(day: int, rng: random.Random) -> Values:
        now = START + timedelta(days=day)
        return (
            now - timedelta(hours=hours + abs(rng.gauss(0, spread)) + weekend * {6: 1, 0: 2}.get(now.weekday(), 0)),
        )

    return day_of


def normal(mean: float, deviation: float, size: int) -> Day:
    """21 quantiles of so many values."""

    def day_of(day: int, rng: random.Random) -> Values:
        shape = NormalDist(mean, deviation)
        found = []
        for point in POINTS:
            share = min(0.999, max(0.001, point))
            error = math.sqrt(share * (1 - share) / size) * rng.gauss(0, 1)
            found.append(shape.inv_cdf(min(0.9999, max(0.0001, share + error))))
        return (sorted(found),)

    return day_of


def multiplied(factor: float) -> Callable[[Values, int], Values]:
    """So many times the rows."""
    return lambda values, day: (round(values[0] * factor),)


def without(share: float) -> Callable[[Values, int], Values]:
    """That share of the values is NULL."""
    return lambda values, day: (values[0], round(values[0] * (1 - share)))


def older(hours: float) -> Callable[[Values, int], Values]:
    """The latest row came so many hours before."""
    return lambda values, day: (values[0] - timedelta(hours=hours),)


def moved(by: float, stretched: float = 1.0) -> Callable[[Values, int], Values]:
    """All values moved and stretched."""
    return lambda values, day: ([value * stretched + by for value in values[0]],)


ROWS = {"none": multiplied(0), "half": multiplied(0.5), "a fifth less": multiplied(0.8), "twice": multiplied(2)}
FILLED = {"2%": without(0.02), "10%": without(0.1), "all": without(1)}
SEASON = {"seasonality": "day_of_week"}
CASES: Sequence[Case] = (
    Case("steady, 3% noise", "row_count_anomaly", rows(lambda day: 10_000, 0.03), {}, ROWS),
    Case("steady, 15% noise", "row_count_anomaly", rows(lambda day: 10_000, 0.15), {}, ROWS),
    Case("1% more each day", "row_count_anomaly", rows(lambda day: 10_000 * 1.01**day, 0.03), {}, ROWS),
    Case("weekends a third, seasonality none", "row_count_anomaly", rows(lambda day: 10_000 * weekly(day, 0.33), 0.05), {"seasonality": "none"}, ROWS),
    Case("weekends a third", "row_count_anomaly", rows(lambda day: 10_000 * weekly(day, 0.33), 0.05), {}, ROWS),
    Case("weekends a third, by weekday", "row_count_anomaly", rows(lambda day: 10_000 * weekly(day, 0.33), 0.05), SEASON, ROWS),
    Case("few rows", "row_count_anomaly", lambda day, rng: (sum(rng.random() < 0.05 for _ in range(100)),), {}, {"none": multiplied(0), "10 times": multiplied(10)}),
    Case("only grows, by value", "row_count_anomaly", growing(0.1), {}, {"none": multiplied(0), "3% lost": multiplied(0.97)}),
    Case("only grows, by change", "row_count_anomaly", growing(0.1), {"compare": "change"}, {"none": multiplied(0), "3% lost": multiplied(0.97)}),
    Case("never NULL", "null_rate_anomaly", nulls(0, 0), {}, FILLED),
    Case("0.5% NULL", "null_rate_anomaly", nulls(0.005, 0.001), {}, FILLED),
    Case("20% NULL", "null_rate_anomaly", nulls(0.2, 0.01), {}, {"30%": without(0.3), "all": without(1)}),
    Case("each day", "freshness_anomaly", late(2, 0.5), {}, {"a day late": older(24), "3 h late": older(3)}),
    Case("no weekends, seasonality none", "freshness_anomaly", late(2, 0.5, 24), {"seasonality": "none"}, {"a day late": older(24), "3 h late": older(3)}),
    Case("no weekends", "freshness_anomaly", late(2, 0.5, 24), {}, {"a day late": older(24), "3 h late": older(3)}),
    Case("no weekends, by weekday", "freshness_anomaly", late(2, 0.5, 24), SEASON, {"a day late": older(24), "3 h late": older(3)}),
    Case("10,000 values", "distribution_anomaly", normal(100, 15, 10_000), {}, {"a deviation up": moved(15), "half of one up": moved(7.5), "twice as wide": moved(-100, 2)}),
    Case("50 values", "distribution_anomaly", normal(100, 15, 50), {}, {"a deviation up": moved(15), "half of one up": moved(7.5), "twice as wide": moved(-100, 2)}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one history: days that were judged and had no fault, alarms at them, and which faults were found."""

    judged: int
    alarms: int
    stuck: bool
    """Whether five of them came in a row."""
    found: dict[str, list[bool]]
    plain: int
    """Alarms of the mean and 3 standard deviations of the last 14 days, whatever these were."""
    plainly_found: dict[str, list[bool]]


def is_plainly_unusual(value: float, before: Sequence[float]) -> bool:
    """By the mean and 3 standard deviations of the last 14 values; nothing is before there are 7."""
    known = before[-14:]
    return len(known) >= 7 and abs(value - fmean(known)) > 3 * stdev(known)


def play(case: Case, seed: int) -> Played:
    """One history of 120 days."""
    rng = random.Random(seed)
    given = {
        **case.arguments,
        **({"column_name": "x"} if case.test not in ("row_count_anomaly", "metric_anomaly") else {}),
    }
    node = Node(
        id="test.shop.t", resource_type="test", name="t", package="shop", path="t", original_path="t",
        config={"severity": "error", "error_if": "!= 0", "warn_if": "!= 0"},
    )  # fmt: skip
    compared = Compared(node, anomaly_of(case.test, given), "model.shop.m", (), START)
    names = list(case.faults)
    history: list[Observed] = []
    judged = alarms = row = longest = plain = 0
    seen: list[float] = []
    found: dict[str, list[bool]] = {name: [] for name in names}
    plainly_found: dict[str, list[bool]] = {name: [] for name in names}
    for day in range(DAYS):
        now = START + timedelta(days=day)
        values = case.day(day, rng)
        number, rest = divmod(day - FIRST_FAULT + BETWEEN * 100, BETWEEN)
        fault = names[(number - 100 + seed) % len(names)] if day >= FIRST_FAULT and rest == 0 else None
        values = case.faults[fault](values, day) if fault else values
        outcome = outcome_of(replace(compared, history=tuple(history), now=now), values)
        value = outcome.observed[0].value if outcome.observed else None
        plainly = value is not None and is_plainly_unusual(value, seen)
        seen += [] if value is None else [value]
        if fault:
            plainly_found[fault].append(plainly)
            found[fault].append(outcome.verdict != "pass")
        elif not (outcome.message or "").startswith("learning"):
            judged += 1
            plain += plainly
            alarms += outcome.verdict != "pass"
            row = row + 1 if outcome.verdict != "pass" else 0
            longest = max(longest, row)
        history += [replace(one, run=day, at=now, status=outcome.verdict) for one in outcome.observed]
    return Played(judged, alarms, longest >= STUCK, found, plain, plainly_found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--histories", type=int, default=100)
    histories = parser.parse_args().histories
    print(
        "| history | test | false alarms per 100 runs | of histories five in a row | faults found |\n|---|---|---|---|---|"
    )
    for case in CASES:
        played = [play(case, seed) for seed in range(histories)]
        judged, alarms = sum(one.judged for one in played), sum(one.alarms for one in played)
        found = ", ".join(shares(case, [one.found for one in played]))
        plainly = ", ".join(share.split()[-1] for share in shares(case, [one.plainly_found for one in played]))
        rate, plain = (100 * number / max(1, judged) for number in (alarms, sum(one.plain for one in played)))
        stuck = 100 * sum(one.stuck for one in played) / histories
        other = "" if case.test == "distribution_anomaly" or case.arguments else f"{plain:.1f}; {plainly}"
        print(f"| {case.name} | `{case.test}` | {rate:.1f} | {stuck:.0f}% | {found} | {other} |", flush=True)


def shares(case: Case, found: Sequence[dict[str, list[bool]]]) -> list[str]:
    """Of each fault, how many were found."""
    hits = {name: [hit for one in found for hit in one[name]] for name in case.faults}
    return [f"{name} {100 * sum(each) / max(1, len(each)):.0f}%" for name, each in hits.items()]


if __name__ == "__main__":
    main()
