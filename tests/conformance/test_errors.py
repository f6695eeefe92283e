"""What is said of a statement that is refused."""

from __future__ import annotations

import pytest
from conformance.bench import Bench
from conformance.gaps import gap

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError

LONG = "select " + ", ".join(f"{number} as a{number}" for number in range(300))


def refused(connection: Connection, sql: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        connection.execute(sql)
    assert caught.value.sql == sql
    assert caught.value.message
    assert "Traceback" not in caught.value.message
    assert connection.execute("select 1").scalar() == 1
    return caught.value


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("selec 1", (1, 1)),
        ("select 1 as a\nfrom (select 1) as t\nwhere )", (3, 7)),
        ("select\n    'Grüße 😀', nothing_such\nfrom (select 1 as a) as t", (2, 16)),
        ("select *\nfrom\n  no_such_table", (3, 3)),
        ("select no_such_function(1)", (1, 8)),
        ("-- a comment\n/* and\nanother */ select nothing_such from (select 1 as a) as t", (3, 19)),
        ("select 1 as a;\nselect 2 as b;\n  select nothing_such from (select 1 as a) as t", (3, 10)),
        ("select 1 as a; selec 2", (1, 16)),
        ("create table x as\nselect nothing_such\nfrom (select 1 as a) as t", (2, 8)),
        (f"{LONG}, nothing_such from (select 1 as a) as t", (1, len(LONG) + 3)),
        ("select 1,\r\n  2,\r\n  nothing_such from (select 1 as a) as t", (3, 3)),
    ],
)
def test_where_the_mistake_is(connection: Connection, sql: str, place: tuple[int, int]) -> None:
    error = refused(connection, sql)
    assert (error.line, error.column, error.transient) == (*place, False)


def test_a_name_that_is_nearly_right(bench: Bench) -> None:
    bench.made("customers", "select 1 as customer_id")
    error = refused(bench.connection, f"select custmer_id from {bench.spelled('customers')}")
    assert "custmer_id" in error.message
    assert "customer_id" in str(error)


def test_the_missing_thing_is_named(bench: Bench) -> None:
    assert "no_such_table" in refused(bench.connection, f"select * from {bench.spelled('no_such_table')}").message
    assert "no_such_schema" in refused(bench.connection, "select * from no_such_schema.t").message
    assert "no_such_function" in refused(bench.connection, "select no_such_function(1)").message


def test_a_value_that_cannot_be_cast(connection: Connection) -> None:
    assert "abc" in refused(connection, "select cast('abc' as integer)").message


@gap("duckdb", "never", "dividing by zero gives infinity")
def test_division_by_zero(connection: Connection) -> None:
    refused(connection, "select 1 / (a - 1) from (select 1 as a) as t")


def test_a_constraint_that_is_broken(bench: Bench) -> None:
    name = bench.spelled("t")
    bench.connection.execute(f"create table {name} (a integer not null primary key)")
    bench.connection.execute(f"insert into {name} values (1)")
    for values in ("(null)", "(1)"):
        error = refused(bench.connection, f"insert into {name} values {values}")
        assert not error.transient
    assert bench.count("t") == 1


def test_what_is_there_already(bench: Bench) -> None:
    bench.made("t")
    assert "t" in refused(bench.connection, f"create table {bench.spelled('t')} (a integer)").message


@pytest.mark.parametrize(
    "sql",
    [
        "'",
        '"',
        "select '",
        "/*",
        "select $$",
        "(" * 20_000,
        "select " + "(" * 3000 + "1" + ")" * 3000,
        "select " + "a" * 100_000,
        "select \x01\x02",
        "select '\ud800'",
        "\ufeffselec 1",
        "select 1 union",
        "%s %d {} {0}",
        "select 1" + " union all select 1" * 50 + " union all selec 1",
    ],
    ids=range(14),
)
def test_nonsense_is_refused_and_nothing_more(connection: Connection, sql: str) -> None:
    found: DatabaseError | None = None
    try:
        connection.execute(sql)
    except DatabaseError as error:
        found = error
    assert connection.execute("select 1").scalar() == 1
    if found is not None:
        assert found.message
        assert found.line <= sql.count("\n") + 1
        assert found.column <= len(sql) + 1


def test_a_missing_table_is_not_found_among_python_s_variables(connection: Connection) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    rows = sql = statement = pyarrow.table({"a": [1]})
    assert rows.num_rows == sql.num_rows == statement.num_rows
    for name in ("rows", "sql", "statement"):
        refused(connection, f"select * from {name}")
        with pytest.raises(DatabaseError):
            connection.read(f"select * from {name}")
