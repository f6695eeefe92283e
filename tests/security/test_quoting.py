"""Names and values reach SQL through the writer only: whatever stands in them, they come back as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from security.shop import Shop
from sqlglot.tokens import TokenType

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError
from eltbuild.relation import Column, Relation
from eltbuild.sql import rights
from eltbuild.sql.comments import comment_on, comment_on_columns
from eltbuild.sql.writer import Writer

ODD = [
    'a"b', "a'b", "a`b", "a[b]c", "a\\b", "a\\", "\\'; drop table t; --", "'; drop table t; --", '"; drop table t; --',
    "*/ drop table t; /*", "--", "a\nb", "a\r\nb", "a\tb", "{0}", "{name}", "{", "}", "%s", "%(x)s", "$1", "$$", "$a$",
    ":x", "?", "a;b", " a ", "ü", "日本語", "\u202e", "\u2028", "😀", "a.b", "select", "E'x", "{{ x }}", "{% x %}", "a\x07b",
]  # fmt: skip
DIALECTS = sorted(set(sqlglot.Dialect.classes) - {"", "prql", "solr", "dax", "tableau", "drill", "athena"})
"""Not those that are no SQL, nor Athena, whose statements are of two languages."""
names = st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text and text.isprintable())


def identifiers(sql: str, dialect: str) -> list[str]:
    return [token.text for token in sqlglot.tokenize(sql, read=dialect) if token.token_type is TokenType.IDENTIFIER]


def statements(writer: Writer, name: str, text: str) -> Iterator[str]:
    """Statements that hold the name, the text, or both."""
    place, column = Relation(name, name, name), Column(name, "text")
    yield writer.drop(place, "table")
    yield writer.drop(place, "view")
    yield writer.create_table_as(place, "select 1")
    yield writer.create_table(place, (writer.definition(column),))
    yield writer.add_column(place, column)
    yield writer.drop_column(place, name)
    yield writer.create_schema(place)
    yield writer.insert(place, [name], "select 1")
    yield writer.truncate(place)
    yield comment_on(writer, place, "table", text)
    yield from comment_on_columns(writer, place, "table", {name: text})


@pytest.mark.parametrize("name", ODD)
def test_odd_names_and_texts_stay_what_they_are_in_duckdb(name: str) -> None:
    writer = Writer("duckdb", Capabilities())
    place = Relation("memory", name, name)
    with duckdb.connect() as connection:
        connection.execute("create table t (x int)")
        for sql in (
            writer.create_schema(place), writer.create_table(place, (writer.definition(Column(name, "text")),)),
            comment_on(writer, place, "table", name), *comment_on_columns(writer, place, "table", {name: name}),
            f"insert into {writer.relation(place)} values ({writer.literal(name)})",
        ):  # fmt: skip
            connection.execute(sql)
        assert connection.execute(f"select {writer.quote(name)} from {writer.relation(place)}").fetchall() == [(name,)]
        found = connection.execute(
            "select schema_name, table_name, comment from duckdb_tables() where table_name <> 't'"
        )
        assert found.fetchall() == [(name, name, name)]
        assert connection.execute("select comment from duckdb_columns() where table_name <> 't'").fetchone() == (name,)
        connection.execute(writer.drop(place, "table"))
        assert connection.execute("select table_name from duckdb_tables()").fetchall() == [("t",)]


@given(names, st.text(max_size=30).filter(lambda text: "\0" not in text))
def test_any_name_and_any_text_come_back_from_duckdb(name: str, text: str) -> None:
    writer = Writer("duckdb", Capabilities())
    with duckdb.connect() as connection:
        row = connection.execute(f"select {writer.literal(text)} as {writer.quote(name)}")
        assert [column[0] for column in row.description] == [name]
        assert row.fetchall() == [(text,)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_name_and_no_text_ends_a_statement_in_any_dialect(dialect: str) -> None:
    writer = Writer(dialect, Capabilities())
    for name in ODD:
        if not name.isprintable():
            continue
        assert identifiers(writer.quote(name), dialect) == [name]
        for sql in statements(writer, name, name):
            tokens = sqlglot.tokenize(sql, read=dialect)
            assert TokenType.SEMICOLON not in [token.token_type for token in tokens], sql
            assert not any(token.comments for token in tokens), sql


@pytest.mark.parametrize("name", ["", "\0", "a\0b"])
def test_what_no_engine_can_hold_is_refused(name: str) -> None:
    writer = Writer("duckdb", Capabilities())
    with pytest.raises(CompileError):
        writer.quote(name)
    if name:
        with pytest.raises(CompileError):
            writer.literal(name)


@pytest.mark.parametrize(
    "privilege", ["select; drop table t", "select--", "select -- x", "select /* */", "'", "", "a\nb"]
)
def test_what_is_no_privilege_is_refused(privilege: str) -> None:
    with pytest.raises(CompileError, match="no privilege"):
        rights.grant(Writer("postgres", Capabilities()), privilege, Relation(None, "s", "t"), "table", ["reader"])


@pytest.mark.parametrize("name", ['x"; drop table t; --', "x; drop table t", "x' y", "a-b", 'a"b'])
def test_odd_names_of_roles_are_quoted(name: str) -> None:
    for dialect in ("postgres", "redshift", "snowflake", "bigquery", "databricks"):
        sql = rights.grant(Writer(dialect, Capabilities()), "select", Relation(None, "s", "t"), "table", [name])
        assert TokenType.SEMICOLON not in [token.token_type for token in sqlglot.tokenize(sql, read=dialect)], sql


@pytest.mark.parametrize("name", ['a"b', "a'b", "a{b}", "a;b", "a b", "{0}", "*"])
def test_a_project_with_odd_names_and_texts_is_built(shop: Shop, name: str) -> None:
    text = f"{name} */ -- ' \" $$ ; \\ {{x}}"
    config = {
        "alias": name,
        "schema": name,
        "persist_docs": {"relation": True, "columns": True},
        "materialized": "table",
    }
    model = {"name": "a", "description": text, "config": config, "columns": [{"name": name, "description": text}]}
    quoted = name.replace('"', '""')
    shop.write(
        {
            "models/a.sql": f'select 1 as "{quoted}"',
            "models/b.sql": "select * from {{ ref('a') }}",
            "models/s.yml": json.dumps({"models": [model]}),
            "dbt_project.yml": "name: shop\nquery-comment: {comment: 'end */ drop table t; /*'}\n",
        }
    )
    done = shop.call("build")
    assert done.code == 0, done.said
    with duckdb.connect(str(shop.root / "shop.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select schema_name, table_name, comment from duckdb_tables() where table_name = ?", [name]
        )
        assert found.fetchall() == [(f"main_{name}", name, text)]
        assert connection.execute("select * from b").fetchall() == [(1,)]
