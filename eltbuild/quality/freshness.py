"""How fresh a source or a model is: the question to the warehouse, and the verdict on its answer. Nothing is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from eltbuild.errors import CompileError, Place, Problem, did_you_mean
from eltbuild.project.declared import freshness_rule
from eltbuild.project.resources import Node, NodeId, Source
from eltbuild.sql.scan import without_end
from eltbuild.values import dataclass

FreshnessStatus = Literal["pass", "warn", "error"]
Watchable = Source | Node

PERIODS: Mapping[str, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""What artifacts have for the last load where nothing was ever loaded, as dbt writes it."""


EARLIEST, LATEST = NEVER + timedelta(seconds=1), datetime.max.replace(tzinfo=UTC)
"""What stands for times before the year 1 and after 9999, infinite ones among them."""
BEFORE = re.compile(r"\s*-infinity\s*|\s*[\d-]+.*\bBC\b.*", re.IGNORECASE)
AFTER = re.compile(r"\s*infinity\s*|\s*\d{5,}-\d\d-\d\d.*", re.IGNORECASE)
"""How engines write those."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Something that says how fresh it must be, and where the warehouse can tell when it was loaded."""

    id: NodeId
    name: str
    """`source raw.orders`, `model orders`."""
    rules: Mapping[str, Any]
    relation: str = ""
    """The quoted name of the table, or what reads its files."""
    field: str = ""
    query: str = ""
    """Its own query for the last load, rendered."""
    place: Place | None = None

    @property
    def is_askable(self) -> bool:
        """Whether a query can tell."""
        return bool(self.field or self.query)


