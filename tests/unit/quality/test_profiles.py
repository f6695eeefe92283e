"""Profiles of small random tables: what Python counts, the questions count."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import fmean, median, stdev
from typing import Any

import duckdb
import pytest
from eltbuild_duckdb import DuckDBAdapter
from hypothesis import given, settings
from hypothesis import strategies as st

from eltbuild.adapter import Target
from eltbuild.quality.profiles.asking import profiled
from eltbuild.quality.profiles.kinds import kind_of
from eltbuild.quality.profiles.profile import ColumnProfile, Profile, as_number, told_value
from eltbuild.quality.profiles.questions import BINS, TOP, Asked, bins_of
from eltbuild.relation import Column
from eltbuild.report.profile import profile_lines, summary
from eltbuild.report.terminal import Terminal
from eltbuild.sql.writer import Writer
from eltbuild.values import replace

WRITER = Writer("duckdb", DuckDBAdapter(Target("shop", "dev", "duckdb", "memory", "main", root=".")).capabilities)
ROW = st.tuples(
    st.none() | st.integers(-50, 50),
    st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
    st.none() | st.floats(allow_nan=True, allow_infinity=True),
    st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1)),
)


def profile(rows: Sequence[tuple[Any, ...]]) -> dict[str, ColumnProfile]:
    with duckdb.connect() as connection:
        connection.execute("create table t (number bigint, word varchar, ratio double, day date)")
        if rows:
            connection.executemany("insert into t values (?, ?, ?, ?)", [list(row) for row in rows])
        columns = [Column(name, kind) for name, kind, *_ in connection.execute("describe t").fetchall()]
        count, found = profiled(columns, "t", WRITER, lambda sql: connection.execute(sql).fetchall())
        assert count == len(rows)
        return {column.name: column for column in found}


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW, max_size=30))
def test_it_is_what_python_counts(rows: list[tuple[Any, ...]]) -> None:
    found = profile(rows)
    for place, (name, column) in enumerate(found.items()):
        values = [row[place] for row in rows if row[place] is not None]
        different = len({repr(value) if value != value else value for value in values})
        assert (column.nulls, column.distinct) == (len(rows) - len(values), different), name
        if column.top and name != "ratio":
            counts = Counter(map(str, values))
            assert [one.rows for one in column.top] == [number for _, number in counts.most_common(TOP)]
            assert all(counts[str(one.value)] == one.rows for one in column.top)
        if name == "word":
            lengths = [len(value) for value in values]
            assert (column.shortest, column.longest) == (min(lengths, default=None), max(lengths, default=None))
            assert column.empty == lengths.count(0)
        elif column.low is not None:
            numbers = [_number(value) for value in values if _is_told(value)]
            assert column.not_finite == len(values) - len(numbers)
            assert (column.low, column.high) == (min(numbers), max(numbers))
            assert column.mean == pytest.approx(fmean(numbers), rel=1e-6, abs=1e-6)
            if len(numbers) > 1:
                assert column.stddev == pytest.approx(stdev(numbers), rel=1e-6, abs=1e-6)
            assert column.quantiles is not None
            assert column.quantiles["0.5"] == pytest.approx(median(numbers), rel=1e-9, abs=1e-9)
            if column.histogram is not None:
                assert sum(column.histogram.rows) == len(numbers)
                assert len(column.histogram.rows) <= BINS


def _is_told(value: Any) -> bool:
    return not isinstance(value, float) or (math.isfinite(value) and abs(value) <= 1e150)


def _number(value: Any) -> float:
    return (value - date(1970, 1, 1)) / timedelta(seconds=1) if isinstance(value, date) else float(value)


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6))
def test_slices_of_whole_numbers_hold_equally_many(low: int, span: int) -> None:
    found = bins_of(Asked(0, "a", "integer", "integer"), {"low": low, "high": low + span})
    assert found is not None
    assert found.low == low
    assert found.width == int(found.width)
    assert found.low + found.width * (found.number - 1) <= low + span < found.high
    assert found.number <= BINS


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("INTEGER", "integer"), ("DECIMAL(12, 2)", "decimal"), ("numeric", "decimal"), ("VARCHAR", "text"),
        ("character varying(10)", "text"), ("timestamp(3) without time zone", "timestamp"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp"), ("time with time zone", "time"), ("INTEGER[3]", "list"),
        ("text[]", "list"), ("STRUCT(a INTEGER)", "other"), ("STRUCT(a INTEGER)[]", "list"), ("json", "other"),
        ("ENUM('a', 'b')", "other"), ("BLOB", "binary"), ("uuid", "other"), ("no such type", "other"),
    ],
)  # fmt: skip
def test_kinds_of_types(type: str, kind: str) -> None:
    assert kind_of(type) == kind


@given(st.dates())
def test_dates_are_told_as_texts(day: date) -> None:
    seconds = (day - date(1970, 1, 1)).days * 86_400.0
    assert told_value(of("date"), seconds) == day.isoformat()
    assert told_value(of("timestamp"), seconds + 3_661.0) == f"{day.isoformat()} 01:01:01"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-63_517_824_000.0, "0044-03-15 BC"), (-62_167_219_200.0, "0001-01-01 BC"), (9_224_286_393_600.0, "294276-01-01")],
)
def test_so_are_dates_of_years_that_python_does_not_know(seconds: float, text: str) -> None:
    assert told_value(of("date"), seconds) == text


def test_numbers_that_programs_cannot_read_are_none() -> None:
    assert [as_number(text) for text in ("7", "7.5", "1" + "0" * 5000, "1e400", "-Infinity", "x")] == [
        7, 7.5, None, None, None, None
    ]  # fmt: skip


def test_what_differs_in_its_last_digits_is_not_always_the_same() -> None:
    with duckdb.connect() as connection:
        rows = "select 99999999999999999999999999999999999999::decimal(38, 0) - i as n from range(3) as r(i)"
        _, (found,) = profiled(
            [Column("n", "DECIMAL(38,0)")], f"({rows}) as t", WRITER, lambda sql: connection.execute(sql).fetchall()
        )
    plain = Terminal(width=0, colour=False, unicode=True)
    assert summary(found, plain).startswith("99999999999999999999999999999… to 9999")
    told = Profile(
        node="model.shop.n", name="n", resource_type="model", relation="n", rows=3, sampled=None,
        columns=(replace(found, name="two\nlines"),),
    )  # fmt: skip
    assert all("\n" not in line for details in (True, False) for line in profile_lines(told, plain, details=details))


def of(kind: Any) -> ColumnProfile:
    return ColumnProfile(name="c", type=kind, kind=kind, rows=1, nulls=0, distinct=1, exact=True)
