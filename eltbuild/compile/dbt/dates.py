"""dbt's cross-database macros for dates: arithmetic, the clock, series of dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date as calendar_date
from datetime import datetime, timedelta
from typing import Any

from eltbuild.compile.dbt.spelling import spell
from eltbuild.compile.dbt.table import Table
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError

LAST_DAYS: Mapping[str, tuple[str, int]] = {"quarter": ("month", 3)}
"""Periods whose length is said in another unit, since not every engine adds quarters."""

LONGEST_RANGE = 1_000_000

COUNTED = frozenset(
    {"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"}
)
"""The date parts whose boundaries can be counted where the engine has no datediff()."""


def date(rendering: Rendering, year: Any, month: Any, day: Any) -> str:
    """The date of those numbers."""
    if all(isinstance(part, int) for part in (year, month, day)):
        try:
            calendar_date(year, month, day)
        except ValueError as error:
            raise TemplateError(f"date({year}, {month}, {day}): {error}") from None
    return spell("date", rendering.session.dialect, year=year, month=month, day=day)


def date_trunc(rendering: Rendering, datepart: Any, date: Any) -> str:
    """The beginning of the period in which the moment lies."""
    return spell("date_trunc", rendering.session.dialect, str(datepart), datepart=datepart, date=date)


def dateadd(rendering: Rendering, datepart: Any, interval: Any, from_date_or_timestamp: Any) -> str:
    """The moment so many periods later."""
    return spell(
        "dateadd", rendering.session.dialect, str(datepart),
        datepart=datepart, interval=interval, moment=from_date_or_timestamp,
    )  # fmt: skip


def datediff(rendering: Rendering, first_date: Any, second_date: Any, datepart: Any) -> str:
    """How many boundaries of that period lie between the first moment and the second."""
    dialect = rendering.session.dialect
    part = str(datepart)
    if dialect == "postgres" and part.lower() not in COUNTED:
        raise TemplateError(
            f"datediff() cannot count `{part}` in postgres", hint=f"it can count {', '.join(sorted(COUNTED))}"
        )
    return spell("datediff", dialect, part, first_date=first_date, second_date=second_date, datepart=datepart)


def last_day(rendering: Rendering, date: Any, datepart: Any) -> str:
    """The last day of the period in which the moment lies, as a date."""
    scope = rendering.scope
    unit, count = LAST_DAYS.get(str(datepart).lower(), (datepart, 1))
    start = scope["date_trunc"](datepart, date)
    return f"cast({scope['dateadd']('day', -1, scope['dateadd'](unit, count, start))} as date)"


def current_timestamp(rendering: Rendering) -> str:
    """Now, as the engine says it."""
    return spell("current_timestamp", rendering.session.dialect)


def current_timestamp_backcompat(rendering: Rendering) -> str:
    """Now, without a time zone where the engine tells them apart."""
    return spell("local_timestamp", rendering.session.dialect)


def current_timestamp_in_utc_backcompat(rendering: Rendering) -> str:
    """Now in UTC, without a time zone where the engine tells them apart."""
    try:
        return spell("utc_timestamp", rendering.session.dialect)
    except KeyError:
        return str(rendering.scope["current_timestamp_backcompat"]())


def snapshot_get_time(rendering: Rendering) -> str:
    """The moment that snapshots write into their rows."""
    try:
        return spell("snapshot_time", rendering.session.dialect)
    except KeyError:
        return str(rendering.scope["current_timestamp"]())


def get_snapshot_get_time_data_type(rendering: Rendering) -> str:
    """The type of the moment that snapshots write; empty while the warehouse cannot be asked."""
    moment = rendering.scope["snapshot_get_time"]()
    columns = rendering.scope["adapter"].get_column_schema_from_query(f"select {moment} as dbt_snapshot_time")
    return str(columns[0].dtype) if columns else ""


# Series ---------------------------------------------------------------------------------------------------


def get_powers_of_two(rendering: Rendering, upper_bound: Any) -> int:
    """How many binary digits are needed to count from 0 to just below the bound."""
    bound = _whole(upper_bound, "get_powers_of_two")
    if bound <= 0:
        raise TemplateError("get_powers_of_two(): the upper bound must be positive")
    return max(1, (bound - 1).bit_length())


def generate_series(rendering: Rendering, upper_bound: Any) -> str:
    """A query of the whole numbers from 1 to the bound, in the column `generated_number`."""
    bound = _whole(upper_bound, "generate_series")
    try:
        return spell("series", rendering.session.dialect, upper_bound=bound)
    except KeyError:
        pass
    digits = max(1, (max(bound, 1) - 1).bit_length())
    total = " + ".join(f"d{i}.digit * {2**i}" for i in range(digits))
    tables = " cross join ".join(f"digits as d{i}" for i in range(digits))
    return (
        "with digits as (select 0 as digit union all select 1),\n"
        f"numbers as (select {total} + 1 as generated_number from {tables})\n"
        f"select generated_number from numbers where generated_number <= {bound} order by generated_number"
    )


def _whole(value: Any, macro: str) -> int:
    try:
        return int(value if value is not None else 0)
    except (TypeError, ValueError):
        raise TemplateError(f"{macro}() takes a whole number, got {str(value)[:40]!r}") from None


def get_intervals_between(rendering: Rendering, start_date: Any, end_date: Any, datepart: Any) -> int:
    """How many boundaries of the period lie between two dates, asked of the warehouse; 0 while it cannot be asked."""
    difference = rendering.scope["datediff"](start_date, end_date, datepart)
    table = rendering.scope["run_query"](f"select {difference} as intervals")
    value = table.rows[0][0] if isinstance(table, Table) and len(table.rows) else None
    return int(value or 0)


def date_spine(rendering: Rendering, datepart: Any, start_date: Any, end_date: Any) -> str:
    """A query of every period's start from the first date to just before the second, in the column `date_<part>`."""
    scope = rendering.scope
    count = scope["get_intervals_between"](start_date, end_date, datepart)
    step = scope["dateadd"](datepart, "row_number() over (order by generated_number) - 1", start_date)
    column = f"date_{datepart}"
    return (
        f"with rawdata as (\n{scope['generate_series'](count)}\n),\n"
        f"all_periods as (\nselect ({step}) as {column}\nfrom rawdata\n),\n"
        f"filtered as (\nselect *\nfrom all_periods\nwhere {column} <= {end_date}\n)\n"
        "select * from filtered"
    )


