"""What the query of a model proves of a test, and what it does not; where it does, the engine finds no failing row."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import duckdb
import pytest
from planning import CAPABILITIES, node
from unit.quality.proven_queries import Maker

from eltbuild.project.resources import ColumnSpec, Node, TestCase
from eltbuild.quality import data_tests
from eltbuild.quality.measures.proven import proof

RELATION = '"w"."main"."orders"'
PARENT = '"w"."main"."customers"'


def written(name: str, column: str, model: str = RELATION, **arguments: Any) -> tuple[Node, str]:
    """A built-in test of a column, and its text."""
    if name == "not_null":
        text = f"select {column}\nfrom {model}\nwhere {column} is null"
    elif name == "unique":
        text = (
            f"select\n    {column} as unique_field,\n    count(*) as n_records\n\nfrom {model}\n"
            f"where {column} is not null\ngroup by {column}\nhaving count(*) > 1"
        )
    elif name == "accepted_values":
        text = (
            f"with all_values as (\n\n    select\n        {column} as value_field,\n        count(*) as n_records\n\n"
            f"    from {model}\n    group by {column}\n\n)\n\n"
            f"select *\nfrom all_values\nwhere value_field not in (\n    {arguments['values']}\n)"
        )
    else:
        text = (
            f"with child as (\n    select {column} as from_field\n    from {model}\n"
            f"    where {column} is not null\n),\n\nparent as (\n    select id as to_field\n    from {PARENT}\n)\n\n"
            "select\n    from_field\n\nfrom child\nleft join parent\n    on child.from_field = parent.to_field\n\n"
            "where parent.to_field is null"
        )
    case = TestCase(name, kwargs={"column_name": column, "field": "id"}, column_name=column)
    return replace(node({}, f"{name}_{column}", resource_type="test"), test=case), text


def shown(query: str, name: str, column: str, dialect: str = "duckdb", **arguments: Any) -> str | None:
    test, sql = written(name, column, **arguments)
    model = node({"materialized": "table"}, "orders")
    return proof(test, sql, RELATION, model, query, dialect, CAPABILITIES["postgres"])


PROVEN = [
    ("unique", "id", "select id, count(*) as n from raw group by id"),
    ("unique", "id", "select r.id as id, max(n) as n from raw as r where n > 0 group by r.id having count(*) > 1"),
    ("unique", "id", "select id, count(*) as n from raw group by 1"),
    ("unique", "key", "select lower(code) as key, count(*) as n from raw group by 1"),
    ("unique", "id", "select distinct id from raw"),
    ("unique", "n", "select count(*) as n, max(id) as id from raw"),
    ("unique", "id", "with a as (select id from raw group by id), b as (select * from a where id > 2) select * from b"),
    ("unique", "id", "select id, n from raw qualify row_number() over (partition by id order by n) = 1"),
    ("unique", "id", "with a as (select id, n, row_number() over (partition by id order by n) as rn from raw) "
                     "select id, n from a where rn = 1"),
    ("unique", "other", "with s as (select id, n from raw), a as (select *, row_number() over (partition by id order by n)"
                        " as rn from s) select id as other, n from a where rn = 1 and n > 0"),
    ("not_null", "id", "select id, count(*) as n from raw where id is not null group by id"),
    ("not_null", "n", "select id, count(*) as n from raw group by id"),
    ("not_null", "n", "select coalesce(n, 0) as n from raw"),
    ("not_null", "n", "select coalesce(n, id) as n from raw where id > 3"),
    ("not_null", "n", "select case when n > 1 then 'a' when n > 0 then 'b' else 'c' end as n from raw"),
    ("not_null", "id", "with a as (select * from raw where id is not null) select * from a"),
    ("not_null", "id", "select r.id from raw r join others o on r.id = o.id left join others p on p.id = o.id"),
    ("not_null", "rn", "select row_number() over (order by id) as rn from raw"),
    ("not_null", "id", "select id from raw where id in (1, 2)"),
    ("accepted_values", "kind", "select case when n > 1 then 'a' when n > 0 then null else 'b' end as kind from raw"),
    ("accepted_values", "code", "select code from raw where code in ('a', 'b')"),
    ("accepted_values", "code", "with a as (select code from raw where code = 'a') select code from a where true"),
    ("accepted_values", "kind", "select k.kind from raw left join (select 'b' as kind, 1 as id) as k on k.id = raw.id"),
    ("relationships", "cid", f"select c.id as cid from raw r left join {PARENT} c on c.id = r.id"),
    ("relationships", "cid", f"select r.id as cid from raw as r join {PARENT} as c on r.id = c.id"),
    ("relationships", "cid", f"with c as (select * from {PARENT} where id > 1), f as (select r.id as cid, c.id as other "
                             "from raw as r join c on r.id = c.id) select * from f"),
]  # fmt: skip

NOT_PROVEN = [
    ("not_null", "id", "select id from raw where id >= all (select n from others where false)"),
    ("not_null", "id", "select a.id from raw a join others b on b.id <= all (select n from others where false)"),
    ("unique", "id", "with a as (select distinct id from raw) select id from a, (select 1 as y union all select 2) l"),
    ("unique", "id", "select distinct on (n) id from raw"),
    ("unique", "id", "select coalesce(id, 0) as id, count(*) as c from raw group by id"),
    ("unique", "id", "select cast(id as boolean) as id, count(*) as c from raw group by raw.id"),
    ("unique", "id", "select id, count(*) as c from raw group by all"),
    ("unique", "id", "select id from raw qualify row_number() over (partition by id order by n) = 1 or n > 1"),
    ("unique", "id", "select n as id from raw qualify row_number() over (partition by id order by n) = 1"),
    ("not_null", "id", "select id, count(*) as c from raw where id is not null group by cube (id)"),
    ("not_null", "id", "select r.id from raw r full join others o on r.id = o.id and r.id is not null"),
    ("not_null", "c", "select count(*) filter (where id > 1) + null as c from raw"),
    ("relationships", "cid", f"select r.id as cid from raw r join (select id + 1 as id from {PARENT}) c on r.id = c.id"),
    ("relationships", "cid", "with customers as (select 99 as id) select r.id as cid from raw r join customers c on r.id = c.id"),
    ("relationships", "cid", f"select r.id as cid from raw r join {PARENT} c on r.id = c.id or true"),
    ("unique", "id", "select id, n, count(*) as c from raw group by id, n"),
    ("unique", "n", "select id, max(n) as n from raw group by id"),
    ("unique", "id", "select id + 0 as id from (select distinct id from raw) as a"),
    ("unique", "id", "select distinct id, n from raw"),
    ("unique", "id", "select id from raw group by id union all select id from others"),
    ("unique", "id", "select a.id from (select distinct id from raw) a join others o on true"),
    ("unique", "id", "select n as id, count(*) as c from raw group by id, n"),
    ("unique", "id", "select lower(code) as code, id from raw group by code, id"),
    ("unique", "code", "select lower(code) as code, count(*) as n from raw group by raw.code"),
    ("unique", "id", "select id, unnest([1, 2]) as u from raw group by id"),
    ("unique", "id", "with a as (select *, row_number() over (partition by id) as rn from raw) select id from a where rn = 1"),
    ("unique", "id", "with a as (select id, row_number() over (partition by n) as rn from raw) select id from a where rn = 1"),
    ("unique", "id", "with a as (select id, row_number() over (partition by id) as rn from raw) select id from a where rn <= 2"),
    ("unique", "id", "with a as (select id, rank() over (partition by id order by n) as rn from raw) "
                     "select id from a where rn = 1"),
    ("unique", "id", "select id, count(*) from raw group by rollup(id)"),
    ("unique", "id", "select id, sum(n) over () as n from raw"),
    ("not_null", "id", "select id, count(*) as n from raw group by id"),
    ("not_null", "id", "select id from raw where id is not null or n > 1"),
    ("not_null", "id", "select o.id from raw r left join others o on r.id = o.id"),
    ("not_null", "id", "select o.id from raw r left join (select id from others where id is not null) o on r.id = o.id"),
    ("not_null", "id", "select r.id from raw r join others o on r.id = o.id full join raw p on p.n = 7"),
    ("not_null", "id", "select id from raw where id is not distinct from n"),
    ("not_null", "id", "select nullif(coalesce(n, 0), 0) as id from raw"),
    ("not_null", "id", "select max(id) as id from raw where id is not null"),
    ("not_null", "id", "select case when n > 1 then 1 end as id from raw"),
    ("not_null", "id", "select id from raw where id is not null union all select null"),
    ("not_null", "id", "select try_cast(coalesce(code, 'x') as integer) as id from raw"),
    ("accepted_values", "kind", "select case when n > 1 then 'a' else 'z' end as kind from raw"),
    ("accepted_values", "kind", "select case when n > 1 then 'a' else code end as kind from raw"),
    ("accepted_values", "code", "select code from raw where code in ('a', 'z')"),
    ("accepted_values", "code", "select code from raw where code in (select code from others)"),
    ("accepted_values", "code", "select lower(code) as code from raw where code in ('a', 'b')"),
    ("accepted_values", "code", "select code from raw where code not in ('a', 'b')"),
    ("accepted_values", "code", "select code from raw where not code in ('a', 'b')"),
    ("accepted_values", "code", "select code from raw where not code = 'a'"),
    ("not_null", "id", "select id from raw where id is null"),
    ("not_null", "id", "select id from raw where not (id is not null)"),
    ("not_null", "id", "select id from raw where not (id is not null and n = 1)"),
    ("relationships", "cid", f"select r.id as cid from raw r left join {PARENT} c on c.id = r.id"),
    ("relationships", "cid", f"select r.id as cid from raw r join {PARENT} c on c.other = r.id"),
    ("relationships", "cid", "select r.id as cid from raw r join others c on c.id = r.id"),
    ("relationships", "cid", f"select r.id + 1 as cid from raw r join {PARENT} c on c.id = r.id"),
    ("relationships", "cid", f"select r.id as cid from {PARENT} c join others o on o.id = c.id right join raw r on c.id = r.id"),
]  # fmt: skip
VALUES = "'a','b'"


@pytest.mark.parametrize(("name", "column", "query"), PROVEN)
def test_what_is_proven_is_so(name: str, column: str, query: str) -> None:
    assert shown(query, name, column, values=VALUES)
    assert failures(query, name, column) == 0


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "snowflake", "bigquery"])
@pytest.mark.parametrize(("name", "column", "query"), NOT_PROVEN)
def test_what_is_not_certain(name: str, column: str, query: str, dialect: str) -> None:
    assert shown(query, name, column, dialect, values=VALUES) is None


def failures(query: str, name: str, column: str) -> int:
    """How many rows fail when the model's query meets rows of all kinds."""
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as w")
    connection.execute("use w")
    connection.execute("create or replace table raw as select * from (values (1, 1, 'a'), (1, 2, 'A'), (2, null, 'b'), "
                       "(null, 3, null), (null, 3, 'z'), (4, 0, 'b')) as v(id, n, code)")  # fmt: skip
    connection.execute(
        "create or replace table others as select * from (values (1, 'z'), (2, 'a'), (2, 'a')) v(id, code)"
    )
    connection.execute(
        f"create or replace table {PARENT} as select * from (values (1, 1), (2, 1), (2, 2)) as v(id, other)"
    )
    connection.execute(f"create or replace table {RELATION} as {query}")
    test, sql = written(name, column, values=VALUES)
    row = connection.execute(data_tests.question(test, sql)).fetchone()
    assert row is not None
    return int(row[0])


