"""The time slices of a microbatch model: which must be built now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.nouns import Batch
from eltbuild.project.resources import Node

SIZES = ("hour", "day", "month", "year")


def batches(
    node: Node,
    *,
    now: datetime,
    incremental: bool,
    start: datetime | None = None,
    end: datetime | None = None,
) -> tuple[Batch, ...]:
    """The slices to build, oldest first: what the call asks for, else from `begin` (first build) or `lookback`.

    Raises `CompileError` where `event_time`, `begin` or `batch_size` is missing or wrong.
    """
    config = node.config
    size = str(config.get("batch_size") or "")
    if size not in SIZES:
        raise CompileError(_problem(node, "batch_size", f"one of {', '.join(SIZES)}"))
    if not config.get("event_time"):
        raise CompileError(_problem(node, "event_time", "the column with the time of each row"))
    last = ceiling(end or now, size)
    if start is not None:
        first = floor(start, size)
    elif incremental:
        # Where a slice ends just now, it is the newest one, and `lookback` counts those before it.
        back = int(config.get("lookback", 1) or 0) + (last == (end or now))
        first = shifted(floor(end or now, size), size, -back)
    else:
        if not config.get("begin"):
            raise CompileError(_problem(node, "begin", "the time of the first batch"))
        first = floor(moment(config["begin"], node), size)
    out = []
    while first < last:
        following = shifted(first, size, 1)
        out.append(Batch(first, following, batch_id(first, size)))
        first = following
    return tuple(out)


def _problem(node: Node, key: str, what: str) -> Problem:
    return Problem(
        f"microbatch model `{node.name}` needs `{key}`, {what}", node.place, f"set it in config(): {key}=..."
    )


def moment(value: Any, node: Node | None = None) -> datetime:
    """A time as written in a config or a flag, aware, UTC. Raises `CompileError`."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return moment(datetime.fromisoformat(str(value)))
    except ValueError:
        raise CompileError(
            Problem(f"`{value}` is no time", node.place if node else None, "write it as 2013-01-31")
        ) from None


def floor(value: datetime, size: str) -> datetime:
    """The beginning of the slice that holds a time."""
    value = value.astimezone(UTC)
    hour = value.replace(minute=0, second=0, microsecond=0)
    match size:
        case "hour":
            return hour
        case "day":
            return hour.replace(hour=0)
        case "month":
            return hour.replace(hour=0, day=1)
        case _:
            return hour.replace(hour=0, day=1, month=1)


def ceiling(value: datetime, size: str) -> datetime:
    """The end of the slice that holds a time; the time itself where a slice begins."""
    low = floor(value, size)
    return low if low == value else shifted(low, size, 1)


def shifted(value: datetime, size: str, count: int) -> datetime:
    """The beginning of the slice that many slices later."""
    match size:
        case "hour":
            return value + timedelta(hours=count)
        case "day":
            return value + timedelta(days=count)
        case "month":
            months = value.year * 12 + value.month - 1 + count
            return value.replace(year=months // 12, month=months % 12 + 1)
        case _:
            return value.replace(year=value.year + count)


def batch_id(start: datetime, size: str) -> str:
    """The name of a slice: `20130131`, `20130131T05` for hours."""
    return start.strftime("%Y%m%dT%H" if size == "hour" else "%Y%m%d")


def as_results(done: Mapping[str, list[Batch]]) -> dict[str, Any]:
    """Slices as artifacts show them: ISO times by outcome."""
    return {key: [[b.start.isoformat(), b.end.isoformat()] for b in found] for key, found in done.items()}
