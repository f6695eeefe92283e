"""Profiles: the same of the same rows on every warehouse, in few questions, whatever the columns are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from conformance.bench import HOSTILE, Bench

from eltbuild.quality.profiles.asking import profiled
from eltbuild.quality.profiles.profile import ColumnProfile
from eltbuild.report.profile import column_value
from eltbuild.sql.aggregates import sample

ROWS = "(select cast(i as integer) as i from generate_series(0, 999) as s(i)) as rows"
KINDS = {
    "id": "i",
    "amount": "cast(i * 1.25 as decimal(12, 2))",
    "ratio": "case when i % 100 = 0 then cast('nan' as double precision) when i % 100 = 1 then "
    "cast('infinity' as double precision) else cast(i as double precision) / 10 end",
    "status": "case i % 3 when 0 then 'paid' when 1 then 'open' end",
    "email": "'user' || i || '@example.com'",
    "flag": "i % 5 = 0",
    "day": "date '2013-01-01' + (i % 365)",
    "at": "timestamp '2013-01-01 00:00:00' + i * interval '1 minute'",
    "zoned": "timestamp with time zone '2013-01-01 00:00:00+00' + i * interval '1 minute'",
    "clock": "time '00:00:00' + i * interval '1 minute'",
    "span": "i % 48 * interval '1 hour'",
    "nothing": "cast(null as varchar)",
    "blank": "''",
    "always": "7",
}


def profile(bench: Bench, query: str, relation: str = "kinds") -> tuple[int, dict[str, ColumnProfile], list[str]]:
    """The rows, the columns by name, and the statements that were asked."""
    place = bench.at(relation)
    bench.connection.execute(bench.writer.create_table_as(place, query))
    asked: list[str] = []

    def ask(sql: str) -> Sequence[Sequence[Any]]:
        asked.append(sql)
        return bench.connection.execute(sql).rows

    columns = bench.connection.columns(f"select * from {bench.spelled(relation)}")
    rows, found = profiled(columns, bench.spelled(relation), bench.writer, ask)
    return rows, {column.name: column for column in found}, asked


def test_every_kind_of_column(bench: Bench) -> None:
    listed = ", ".join(f"{text} as {bench.writer.quote(name)}" for name, text in KINDS.items())
    rows, found, asked = profile(bench, f"select {listed} from {ROWS}")
    assert rows == 1000
    assert len(asked) <= 3
    kinds = [column.kind for column in found.values()]
    assert kinds == [
        "integer", "decimal", "decimal", "text", "text", "boolean", "date", "timestamp", "timestamp", "time",
        "interval", "text", "text", "integer",
    ]  # fmt: skip
    assert all(column.exact for column in found.values())
    one = found["id"]
    assert (one.nulls, one.distinct, one.is_unique, one.min, one.max, one.mean) == (0, 1000, True, "0", "999", 499.5)
    assert one.stddev == pytest.approx(288.819, abs=0.001)
    assert one.quantiles == pytest.approx({"0.05": 49.95, "0.25": 249.75, "0.5": 499.5, "0.75": 749.25, "0.95": 949.05})
    assert one.histogram is not None
    assert (one.histogram.low, one.histogram.high, one.histogram.rows) == (0, 1000, (50,) * 20)
    spread = found["ratio"].histogram
    assert spread is not None
    assert (spread.low, spread.high, sum(spread.rows)) == (0.2, 99.9, 980)
    days = found["day"].histogram
    assert days is not None
    assert (days.high - days.low, len(days.rows)) == (19 * 20 * 86_400, 20)
    assert (one.zeros, one.negative) == (1, 0)
    assert (found["amount"].max, found["amount"].mean) == ("1248.75", 624.375)
    ratio = found["ratio"]
    assert (ratio.nulls, ratio.not_finite, ratio.low, ratio.high) == (0, 20, 0.2, 99.9)
    status = found["status"]
    assert (status.nulls, status.distinct, status.shortest, status.longest) == (333, 2, 4, 4)
    assert [(top.value, top.rows) for top in status.top] == [("paid", 334), ("open", 333)]
    assert (found["email"].is_unique, found["email"].top, found["email"].longest) == (True, (), 19)
    assert (found["flag"].true, found["flag"].distinct) == (200, 2)
    assert (found["day"].min, found["day"].max, found["day"].distinct) == ("2013-01-01", "2013-12-31", 365)
    assert (found["at"].low, found["at"].high) == (1356998400, 1356998400 + 999 * 60)
    assert found["zoned"].low == found["at"].low
    assert (found["clock"].high, found["span"].high, found["span"].distinct) == (999 * 60, 47 * 3600, 48)
    nothing = found["nothing"]
    assert (nothing.nulls, nothing.distinct, nothing.top, nothing.min) == (1000, 0, (), None)
    assert (found["blank"].empty, found["blank"].distinct) == (1000, 1)
    assert (found["always"].top[0].value, found["always"].histogram) == ("7", None)


def test_an_empty_table(bench: Bench) -> None:
    listed = ", ".join(f"{text} as {bench.writer.quote(name)}" for name, text in KINDS.items())
    rows, found, asked = profile(bench, f"select {listed} from {ROWS} where 1 = 0")
    assert rows == 0
    assert len(asked) <= 2
    assert all((column.nulls, column.distinct, column.top) == (0, 0, ()) for column in found.values())
    assert all(column.histogram is None and column.mean is None for column in found.values())


def test_names_of_all_kinds(bench: Bench) -> None:
    names = [name for name in HOSTILE.values() if len(name) <= 63]
    listed = ", ".join(f"{place} as {bench.writer.quote(name)}" for place, name in enumerate(names))
    own = "'x' as c0, 1 as x0, 2 as b0, 3 as which, 4 as times, 5 as told"
    rows, found, _ = profile(bench, " union all ".join([f"select {listed}, {own}"] * 2))
    assert rows == 2
    assert [found[name].min for name in names] == [str(place) for place in range(len(names))]
    assert [found[name].top[0].value for name in ("c0", "x0", "b0", "which", "times", "told")] == list("x12345")


def test_three_hundred_columns_take_few_questions(bench: Bench) -> None:
    if bench.warehouse.name == "duckdb-file":
        pytest.skip("the same as in memory, for several seconds more")
    listed = ", ".join(f"i % {number + 2} as c{number}" for number in range(300))
    rows, found, asked = profile(bench, f"select {listed} from {ROWS}")
    assert (rows, len(found)) == (1000, 300)
    assert [column.distinct for column in found.values()] == [number + 2 for number in range(300)]
    assert len(asked) <= 12


def test_numbers_without_a_limit_and_beyond(bench: Bench) -> None:
    large = "cast(9007199254740993 as bigint)"
    rows, found, _ = profile(
        bench,
        f"select {large} as large, cast('1e300' as double precision) as vast, cast(-128 as smallint) as small, "
        "cast('-infinity' as double precision) as low",
    )
    assert rows == 1
    assert (found["large"].min, found["vast"].not_finite, found["small"].low) == ("9007199254740993", 1, -128)
    assert (found["low"].low, found["low"].not_finite) == (None, 1)


def test_a_number_that_double_precision_does_not_have(bench: Bench) -> None:
    limitless = bench.writer.dialect == "postgres"
    least = "1e-400::numeric" if limitless else "cast(1e-38 as decimal(38, 38))"
    most = "10::numeric ^ 400" if limitless else "cast(9999999999999999999999999999999999999 as decimal(38, 0))"
    rows, found, _ = profile(bench, f"select {least} as least, {most} as most")
    assert rows == 1
    assert (found["least"].low, found["least"].zeros, found["most"].not_finite) == (
        (0, 0, 1) if limitless else (1e-38, 0, 0)
    )
    json.loads(json.dumps([column_value(column) for column in found.values()], allow_nan=False))


def test_what_is_no_number_is_told_as_text(bench: Bench) -> None:
    kinds = {
        "duckdb": "{'a': i % 3} as record, [i % 2] as list, map {'k': i % 2} as map, ('x' || i % 4)::blob as bytes, "
        "('{\"a\": ' || i % 2 || '}')::json as js, '0000000' || i % 2 || '-0000-0000-0000-000000000000' as text, "
        "(case i % 2 when 0 then 'low' else 'high' end)::enum('low', 'high') as en, i::hugeint as huge",
        "postgres": "int4range(i % 3, 10) as record, array[i % 2] as list, point(i % 2, 1) as map, "
        "('x' || i % 4)::bytea as bytes, ('{\"a\": ' || i % 2 || '}')::json as js, "
        "('0000000' || i % 2 || '-0000-0000-0000-000000000000')::uuid as text, "
        "('10.0.0.' || i % 2)::inet as en, i::numeric as huge",
    }
    rows, found, _ = profile(bench, f"select {kinds[bench.writer.dialect]} from {ROWS}")
    distinct = {name: column.distinct for name, column in found.items()}
    assert distinct == {"record": 3, "list": 2, "map": 2, "bytes": 4, "js": 2, "text": 2, "en": 2, "huge": 1000}
    assert (found["list"].shortest, found["bytes"].longest) == (1, 2)
    assert [top.value for top in found["js"].top] == ['{"a": 0}', '{"a": 1}']
    assert sum(top.rows for top in found["record"].top) == rows


def test_a_sample_is_a_part_of_the_rows(bench: Bench) -> None:
    bench.connection.execute(bench.writer.create_table_as(bench.at("whole"), f"select * from {ROWS}"))
    query = sample(bench.spelled("whole"), 50, bench.writer.dialect)
    rows, found, _ = profile(bench, query, "part")
    assert (rows, found["i"].distinct) == (50, 50)
    assert 0 <= found["i"].low < found["i"].high <= 999  # type: ignore[operator]