# Dates of templates, not of the warehouse -----------------------------------------------------------------


def convert_datetime(rendering: Rendering, date_str: Any, date_fmt: str) -> datetime:
    """The moment that a text says in that format."""
    try:
        return datetime.strptime(str(date_str), date_fmt)
    except (TypeError, ValueError):
        raise TemplateError(f"the date '{date_str}' does not match the format '{date_fmt}'") from None


def dates_in_range(
    rendering: Rendering,
    start_date_str: Any,
    end_date_str: Any = None,
    in_fmt: str = "%Y%m%d",
    out_fmt: str = "%Y%m%d",
) -> list[str]:
    """Every day from the first to the last, both included, as texts."""
    convert = rendering.scope["convert_datetime"]
    start = convert(start_date_str, in_fmt)
    end = start if end_date_str is None else convert(end_date_str, in_fmt)
    if end < start:
        raise TemplateError(f"dates_in_range(): the first date comes after the last ({start}, {end})")
    if (end - start).days > LONGEST_RANGE:
        raise TemplateError(f"dates_in_range(): {(end - start).days:,} days are too many for one list")
    return [(start + timedelta(days=day)).strftime(out_fmt) for day in range((end - start).days + 1)]


def partition_range(rendering: Rendering, raw_partition_date: Any, date_fmt: str = "%Y%m%d") -> list[str]:
    """The days of `first` or `first,last`, as texts like 20200131."""
    parts = str(raw_partition_date).split(",")
    if len(parts) > 2:
        raise TemplateError(f"partition_range() takes `first` or `first,last`, got `{raw_partition_date}`")
    found: list[str] = rendering.scope["dates_in_range"](
        parts[0], parts[1] if len(parts) == 2 else None, in_fmt=date_fmt
    )
    return found


def py_current_timestring(rendering: Rendering) -> str:
    """The clock's time as digits, for names that must be new."""
    return datetime.now().strftime("%Y%m%d%H%M%S%f")


DATES: Mapping[str, Callable[..., Any]] = {
    "convert_datetime": convert_datetime,
    "current_timestamp": current_timestamp,
    "current_timestamp_backcompat": current_timestamp_backcompat,
    "current_timestamp_in_utc_backcompat": current_timestamp_in_utc_backcompat,
    "date": date,
    "date_spine": date_spine,
    "date_trunc": date_trunc,
    "dateadd": dateadd,
    "datediff": datediff,
    "dates_in_range": dates_in_range,
    "generate_series": generate_series,
    "get_intervals_between": get_intervals_between,
    "get_powers_of_two": get_powers_of_two,
    "get_snapshot_get_time_data_type": get_snapshot_get_time_data_type,
    "last_day": last_day,
    "partition_range": partition_range,
    "py_current_timestring": py_current_timestring,
    "snapshot_get_time": snapshot_get_time,
}
