"""Keys of several columns that must come once: counted by one bit for each combination, or asked as written."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning import node, writer

from eltbuild.adapter import Answer
from eltbuild.quality import data_tests
from eltbuild.quality.data_tests import Outcome
from eltbuild.quality.measures.measure import Measure, outcomes
from eltbuild.quality.measures.recognition import measured
from eltbuild.quality.measures.uniqueness import FEW
from eltbuild.values import replace

R = '"main"."lines"'


def measure_of(sql: str, rows: int | None = FEW + 1) -> Measure | None:
    test = replace(node({}, "t", resource_type="test"), config={})
    return measured(test, sql, R, writer("duckdb"), rows)


def found(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Outcome | None, Outcome]:
    """What the measure finds, and what the test finds alone."""
    measure = measure_of(sql)
    assert measure is not None
    test = replace(node({}, "t", resource_type="test"), config={})
    alone = data_tests.verdict(test, Answer(rows=tuple(connection.execute(data_tests.question(test, sql)).fetchall())))
    return outcomes(R, [measure], lambda text: connection.execute(text).fetchall()[0])[0], alone


def combination(columns: str, where: str = "") -> str:
    rows = f"(select * from {R} where {where}) dbt_subquery" if where else R
    return (
        f"with errors as (\n  select {columns}\n  from {rows}\n  group by {columns}\n  having count(*) > 1\n)\n"
        "select * from errors"
    )


COUNTED = [
    combination("a, b"),
    combination("a, b, day"),
    combination("day", "b > 1"),
    combination("a, day", "c is not null"),
    f"select a, b, count(*) as n from {R} group by a, b having COUNT( * ) > 1",
    f"select day from {R} as l where l.b > 2 group by day having count(*)>1",
    f"with x as (select a + 1 as k, b from {R}) select k, b from x group by k, b having count(*) > 1",
]
WRITTEN = [
    f"select a, b from {R} group by b, a having count(*) > 1",
    f"select a, b from {R} group by 1, 2 having count(*) > 1",
    f"select a from {R} group by a having count(*) > 2",
    f"select a from {R} group by a having count(b) > 1",
    f"select a, max(b) as m from {R} group by a having count(*) > 1",
    f"with x as (select a from {R} group by a having count(*) > 1) select * from x where a > 1",
    f"with x as (select distinct a, b from {R}) select a from x group by a having count(*) > 1",
]


@pytest.fixture
def lines() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "create table lines as select (i // 5)::integer as a, (i % 5)::utinyint as b, date '2026-01-01' + i::int as day, "
        "'x' || i as c from range(50) as r(i)"
    )
    return connection


@pytest.mark.parametrize("sql", COUNTED)
def test_counted(sql: str, lines: duckdb.DuckDBPyConnection) -> None:
    measure = measure_of(sql)
    assert measure is not None
    assert measure.expressions
    assert not measure.queries
    got, alone = found(lines, sql)
    assert got == alone
    assert alone.verdict == "pass"
    lines.execute("insert into lines from lines where a = 7")
    got, alone = found(lines, sql)
    assert got == alone
    assert alone.verdict == "fail"
    lines.execute("delete from lines")
    assert found(lines, sql)[0] == found(lines, sql)[1]


@pytest.mark.parametrize("sql", WRITTEN)
def test_asked_as_it_is_written(sql: str, lines: duckdb.DuckDBPyConnection) -> None:
    measure = measure_of(sql)
    assert measure is not None
    assert measure.queries
    assert found(lines, sql)[0] == found(lines, sql)[1]


def test_few_rows_and_views_are_asked_as_they_are_written() -> None:
    for rows in (None, FEW):
        measure = measure_of(COUNTED[0], rows)
        assert measure is not None
        assert measure.queries


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-4, 4),
    "tinyint": st.sampled_from([-128, 0, 127]),
    "ubigint": st.sampled_from([0, 1, 2**64 - 1]),
    "hugeint": st.sampled_from([-(2**100), 0, 2**63, 5]),
    "date": st.sampled_from(["2026-01-01", "2026-01-02", "1969-12-31", "infinity", "0001-01-01"]),
    "varchar": st.sampled_from(["", "a", "A"]),
    "double": st.sampled_from([0.0, -0.0, 1.5]),
    "boolean": st.booleans(),
}


@given(st.data())
def test_as_alone_for_all_values(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3))
    row = st.tuples(*(st.none() | VALUES[kind] for kind in kinds))
    rows = data.draw(st.lists(row, max_size=8))
    columns = ", ".join(f"k{number}" for number in range(len(kinds)))
    with duckdb.connect() as connection:
        connection.execute(f"create table lines ({', '.join(f'k{n} {kind}' for n, kind in enumerate(kinds))})")
        if rows:
            connection.executemany(f"insert into lines values ({', '.join('?' * len(kinds))})", rows)
        sql = combination(columns, data.draw(st.sampled_from(["", "k0 is not null"])))
        got, alone = found(connection, sql)
        assert got == alone
