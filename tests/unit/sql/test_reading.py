"""What a query reads and gives, by its text."""

from __future__ import annotations

import pytest

from eltbuild.relation import Column
from eltbuild.sql.reading import Reading, projected, reading_of, reads_nothing


def test_columns_are_told_by_the_table_they_are_read_from():
    found = reading_of(
        "with b as (select x, o.y from orders o join people p on o.id = p.oid where z > 1)"
        " select x, sum(y) as k from b group by k order by k",
        "duckdb",
    )
    assert found.columns == {"orders": ("y", "id"), "people": ("oid",)}
    assert sorted(found.loose) == [("x", ("orders", "people")), ("z", ("orders", "people"))]
    assert found.given == frozenset()
    assert found.names >= {"x", "y", "z", "id", "oid"}
    assert ("id", "oid") in found.equal


def test_stars_and_keys_that_have_one_name():
    found = reading_of("select a.*, b.c from A a join b using (id)", "postgres")
    assert found.given == {"a"}
    assert found.columns == {"a": ("id",), "b": ("c", "id")}
    assert ("id",) in found.equal
    assert reading_of("select * exclude (x), count(*) from t", "duckdb").given == {"t"}
    assert reading_of("select count(*) from t", "duckdb").given == frozenset()


def test_columns_are_followed_through_stars():
    query = (
        "with a as (select * from t), b as (select *, 1 as own from (select * from u) as inner_u where size > 1)"
        " select a.id, name, own, sum(b.qty) from a join b on a.id = b.id group by all"
    )
    found = reading_of(query, "duckdb")
    assert found.columns == {"t": ("id",), "u": ("size", "qty", "id")}
    assert found.loose == (("name", ("t", "u")),)
    assert found.given == frozenset()
    assert reading_of("with a as (select * from t) select * from a union all select * from u", "duckdb").given == {
        "t",
        "u",
    }


def test_what_columns_are_compared_with():
    query = "select case when a > 5 then 1 end from t where b = 'x' and c is null and d in (1, 2) and e = f and g >= date '2024-01-01'"
    found = reading_of(query, "duckdb").tested
    assert sorted(found) == [
        ("a", "> 5"), ("b", "= 'x'"), ("c", "is NULL"), ("d", "in (1, 2)"), ("g", ">= CAST('2024-01-01' AS DATE)"),
    ]  # fmt: skip


def test_what_is_not_understood_tells_nothing():
    assert reading_of("select from where", "duckdb") == Reading()
    assert projected("select from where", "duckdb", {}) == ()


def test_types_are_told_as_far_as_they_follow():
    known = {"t": [Column("id", "INTEGER"), Column("x"), Column("amount", "DECIMAL(10, 2)")]}
    query = "select id, x, x * 2 as twice, cast(x as date) as day, upper(x) as name, count(*) as n, amount / 3 as part from t"
    found = projected(query, "duckdb", known)
    assert [column.name for column in found] == ["id", "x", "twice", "day", "name", "n", "part"]
    assert [column.type for column in found][:6] == ["INT", "", "", "DATE", "TEXT", "BIGINT"]
    assert [column.name for column in projected("select * from t", "duckdb", known)] == ["id", "x", "amount"]
    assert projected("select * from elsewhere", "duckdb", known) == ()


@pytest.mark.parametrize(
    ("query", "nothing"),
    [
        ("select date '2024-01-04' - date '2024-01-01'", True), ("select * from t", False), ("select (select 1)", True),
        ("with a as (select 1 as x) select x from a", True), ("with a as (select 1) select * from s.a", False),
        ("select * from generate_series(1, 3) g", True), ("values (1)", False), ("drop table t", False),
        ("select from from", False), ("select 1 where exists (select 1 from t)", False), ("create table t as select 1", False),
    ],
)  # fmt: skip
def test_a_query_that_reads_no_table(query: str, nothing: bool) -> None:
    assert reads_nothing(query, "postgres") is nothing
