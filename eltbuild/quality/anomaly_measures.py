"""Tests against history as measures of their relation: what is asked, what it comes to, and what is said of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from eltbuild.compile.anomalies import POINTS, asked
from eltbuild.errors import CompileError, Problem
from eltbuild.project.anomaly_tests import Anomaly
from eltbuild.project.resources import Node, NodeId
from eltbuild.quality.anomalies import (
    SAME_DAYS,
    Assessment,
    Point,
    assess,
    assess_series,
    assess_shape,
    changes,
    counting,
    distance_of_quantiles,
    distance_of_shares,
    last_of_days,
    moved,
    of_weekday,
    repeats,
    shares,
    typical_quantiles,
    typical_shares,
    usual_gap,
    without_patterns,
)
from eltbuild.quality.data_tests import Outcome, condition
from eltbuild.quality.expectations.judged import holds
from eltbuild.quality.freshness import EARLIEST, LATEST, moment_in
from eltbuild.quality.measures.measure import Measure, Query, Values
from eltbuild.state.records import Observed
from eltbuild.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Compared:
    """A test against history at its turn: what it asks for, of what, and what was observed before."""

    node: Node
    anomaly: Anomaly
    subject: NodeId
    history: Sequence[Observed]
    now: datetime
    remembered: bool = True
    """Whether what is observed is kept."""
    whole: bool = True
    """Whether the run builds all rows: part of them is compared with nothing, and not remembered."""

    @property
    def where(self) -> str:
        """The condition on the rows, if there is one."""
        return str(self.node.config.get("where") or "")

    @property
    def name(self) -> str:
        """What is measured, as the history names it."""
        return self.anomaly.measure + (f" where {self.where}" if self.where else "")


def measure_of(compared: Compared, relation: str, dialect: str) -> Measure:
    """The test as a measure of the relation; what cannot be judged there is to be asked alone."""
    expressions, queries = asked(compared.anomaly, relation, dialect, compared.where)

    def outcome(values: Values) -> Outcome | None:
        try:
            return outcome_of(compared, values)
        except CompileError:
            return None

    return Measure(expressions, outcome, tuple(Query(sql, 1) for sql in queries))


# What the values mean


def outcome_of(compared: Compared, values: Values) -> Outcome:
    """The verdict on what was measured. Raises `CompileError` for values that mean nothing."""
    anomaly = compared.anomaly
    if anomaly.test == "distribution_anomaly":
        return _of_shape(compared, values[0])
    value = READ[anomaly.test](compared, values)
    if value is None or not math.isfinite(value):
        return Outcome("pass", 0, f"no value: there is nothing to compare for {compared.name}")
    if not compared.whole:
        return Outcome("pass", 0, PARTIAL)
    observed = (Observed(subject=compared.subject, name=compared.name, value=value),)
    points = [Point(one.at, one.value) for one in passed(compared.history) if one.at and one.value is not None]
    if anomaly.compare == "change":
        return _of_change(compared, value, points, observed)
    known = counting(points, anomaly, compared.now)
    counts = anomaly.test == "row_count_anomaly"
    all_of = [point for point, _ in _all_points(compared) if anomaly.since is None or point.at >= anomaly.since]
    if anomaly.seasonality == "auto":
        fewer = without_patterns(known, all_of, compared.now)
        known = list(fewer) if len(fewer) >= anomaly.min_history else known
    found = assess_series(value, known, compared.now, anomaly, counts=counts)
    if found.state == "unusual" and found.range is not None and anomaly.seasonality == "auto":
        same = of_weekday(value, found.range.centre, all_of, compared.now)[-anomaly.window :]
        of_day = assess(value, [point.value for point in same], replace(anomaly, min_history=SAME_DAYS), counts=counts)
        found = of_day if of_day.state == "usual" else found
    return _told(compared, value, found, observed, advice=_advice(compared, value, found))


PARTIAL = "not compared: the run builds a part of the rows only"


ALIKE = 3
"""So many observations alike are no chance."""


def _all_points(compared: Compared) -> list[tuple[Point, str]]:
    """The last observation of each run, whatever came of it, and what did."""
    runs = {one.run: one for one in compared.history if one.value is not None and one.at is not None}
    return [(Point(one.at, one.value), one.status) for one in runs.values() if one.at and one.value is not None]


def _advice(compared: Compared, value: float, found: Assessment) -> str:
    """What to write where an unusual value is none for its weekday, or has become what is usual."""
    if found.state != "unusual" or found.range is None:
        return ""
    known = _all_points(compared)
    since = next((at for at in range(len(known), 0, -1) if known[at - 1][1] == "pass"), 0)
    failing = [point for point, _ in known[since:]]
    if len(failing) >= ALIKE and repeats(value, found.range.centre, failing[-ALIKE:]):
        began = f"`since: {failing[0].at:%Y-%m-%d}`"
        return f"; so it was in the last {len(failing)} runs: if that is right, {began} learns anew"
    now = compared.now
    days = last_of_days(point for point, _ in known)
    same = [point for point in days if point.at.weekday() == now.weekday() and point.at.date() < now.date()]
    if (
        compared.anomaly.seasonality != "day_of_week"
        and len(same) >= ALIKE
        and repeats(value, found.range.centre, same[-ALIKE:])
    ):
        return f"; so it was on the last {ALIKE} {now:%A}s: `seasonality: day_of_week` compares with those"
    return ""


def _of_change(compared: Compared, value: float, points: Sequence[Point], observed: tuple[Observed, ...]) -> Outcome:
    """The verdict on how far the value has moved since the last one."""
    rules = compared.anomaly
    known = [point for point in points if rules.since is None or point.at >= rules.since]
    if rules.seasonality == "day_of_week":
        known = [point for point in last_of_days(known) if point.at.date() < compared.now.date()]
    if not known:
        return _told(compared, value, Assessment("learning", 0), observed)
    usual = counting(changes(known), rules, compared.now)
    # Whether what has come in a pause came at once, or bit by bit, nobody knows: either may be usual.
    ways = (value - known[-1].value, moved(known[-1], Point(compared.now, value), usual_gap(known)))
    found = [(assess_series(change, usual, compared.now, rules), change) for change in ways]
    likelier, change = min(found, key=lambda one: one[0].score)
    return _told(compared, change, likelier, observed, f"the change of {compared.name}")


def _of_shape(compared: Compared, answer: Any) -> Outcome:
    rules = compared.anomaly
    given = _listed(answer)
    shape: Any
    if rules.categories:
        shape = shares(given)
    else:
        shape = [float(value) for value in given if value is not None]
        if not all(map(math.isfinite, shape)):
            return Outcome("pass", 0, f"not compared: {compared.name} holds values that are not finite")
    if not shape:
        return Outcome("pass", 0, f"no value: there is nothing to compare for {compared.name}")
    if not compared.whole:
        return Outcome("pass", 0, PARTIAL)
    known = [one for one in passed(compared.history) if one.at and _fits(one.detail, rules.categories)]
    places = [Point(one.at, float(index)) for index, one in enumerate(known) if one.at]
    history = [json.loads(known[int(point.value)].detail) for point in counting(places, rules, compared.now)]
    distance, typical = (
        (distance_of_shares, typical_shares) if rules.categories else (distance_of_quantiles, typical_quantiles)
    )
    found, far = assess_shape(shape, history, rules, distance, typical)
    detail = json.dumps(shape, ensure_ascii=False, separators=(",", ":"))
    observed = (Observed(subject=compared.subject, name=compared.name, value=far, detail=detail),)
    title = f"the distance of {compared.name} from what is usual"
    return _told(compared, far or 0.0, found, observed, title)


def _fits(detail: str, categories: bool) -> bool:
    """Whether a distribution that is remembered is of the kind that is asked for now."""
    try:
        found = json.loads(detail)
    except ValueError:
        return False
    if categories:
        return isinstance(found, dict) and _are_numbers(found.values())
    return isinstance(found, list) and len(found) == len(POINTS) and _are_numbers(found)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(isinstance(value, (int, float)) and math.isfinite(value) for value in values)


def passed(history: Sequence[Observed]) -> list[Observed]:
    """The observations that count: those of tests that passed, one of each run."""
    found = {one.run: one for one in history if one.status == "pass"}
    return list(found.values())


def _told(
    compared: Compared, value: float, found: Assessment, observed: tuple[Observed, ...], title: str = "",
    advice: str = "",
) -> Outcome:  # fmt: skip
    """The outcome, with severity and limits as configured."""
    node, rules = compared.node, compared.anomaly
    title = title or compared.name
    if found.state == "learning":
        text = f"learning: {found.known} of {rules.min_history} observations are known"
        if not compared.remembered:
            text = "not compared: nothing is remembered in this target"
        return Outcome("pass", 0, text, observed=observed)
    if found.state == "usual" or found.range is None:
        return Outcome("pass", 0, observed=observed)
    failures = int(min(found.score + 1e-6, 1e9))
    usual = found.range
    show = SHOWN.get(rules.test, number)
    weekday = f" on a {compared.now:%A}" if rules.seasonality == "day_of_week" else ""
    told = (
        f"{title} is {show(value)}, usual is {_span(usual.low, usual.high, rules, show)}{weekday} "
        f"(median of {usual.of}: {show(usual.centre)}; score {failures}){advice}"
    )
    severity = str(node.config.get("severity") or "error").lower()
    limits = (("error_if", "fail"), ("warn_if", "warn")) if severity == "error" else (("warn_if", "warn"),)
    for key, verdict in limits:
        if _holds(node, key, failures):
            return Outcome(verdict, failures, told, {"score": failures}, observed)  # type: ignore[arg-type]
    return Outcome("pass", failures, told, {"score": failures}, observed)


def _span(low: float, high: float, rules: Anomaly, show: Callable[[float], str]) -> str:
    if rules.direction == "up":
        return f"up to {show(high)}"
    if rules.direction == "down":
        return f"from {show(low)} on"
    return f"{show(low)} to {show(high)}"


def _holds(node: Node, key: str, failures: int) -> bool:
    """Whether a limit holds. Raises `CompileError` for one that is no comparison with a number."""
    text = condition(node.config, key)
    found = holds(text, failures)
    if found is None:
        hint = "compare with a number: `> 6`"
        raise CompileError(Problem(f"test `{node.name}`: `{key}: {text}` is no comparison", node.place, hint))
    return found


# Values


def _count(compared: Compared, values: Values) -> float:
    return float(values[0])


def _rate(compared: Compared, values: Values) -> float | None:
    return (float(values[0]) - float(values[1])) / float(values[0]) if values[0] else None


def _age(compared: Compared, values: Values) -> float | None:
    value = values[0]
    if value is None:
        return None
    moment = moment_in(value)
    if moment is None:
        text = f"test `{compared.node.name}`: `{compared.anomaly.column}` is no time, but {value!r}"
        raise CompileError(Problem(text, compared.node.place, "name a column of dates or times"))
    if moment in (EARLIEST, LATEST):
        return None
    return (compared.now - moment).total_seconds()


def _number(compared: Compared, values: Values) -> float | None:
    value = values[0]
    if value is None:
        return None
    if isinstance(value, (int, float, Decimal)):
        return float(value)
    text = f"test `{compared.node.name}`: `{compared.anomaly.expression}` gives no number, but {value!r}"
    raise CompileError(Problem(text, compared.node.place, "write an aggregate that gives one: sum(amount)"))


READ: Mapping[str, Callable[[Compared, Values], float | None]] = {
    "row_count_anomaly": _count,
    "null_rate_anomaly": _rate,
    "freshness_anomaly": _age,
    "metric_anomaly": _number,
}


def _listed(value: Any) -> list[Any]:
    found = json.loads(value) if isinstance(value, (str, bytes)) else value
    return list(found) if found is not None else []


def number(value: float) -> str:
    """A number as short as it can be told."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def percent(value: float) -> str:
    """A share as a percentage."""
    return f"{max(value, 0.0) * 100:.3g}%"


def span(seconds: float) -> str:
    """A span of time, as short as it can be told."""
    sign, rest = "-" if seconds < 0 else "", abs(seconds)
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if rest >= 2 * size or (unit == "min" and rest >= size):
            return f"{sign}{_short(rest / size)} {unit}"
    return f"{sign}{_short(rest)} s"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


SHOWN: Mapping[str, Callable[[float], str]] = {
    "null_rate_anomaly": percent,
    "freshness_anomaly": span,
    "distribution_anomaly": lambda value: f"{max(value, 0.0):.3g}",
}