SMALL = (None, 0, 1, 1, 2, 3)
CODES = (None, "a", "b", "A", "z")


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_proven_passes_when_it_is_asked(seed: int) -> None:
    random = Random(seed)
    maker = Maker(random)
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as w")
    connection.execute("use w")
    told = 0
    for number in range(200):
        if number % 20 == 0:
            for table in ("raw", "others", PARENT):
                rows = [(random.choice(SMALL), random.choice(SMALL), random.choice(CODES)) for _ in range(number % 9)]
                connection.execute(f"create or replace table {table} (id integer, n integer, code varchar)")
                for row in rows:
                    connection.execute(f"insert into {table} values (?, ?, ?)", row)
        query = maker.query()
        found = [(name, column) for name in ("unique", "not_null", "accepted_values", "relationships")
                 for column in ("id", "n", "code") if shown(query, name, column, values=VALUES)]  # fmt: skip
        if not found:
            continue
        try:
            connection.execute(f"create or replace table {RELATION} as {query}")
        except duckdb.Error:
            continue
        for name, column in found:
            test, sql = written(name, column, values=VALUES)
            try:
                row = connection.execute(data_tests.question(test, sql)).fetchone()
            except duckdb.Error:
                continue  # it has no such column, or its type is another
            assert row is not None
            assert row[0] == 0, (name, column, query)
            told += 1
    assert told > 50


