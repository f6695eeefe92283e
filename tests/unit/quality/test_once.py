"""A view that many questions read is evaluated once, and they say what they said."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest
from planning import node

from eltbuild.quality.measures.once import ENOUGH, evaluated_once, is_costly

V = '"w"."main"."v"'
BESIDE = f"""with part_0 (a) as (
select count(*) from {V} where v.id > 1 -- not of {V}
), part_1 (a) as (
select count(*) from (select * from {V} where code <> '"w"."main"."v"') dbt_subquery
), part_2 (a) as (
with x as (select id from {V} as t where t.id > 1) select count(*) from x
), part_3 (a) as (
select count("v"."id") from {V}, "w"."main"."v2"
)
select part_0.a, part_1.a, part_2.a, part_3.a from part_0 cross join part_1 cross join part_2 cross join part_3"""


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as w")
    connection.execute("use w")
    connection.execute("create table t as select i as id, 'k' || i as code from range(7) as r(i)")
    connection.execute("create view v as select distinct id, code from t")
    connection.execute("create table v2 as select * from t limit 2")
    return connection


def test_it_says_the_same(connection: duckdb.DuckDBPyConnection) -> None:
    once = evaluated_once(BESIDE, V, "duckdb")
    assert once is not None
    assert once.startswith(f'with "v" as materialized (select * from {V}),\npart_0')
    assert once.count(V) == 3  # itself, in the comment, in the text
    assert once.count('"w"."main"."v2"') == 1
    assert connection.execute(once).fetchall() == connection.execute(BESIDE).fetchall() == [(5, 7, 5, 14)]


def test_a_question_without_a_with_clause(connection: duckdb.DuckDBPyConnection) -> None:
    sql = "select " + ", ".join(f"(select count(*) from {V})" for _ in range(ENOUGH))
    once = evaluated_once(sql, V, "duckdb")
    assert once is not None
    assert connection.execute(once).fetchall() == [(7,) * ENOUGH]


@pytest.mark.parametrize(("sql", "relation", "dialect"), [
    (f"select count(*) from {V}", V, "duckdb"),
    (BESIDE, V, "bigquery"),
    (BESIDE.replace(V, "v"), "v", "duckdb"),
    (BESIDE, "read_csv('x')", "duckdb"),
])  # fmt: skip
def test_what_would_not_pay_or_cannot_be_told(sql: str, relation: str, dialect: str) -> None:
    assert evaluated_once(sql, relation, dialect) is None


def test_names_without_quotes() -> None:
    sql = "select 1 from main.v, main.v v, main.vv, other.main.v, main.v as x, (select * from main.v where id > 1) y, main.v"
    once = evaluated_once(sql, "main.v", "postgres")
    assert once == (
        "with v as materialized (select * from main.v)\n"
        "select 1 from v, v v, main.vv, other.main.v, v as x, (select * from v where id > 1) y, v"
    )


@pytest.mark.parametrize(("config", "sql", "costly"), [
    ({"materialized": "view"}, "select * from a join b on true", True),
    ({"materialized": "view"}, "select id, count(*) from a\ngroup  by id", True),
    ({"materialized": "view"}, "select id, grouped from a where id > 1", False),
    ({"materialized": "table"}, "select * from a join b on true", False),
])  # fmt: skip
def test_which_views_are_worth_it(config: dict[str, str], sql: str, costly: bool) -> None:
    assert is_costly(replace(node(config, "v"), code=sql)) is costly
    assert not is_costly(None)
