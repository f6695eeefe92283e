"""Which numbers are decimals in one engine and floats in another, through CTEs and subqueries."""

from __future__ import annotations

from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from eltbuild.relation import Column
from eltbuild.sql.exactness import exact_places, first_place, sized

TABLES = {
    "o": [Column("n", "INTEGER"), Column("m", "DECIMAL(10,2)"), Column("f", "DOUBLE"), Column("x", ""), Column("s", "VARCHAR")]
}  # fmt: skip


def rounded(query: str) -> list[bool]:
    """Of what `round` is given: whether each is known to be exact."""
    tree: Any = sqlglot.parse_one(query, read="postgres")
    places = exact_places(tree, "postgres", "duckdb", lambda: TABLES)
    return [(type(node.this).__name__, first_place(node.this)) in places for node in tree.find_all(exp.Round)]


@pytest.mark.parametrize(
    ("expression", "exact"),
    [
        ("avg(n)", True), ("avg(m)", True), ("avg(f)", False), ("avg(x)", False), ("m / 3", True), ("n / 2.0", True),
        ("n / f", False), ("avg(n) * 2", True), ("coalesce(avg(n), 0)", True), ("avg(n)::float8 / 2", False),
        ("stddev(n)", True), ("stddev(f)", False), ("sqrt(m / 2)", True), ("n / 2", False),
    ],
)  # fmt: skip
def test_what_is_exact(expression: str, exact: bool) -> None:
    assert rounded(f"select round({expression}) from o") == [exact]
    assert rounded(f"with a as (select {expression} as v from o) select round(v) from a") == [exact]
    assert rounded(f"select round(v) from (select {expression} as v from o) q") == [exact]


def test_a_query_without_a_doubt_is_not_looked_at():
    def never() -> Any:
        raise AssertionError

    for query in ("select round(m) from o", "select avg(n) from o"):
        assert exact_places(sqlglot.parse_one(query, read="postgres"), "postgres", "duckdb", never) == frozenset()


def test_a_query_that_is_not_understood_tells_nothing():
    assert rounded("select round(avg(q.nope)) from (select 1 as a) p") == [False]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("select m, m + 1 as p, coalesce(m, 0) as c, x::numeric(8, 3) as t, x::numeric as u from o", {"m", "t"}),
        ("select * from (values (1.5)) v(a)", set()),
        ("with a as (select m, max(m) as top from o group by 1) select * from a", {"m"}),
        ("select m from o union all select x::numeric(9, 1) from o", set()),
        ("select m from o union all select x::numeric(10, 2) from o", {"m"}),
        ("select m from o union all select x from o", set()), ("select (m) as k, bare from w", set()),
        ("select from from", set()),
    ],
)  # fmt: skip
def test_decimals_that_keep_a_size(query: str, names: set[str]) -> None:
    tables = {**TABLES, "w": [Column("m", "DECIMAL(38, 10)"), Column("bare", "DECIMAL(38,10)")]}
    assert sized(query, "postgres", tables, "DECIMAL(38, 10)") == names
