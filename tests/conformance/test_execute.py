"""Statements and their answers."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from conformance.bench import HOSTILE, Bench

from eltbuild.adapter import Answer, Connection
from eltbuild.errors import DatabaseError

MOMENT = datetime.datetime(2024, 2, 29, 12, 34, 56, 789012)


def test_rows_come_back_whole_and_in_order(connection: Connection) -> None:
    answer = connection.execute("select 1 as a, 'x' as b union all select 2, null order by 1")
    assert [column.name for column in answer.columns] == ["a", "b"]
    assert all(column.type for column in answer.columns)
    assert answer.rows == ((1, "x"), (2, None))
    assert answer.affected is None


def test_a_query_without_rows_still_has_columns(connection: Connection) -> None:
    answer = connection.execute("select 1 as a, 'x' as b where 1 = 0")
    assert ([column.name for column in answer.columns], answer.rows, answer.scalar()) == (["a", "b"], (), None)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("smallint", -7),
        ("integer", 2**31 - 1),
        ("bigint", -(2**63)),
        ("double", 0.1),
        ("decimal(12, 3)", Decimal("123456789.012")),
        ("boolean", True),
        ("text", "Grüße, 世界 😀 'quoted' \"too\"\nand more"),
        ("text", ""),
        ("date", datetime.date(1582, 10, 15)),
        ("timestamp", MOMENT),
        ("timestamptz", MOMENT.replace(tzinfo=datetime.UTC)),
    ],
)
def test_values_come_back_as_python_s_own(bench: Bench, kind: str, value: Any) -> None:
    name = bench.writer.type_name(kind)
    answer = bench.connection.execute(
        f"select cast({bench.writer.literal(value)} as {name}) as v, cast(null as {name}) as n"
    )
    found, missing = answer.rows[0]
    assert (found, type(found), missing) == (value, type(value), None)


def test_types_of_the_engine_s_own(bench: Bench) -> None:
    for kind, (expression, value) in bench.warehouse.values.items():
        found = bench.scalar(f"select {expression}")
        assert (found, type(found)) == (value, type(value)), kind


def test_several_statements_give_the_last_one_s_answer(bench: Bench) -> None:
    name = bench.spelled("t")
    sql = f"create table {name} (a integer); insert into {name} values (1), (2);\n-- why\nselect sum(a) from {name};\n"
    assert bench.scalar(sql) == 3
    answer = bench.connection.execute(f"select 5 as five; insert into {name} values (3)")
    assert (answer.affected, answer.rows) == (1, ())
    assert bench.count("t") == 3


@pytest.mark.parametrize("text", ["'a;b'", "';'", "'--'", "'/*;*/'"])
def test_a_semicolon_within_a_text_ends_nothing(connection: Connection, text: str) -> None:
    assert connection.execute(f"select {text}").scalar() == text.strip("'")
    assert connection.execute(f"select {text}; ").scalar() == text.strip("'")


@pytest.mark.parametrize("sql", ["", "   \n", "-- only a comment", ";", "/* a */ ; -- b"])
def test_nothing_to_do_does_nothing(connection: Connection, sql: str) -> None:
    assert connection.execute(sql) == Answer()


def test_statements_before_one_that_fails_have_been_done_unless_all_are_one(bench: Bench) -> None:
    with pytest.raises(DatabaseError):
        bench.connection.execute(f"create table {bench.spelled('t')} (a integer); select nothing_such; select 1")
    standing = bench.connection.relation(bench.at("t"))
    assert (standing is None) == bench.warehouse.several_are_one


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names(bench: Bench, kind: str) -> None:
    name, limit = HOSTILE[kind], bench.adapter.capabilities.identifier_length
    if limit and len(name.encode()) > limit:
        pytest.skip("longer than a name may be")
    quoted = bench.writer.quote(name)
    bench.made(name, f"select 1 as {quoted}")
    answer = bench.connection.execute(f"select t.{quoted} from {bench.spelled(name)} as t")
    assert ([column.name for column in answer.columns], answer.rows) == ([name], ((1,),))
    found = bench.connection.relation(bench.at(name))
    assert found is not None
    assert (found.relation.identifier, [column.name for column in found.columns]) == (name, [name])
    assert name in [info.relation.identifier for info in bench.connection.relations([bench.schema])]
    bench.connection.execute(bench.writer.drop(bench.at(name)))
    assert bench.connection.relation(bench.at(name)) is None


def test_how_many_rows_were_written(bench: Bench) -> None:
    execute = bench.connection.execute
    assert execute(bench.writer.create_table_as(bench.at("t"), bench.numbers(100))).affected == 100
    name = bench.spelled("t")
    assert execute(f"insert into {name} select n + 100 from {name}").affected == 100
    assert execute(f"insert into {name} select n from {name} where n < 0").affected == 0
    assert execute(f"update {name} set n = n + 1 where n < 10").affected == 10
    assert execute(f"delete from {name} where n < 0").affected == 0
    assert execute(f"delete from {name}").affected == 200


def test_what_writes_no_rows_says_nothing_of_them(bench: Bench) -> None:
    for sql in (
        bench.writer.create_table(bench.at("t"), ["a integer"]),
        bench.writer.create_view_as(bench.at("v"), "select 1 as a"),
        bench.writer.drop(bench.at("v"), "view"),
        bench.writer.create_schema(bench.schema),
    ):
        answer = bench.connection.execute(sql)
        assert (answer.affected, answer.rows, answer.columns) == (None, (), ()), sql


@pytest.mark.parametrize("name", ["Count", "count", "Success"])
def test_a_user_s_count_is_a_row(bench: Bench, name: str) -> None:
    quoted = bench.writer.quote(name)
    kind = bench.writer.type_name("boolean" if name == "Success" else "bigint")
    for condition, rows in (("1 = 1", 1), ("1 = 0", 0)):
        answer = bench.connection.execute(f"select cast(1 as {kind}) as {quoted} where {condition}")
        assert (answer.affected, [column.name for column in answer.columns]) == (None, [name])
        assert len(answer.rows) == rows


def test_a_statement_can_be_very_long(connection: Connection) -> None:
    text = "x" * 2_000_000
    assert len(connection.execute(f"select '{text}'").scalar()) == len(text)


def test_many_rows(bench: Bench) -> None:
    rows = bench.connection.execute(bench.numbers(100_000)).rows
    assert len(rows) == 100_000
    assert {row[0] for row in rows} == set(range(100_000))