def test_names_between_quotes_are_others_where_the_engine_says_so() -> None:
    query = 'select id from raw where "Id" is not null'
    assert shown(query, "not_null", "id", "postgres") is None
    assert shown(query.replace("Id", "id"), "not_null", "ID", "postgres")


@pytest.mark.parametrize("config", [{"materialized": "incremental"}, {"materialized": "table", "post-hook": ["x"]}])
def test_a_relation_that_may_hold_other_rows(config: dict[str, Any]) -> None:
    test, sql = written("unique", "id")
    query = "select distinct id from raw"
    assert proof(test, sql, RELATION, node(config, "orders"), query, "duckdb", CAPABILITIES["duckdb"]) is None


def test_limits_that_no_failure_breaks() -> None:
    test, sql = written("unique", "id")
    test = replace(test, config={"error_if": "= 0"})
    model = node({"materialized": "table"}, "orders")
    assert proof(test, sql, RELATION, model, "select distinct id from raw", "duckdb", CAPABILITIES["duckdb"]) is None


def test_a_test_that_a_macro_of_the_project_has_changed() -> None:
    test, sql = written("unique", "id")
    model = node({"materialized": "table"}, "orders")
    query = "select distinct id from raw"
    assert proof(test, sql + " -- changed", RELATION, model, query, "duckdb", CAPABILITIES["duckdb"]) is None


@pytest.mark.parametrize(("name", "kind", "engine", "told"), [
    ("not_null", "not_null", "duckdb", True), ("unique", "primary_key", "duckdb", True),
    ("unique", "not_null", "duckdb", False), ("unique", "unique", "snowflake", False),
])  # fmt: skip
def test_constraints_count_where_they_are_enforced(name: str, kind: str, engine: str, told: bool) -> None:
    config = {"materialized": "table", "contract": {"enforced": True}}
    columns = {"id": ColumnSpec("id", data_type="integer", constraints=({"type": kind},))}
    model = replace(node(config, "orders"), columns=columns)
    test, sql = written(name, "id")
    found = proof(test, sql, RELATION, model, "select distinct id from raw", "duckdb", CAPABILITIES[engine])
    assert (found is not None) is told
