"""Cross-database macros: values on a real DuckDB, spelling in every dialect, what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from renderings import DuckDB, rendering, value

from eltbuild.compile.dbt.dialects import DUCKDB_AS_GENERATED
from eltbuild.compile.dbt.spelling import EXPRESSIONS, HOLE, cut, enclosed, spelling, write
from eltbuild.jinja.errors import TemplateError
from eltbuild.project.project import Settings

FIXTURES = Path(__file__).parents[2] / "fixtures" / "crossdb"
ROWS = "(values ('a', 1), ('b', 3), (null, 2), ('c', 0), ('a', 5)) as t(x, o)"
NULLS = "(values (cast(null as text), 1), (null, 2)) as t(x, o)"
NOTHING = "(select cast('a' as text) as x, 1 as o where false) as t"


@pytest.fixture(scope="module")
def duck() -> DuckDB:
    return DuckDB()


def measured() -> list[tuple[str, str, str]]:
    lines = (FIXTURES / "duckdb_values.txt").read_text().splitlines()
    return [tuple(line.split(" => ")) for line in lines if " => " in line]  # type: ignore[misc]


def test_values_and_types_are_dbts(duck: DuckDB) -> None:
    made = rendering(introspector=duck)
    wrong = []
    for call, kind, expected in measured():
        sql = value(call, made)
        found = duck.database.execute(f"select typeof({sql}), cast({sql} as varchar)").fetchone()
        assert found is not None
        if found != (kind, None if expected == "NULL" else expected[1:-1]):
            wrong.append(f"{call} => {found}, not {kind} {expected}\n    {sql}")
    assert not wrong, "\n".join(wrong)
    assert len(measured()) > 500


@pytest.mark.parametrize(
    ("call", "rows", "nulls"),
    [
        ("any_value('x')", "a", None),
        ("any_value('o')", 1, 1),
        ("bool_or('o > 2')", True, False),
        ("bool_or('x is null')", True, True),
        ("listagg('x')", "a,b,c,a", None),
        ("""listagg('x', "'|'", 'order by o')""", "c|a|b|a", None),
        ("""listagg('x', "'|'", 'order by o desc', 1)""", "a", None),
        # The limit counts the NULL between a and b.
        ("""listagg('x', "'|'", 'order by o desc', 4)""", "a|b|a", None),
        ("""listagg('x', "', '", 'ORDER BY x desc, o')""", "c, b, a, a", None),
        ("""listagg(measure='x', delimiter_text="'|'", limit_num=2)""", "a|b", None),
    ],
)
def test_aggregates(duck: DuckDB, call: str, rows: object, nulls: object) -> None:
    sql = value(f"dbt.{call}", rendering())
    answers = [duck.database.execute(f"select {sql} from {source}").fetchone() for source in (ROWS, NULLS, NOTHING)]
    assert answers == [(rows,), (nulls,), (None,)]


def test_any_value_may_be_null_as_in_dbt(duck: DuckDB) -> None:
    sql = value("dbt.any_value('x')", rendering())
    assert duck.database.execute(f"select {sql} from (values (null), ('a')) as t(x)").fetchone() == (None,)


def spelled(call: str, dialect: str) -> str:
    try:
        return value(call, rendering(dialect)).replace("\n", " ")
    except TemplateError:
        return "(fails)"


def test_spelling_in_every_dialect(update: bool) -> None:
    fixture = FIXTURES / "spelling.txt"
    found: list[str] = []
    call = ""
    for line in fixture.read_text().splitlines():
        if line.startswith("    "):
            dialect = line.split()[0]
            line = f"    {dialect:<11}{spelled(call, dialect)}"
        elif line and not line.startswith("#"):
            call = line
        found.append(line)
    if update:
        fixture.write_text("\n".join(found) + "\n")
    assert found == fixture.read_text().splitlines()
    assert len(found) > 400


def test_duckdb_needs_no_sql_parser() -> None:
    calls = [line for line in (FIXTURES / "spelling.txt").read_text().splitlines() if line.startswith("dbt.")]
    script = (
        "import sys, json; from renderings import rendering, value; made = rendering()\n"
        "for call in json.load(sys.stdin): value(call, made)\n"
        "sys.exit('sqlglot' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(calls), text=True, env=environment, check=False
    )
    assert done.returncode == 0


def test_what_is_written_for_duckdb_is_what_sqlglot_writes() -> None:
    for name in DUCKDB_AS_GENERATED:
        generated = cut(HOLE, write(EXPRESSIONS[name], "duckdb"))
        assert spelling(name, "duckdb") == generated, name


def test_arguments_reach_the_warehouse_untouched() -> None:
    odd = "CASE  WHEN \"Ä\" ->> '$.x' THEN __field__ END /* {{ }} */"
    made = rendering()
    made.scope["odd"] = odd
    assert value("dbt.hash(odd)", made) == f"md5(cast({odd} as text))"
    assert value("dbt.replace(odd, odd, odd)", made) == f"replace({odd}, {odd}, {odd})"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a", True), ('"A b"."c"', False), ("t.a", True), ("'it''s'", True), ("f(a, (b))", True), ("(a or b)", True),
        ("f(')')", True), ("3", True), ("-1", False), ("a or b", False), ("f(a) + g(b)", False), ("(a) - (b)", False),
        ("f(a -- )\n)", False), ("'a' || 'b'", False), ("f(a", False), ("", False),
    ],
)  # fmt: skip
def test_parentheses_only_where_needed(text: str, plain: bool) -> None:
    assert enclosed(text) == (text if plain else f"({text})")


@pytest.mark.parametrize("text", ["'" * 100_001, "(" * 100_000, '"' * 99_999, "f(" + "'" * 9_001])
def test_odd_operands_cost_nothing(text: str) -> None:
    started = time.process_time()
    assert enclosed(text) == f"({text})"
    assert time.process_time() - started < 1


def test_operands_are_enclosed(duck: DuckDB) -> None:
    sql = value("""dbt.concat(["'a'", "case when true then 'b' else 'c' end", "'d'"])""", rendering())
    assert duck.database.execute(f"select {sql}").fetchone() == ("abd",)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("dbt.date(2020, 13, 1)", "month must be in 1..12"),
        ("dbt.array_construct('a')", "takes a list"),
        ("dbt.concat('a')", "takes a list"),
        ("dbt.generate_series('many')", "whole number"),
        ("dbt.get_powers_of_two(0)", "positive"),
        ("dbt.dates_in_range('20200202', '20200130')", "first date comes after"),
        ("dbt.dates_in_range('2020-02-02')", "does not match the format"),
        ("dbt.dates_in_range('00010101', '99991231')", "too many for one list"),
        ("dbt.partition_range('a,b,c')", "`first` or `first,last`"),
        ("""dbt.listagg('x', "','", 'o desc')""", "begins with `order by`"),
    ],
)
def test_mistakes_are_told(call: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        value(call, rendering())


def test_datediff_of_an_unknown_part_is_told_where_it_must_be_spelled_out() -> None:
    with pytest.raises(TemplateError, match="cannot count `decade`"):
        value("dbt.datediff('a', 'b', 'decade')", rendering("postgres"))
    assert "decade" in value("dbt.datediff('a', 'b', 'decade')", rendering("snowflake"))


@pytest.mark.parametrize("bound", [1, 2, 5, 17, 1024])
def test_generate_series_counts_from_one_in_every_dialect(duck: DuckDB, bound: int) -> None:
    for dialect in ("duckdb", "snowflake"):
        sql = value(f"dbt.generate_series({bound})", rendering(dialect))
        assert duck.database.execute(sql).fetchall() == [(n,) for n in range(1, bound + 1)]


@pytest.mark.parametrize(
    ("part", "start", "end", "days"),
    [
        ("day", "2020-02-27", "2020-03-01", ["2020-02-27", "2020-02-28", "2020-02-29"]),
        ("month", "2020-01-31", "2020-04-01", ["2020-01-31", "2020-02-29", "2020-03-31"]),
        ("quarter", "2020-01-01", "2020-07-01", ["2020-01-01", "2020-04-01"]),
        ("week", "2020-01-01", "2020-01-15", ["2020-01-01", "2020-01-08"]),
        ("day", "2020-01-02", "2020-01-02", []),
        ("day", "2020-01-02", "2020-01-01", []),
    ],
)
def test_date_spine(duck: DuckDB, part: str, start: str, end: str, days: list[str]) -> None:
    call = f'''dbt.date_spine("{part}", "cast('{start}' as date)", "cast('{end}' as date)")'''
    sql = value(call, rendering(introspector=duck))
    found = duck.database.execute(f"select cast(date_{part} as date)::varchar from ({sql}) order by 1").fetchall()
    assert [row[0] for row in found] == days


def test_date_spine_is_text_without_a_warehouse() -> None:
    made = rendering()
    assert "date_day" in value("""dbt.date_spine("day", "a", "b")""", made)
    assert made.introspective


def test_dates_of_templates() -> None:
    made = rendering()
    assert value("dbt.dates_in_range('20200130', '20200201')", made) == "['20200130', '20200131', '20200201']"
    assert value("dbt.dates_in_range('2020-01-30', in_fmt='%Y-%m-%d', out_fmt='%d.%m.')", made) == "['30.01.']"
    assert value("dbt.partition_range('2020-01-31,2020-02-01', '%Y-%m-%d')", made) == "['20200131', '20200201']"
    assert value("dbt.convert_datetime('20200131', '%Y%m%d')", made) == "2020-01-31 00:00:00"
    assert len(value("dbt.py_current_timestring()", made)) == 20


def test_two_nulls_are_equal_with_the_flag(duck: DuckDB) -> None:
    plain = rendering()
    truthy = rendering(settings=Settings(name="shop", flags={"enable_truthy_nulls_equals_macro": True}))
    assert value("dbt.equals('a', 'b')", plain) == "(a = b)"
    answers = [
        duck.database.execute(f"select {value('dbt.equals(' + repr(a) + ', ' + repr(b) + ')', truthy)}").fetchone()
        for a, b in (("1", "1"), ("1", "2"), ("null", "1"), ("null", "null"))
    ]
    assert answers == [(True,), (False,), (False,), (True,)]


def test_overrides_of_the_project_reach_composed_macros() -> None:
    macro = "{% macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) %}mine{% endmacro %}"
    made = rendering(macros={"duckdb__dateadd": macro})
    assert value("dbt.last_day('d', 'month')", made) == "cast(mine as date)"


def test_a_thousand_calls_cost_little() -> None:
    made = rendering()
    dateadd = made.scope["dateadd"]
    dateadd("day", 1, "d")
    started = time.process_time()
    for number in range(1000):
        dateadd("day", number, "created_at")
    assert time.process_time() - started < 0.1
