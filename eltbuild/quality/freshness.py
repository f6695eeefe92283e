"""How fresh a source is: the question to the warehouse, and the verdict on its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from eltbuild.errors import CompileError, Problem
from eltbuild.project.resources import Source

FreshnessStatus = Literal["pass", "warn", "error"]

PERIODS: Mapping[str, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class Age:
    """When a source was last loaded, as seen at `at` (aware, UTC), and what that means."""

    status: FreshnessStatus
    loaded_at: datetime
    at: datetime

    @property
    def seconds(self) -> float:
        """How long ago the last load was."""
        return (self.at - self.loaded_at).total_seconds()


def is_checked(source: Source) -> bool:
    """Whether a source says how fresh it must be."""
    rules = source.freshness
    return bool(rules and (rules.get("warn_after") or rules.get("error_after")))


def question(source: Source, relation: str, query: str = "") -> str:
    """The query for the last time that a source was loaded. One row: `max_loaded_at`, `snapshotted_at`.

    `query` is the source's own one, rendered. Raises `CompileError` where the source does not say where to look.
    """
    rules = source.freshness or {}
    if query:
        query = query.strip().rstrip(";")
        return f"select ({query}\n) as max_loaded_at, current_timestamp as snapshotted_at"
    if not source.loaded_at_field:
        text = f"source `{source.source_name}.{source.name}` says how fresh it must be, and not where to look"
        raise CompileError(Problem(text, source.place, "give it a loaded_at_field or a loaded_at_query"))
    where = f"\nwhere {rules['filter']}" if rules.get("filter") else ""
    found = f"max({source.loaded_at_field}) as max_loaded_at"
    return f"select {found}, current_timestamp as snapshotted_at\nfrom {relation}{where}"


def verdict(source: Source, row: tuple[Any, ...], now: datetime) -> Age:
    """What the answer to `question` means at `now`. Raises `CompileError` where it is no time."""
    if row[0] is None:
        loaded = datetime(1970, 1, 1, tzinfo=UTC)
        return Age(_status(source, now - loaded), loaded, now)
    loaded = _moment(source, row[0])
    return Age(_status(source, now - loaded), loaded, now)


def _moment(source: Source, value: Any) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise CompileError(
        Problem(
            f"source `{source.source_name}.{source.name}`: `{source.loaded_at_field}` is no time",
            source.place,
            "cast it: `loaded_at_field: cast(... as timestamp)`",
        )
    )


def _status(source: Source, age: timedelta) -> FreshnessStatus:
    rules = source.freshness or {}
    if _exceeds(rules.get("error_after"), age):
        return "error"
    if _exceeds(rules.get("warn_after"), age):
        return "warn"
    return "pass"


def _exceeds(rule: Any, age: timedelta) -> bool:
    if not rule or rule.get("count") is None or rule.get("period") not in PERIODS:
        return False
    return age > PERIODS[rule["period"]] * int(rule["count"])
