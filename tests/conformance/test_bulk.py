"""Rows in bulk, both ways, as Arrow."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from conformance.bench import HOSTILE, Bench

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError

DAY = datetime.date(2024, 2, 29)
MOMENT = datetime.datetime(2024, 2, 29, 12, 34, 56, 789012)


def test_read_gives_arrow(connection: Connection) -> None:
    table = connection.read("select 1 as a, 'x' as b union all select 2, null order by 1")
    assert isinstance(table, pa.Table)
    assert table.to_pydict() == {"a": [1, 2], "b": ["x", None]}


def test_read_without_rows_has_columns(connection: Connection) -> None:
    table = connection.read("select 1 as a, 'x' as b where 1 = 0")
    assert (table.column_names, table.num_rows) == (["a", "b"], 0)
    assert pa.types.is_integer(table.schema.field("a").type)


def test_read_many_rows(bench: Bench) -> None:
    table = bench.connection.read(bench.numbers(100_000))
    assert table.num_rows == 100_000
    assert set(table.column("n").to_pylist()) == set(range(100_000))


@pytest.mark.parametrize(
    "sql", ["select nothing_such", "selec 1", "select cast('x' || a as integer) from (select 1 as a) as t"]
)
def test_read_refuses_as_execute_does(connection: Connection, sql: str) -> None:
    with pytest.raises(DatabaseError):
        connection.read(sql)
    assert connection.execute("select 1").scalar() == 1


def test_load_matches_columns_by_name(bench: Bench) -> None:
    place = bench.with_columns("t", a="integer", b="text", c="double")
    rows = pa.table({"c": [0.5, None], "a": [1, 2]})
    assert bench.connection.load(place, rows) == 2
    answer = bench.connection.execute(f"select a, b, c from {bench.spelled('t')} order by a")
    assert answer.rows == ((1, None, 0.5), (2, None, None))


def test_load_appends(bench: Bench) -> None:
    place = bench.with_columns("t", a="integer")
    assert [bench.connection.load(place, pa.table({"a": [1, 2]})) for _ in range(3)] == [2, 2, 2]
    assert bench.count("t") == 6


@pytest.mark.parametrize(
    "rows",
    [pa.table({"a": pa.array([], pa.int32())}), pa.table({"a": pa.array([], pa.null())}), pa.table({})],
    ids=["typed", "untyped", "no columns"],
)
def test_load_of_no_rows_writes_none(bench: Bench, rows: pa.Table) -> None:
    place = bench.with_columns("t", a="integer")
    assert bench.connection.load(place, rows) == 0
    assert bench.count("t") == 0


LOADS: dict[str, tuple[str, Callable[[], pa.Array], list[Any]]] = {
    "int8": ("smallint", lambda: pa.array([1, None], pa.int8()), [1, None]),
    "uint32": ("bigint", lambda: pa.array([2**32 - 1, None], pa.uint32()), [2**32 - 1, None]),
    "float16": ("double", lambda: pa.array([1.5, None], pa.float32()).cast(pa.float16()), [1.5, None]),
    "float32": ("double", lambda: pa.array([1.5, None], pa.float32()), [1.5, None]),
    "bool": ("boolean", lambda: pa.array([True, None]), [True, None]),
    "decimal128": ("decimal(12, 2)", lambda: pa.array([Decimal("1.25"), None]), [Decimal("1.25"), None]),
    "decimal256": (
        "decimal(12, 2)",
        lambda: pa.array([Decimal("1.25"), None], pa.decimal256(60, 2)),
        [Decimal("1.25"), None],
    ),
    "string": ("text", lambda: pa.array(["Grüße 😀", None]), ["Grüße 😀", None]),
    "large_string": ("text", lambda: pa.array(["x", None], pa.large_string()), ["x", None]),
    "string_view": ("text", lambda: pa.array(["x", None], pa.string_view()), ["x", None]),
    "dictionary": ("text", lambda: pa.array(["x", None, "x"]).dictionary_encode(), ["x", None, "x"]),
    "date32": ("date", lambda: pa.array([DAY, None]), [DAY, None]),
    "date64": ("date", lambda: pa.array([DAY, None], pa.date64()), [DAY, None]),
    "timestamp[s]": (
        "timestamp",
        lambda: pa.array([MOMENT.replace(microsecond=0), None], pa.timestamp("s")),
        [MOMENT.replace(microsecond=0), None],
    ),
    "timestamp[ns]": ("timestamp", lambda: pa.array([MOMENT, None], pa.timestamp("ns")), [MOMENT, None]),
    "timestamp with zone": (
        "timestamptz",
        lambda: pa.array([MOMENT.replace(tzinfo=datetime.UTC), None], pa.timestamp("us", "UTC")),
        [MOMENT.replace(tzinfo=datetime.UTC), None],
    ),
    "null": ("integer", lambda: pa.nulls(2), [None, None]),
    "text as number": ("integer", lambda: pa.array(["12", None]), [12, None]),
    "text as date": ("date", lambda: pa.array(["2024-02-29", None]), [DAY, None]),
    "number as text": ("text", lambda: pa.array([12, None]), ["12", None]),
}


@pytest.mark.parametrize("kind", LOADS)
def test_load_casts_to_the_table_s_types(bench: Bench, kind: str) -> None:
    wanted, rows, values = LOADS[kind]
    place = bench.with_columns("t", i="integer", v=wanted)
    loaded = rows()
    table = pa.table({"i": pa.array(range(len(loaded)), pa.int32()), "v": loaded})
    assert bench.connection.load(place, table) == len(loaded)
    answer = bench.connection.execute(f"select v from {bench.spelled('t')} order by i")
    assert [row[0] for row in answer.rows] == values


@pytest.mark.parametrize("kind", ["keyword", "double quote", "emoji", "semicolon", "words", "dots"])
def test_load_into_hostile_names(bench: Bench, kind: str) -> None:
    name = HOSTILE[kind]
    bench.made(name, f"select 0 as {bench.writer.quote(name)}")
    assert bench.connection.load(bench.at(name), pa.table({name: [1, 2]})) == 2
    assert bench.count(name) == 3


def test_load_of_many_rows(bench: Bench) -> None:
    place = bench.with_columns("t", a="bigint", b="text")
    count = 100_000
    rows = pa.table({"a": list(range(count)), "b": [f"row {number}" for number in range(count)]})
    assert bench.connection.load(place, rows) == count
    answer = bench.connection.execute(f"select count(*), sum(a), max(b) from {bench.spelled('t')}")
    assert [int(answer.rows[0][0]), int(answer.rows[0][1])] == [count, count * (count - 1) // 2]


def test_load_takes_whatever_speaks_arrow(bench: Bench) -> None:
    polars = pytest.importorskip("polars")
    pandas = pytest.importorskip("pandas")
    place = bench.with_columns("t", a="integer", b="text")
    for rows in (
        polars.DataFrame({"a": [1], "b": ["x"]}),
        pandas.DataFrame({"a": [2], "b": ["y"]}),
        pa.record_batch({"a": [3], "b": ["z"]}),
        pa.table({"a": [4], "b": [None]}).to_reader(),
    ):
        assert bench.connection.load(place, rows) == 1
    assert bench.count("t") == 4


@pytest.mark.parametrize(
    "rows",
    [
        pa.table({"a": [1], "nothing_such": [1]}),
        pa.table({"a": ["no number"]}),
        pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]),
        [{"a": 1}],
        None,
    ],
    ids=["unknown column", "bad value", "column twice", "no arrow", "nothing"],
)
def test_load_refuses_and_writes_nothing(bench: Bench, rows: Any) -> None:
    place = bench.with_columns("t", a="integer")
    with pytest.raises(DatabaseError):
        bench.connection.load(place, rows)
    assert bench.count("t") == 0
    assert bench.connection.load(place, pa.table({"a": [1]})) == 1


def test_load_into_what_is_not_there(bench: Bench) -> None:
    with pytest.raises(DatabaseError, match="nothing_such"):
        bench.connection.load(bench.at("nothing_such"), pa.table({"a": [1]}))


def test_load_is_part_of_the_transaction(bench: Bench) -> None:
    place = bench.with_columns("t", a="integer")

    def load(value: Any, then: type[Exception] | None = None) -> None:
        with bench.connection.transaction():
            bench.connection.load(place, pa.table({"a": [value]}))
            if then is not None:
                raise then

    with pytest.raises(ZeroDivisionError):
        load(1, ZeroDivisionError)
    with pytest.raises(DatabaseError):
        load("no number")
    assert bench.count("t") == 0
    load(1)
    assert bench.count("t") == 1
