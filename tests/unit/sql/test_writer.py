"""What eltbuild writes itself: equal to sqlglot's spelling, and read back by sqlglot or by DuckDB."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
from decimal import Decimal

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from planning import CAPABILITIES, writer
from sqlglot import exp
from sqlglot.dialects.dialect import Dialects

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError
from eltbuild.relation import Column, Relation
from eltbuild.sql import rights
from eltbuild.sql.types import is_zoned, keeps_promise, same_type, wider_text
from eltbuild.sql.writer import Writer

ALL = [dialect.value for dialect in Dialects]
NAMES = [
    "a\\`b",
    'a\\"b',
    "a\\]b",
    "plain",
    "with space",
    'q"q',
    "q'q",
    "b`b",
    "b]b[",
    "ü",
    "",
    "\\",
    "a.b",
    "select",
    "--",
    "/*",
    "\n",
    "$$",
]
PLACE = Relation("db", "sch", "t")


@pytest.mark.parametrize("dialect", ALL)
def test_identifiers_are_quoted_as_sqlglot_quotes_them(dialect: str) -> None:
    made = Writer(dialect, Capabilities())
    for name in filter(None, NAMES):
        assert made.quote(name) == exp.to_identifier(name, quoted=True).sql(dialect=dialect)


@pytest.mark.parametrize("dialect", [d for d in ALL if d not in ("dax", "prql", "solr", "druid", "drill")])
def test_strings_are_read_back_as_they_were(dialect: str) -> None:
    made = Writer(dialect, Capabilities())
    for text in [*NAMES, "\\'", "''", "a\\", "{{ x }}", "two\r\nlines", "🦆"]:
        parsed = sqlglot.parse_one(f"select {made.literal(text)}", dialect=dialect).selects[0]
        assert (type(parsed), parsed.name) == (exp.Literal, text), made.literal(text)


@pytest.mark.parametrize("name", ["", "\0", "a\0b"])
def test_names_and_texts_that_no_engine_holds_are_refused(name: str) -> None:
    with pytest.raises(CompileError):
        writer().quote(name)
    if name:
        with pytest.raises(CompileError):
            writer().literal(name)


@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        st.dates(),
        st.datetimes(min_value=datetime.datetime(1000, 1, 1), max_value=datetime.datetime(9000, 1, 1)),
        st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    )
)
def test_duckdb_reads_literals_back(value: object) -> None:
    ((found,),) = duckdb.sql(f"select {writer().literal(value)}").fetchall()
    assert (float(found) if isinstance(value, float) else found) == value


def test_aware_times_are_written_in_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    moment = datetime.datetime(2026, 1, 1, 1, 30, 0, 5, tzinfo=zone)
    made = writer()
    assert made.literal(moment) == "cast('2025-12-31 23:30:00.000005+00:00' as timestamptz)"
    assert made.timestamp(moment, "timestamp") == "cast('2025-12-31 23:30:00.000005' as timestamp)"
    assert made.timestamp(moment, "DATE") == "cast('2025-12-31' as DATE)"
    assert math.isnan(duckdb.sql(f"select {made.literal(math.nan)}").fetchall()[0][0])
    with pytest.raises(CompileError, match="dict"):
        made.literal({})
    assert made.literal(Decimal("1.50")) == "1.50"


@pytest.mark.parametrize(
    "dialect", ["duckdb", "postgres", "snowflake", "bigquery", "spark", "redshift", "trino", "tsql"]
)
def test_statements_are_the_dialects_own(dialect: str) -> None:
    """sqlglot parses each statement as a statement of its kind, and not as an opaque command."""
    made = Writer(dialect, CAPABILITIES.get(dialect, Capabilities()))
    query = "select 1 as id -- end"
    column = Column("id", "int")
    cases: list[tuple[str, type[exp.Expression]]] = [
        (made.create_view_as(PLACE, query), exp.Create),
        (made.create_table_as(PLACE, query), exp.Create),
        (made.create_table(PLACE, ["id int"]), exp.Create),
        (made.drop(PLACE), exp.Drop),
        (made.drop(PLACE, "materialized_view", if_exists=False), exp.Drop),
        (made.insert(PLACE, ["a", "b"], query), exp.Insert),
        (made.insert_columns(PLACE, ["a"], query), exp.Insert),
        (made.insert_from(PLACE, ["a"], PLACE), exp.Insert),
        (made.delete_where(PLACE, []), exp.Delete),
        *((sql, exp.Delete) for sql in made.delete_matching(PLACE, [("a", "a"), ("b", "B")], PLACE, ["x > 1"])),
        (made.create_schema(PLACE), exp.Create),
        (made.drop_schema(PLACE), exp.Drop),
        (made.empty(query), exp.Select),
        (made.limited(query, 5), exp.Select),
        (made.merge(PLACE, made.lines(query), ["true"], ["when matched then delete"]), exp.Merge),
    ]
    if dialect != "tsql":
        cases.append((made.add_column(PLACE, column), exp.Alter))
        cases.append((made.rename(PLACE, PLACE.named("u")), exp.Alter))
        cases.append((made.drop_column(PLACE, "id"), exp.Alter))
    for sql, kind in cases:
        (parsed,) = sqlglot.parse(sql, dialect=dialect)
        assert isinstance(parsed, kind), sql


def test_relations_leave_out_what_they_do_not_have() -> None:
    assert writer().relation(Relation(None, "s", "t")) == '"s"."t"'
    assert writer().relation(Relation(None, None, "t")) == '"t"'


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90), st.integers(20, 63))
def test_names_are_kept_within_what_the_engine_takes(name: str, limit: int) -> None:
    made = Writer("postgres", Capabilities(identifier_length=limit))
    fitted = made.fitted(name, "__dbt_tmp")
    assert len(fitted.encode()) <= limit
    assert fitted == made.fitted(name, "__dbt_tmp")
    assert fitted != made.fitted(name + "x", "__dbt_tmp")
    if len((name + "__dbt_tmp").encode()) <= limit:
        assert fitted == name + "__dbt_tmp"


PIECES = st.sampled_from([*"select 1;'\"-/*\n$ax", "--", "/*", "*/", ";\n"])
QUERIES = st.lists(PIECES, max_size=25).map("".join)


@given(QUERIES)
def test_the_line_of_any_query_is_found(query: str) -> None:
    made = writer()
    for sql in (made.create_table_as(PLACE, query), made.empty(query), made.insert_columns(PLACE, ["a"], query)):
        line = made.line_of(sql, query)
        assert sql.split("\n")[line - 1 :][: query.count("\n") + 1] == made.lines(query).split("\n")[1:-1]
    assert made.line_of("select 1", query) == 0


@pytest.mark.parametrize("tail", ["", ";", "; -- c", "-- c", "-- ;", "/* ; */", ";;\n;", "\n--\n;"])
def test_no_end_of_a_query_breaks_the_statement_around_it(tail: str) -> None:
    made, connection = writer(), duckdb.connect()
    query = f"select ';' as a, '--' as b, 1 as \";\"{tail}"
    connection.execute(made.create_table_as(Relation(None, None, "t"), query))
    connection.execute(made.insert(Relation(None, None, "t"), ["a", "b", ";"], query))
    assert connection.execute("from t").fetchall() == [(";", "--", 1)] * 2
    assert connection.execute(made.limited(query, 5)).fetchall() == [(";", "--", 1)]
    assert connection.execute(made.empty(query)).fetchall() == []


def test_two_statements_in_one_query_stay_two_and_fail() -> None:
    with pytest.raises(duckdb.ParserException):
        duckdb.connect().execute(writer().create_table_as(Relation(None, None, "t"), "select 1; select 2"))


def test_null_safe_equality_in_every_dialect_is_sqlglots_own() -> None:
    for dialect in sorted({*ALL} - {"prql", "dax"}):
        made = Writer(dialect, Capabilities()).same("a", "b")
        ours = sqlglot.parse_one(f"select {made}", dialect=dialect).selects[0]
        if " or " not in made:
            assert isinstance(ours, exp.NullSafeEQ | exp.Is), dialect


def test_grants_name_their_object_as_the_dialect_does() -> None:
    assert (
        rights.grant(writer("postgres"), "select", PLACE, "view", ["a", "b"])
        == 'grant select on "db"."sch"."t" to a, b'
    )
    assert (
        rights.revoke(writer("spark"), "select", PLACE, "view", ["a"])
        == "revoke select on view `db`.`sch`.`t` from `a`"
    )


def test_the_writer_does_not_load_the_parser() -> None:
    """The hot path: names, statements and plain types of the default engine."""
    code = (
        "import sys\n"
        "from eltbuild.adapter import Capabilities\n"
        "from eltbuild.relation import Relation\n"
        "from eltbuild.sql.writer import Writer\n"
        "from eltbuild.sql.types import same_type\n"
        "import eltbuild.plan.materialize\n"
        "w = Writer('duckdb', Capabilities())\n"
        "w.create_table_as(Relation('a', 'b', 'c'), 'select 1;', replace=True)\n"
        "w.type_name('text'), w.type_name('bigint'), w.timestamp(__import__('datetime').datetime.now())\n"
        "assert same_type('int', 'INTEGER', 'duckdb')\n"
        "print(sorted({'sqlglot', 'duckdb', 'pyarrow', 'networkx', 'jinja2', 'yaml'} & set(sys.modules)))\n"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("left", "right", "dialect", "same"),
    [
        ("int", "INTEGER", "duckdb", True), ("int8", "BIGINT", "duckdb", True), ("integer", "BIGINT", "duckdb", False),
        ("character varying(10)", "text", "postgres", True), ("float8", "real", "postgres", False),
        ("numeric", "numeric(10,2)", "postgres", True), ("timestamp without time zone", "timestamp", "postgres", True),
        ("integer", "INT64", "bigquery", True), ("string", "STRING", "bigquery", True),
        ("struct<a int64, b string>", "STRUCT<a INT64, b STRING>", "bigquery", True),
        ("struct<a int64>", "STRUCT<a STRING>", "bigquery", False),
        ("number(38, 0)", "NUMBER(38,0)", "snowflake", True), ("varchar", "TEXT", "snowflake", True),
        ("array<string>", "ARRAY<STRING>", "spark", True), ("mood", "MOOD", "duckdb", True),
        ("mood", "int", "duckdb", False),
        ("enum('a', 'b')", "ENUM('a', 'b')", "duckdb", True), ("enum('a', 'b')", "enum('b', 'a')", "duckdb", False),
        ("enum('a','b')", "enum('a', 'b')", "duckdb", True), ("enum('bytea')", "enum('blob')", "duckdb", False),
        ("integer[3]", "INT[3]", "duckdb", True), ("integer[3]", "integer[]", "duckdb", False),
        ("integer[3]", "integer[2]", "duckdb", False), ("integer[][]", "int[]", "duckdb", False),
        ("struct(a int, b text)", "STRUCT(b VARCHAR, a INTEGER)", "duckdb", True),
        ("struct(a int, b text)", "STRUCT(a VARCHAR, b INTEGER)", "duckdb", False),
        ("blob", "bytea", "duckdb", True), ("blob[]", "BYTEA[]", "duckdb", True),
        ("integer[]", "_int4", "postgres", True), ("integer[]", "integer array", "postgres", True),
        ("integer[]", "int[3][]", "postgres", True), ("integer[]", "integer array [3]", "postgres", True),
        ("integer[]", "text[]", "postgres", False), ("integer[]", "integer", "postgres", False),
        ("mood", "public.mood", "postgres", True), ("mood", '"mood"', "postgres", True),
        ("a.mood", "b.mood", "postgres", False), ("mood", "pair", "postgres", False), ("mood", "record", "postgres", False),
        ("interval", "interval day to second", "postgres", True), ("interval[]", "interval day[]", "postgres", True),
        ("bit varying", "bit", "postgres", False), ("bit varying(3)", "varbit", "postgres", True),
        ("smallint", "integer", "postgres", False), ("smallint", "int2", "postgres", True),
    ],
)  # fmt: skip
def test_when_two_types_are_one(left: str, right: str, dialect: str, same: bool) -> None:
    assert same_type(left, right, dialect) is same
    assert same_type(right, left, dialect) is same


def test_contracts_do_not_tell_types_apart_that_dbt_does_not() -> None:
    assert keeps_promise("real", "float8", "postgres")
    assert keeps_promise("integer", "smallint", "postgres")
    assert keeps_promise("smallint[]", "int4[]", "postgres")
    assert not keeps_promise("integer", "bigint", "postgres")
    assert not keeps_promise("integer", "smallint", "duckdb")


@pytest.mark.parametrize("name", ["(((", "int[", "decimal(", "'", "a b c", "(" * 500, ""])
def test_what_is_no_type_is_refused_or_is_only_itself(name: str) -> None:
    problem = None
    try:
        assert not same_type(name, "int", "duckdb")
    except CompileError as error:
        problem = str(error)
    assert problem is None or "is not the name of a type" in problem


def test_texts_may_widen() -> None:
    assert wider_text("character varying(10)", "varchar(20)")
    assert not wider_text("varchar(20)", "varchar(10)")
    assert not wider_text("varchar", "varchar(10)")
    assert not wider_text("decimal(10)", "decimal(20)")


def test_which_types_know_their_zone() -> None:
    assert is_zoned("TIMESTAMP WITH TIME ZONE", "duckdb")
    assert is_zoned("timestamp_tz(9)", "snowflake")
    assert is_zoned("TIMESTAMP", "bigquery")
    assert not is_zoned("timestamp without time zone", "postgres")
    assert not is_zoned("TIMESTAMP", "duckdb")
