"""Tests that compare a measure with its history, as properties files ask for them: `eltbuild.row_count_anomaly` ...

Which there are, what their arguments mean, and what is wrong with these. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal

from eltbuild.errors import Place, Problem, did_you_mean
from eltbuild.jinja.native import has_jinja
from eltbuild.project.durations import seconds_of
from eltbuild.project.entries import TestEntry
from eltbuild.values import dataclass, field, replace

NAMESPACE = "eltbuild"
"""What stands before the names of these tests. A package that is really called so comes first."""

Seasonality = Literal["auto", "none", "day_of_week"]
Direction = Literal["both", "up", "down"]
Compared = Literal["value", "change"]


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is too small to be an anomaly: in the unit of the measure, or as a share of what is usual."""

    amount: float
    relative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """What one of these tests asks for."""

    test: str
    column: str = ""
    """As written, for SQL."""
    expression: str = ""
    """An aggregate over the rows, for `metric_anomaly`."""
    categories: bool = False
    """Whether a distribution is one of values that are only equal or not."""
    sensitivity: float = 3.0
    """How many times farther than usual from the median is an anomaly, as with standard deviations."""
    min_history: int = 7
    """Of so many observations it is known what is usual; before that the test passes."""
    window: int = 30
    """How many of the last observations count."""
    seasonality: Seasonality = "auto"
    direction: Direction = "both"
    min_change: Change = field(default_factory=lambda: Change(0.0))
    compare: Compared = "value"
    since: datetime | None = None
    """What was observed before does not count."""

    @property
    def measure(self) -> str:
        """What is measured, as the history names it."""
        name = "categories" if self.categories else MEASURES[self.test]
        return self.expression or (f"{name}({self.column})" if KINDS[self.test].column else name)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of these tests: whether it needs a column, what else it takes, and the least change that counts."""

    column: bool
    arguments: frozenset[str]
    min_change: Change
    direction: Direction = "both"


EVERY = frozenset({"sensitivity", "min_history", "window", "seasonality", "direction", "min_change", "since"})
KINDS: Mapping[str, Kind] = {
    "row_count_anomaly": Kind(False, EVERY | {"compare"}, Change(0.05, relative=True)),
    "null_rate_anomaly": Kind(True, EVERY | {"compare"}, Change(0.01)),
    "freshness_anomaly": Kind(True, EVERY, Change(3600.0), "up"),
    "metric_anomaly": Kind(False, EVERY | {"compare", "expression"}, Change(0.05, relative=True)),
    "distribution_anomaly": Kind(True, EVERY - {"direction"} | {"categories"}, Change(0.1), "up"),
}
MEASURES: Mapping[str, str] = {
    "row_count_anomaly": "row_count",
    "null_rate_anomaly": "null_rate",
    "freshness_anomaly": "age",
    "metric_anomaly": "",
    "distribution_anomaly": "distribution",
}
"""What they measure."""
ENOUGH = 3
"""Fewer observations never tell what is usual."""
MOST = 365
"""More are not looked at."""


def is_anomaly(namespace: str | None) -> bool:
    """Whether a test of that namespace is one of these, or is meant to be."""
    return namespace == NAMESPACE


def check_entry(entry: TestEntry, place: Place) -> Iterator[Problem]:
    """What is wrong with a test in a properties file. What holds Jinja is checked when it is known."""
    kind = KINDS.get(entry.name)
    if kind is None:
        hint = did_you_mean(entry.name, KINDS) or f"there are {', '.join(sorted(KINDS))}"
        yield Problem(f"there is no test `{NAMESPACE}.{entry.name}`", place, hint)
        return
    yield from wrong_arguments(entry.name, entry.arguments, place)


def without_dates(entry: TestEntry) -> TestEntry:
    """The entry with texts for the dates that YAML has read: a project with others is not kept."""
    if not any(isinstance(value, date) for value in entry.arguments.values()):
        return entry
    given = {name: str(value) if isinstance(value, date) else value for name, value in entry.arguments.items()}
    return replace(entry, arguments=given)


def wrong_arguments(test: str, given: Mapping[str, Any], place: Place | None) -> Iterator[Problem]:
    """What is wrong with the arguments of one of these tests."""
    kind = KINDS[test]
    title = f"{NAMESPACE}.{test}"
    for name, value in given.items():
        if name in ("model", "column_name"):
            continue
        if name not in kind.arguments:
            hint = did_you_mean(name, kind.arguments) or f"it takes {', '.join(sorted(kind.arguments))}"
            yield Problem(f"test `{title}` has no argument `{name}`", place, hint)
        elif not (isinstance(value, str) and has_jinja(value)):
            try:
                READERS[name](value)
            except (ValueError, TypeError, OverflowError):
                yield Problem(
                    f"`{name}: {value}` of test `{title}` must be {WORDS[name]}", place, _nearest(name, value)
                )
    if kind.column and not given.get("column_name"):
        hint = "write it under a column, or give it a `column_name`"
        yield Problem(f"test `{title}` needs a column", place, hint)
    if test == "metric_anomaly" and not given.get("expression"):
        yield Problem(f"test `{title}` needs an `expression`", place, "an aggregate over the rows, such as sum(amount)")


def _nearest(name: str, value: Any) -> str:
    return did_you_mean(str(value), CHOICES[name]) if name in CHOICES else ""


def anomaly_of(test: str, given: Mapping[str, Any]) -> Anomaly:
    """What the test asks for. Raises `ValueError` for arguments that `wrong_arguments` tells of."""
    kind = KINDS[test]
    read = {name: READERS[name](value) for name, value in given.items() if name in kind.arguments}
    read.setdefault("min_change", kind.min_change)
    read.setdefault("direction", kind.direction)
    return Anomaly(test=test, column=str(given.get("column_name") or "") if test != "metric_anomaly" else "", **read)


# Values of arguments: each of these raises ValueError.


def _positive(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not 0 < number < 1e6:
        raise ValueError
    return number


def _count(value: Any) -> int:
    number = int(value)
    if isinstance(value, bool) or number != float(value) or not ENOUGH <= number <= MOST:
        raise ValueError
    return number


def _change(value: Any) -> Change:
    text = str(value).strip()
    if isinstance(value, bool):
        raise ValueError
    if text.endswith("%"):
        return Change(_not_negative(text[:-1]) / 100, relative=True)
    if text[-1:].isalpha():
        return Change(seconds_of(text))
    return Change(_not_negative(text))


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e300:
        raise ValueError
    return number


def _moment(value: Any) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _one_of(name: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in CHOICES[name]:
            raise ValueError
        return str(value)

    return read


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


CHOICES: Mapping[str, tuple[str, ...]] = {
    "seasonality": ("auto", "none", "day_of_week"),
    "direction": ("both", "up", "down"),
    "compare": ("value", "change"),
}
READERS: Mapping[str, Callable[[Any], Any]] = {
    "sensitivity": _positive, "min_history": _count, "window": _count, "min_change": _change, "since": _moment,
    "categories": _boolean, "expression": _text, **{name: _one_of(name) for name in CHOICES},
}  # fmt: skip
WORDS: Mapping[str, str] = {
    "sensitivity": "a number above 0",
    **dict.fromkeys(("min_history", "window"), f"a whole number from {ENOUGH} to {MOST}"),
    "min_change": "a number, a share such as 5%, or a span of time such as 30m",
    "since": "a date",
    "categories": "true or false",
    "expression": "an aggregate over the rows, such as sum(amount)",
    **{name: " or ".join(words) for name, words in CHOICES.items()},
}