@dataclass(frozen=True, slots=True)
class Age:
    """When something was last loaded, as seen at `at` (aware, UTC), and what that means."""

    status: FreshnessStatus
    loaded_at: datetime
    at: datetime
    rule: str = ""
    """The rule that it breaks: `warn_after`, `error_after`."""

    @property
    def seconds(self) -> float:
        """How long ago the last load was; less than nothing where its time is yet to come."""
        return (self.at - self.loaded_at).total_seconds()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever loaded."""
        return self.loaded_at == NEVER


def rules_of(resource: Watchable) -> Mapping[str, Any]:
    """What a source or a node says of its freshness; empty where it says nothing."""
    given = resource.freshness if isinstance(resource, Source) else freshness_rule(resource.config.get("freshness"))
    return given or {}


def is_checked(resource: Watchable) -> bool:
    """Whether a source or a node says how fresh it must be, and stands somewhere."""
    rules = rules_of(resource)
    stands = isinstance(resource, Source) or (resource.relation is not None and not resource.ephemeral)
    return stands and bool(rules.get("warn_after") or rules.get("error_after"))


def check_rules(watched: Watched) -> None:
    """Raise `CompileError` for a rule whose count is no number, or whose period there is not."""
    for key in ("warn_after", "error_after"):
        rule = watched.rules.get(key)
        if not rule:
            continue
        if rule["period"] not in PERIODS:
            text = f"`period` of `{key}` of {watched.name} cannot be `{rule['period']}`"
            hint = did_you_mean(str(rule["period"]), PERIODS) or f"it is one of {', '.join(PERIODS)}"
            raise CompileError(Problem(text, watched.place, hint))
        if isinstance(rule["count"], bool) or not str(rule["count"]).strip().isdecimal():
            text = f"`count` of `{key}` of {watched.name} must be a whole number, not `{rule['count']}`"
            raise CompileError(Problem(text, watched.place))


def question(watched: Watched) -> str:
    """The query for the last load. One row: `max_loaded_at`, `snapshotted_at`."""
    if watched.query:
        return f"select {_expression(watched)} as max_loaded_at, current_timestamp as snapshotted_at"
    found = f"max({watched.field}) as max_loaded_at"
    return f"select {found}, current_timestamp as snapshotted_at\nfrom {watched.relation}{_where(watched)}"


def question_of_all(watched: Sequence[Watched]) -> str:
    """One query for the last loads of several: a column for each, in order, and `snapshotted_at` as the last."""
    columns = [f"{_expression(one)} as max_loaded_at_{number}" for number, one in enumerate(watched, 1)]
    return "select " + ",\n".join([*columns, "current_timestamp as snapshotted_at"])


def _expression(watched: Watched) -> str:
    query = without_end(watched.query).strip()
    return f"({query or f'select max({watched.field}) from {watched.relation}{_where(watched)}'}\n)"


def _where(watched: Watched) -> str:
    return f"\nwhere {without_end(watched.rules['filter']).strip()}" if watched.rules.get("filter") else ""


def unaskable(watched: Watched, built_here: bool = False) -> CompileError:
    """The error of something that says how fresh it must be, and of which nobody can tell when it was loaded.

    `built_here`: it is built by the project, and that it ever was is not remembered.
    """
    if built_here:
        text = f"{watched.name} says how fresh it must be, and was never built in this target, as far as is remembered"
        return CompileError(Problem(text, watched.place, "build it, or give it a loaded_at_field or a loaded_at_query"))
    text = f"{watched.name} says how fresh it must be, and not where to look"
    hint = "give it a loaded_at_field or a loaded_at_query: the engine itself does not tell when it was loaded"
    return CompileError(Problem(text, watched.place, hint))


def moment_in(value: Any) -> datetime | None:
    """The time that a value of the engine's means, aware: `EARLIEST` and `LATEST` for those beyond a calendar's years.

    None for what is no time.
    """
    if isinstance(value, str):
        if BEFORE.fullmatch(value) or AFTER.fullmatch(value):
            return EARLIEST if BEFORE.fullmatch(value) else LATEST
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        try:
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError:
            return LATEST if value.year > 1 else EARLIEST
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def moment_of(watched: Watched, value: Any) -> datetime | None:
    """The time in an answer, in UTC where it has no offset; a date is its midnight, NULL is None.

    Raises `CompileError` for what is no time.
    """
    if value is None:
        return None
    found = moment_in(value)
    if found is not None:
        return found
    what = "what its loaded_at_query gives" if watched.query else f"`{watched.field}`"
    hint = "cast it in the query" if watched.query else "cast it: `loaded_at_field: cast(... as timestamp)`"
    raise CompileError(Problem(f"{watched.name}: {what} is no time, but {str(value)!r:.60}", watched.place, hint))


def verdict(watched: Watched, loaded: datetime | None, now: datetime) -> Age:
    """What it means that something was loaded at that time (aware), or never, at `now`."""
    at = NEVER if loaded is None else loaded
    for status, rule in (("error", "error_after"), ("warn", "warn_after")):
        if _exceeds(watched.rules.get(rule), now - at):
            return Age(status, at, now, rule)  # type: ignore[arg-type]
    return Age("pass", at, now)


def _exceeds(rule: Any, age: timedelta) -> bool:
    if not rule or rule.get("count") is None or rule.get("period") not in PERIODS:
        return False
    return age > PERIODS[rule["period"]] * int(rule["count"])


def told(watched: Watched, age: Age) -> str:
    """The verdict in words: how old it is, and how old it may be."""
    if age.is_empty:
        rows = "no row passes its filter" if watched.rules.get("filter") else "it has no row"
        where = f", or none with a value in `{watched.field}`" if watched.field else ""
        return f"nothing was ever loaded: {rows}{where}"
    rule = watched.rules.get(age.rule)
    if not rule:
        return aged(age.seconds)
    count = int(rule["count"])
    limit = f"{count} {rule['period']}{'' if count == 1 else 's'}"
    return f"{aged(age.seconds)}, and {age.rule} is {limit}"


def aged(seconds: float) -> str:
    """`3m 20s old`, `13h 53m old`, `12d 4h old`; `2h 00m ahead` for a time that is yet to come."""
    return f"{_span(-seconds)} ahead" if seconds < 0 else f"{_span(seconds)} old"


def _span(seconds: float) -> str:
    total = int(seconds)
    if total < 60:
        return f"{seconds:.1f}s"
    if total < 3600:
        return f"{total // 60}m {total % 60:02}s"
    if total < 48 * 3600:
        return f"{total // 3600}h {total % 3600 // 60:02}m"
    days, rest = divmod(total, 24 * 3600)
    return f"{days:,}d {rest // 3600}h" if days < 100 else f"{days:,} days"
