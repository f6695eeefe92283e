"""Which queries are aggregates over their relation; and that whatever is, says what the query itself says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import pytest
from planning import node, writer

from eltbuild.adapter import Answer
from eltbuild.project.resources import Node
from eltbuild.quality import data_tests
from eltbuild.quality.measures.limits import limits_of
from eltbuild.quality.measures.measure import Measure, Query, fused, outcomes
from eltbuild.quality.measures.recognition import measured
from eltbuild.quality.measures.uniqueness import FEW, unique

R = '"main"."things"'
ROWS = """
create table things as select * from (values
    (1, 2, 'a', {'deep': 1}), (2, 1, 'b', {'deep': 2}), (2, null, 'a', null), (null, 4, null, {'deep': null})
) as v(id, n, code, s)
"""

AGGREGATES = [
    f"select * from {R} where id > 1",
    f"select id, n from {R} where not(id <= n)",
    f"select id from {R}",
    f"select 1 from {R} where id > 1 -- as it is",
    f"-- first\nselect id /* one */ from {R} where id > /* two */ 1",
    f"select t.id from {R} as t where t.id > 1 and n < 3",
    f"select t.* , 1 as x from (select * from {R} where id > 1 or n > 1) t where t.code = 'a'".replace("t.* , ", ""),
    f"select dbt_subquery.id from (select * from {R} where id = 1 or n = 4) dbt_subquery where dbt_subquery.n > 1",
    f"with a as (select id + n as both_of, code from {R}), b as (select * from a where both_of > 2) select code from b",
    f"with a as (select *, id > n as more from {R}) select id from a where n > 1",
    f"with a as (select id as n, n as id from {R}) select * from a where n = 1",
    f"with a as (select id as n, n as id from {R}), b as (select n as id, id as n from a where id = 2) "
    "select * from b where n = 2",
    f"with a as (select id is distinct from n as x from {R}) select x from a where x",
    f"with a as (select count(*) as k, max(n) as m from {R}) select * from a where k <> 3 or m is null",
    f"with a as (select count(*) as k from {R} where id > 1) select k + 1 as k, 2 as two from a where not k between 0 and 1",
    f"with a as (select * from {R} where id > 1), b as (select avg(n) as m, count(distinct code) as c from a) "
    "select m from b where m < 2 and c = 2",
    f"select count(n) as k from {R} having count(n) = 3",
    f"select sum(id) from {R} where n is null having sum(id) > 1",
    f"select max(n) filter (where id > 1) as m from {R} having count(*) > 0",
    f"with a as (select distinct code as v from {R}) select v from a where v not in ('a')",
    f"with a as (select code as v, count(*) as k from {R} group by code) select * from a where v = 'a'",
    f'select "id" from {R} where "id" = 1',
    "select id from read_csv('x.csv') where id > 1",
]
ASKED = [
    f"with a as (select *, id + 1 as id from {R}) select * from a where id > 2",
    f"with a as (select *, n as m from {R}) select * from a where m > 2",
    f"with a as (select *, 3 as n from {R}) select * from a where id > 1 and n > 1",
    f"with a as (select id as date, n from {R}), b as (select n as date, date from a) select * from b where date > 1",
    f"with a as (select *, lower(code) from {R}) select id from a where id > 1",
    f"with a as (select id from {R}), b as (select id from {R}) select * from a where id > 1",
    f"with a as (select 'x' as v, id from {R}) select * from a where v = 'x'",
    f"with a as (select id, row_number() over (order by id) as k from {R}) select * from a where k > 1",
    f"select id from {R} where id > (select min(id) from {R})",
    f"select id from {R} where id > 1 order by id limit 1",
    f"select id from {R} where id > 1 union all select id from {R}",
    f"select a.id from {R} a join {R} b on a.id = b.id",
    f"select a.id from {R} a, {R} b",
    f"select distinct on (id) id from {R}",
    f"select id from {R} qualify row_number() over (order by id) = 1",
    f"select unnest([1, 2]) as u from {R}",
    f"select count(*) as k from {R} group by code having count(*) > 1",
    f"with a as (select code as v, count(*) as k from {R} group by code) select * from a where k > 1",
    f"with a as (select distinct code as v from {R}) select count(*) as k from a having count(*) > 1",
    f"with a as (select list(n) as l from {R} where id > 1) select l from a where len(l) > 1",
    f"with a as (select max(n) filter (where id > 1) as m from {R} where n > 1) select m from a where m > 1",
    f"with a as (select s from {R}) select s from a where s.deep > 1",
    f"select list_filter([id], lambda x: x > 1) as l from {R}",
    f"with recursive a as (select id from {R}) select * from a where id > 1",
    f"with a(x) as (select id from {R}) select * from a where x > 1",
    f"select * exclude (id) from {R} where id > 1",
    f"select id, n + 1 more from {R} where id > 1",
    "select id from others where id > 1",
    "with things as (select 1 as id) select id from things where id > 1",
    f"pivot {R} on code using sum(n)",
]
ALONE = [
    f"select id from {R} where random() > 2",
    f"select id from {R} tablesample 10%",
    f"select id from {R}; select 1",
    "",
]
REFUSED = [
    f"select missing from {R} where id > 1",
    f"with a as (select missing as x, id from {R}) select id from a where id > 5",
    f"with a as (select count(missing) as x, max(id) as m from {R}) select m from a where m > 5",
    f"select id from {R} where max(id) > 1",
    f"with a as (select id as x from {R}) select x from a where id > 1",
    f"select x.id from (select * from {R} where n > 1) x where things.id > 1",
]
HARMLESS = [
    f"select id + 1 as missing from {R} where missing > 2",
    f"select id + 1 as n from {R} where n > 2",
    f"select things.id from {R} where things.id > 1",
]


def of(sql: str, **config: Any) -> tuple[Node, Measure | None]:
    test = replace(node(config, "t", resource_type="test"), config=config)
    relation = "read_csv('x.csv')" if "read_csv" in sql else R
    return test, measured(test, sql, relation, writer("duckdb"))


@pytest.fixture
def things() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(ROWS)
    connection.execute("create table others as select * from things")
    connection.execute("create macro read_csv(x) as table select * from things")
    return connection


def same(connection: duckdb.DuckDBPyConnection, sql: str, **config: Any) -> None:
    """The query gives the same alone and in the query for all."""
    test, measure = of(sql, **config)
    assert measure is not None
    alone = data_tests.verdict(test, Answer(rows=tuple(connection.execute(data_tests.question(test, sql)).fetchall())))
    relation = "read_csv('x.csv')" if "read_csv" in sql else R
    found = outcomes(relation, [measure], lambda text: connection.execute(text).fetchall()[0])[0]
    assert found == alone or (found is None and alone.failures)


@pytest.mark.parametrize("sql", AGGREGATES)
def test_aggregates(sql: str, things: duckdb.DuckDBPyConnection) -> None:
    measure = of(sql)[1]
    assert measure is not None
    assert measure.expressions
    assert not measure.queries
    for config in (
        {},
        {"limit": 1},
        {"warn_if": "> 1", "error_if": "> 2"},
        {"warn_if": "in (1, 2)"},
        {"severity": "warn"},
    ):
        same(things, sql, **config)
        things.execute("delete from things where id is null")
    things.execute("delete from things")
    same(things, sql)


@pytest.mark.parametrize("sql", ASKED)
def test_asked_along(sql: str, things: duckdb.DuckDBPyConnection) -> None:
    measure = of(sql)[1]
    assert measure is not None
    assert not measure.expressions
    same(things, sql)


@pytest.mark.parametrize("sql", ALONE)
def test_alone(sql: str) -> None:
    assert of(sql)[1] is None


@pytest.mark.parametrize("sql", REFUSED)
def test_what_the_engine_refuses_alone_it_refuses_with_others(sql: str, things: duckdb.DuckDBPyConnection) -> None:
    test, measure = of(sql)
    assert measure is not None
    with pytest.raises(duckdb.Error):
        things.execute(data_tests.question(test, sql))
    with pytest.raises(duckdb.Error):
        things.execute(fused(R, [measure]).sql)


@pytest.mark.parametrize("sql", HARMLESS)
def test_names_that_the_engine_finds_in_its_own_way(sql: str, things: duckdb.DuckDBPyConnection) -> None:
    try:
        same(things, sql)
    except duckdb.Error:
        # It is asked alone then.
        test, _ = of(sql)
        things.execute(data_tests.question(test, sql))


@pytest.mark.parametrize("calculation", [
    "sum(id)", "coalesce(sum(id), 0) + count(distinct n)", "max(dbt_internal_test.id)", "count(*) * 2", "min(-id)",
])  # fmt: skip
def test_calculations_over_rows(calculation: str, things: duckdb.DuckDBPyConnection) -> None:
    for sql in [*AGGREGATES[:2], f"with a as (select n as id, id as n from {R}) select * from a where n > 1"]:
        measure = of(sql, fail_calc=calculation, warn_if="> 2")[1]
        assert measure is not None
        assert measure.expressions
        same(things, sql, fail_calc=calculation, warn_if="> 2")
    for unclear in ({"limit": 1}, {"warn_if": "in (1, 2)"}):
        measure = of(AGGREGATES[0], fail_calc=calculation, **unclear)[1]
        assert measure is not None
        assert measure.queries


@pytest.mark.parametrize("calculation", ["sum(missing)", "sum(id) filter (where n > 1)", "count(*)::int"])
def test_calculations_that_are_asked_along(calculation: str) -> None:
    measure = of(f"select id, n from {R} where id > 1", fail_calc=calculation, error_if="between 1 and 5")[1]
    assert measure is not None
    assert measure.queries


@pytest.mark.parametrize("config", [
    {"fail_calc": "id"}, {"fail_calc": "count(*) over ()"}, {"fail_calc": "count(*), 7"}, {"fail_calc": "(select 5)"},
    {"fail_calc": "count(*) -- rows"}, {"fail_calc": "unheard_of(id)"}, {"error_if": "!= 0, 1"}, {"warn_if": "> 1 -- few"},
    {"warn_if": "> 1 as x"},
])  # fmt: skip
def test_what_may_not_give_one_row_of_three_is_asked_alone(config: dict[str, Any]) -> None:
    """Other rows or columns would be taken for those of the tests beside it."""
    assert of(f"select id, n from {R} where id > 1 order by id", **config)[1] is None


def test_a_header_is_for_a_test_alone() -> None:
    assert of(f"select id from {R}", sql_header="set x = 1")[1] is None


def test_what_is_equal_is_asked_once() -> None:
    def nothing(values: tuple[Any, ...]) -> None:
        return None

    query = Query("select 1, 2", 2)
    asked = fused(R, [Measure(("a", "b"), nothing), Measure(("b",), nothing, (query,)), Measure((), nothing, (query,))])
    assert asked.places == ((0, 1), (1, 2, 3), (2, 3))
    assert asked.sql.count("select 1, 2") == 1
    assert asked.values(1, ("A", "B", "C", "D")) == ("B", "C", "D")


@pytest.mark.parametrize("collation", ["", "collate nocase", "collate noaccent", "collate de"])
def test_texts_are_unique_as_their_collation_says(collation: str) -> None:
    test = node({}, "t", resource_type="test")
    limits = limits_of(test)
    assert limits is not None
    for added in ("'K5'", "'\u00e95'", "'k5'", "'other'"):
        connection = duckdb.connect()
        connection.execute(f"create table t (x varchar {collation})")
        connection.execute(f"insert into t select 'k' || i from range({FEW + 1}) as r(i)")
        connection.execute(f"insert into t select 'e' || i from range({FEW + 1}) as r(i)")
        connection.execute(f"insert into t values ({added})")
        measure = unique(limits, "x", "duckdb", FEW + 1)
        assert measure is not None
        failing = connection.execute("select count(*) from (select x from t group by x having count(*) > 1)").fetchall()
        found = outcomes("t", [measure], lambda sql, asked=connection: asked.execute(sql).fetchall()[0])[0]  # type: ignore[misc]
        assert found is None if failing[0][0] or collation else found == limits.outcome(0), (collation, added)


@pytest.mark.parametrize(("values", "passes"), [
    ("i", True), ("i % 20000", True), ("(i % 19999)", False), ("i * 1000000000000", True), ("i::hugeint - 10", True),
    ("i / 3", True), ("(i / 3)::decimal(9, 0)", False), ("'k' || i % 19999", False), ("date '2000-01-01' + i::int", True),
    ("case when i > 3 then 'k' || i end", True), ("case when i > 3 then 'k' || greatest(i, 5) end", False),
    ("case when i > 3 then greatest(i, 5) end", False), ("nullif(i, i)", True), ("uuid()", True), ("case when i > 3 then i end", True), ("-i", True), ("i = 1", False),
    ("'C-' || lpad(i::varchar, 8, '0')", True), ("'C-' || lpad((i // 2)::varchar, 8, '0')", False),
    ("case when i > 0 then 'K' || i else 'K01' end", True), ("'K' || (i - 5)", True), ("'K' || i || 'e' || i % 7", True),
    ("md5(i::varchar)", True), ("repeat('7', 1 + i::int % 100) || i", True), ("i::varchar", True), ("'1'", False),
    ("'ää' || i", True), ("case when i = 7 then '' else i::varchar end", True),
])  # fmt: skip
def test_many_values_of_each_type(values: str, passes: bool) -> None:
    limits = limits_of(node({}, "t", resource_type="test"))
    assert limits is not None
    connection = duckdb.connect()
    connection.execute(f"create table t as select {values} as x from range(20000) as r(i)")
    measure = unique(limits, "x", "duckdb", FEW + 1)
    assert measure is not None
    found = outcomes("t", [measure], lambda sql: connection.execute(sql).fetchall()[0])[0]
    assert (found is not None and found.verdict == "pass") is passes


def test_texts_that_end_in_numbers_take_no_table_of_all_texts() -> None:
    limits = limits_of(node({}, "t", resource_type="test"))
    assert limits is not None
    connection = duckdb.connect()
    connection.execute("create table t as select 'C-' || i as x from range(20000) as r(i)")
    measure = unique(limits, "x", "duckdb", FEW + 1)
    assert measure is not None
    asked: list[str] = []

    def row_of(sql: str) -> tuple[object, ...]:
        asked.append(sql)
        row: tuple[object, ...] = connection.execute(sql).fetchall()[0]
        return row

    assert outcomes("t", [measure], row_of) == (limits.outcome(0),)
    assert not any("distinct" in sql for sql in asked)
