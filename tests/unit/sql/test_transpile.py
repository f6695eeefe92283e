"""One engine's SQL in another's words: what is adjusted, what is refused, and where."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot

from eltbuild.sql.stand_ins import STATEMENTS
from eltbuild.sql.translated_terms import Refused
from eltbuild.sql.translated_times import parts_of, strftime_of
from eltbuild.sql.transpile import Untranslatable, place_of, transpiled, type_in, value_in


def asked(query: str, source: str = "postgres") -> list[tuple[object, ...]]:
    return duckdb.execute(transpiled(query, source, "duckdb")).fetchall()


def test_the_same_dialect_is_left_untouched():
    query = "select  1 -- as it is\n"
    assert transpiled(query, "duckdb", "duckdb") is query


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7 / 2", 3), ("-7 / 2", -3), ("7 / 2.0", 3.5), ("(7 / 2) / 2", 1), ("sum(7) / count(*)", 7),
        ("round(1.00005::numeric * 100000)", 100005), ("extract(second from timestamp '2024-01-01 00:00:01.5')", 1.5),
        ("to_char(date '2024-03-05', 'FMDay, DD Mon YYYY')", "Tuesday, 05 Mar 2024"), ("'abc' similar to '_b%'", True),
        ("substring('foobar' from 'o.b')", "oob"), ("substring('v 3.12.4-b' from '([0-9]+\\.\\d+)')", "3.12"),
        ("substring('a' from 'b(.)')", None), ("substring('ab' from 'a(x*)b')", ""), ("substring('foo' from 'x')", None),
        (r"'100%' like '100\%'", True), (r"'100x' not like '100\%'", True), (r"'A%' ilike 'a' || '\%'", True),
        (r"'a%' like 'a!%' escape '!'", True), ("round(2.5::float8)", 2), ("round(-0.5::float8)", 0),
        ("round(3.5::float8)", 4), ("round(2.5)", 3),
        ("percentile_cont(0.5) within group (order by 1.505::numeric(4,3))", 1.505),
        ("(1, null) in ((1, null), (2, 3))", None), ("(1, 2) in ((3, 4), (1, 2))", True),
        ("(1, null::int) = (1, null)", None), ("(1, 2) <> (1, 3)", True),
        ("2 = any(array[1, null])", None), ("1 = any('{1,2}'::int[])", True), ("2 <> all(array[1, 3])", True),
        ("2 <> all(array[1, null])", None), ("1 = any(select 1)", True),
        ("1 = any(null::int[])", None), ("array_length(array[]::int[], 1)", None),
        ("array_length(array[4, 5], 1)", 2), ("'{1, NULL, 3}'::int[]", [1, None, 3]), ("'{}'::text[]", []),
        (r"""'{"a,b","c\"d",e f}'::text[]""", ["a,b", 'c"d', "e f"]),
    ],
)  # fmt: skip
def test_what_the_warehouse_means(expression: str, value: object) -> None:
    assert asked(f"select {expression}") == [(value,)]


def test_a_division_is_typed_only_where_the_dialect_has_that():
    assert "//" not in transpiled("select a / b from t", "mysql", "duckdb")
    assert "//" in transpiled("select a / b from t", "trino", "duckdb")


@pytest.mark.parametrize(
    ("query", "line", "column"),
    [
        ("select 1,\n  to_char(x, 'CC') from t", 2, 3),
        ("select a,\n   b similar to c from t", 2, 4),
        ("select a || '{\"b\": 1}' from t", 1, 8),
        ("select jsonb_build_object('a', b)::text from t", 1, 27),
        ("select pg_typeof(a) from t", 1, 8),
    ],
)
def test_what_has_no_equal_is_refused_with_its_place(query: str, line: int, column: int) -> None:
    with pytest.raises(Untranslatable, match="has no equal") as caught:
        transpiled(query, "postgres", "duckdb")
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("query", ["select from from", "create table t (a int)", "select 1; select 2", "grant x to y"])
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(Untranslatable):
        transpiled(query, "postgres", "duckdb") and asked(query)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("numeric", "DECIMAL(38, 10)"), ("numeric(10,2)", "DECIMAL(10, 2)"), ("jsonb", "JSON"), ("text[]", "TEXT[]"),
        ("timestamp with time zone", "TIMESTAMPTZ"), ("my_enum", ""), ("citext", ""), ("money", ""), ("", ""),
        ("no type at all", ""),
    ],
)  # fmt: skip
def test_types(name: str, expected: str) -> None:
    assert type_in(name, "postgres", "duckdb") == expected
    if expected:
        duckdb.execute(f"select cast(null as {expected})").fetchall()


def test_patterns_of_times():
    assert strftime_of('YYYY-MM-DD"T"HH24:MI:SS.US') == "%Y-%m-%dT%H:%M:%S.%f"
    assert strftime_of("yyyymmdd 100%") == "%Y%m%d 100%%"
    assert [calculated for _, calculated in parts_of('YYYY-"Q"Q')] == [False, False, False, True]
    for pattern in ("W", "YYYYth", "OF", "CC"):
        with pytest.raises(Refused):
            parts_of(pattern)
    with pytest.raises(Refused):
        strftime_of("Month")


def test_the_place_of_a_word_is_that_in_the_code():
    assert place_of("select 'foo', -- foo\n  FOO(1)", "postgres", "foo") == (2, 3)
    assert place_of("select 1", "postgres", "foo") == (0, 0)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("{1,NULL,3}", "INTEGER[]", ["1", None, "3"]), ("{}", "VARCHAR[]", []), ("{1}", "VARCHAR", "{1}"),
        ("[1, 2]", "INTEGER[]", "[1, 2]"), ("{{1},{2}}", "INTEGER[][]", "{{1},{2}}"), (7, "INTEGER", 7),
        (r"\xAB01", "BLOB", r"\xAB\x01"), (r"\xAB01", "VARCHAR", r"\xAB01"), ("plain", "BLOB", "plain"),
    ],
)  # fmt: skip
def test_values_as_the_warehouse_writes_them(value: object, kind: str, expected: object) -> None:
    assert value_in(value, kind, "postgres", "duckdb") == expected
    assert value_in(value, kind, "duckdb", "duckdb") == value


def test_columns_without_a_name_have_that_of_the_warehouse():
    text = transpiled("select count(*), s::text, n + 1, n / 2 from t group by s", "postgres", "duckdb")
    assert [select.alias for select in sqlglot.parse_one(text, read="duckdb").selects][:3] == ["count", "s", "?column?"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("coalesce(d->>'none', d->'a'->>'b', d->'a'->>'c')", "1"),
        ("coalesce(d->'a'->>'b' = '1', false)", True),
        ("nullif(d->'a'::text->>'b'::text, '')", "1"),
        ("coalesce(d->'l'->>0 || '!', '')", "x!"),
    ],
)
def test_an_arrow_as_an_argument_is_no_lambda(expression: str, value: object) -> None:
    made = 'with t as (select \'{"a": {"b": 1}, "l": ["x"]}\'::json as d)'
    text = transpiled(f"{made} select {expression} from t", "postgres", "duckdb")
    assert "LAMBDA" not in text
    with duckdb.connect() as connection:
        for statement in STATEMENTS["postgres", "duckdb"]:
            connection.execute(statement)
        assert connection.execute(text).fetchall() == [(value,)]
