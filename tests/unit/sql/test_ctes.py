"""Common table expressions in front of any query; strings and comments seen for what they are."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot
from effort import steps
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.sql.ctes import insertion, with_ctes
from eltbuild.sql.scan import code, mentions, stays_inside, without_end

ONE = [("__dbt__cte__a", "select 1 as x -- the first;")]
TWO = [*ONE, ("__dbt__cte__b", "select x + 1 as x from __dbt__cte__a;")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select x from __dbt__cte__b", [(2,)]),
        ("  -- with nothing\n/* with */ select x from __dbt__cte__b", [(2,)]),
        ("with c as (select x from __dbt__cte__b) select x from c", [(2,)]),
        ("-- hello\nWITH\n c as (select x from __dbt__cte__b) select x from c -- end", [(2,)]),
        ("/* with /* nested */ */ With c as (select x from __dbt__cte__b) select x from c", [(2,)]),
        (
            "with recursive c as (select x from __dbt__cte__b union all select x + 1 from c where x < 4) from c",
            [(2,), (3,), (4,)],
        ),
        (
            "with -- not recursive\n recursive c as (select 3 as y) select y from c, __dbt__cte__b where x = 2",
            [(3,)],
        ),
        ("(select x from __dbt__cte__b)", [(2,)]),
        ("from __dbt__cte__b", [(2,)]),
        ("select x from __dbt__cte__b union all (select 7)", [(2,), (7,)]),
    ],
)
def test_the_query_sees_the_ctes(query: str, expected: list[tuple[int, ...]]) -> None:
    made = with_ctes(query, TWO, "duckdb")
    assert sorted(duckdb.sql(made).fetchall()) == expected
    assert sqlglot.parse_one(made, dialect="duckdb")


def test_without_ctes_nothing_changes() -> None:
    assert with_ctes("select 1", []) == "select 1"


def test_what_only_looks_like_with() -> None:
    assert with_ctes("select 'with'", ONE).startswith("with __dbt__cte__a as (")
    assert with_ctes("withdrawals", ONE) == f"with __dbt__cte__a as (\n{without_end(ONE[0][1])}\n)\nwithdrawals"


def test_where_the_text_goes_is_told() -> None:
    offset, text = insertion("-- c\nwith c as (select 1) select * from c", ONE)
    assert (offset, text.count("\n")) == (len("-- c\nwith"), 2)


@pytest.mark.parametrize(
    ("sql", "dialect", "kept"),
    [
        ("select 'it''s -- no' -- yes", "duckdb", "select  "),
        ("select 'a\\' || 'b'", "duckdb", "select  || "),
        ("select 'a\\'b' || 'c'", "bigquery", "select  || "),
        ("select E'a\\'b' || 1", "postgres", "select  || 1"),
        ("select $$ ' -- $$ || $a$ $$ ' $a$ + 1", "postgres", "select  ||  + 1"),
        ("select a$1, b$2", "duckdb", "select a$1, b$2"),
        ("select 1 /* a /* b */ + 2 */", "duckdb", "select 1 "),
        ("select 1 /* a /* b */ + 2", "snowflake", "select 1  + 2"),
        ("select 1 # c\n+ 2", "bigquery", "select 1 \n+ 2"),
        ("select 1 # 2", "postgres", "select 1 # 2"),
        ('select "a;""b" + `c;d`', "spark", "select  + "),
        ('select """a " b""" + 1', "bigquery", "select  + 1"),
        ("select 'open", "duckdb", "select "),
        ("select 1 /* open", "duckdb", "select 1 "),
    ],
)
def test_what_is_code(sql: str, dialect: str, kept: str) -> None:
    assert "".join(sql[start:end] for start, end in code(sql, dialect)) == kept


PIECES = st.sampled_from([*"ab;'\"`$-/*# \n\\eE", "$$", "--", "/*", "*/", "''"])


@given(st.lists(PIECES, max_size=40).map("".join), st.sampled_from(["duckdb", "bigquery", "snowflake"]))
def test_any_text_is_scanned_and_only_ends_are_blanked(sql: str, dialect: str) -> None:
    stretches = list(code(sql, dialect))
    assert all(start < end for start, end in stretches)
    assert stretches == sorted(stretches)
    trimmed = without_end(sql, dialect)
    assert len(trimmed) == len(sql)
    assert all(a == b or (a, b) == (";", " ") for a, b in zip(sql, trimmed, strict=True))
    assert without_end(trimmed, dialect) == trimmed


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1; -- x ;", "select 1  -- x ;"),
        ("select ';'", "select ';'"),
        ("select 1; select 2;", "select 1; select 2 "),
        ("select 1; 'x'", "select 1; 'x'"),
        ("select 1; -- c\nselect 2;", "select 1; -- c\nselect 2 "),
        ("select 1;;\n ; /* ; */ ;", "select 1  \n   /* ; */  "),
    ],
)
def test_ends_of_statements(sql: str, expected: str) -> None:
    assert without_end(sql, "duckdb") == expected


@pytest.mark.parametrize("piece", ["'", '"', "/*", "$$", "$a$", "--", "''", "E'\\", ";", "/* */", "`", "a;b "])
def test_long_texts_take_time_in_proportion(piece: str) -> None:
    def effort(times: int) -> int:
        sql = piece * times
        return steps(lambda: (without_end(sql, "duckdb"), with_ctes(sql, ONE, "bigquery")))

    assert effort(8000) < 5 * effort(2000) + 1000
    assert without_end(piece * 100_000, "duckdb")  # what the matching of patterns does shows in no step


def test_mentions_errs_on_the_side_of_yes() -> None:
    assert mentions('select * from "ORDERS"', "orders")
    assert mentions("-- orders", "Orders")
    assert not mentions("select 1", "orders")


@pytest.mark.parametrize(
    ("sql", "inside"),
    [
        ("select (1)", True), ("select 1;", True), ("select ')' as \"a)\" -- )", True), ("select 1 /* ; ) */ ;", True),
        ("select 1; select 2", False), ("select 1) as a; drop table t; select * from (select 1", False),
        ("select 1) -- (", False), ("select (1", False), ("select 1; 'x'", False),
    ],
)  # fmt: skip
def test_what_stays_inside_parentheses_around_it(sql: str, inside: bool) -> None:
    assert stays_inside(sql, "duckdb") is inside
