"""Rows written out as queries come back from DuckDB as they were, typed as told or as they suggest."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning import CAPABILITIES, writer

from eltbuild.errors import CompileError
from eltbuild.relation import Column
from eltbuild.sql.inline import rows_query, suggested_type
from eltbuild.sql.writer import Writer

DUCKDB = duckdb.connect()


def back(columns: list[Column], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return DUCKDB.execute(rows_query(columns, rows, writer())).fetchall()


CASES: list[tuple[str, Any, Any]] = [
    ("INTEGER", 5, 5),
    ("INTEGER", "5", 5),
    ("HUGEINT", 2**127 - 1, 2**127 - 1),
    ("DECIMAL(10,2)", 1.5, Decimal("1.50")),
    ("DOUBLE", 0.1, 0.1),
    ("DOUBLE", float("inf"), float("inf")),
    ("BOOLEAN", False, False),
    ("VARCHAR", 'it\'s "q" \\ é\n;--', 'it\'s "q" \\ é\n;--'),
    ("VARCHAR", "", ""),
    ("VARCHAR", 12, "12"),
    ("DATE", date(2020, 1, 2), date(2020, 1, 2)),
    ("DATE", "2020-01-02", date(2020, 1, 2)),
    ("TIMESTAMP", date(2020, 1, 2), datetime(2020, 1, 2)),
    ("TIMESTAMP", datetime(2020, 1, 2, 3, 4, 5, 6), datetime(2020, 1, 2, 3, 4, 5, 6)),
    ("TIME", time(3, 4), time(3, 4)),
    ("INTEGER[]", [1, None, 2], [1, None, 2]),
    ("DATE[]", [date(2020, 1, 2)], [date(2020, 1, 2)]),
    ('STRUCT("a" INTEGER, "b" VARCHAR[])', {"a": 1, "b": ["x"]}, {"a": 1, "b": ["x"]}),
    ('STRUCT("a" INTEGER, "b" VARCHAR)', {"a": 1}, {"a": 1, "b": None}),
    (
        'STRUCT("a" INTEGER, "b" DATE)[]',
        [{"b": date(2020, 1, 2)}, {"a": 1}],
        [{"a": None, "b": date(2020, 1, 2)}, {"a": 1, "b": None}],
    ),
    ("VARCHAR[]", [1, "it's", True], ["1", "it's", "true"]),
    ("BOOLEAN[]", [True, None], [True, None]),
    ("INTEGER[][]", [[1], [], None], [[1], [], None]),
    ("MAP(VARCHAR, INTEGER)", {}, {}),
    ("VARCHAR", {"a": [1, True]}, '{"a": [1, true]}'),
    ("MAP(VARCHAR, INTEGER)", {"k": 1}, {"k": 1}),
    ("JSON", {"a": [1, None]}, '{"a": [1, null]}'),
    ("JSON", '{"a":1}', '{"a":1}'),
    ("ENUM('a', 'b')", "b", "b"),
]


@pytest.mark.parametrize(("kind", "value", "expected"), CASES, ids=lambda value: str(value)[:24].replace("\n", " "))
def test_values_take_the_type_of_their_column(kind, value, expected):
    columns = [Column("v", kind)]
    assert back(columns, [(value,), (None,)]) == [(expected,), (None,)]
    assert back(columns, [(None,), (value,)]) == [(None,), (expected,)]
    types = {row[1] for row in DUCKDB.execute(f"describe {rows_query(columns, [(None,)], writer())}").fetchall()}
    assert len(types) == 1
    assert types == {row[1] for row in DUCKDB.execute(f"describe {rows_query(columns, [], writer())}").fetchall()}


def test_no_rows_keep_the_columns():
    query = rows_query([Column("a b", "INTEGER"), Column("select", "DATE")], [], writer())
    assert DUCKDB.execute(query).fetchall() == []
    assert [part[0] for part in DUCKDB.description] == ["a b", "select"]


def test_dialects_without_values_get_one_select_a_row():
    query = rows_query([Column("a", "int64")], [(1,), (None,)], Writer("bigquery", CAPABILITIES["bigquery"]))
    assert query == (
        "select cast(`a` as int64) as `a`\nfrom (\n  select 1 as `a`\n  union all\n  select null as `a`\n) as given_rows"
    )


def test_lists_are_arrays_in_postgres_and_records_are_json():
    postgres = writer("postgres")
    query = rows_query([Column("a", "integer[]"), Column("j", "jsonb")], [([1, 2], {"k": "it's"}), ([], [1])], postgres)
    assert "cast(array[1, 2] as integer[]), cast('{\"k\": \"it''s\"}' as jsonb)" in query
    assert "cast('{}' as integer[]), cast('[1]' as jsonb)" in query


@pytest.mark.parametrize("value", [b"x", object(), {"a": b"x"}])
def test_what_sql_cannot_write_is_refused(value):
    with pytest.raises(CompileError, match="cannot be written as a SQL literal"):
        rows_query([Column("a", "VARCHAR")], [(value,)], writer())


SUGGESTIONS: list[tuple[list[Any], str]] = [
    ([None, None], ""),
    ([1, None], "bigint"),
    ([2**63], "decimal(38, 0)"),
    ([1, 1.5], "double"),
    ([True, None], "boolean"),
    ([True, 1], "varchar"),
    (["a", "2020-01-01"], "varchar"),
    (["1", "2"], "varchar"),
    (["2020-01-01", None], "date"),
    (["2020-01-01 10:00", "2020-01-01 10:00:00.5"], "timestamp"),
    (["2020-01-01T10:00:00Z", "2020-01-01 10:00:00+02:00"], "timestamptz"),
    ([date(2020, 1, 1)], "date"),
    ([date(2020, 1, 1), datetime(2020, 1, 1)], "timestamp"),
    ([datetime(2020, 1, 1, tzinfo=UTC)], "timestamptz"),
    ([[1], []], "bigint[]"),
    ([[], None], "varchar[]"),
    ([{"a": 1}, {"b": [True]}], 'struct("a" bigint, "b" boolean[])'),
    ([{}], "json"),
    ([{"a": 1}, 5], "varchar"),
]


@pytest.mark.parametrize(("values", "kind"), SUGGESTIONS, ids=[str(case[0])[:40] for case in SUGGESTIONS])
def test_types_that_values_suggest(values, kind):
    assert suggested_type(values, writer()) == kind
    rows = back([Column("v", kind)], [(value,) for value in values])
    assert len(rows) == len(values)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["1", "-2", None], "bigint"),
        (["1", "2.5", "1e3"], "double"),
        (["true", "FALSE"], "boolean"),
        (["1", "x"], "varchar"),
        (["007"], "bigint"),
        (["12345678901234567890"], "double"),
    ],
)
def test_words_of_csv_also_suggest_numbers(words, kind):
    assert suggested_type(words, writer(), words=True) == kind


values = st.one_of(
    st.none(),
    st.integers(-(2**62), 2**62),
    st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])),
)


@given(st.lists(st.tuples(values, values), max_size=6))
def test_any_text_and_number_comes_back(rows):
    texts = [(None if a is None else str(a), b if isinstance(b, int) else None) for a, b in rows]
    assert back([Column("a", "VARCHAR"), Column("b", "BIGINT")], texts) == texts
