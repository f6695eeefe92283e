"""Rows in bulk, both ways: every value that Arrow and PostgreSQL both have comes through unchanged."""

from __future__ import annotations

import datetime
import math
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from eltbuild_postgres.connection import PostgresConnection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eltbuild.errors import DatabaseError
from eltbuild.relation import Relation

PLACE = Relation(None, "trial", "t")
UTC = datetime.UTC
MOMENT = datetime.datetime(2024, 2, 29, 12, 34, 56, 789012)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "i": st.none() | st.integers(-(2**63), 2**63 - 1),
            "f": st.none() | st.floats(allow_nan=False),
            "t": st.none() | TEXT,
            "b": st.none() | st.booleans(),
            "y": st.none() | st.binary(max_size=10),
            "d": st.none() | st.dates(),
            "m": st.none() | st.datetimes(),
            "z": st.none() | st.datetimes(timezones=st.just(UTC)),
            "n": st.none() | st.decimals(-(10**10), 10**10, places=4, allow_nan=False),
            "l": st.none() | st.lists(st.none() | TEXT, max_size=3),
        }
    ),
    max_size=5,
)
SCHEMA = pa.schema([
    ("i", pa.int64()), ("f", pa.float64()), ("t", pa.string()), ("b", pa.bool_()), ("y", pa.binary()),
    ("d", pa.date32()), ("m", pa.timestamp("us")), ("z", pa.timestamp("us", "UTC")), ("n", pa.decimal128(16, 4)),
    ("l", pa.list_(pa.string())),
])  # fmt: skip
COLUMNS = (
    "i bigint, f double precision, t text, b boolean, y bytea, d date, m timestamp, z timestamptz, n numeric(16, 4),"
    " l text[]"
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(ROWS)
def test_what_is_loaded_is_read(connection: PostgresConnection, rows: list[dict[str, Any]]) -> None:
    connection.execute(f"drop table if exists t; create table t ({COLUMNS}, k serial)")
    table = pa.Table.from_pylist(rows, SCHEMA)
    assert connection.load(PLACE, table) == len(rows)
    names = ", ".join(SCHEMA.names)
    assert connection.read(f"select {names} from t order by k").equals(table)
    # By the other way, value by value.
    asked = connection.execute(f"select {names} from t order by k").rows
    assert [dict(zip(SCHEMA.names, row)) for row in asked] == table.to_pylist()


@pytest.mark.parametrize("style", ["ISO, DMY", "German", "SQL, MDY", "Postgres, DMY"])
def test_dates_do_not_hang_on_the_session_s_style(connection: PostgresConnection, style: str) -> None:
    connection.execute(f"set datestyle = '{style}'; set timezone = 'Asia/Kolkata'; set intervalstyle = 'iso_8601'")
    moment = MOMENT.replace(tzinfo=UTC)
    table = connection.read(
        "select date '2024-02-29' as d, timestamp '2024-02-29 12:34:56.789012' as m,"
        " timestamptz '2024-02-29 12:34:56.789012+00' as z"
    )
    assert table.to_pylist() == [{"d": MOMENT.date(), "m": MOMENT, "z": moment}]
    assert table.schema.field("z").type == pa.timestamp("us", "UTC")
    assert connection.execute("show datestyle").scalar().startswith(style.split(",")[0])
    assert len(connection.execute("select now(), current_date").rows) == 1


READS: dict[str, tuple[str, pa.DataType, Any]] = {
    "integer": ("1::integer", pa.int32(), 1),
    "oid": ("4294967295::oid", pa.int64(), 4294967295),
    "real": ("1.5::real", pa.float32(), 1.5),
    "a number with bounds": ("1.5::numeric(10, 2)", pa.decimal128(10, 2), Decimal("1.50")),
    "a number with wide bounds": ("1.5::numeric(60, 2)", pa.decimal256(60, 2), Decimal("1.50")),
    "a number": ("1.2345::numeric", pa.decimal128(38, 4), Decimal("1.2345")),
    "a wide number": (f"{'9' * 50}.5::numeric", pa.decimal256(51, 1), Decimal("9" * 50 + ".5")),
    "a number too wide": (f"{'9' * 80}::numeric", pa.string(), "9" * 80),
    "a small number": ("1e-30::numeric", pa.decimal128(38, 30), Decimal("1e-30")),
    "a number below nothing": ("-0.05::numeric", pa.decimal128(38, 2), Decimal("-0.05")),
    "a number of tens": ("1234::numeric(2, -2)", pa.decimal128(38, 0), Decimal(1200)),
    "not a number": ("'NaN'::numeric(5, 2)", pa.float64(), None),
    "time": ("time '01:02:03.000004'", pa.time64("us"), datetime.time(1, 2, 3, 4)),
    "24:00": ("time '24:00'", pa.string(), "24:00:00"),
    "interval": ("interval '36 hours'", pa.duration("us"), datetime.timedelta(hours=36)),
    "infinity": ("date 'infinity'", pa.string(), "infinity"),
    "before Christ": ("timestamp '0044-03-15 BC'", pa.string(), "0044-03-15 00:00:00 BC"),
    "json": ("""'{"a":  1}'::json""", pa.string(), '{"a":  1}'),
    "uuid": ("'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", pa.string(), "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    "numbers": ("array[1, null, 3]", pa.list_(pa.int32()), [1, None, 3]),
    "dates": ("array[date '2024-02-29']", pa.list_(pa.date32()), [MOMENT.date()]),
    "numbers in two ways": ("array[[1, 2], [3, 4]]", pa.string(), "{{1,2},{3,4}}"),
    "bytes": (r"'\x00ff'::bytea", pa.binary(), b"\x00\xff"),
    "enum": ("'b'::mood", pa.string(), "b"),
    "the end of a COPY": (r"'\.'", pa.string(), "\\."),
    "lines": (r"E'a\r\nb\n\nc'", pa.string(), "a\r\nb\n\nc"),
    "a long text": ("repeat('x', 3000000)", pa.string(), "x" * 3_000_000),
}


@pytest.mark.parametrize("name", READS)
def test_types_that_are_read(connection: PostgresConnection, name: str) -> None:
    expression, kind, value = READS[name]
    connection.execute("create type mood as enum ('a', 'b')")
    connection.execute(f"create table t as select 1 as n, {expression} as v; insert into t values (2)")
    table = connection.read("select v from t order by n")
    assert table.schema.field("v").type == kind
    first, second = table.column("v").to_pylist()
    assert second is None
    assert first == value or (name == "not a number" and math.isnan(first))


def test_names_of_columns_stand_twice_and_not_at_all(connection: PostgresConnection) -> None:
    table = connection.read("select 1 as a, 2 as a, 3")
    assert (table.column_names, [column.to_pylist() for column in table.columns]) == (
        ["a", "a", "?column?"], [[1], [2], [3]],
    )  # fmt: skip
    assert connection.read("select from generate_series(1, 3)").num_columns == 0


@pytest.mark.parametrize("sql", ["show search_path", "explain select 1", "-- why\nshow search_path;"])
def test_what_copy_does_not_take_is_read_all_the_same(connection: PostgresConnection, sql: str) -> None:
    assert connection.read(sql).num_rows >= 1


def test_rows_that_a_statement_returns_are_read(connection: PostgresConnection) -> None:
    connection.execute("create table t (a integer)")
    assert connection.read("insert into t values (1), (2) returning a;").to_pydict() == {"a": [1, 2]}
    assert connection.read("with n as (select a from t) select sum(a) as s from n -- all").to_pydict() == {"s": [3]}


def test_several_statements_are_not_one_query(connection: PostgresConnection) -> None:
    connection.execute("create table t (a integer)")
    with pytest.raises(DatabaseError, match="multiple commands"):
        connection.read("select 1; drop table t")
    assert connection.read("select count(*) as n from t").to_pydict() == {"n": [0]}


def test_where_a_mistake_is_in_a_query_that_is_read(connection: PostgresConnection) -> None:
    with pytest.raises(DatabaseError) as caught:
        connection.read("select\n  1 as a,\n  nothing_such")
    assert (caught.value.line, caught.value.column) == (3, 3)


# Loading


LOADS: dict[str, tuple[str, pa.Array, Any]] = {
    "not finite": ("double precision", pa.array([float("inf"), float("-inf")]), ["Infinity", "-Infinity"]),
    "not a number": ("numeric", pa.array([float("nan")]), ["NaN"]),
    "empty text is not null": ("text", pa.array(["", None]), ["", None]),
    "bool as number": ("integer", pa.array([True, False]), ["1", "0"]),
    "days": ("interval", pa.array([datetime.timedelta(days=1, seconds=1, microseconds=5)]), ["1 day 00:00:01.000005"]),
    "months": ("interval", pa.array([pa.MonthDayNano([14, 3, 4_000_000_000])]), ["1 year 2 mons 3 days 00:00:04"]),
    "another zone": ("timestamptz", pa.array([MOMENT], pa.timestamp("us", "Europe/Berlin")), ["2024-02-29 12:34:56.789012+00"]),
    "nanoseconds": ("timestamp", pa.array([1_000_000_000_000_000_000], pa.timestamp("ns")), ["2001-09-09 01:46:40"]),
    "time": ("time", pa.array([datetime.time(1, 2, 3, 4)]), ["01:02:03.000004"]),
    "fixed bytes": ("bytea", pa.array([b"\x00\xff"], pa.binary(2)), ["\\x00ff"]),
    "bytes as text": ("text", pa.array(["Grüße".encode()]), ["Grüße"]),
    "record": ("jsonb", pa.array([{"a": 1, "b": ["x", None]}]), ['{"a": 1, "b": ["x", null]}']),
    "record as text": ("text", pa.array([{"a": "ü"}]), ['{"a": "ü"}']),
    "map": ("jsonb", pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())), ['{"k": 1}', "{}"]),
    "list as json": ("json", pa.array([[1, None]]), ["[1, null]"]),
    "lists": ("integer[]", pa.array([[1, None], [], None]), ["{1,NULL}", "{}", None]),
    "lists of lists": ("integer[]", pa.array([[[1, 2], [3, 4]]]), ["{{1,2},{3,4}}"]),
    "lists of texts": ("text[]", pa.array([['a"b', "c,d", "NULL", "", "\\", "{}"]]), ['{"a\\"b","c,d","NULL","","\\\\","{}"}']),
    "lists of moments": ("timestamp[]", pa.array([[MOMENT]]), ['{"2024-02-29 12:34:56.789012"}']),
    "list of records": ("jsonb", pa.array([[{"a": MOMENT}]]), ['[{"a": "2024-02-29 12:34:56.789012"}]']),
    "uuid": ("uuid", pa.array(["6ba7b810-9dad-11d1-80b4-00c04fd430c8"]), ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"]),
    "enum": ("mood", pa.array(["b"]), ["b"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LOADS)
def test_types_that_are_loaded(connection: PostgresConnection, name: str) -> None:
    kind, column, texts = LOADS[name]
    connection.execute(f"create type mood as enum ('a', 'b'); create table t (k integer, v {kind})")
    connection.load(PLACE, pa.table({"k": list(range(len(column))), "v": column}))
    assert [row[0] for row in connection.execute("select v::text from t order by k").rows] == texts


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="this pyarrow has no type for it")
def test_uuids_of_arrow_s_own(connection: PostgresConnection) -> None:
    value = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
    connection.execute("create table t (v uuid)")
    connection.load(PLACE, pa.table({"v": pa.array([value.bytes], pa.uuid())}))
    assert connection.execute("select v from t").scalar() == value


@pytest.mark.parametrize(
    ("kind", "column", "said"),
    [
        ("text", pa.array(["a", "b\0c"]), "a text of column `v` holds a NUL character"),
        ("text", pa.array(["b\0c"]).dictionary_encode(), "a text of column `v` holds a NUL character"),
        ("jsonb", pa.array([{"a": float("nan")}]), "not JSON compliant"),
        ("integer", pa.array(["x", "no number"]), 'invalid input syntax for type integer: "x" (COPY t, line 1, column v: "x")'),
        ("integer", pa.array([2**40]), "out of range"),
        ("integer not null", pa.array([1, None]), "null value in column"),
        ("text", pa.array([b"\xff\xfe"]), "rows for `trial.t` have no form that PostgreSQL takes"),
        ("integer[]", pa.array([[[1], [2, 3]]]), "array"),
    ],
    ids=range(8),
)  # fmt: skip
def test_what_cannot_be_loaded_is_told_and_nothing_of_it_kept(
    connection: PostgresConnection, kind: str, column: pa.Array, said: str
) -> None:
    connection.execute(f"create table t (v {kind})")
    with pytest.raises(DatabaseError) as caught:
        connection.load(PLACE, pa.table({"v": column}))
    assert said in caught.value.message
    assert not caught.value.transient
    assert connection.execute("select count(*) from t").scalar() == 0


def test_a_column_that_the_table_lacks(connection: PostgresConnection) -> None:
    connection.execute('create table t ("Amount" integer, b integer default 7)')
    with pytest.raises(DatabaseError) as caught:
        connection.load(PLACE, pa.table({"amount": [1]}))
    assert caught.value.message == "table `trial.t` has no column `amount`"
    assert caught.value.problems[0].hint == "did you mean `Amount`?"
    assert connection.load(PLACE, pa.table({"Amount": [1]})) == 1
    assert connection.execute('select "Amount", b from t').rows == ((1, 7),)


def test_rows_that_fail_on_their_way(connection: PostgresConnection) -> None:
    """What comes from a reader may end with an error of its own."""
    connection.execute("create table t (v integer)")
    schema = pa.schema([("v", pa.int32())])

    def batches() -> Any:
        yield pa.record_batch({"v": pa.array([1], pa.int32())})
        raise ValueError("the source broke")

    with pytest.raises(DatabaseError, match="the source broke"):
        connection.load(PLACE, pa.RecordBatchReader.from_batches(schema, batches()))
    assert connection.execute("select count(*) from t").scalar() == 0


def test_pieces_have_the_types_of_the_whole(connection: PostgresConnection) -> None:
    sql = "select n::bigint as a, repeat('x', 1000) as b from generate_series(1, 20000) as n"
    pieces = list(connection.stream(sql))
    assert len(pieces) > 2
    assert pa.concat_tables(pieces).equals(connection.read(sql))
    assert connection.execute("select 1").scalar() == 1
