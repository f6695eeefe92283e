"""Views, tables, contracts, seeds and what goes with them, on a real DuckDB."""

from __future__ import annotations

import datetime
import decimal

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import Warehouse, node, statements, writer

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError
from eltbuild.plan import contract, extras
from eltbuild.plan.materialize import MATERIALIZATIONS, asks_columns
from eltbuild.plan.nouns import Facts
from eltbuild.project.resources import ColumnSpec
from eltbuild.relation import Relation

TABLE, VIEW = node({"materialized": "table"}), node({"materialized": "view"})
KINDS = ["table", "view", "incremental"]


@pytest.mark.parametrize("before", ["nothing", *KINDS])
@pytest.mark.parametrize("after", KINDS)
@pytest.mark.parametrize("tail", ["", ";", " -- done", " /* done */ ; -- really; ", "\n;\n"])
def test_every_kind_takes_the_place_of_every_other(before: str, after: str, tail: str) -> None:
    warehouse = Warehouse()
    if before != "nothing":
        warehouse.build(node({"materialized": before}), "select 1 as id")
    made = node({"materialized": after, "incremental_strategy": "append"})
    warehouse.build(made, f"select 2 as id{tail}", full_refresh=True)
    assert warehouse.rows("from orders") == [(2,)]
    standing = warehouse.existing(Relation(None, None, "orders"))
    assert standing is not None
    assert standing.kind == ("view" if after == "view" else "table")


def test_plain_tables_and_views_are_one_statement() -> None:
    warehouse = Warehouse()
    for model in (TABLE, TABLE, node({"materialized": "view"}, "v"), node({"materialized": "view"}, "v")):
        assert len(warehouse.build(model, "select 1 as id")) == 1


def test_a_query_that_fails_leaves_the_old_table() -> None:
    for model in (TABLE, CONTRACT):
        warehouse = Warehouse()
        warehouse.build(model, "select 'a' as name, 1 as id")
        with pytest.raises(Exception, match="divided"):
            warehouse.build(model, "select 'b' as name, (case when true then error('divided') else '1' end)::int as id")
        assert sorted(warehouse.rows("select id, name from orders")) == [(1, "a")]


@pytest.mark.parametrize("config", [{}, {"contract": {"enforced": True}}])
def test_a_table_may_read_itself(config: dict[str, object]) -> None:
    warehouse = Warehouse()
    columns = {"id": {"data_type": "integer", "constraints": ({"type": "not_null"},)}}
    model = node({"materialized": "table", **config}, columns=columns)
    warehouse.build(model, "select 1 as id")
    warehouse.build(model, "select id + 1 as id from orders")
    assert warehouse.rows("from orders") == [(2,)]


def test_the_line_of_the_query_is_known_in_every_statement() -> None:
    query = "\n-- a comment\nselect 1 as id; -- end"
    warehouse, made = Warehouse(), writer()
    header = node({"materialized": "table", "sql_header": "set threads = 1;\n"})
    merged = {"materialized": "incremental", "incremental_strategy": "merge", "unique_key": "id"}
    cases = [
        (TABLE, [2]),
        (VIEW, [0, 2]),
        (header, [4, 0, 0]),
        (node({"materialized": "incremental", "unique_key": "id"}), [2, 0, 0, 0]),
        (node(merged), [2, 0, 0]),
    ]
    for model, expected in cases:
        made_statements = statements(warehouse.build(model, query))
        assert [made.line_of(sql, query) for sql in made_statements] == expected
        for sql, line in zip(made_statements, expected, strict=True):
            assert line == 0 or sql.split("\n")[line] == "-- a comment"


# Contracts

CONTRACT = node(
    {"materialized": "table", "contract": {"enforced": True}},
    columns={
        "id": {"data_type": "int", "constraints": ({"type": "not_null"}, {"type": "check", "expression": "id > 0"})},
        "name": {"data_type": "string"},
    },
    constraints=(
        {"type": "primary_key", "columns": ["id"], "name": "pk"},
        {"type": "custom", "expression": "unique (name)"},
    ),
)


def test_a_contract_orders_and_constrains_the_table() -> None:
    warehouse = Warehouse()
    warehouse.build(CONTRACT, "select 'a' as NAME, 1 as id")
    warehouse.build(CONTRACT, "select 'b' as name, 2 as id")
    assert warehouse.rows("from orders") == [(2, "b")]
    kinds = {row[0] for row in warehouse.rows("select constraint_type from duckdb_constraints()")}
    assert kinds == {"PRIMARY KEY", "UNIQUE", "CHECK", "NOT NULL"}
    with pytest.raises(Exception, match="CHECK constraint"):
        warehouse.build(CONTRACT, "select 'c' as name, -1 as id")
    assert warehouse.rows("from orders") == [(2, "b")]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("select 1 as id", "missing in definition"),
        ("select 1 as id, 'a' as name, 2 as more", "missing in contract"),
        ("select 1::bigint as id, 'a' as name", "data type mismatch"),
    ],
)
@pytest.mark.parametrize("kind", ["table", "view", "incremental"])
def test_a_broken_contract_writes_nothing(query: str, told: str, kind: str) -> None:
    warehouse = Warehouse()
    model = node({**CONTRACT.config, "materialized": kind}, columns=CONTRACT.columns)
    warehouse.build(model, "select 1 as id, 'a' as name")
    warehouse.done.clear()
    with pytest.raises(CompileError, match=told):
        warehouse.build(model, query)
    assert not warehouse.done


@pytest.mark.parametrize(
    ("promised", "given", "kept"),
    [
        ("varchar(10)", "'a'", True), ("text", "'a'", True), ("decimal(10,2)", "1.5::decimal(10,2)", True),
        ("decimal(12,3)", "1.5::decimal(10,2)", False), ("numeric", "1.5::decimal(18,3)", True),
        ("timestamptz", "now()", True), ("timestamp", "now()", False), ("int[]", "[1]", True),
        ("int[]", "['a']", False),
        ("struct(a int, b varchar)", "{a: 1, b: 'x'}", True), ("float", "1::double", False),
        ("double", "1::double", True),
        ("map(varchar, int)", "map {'a': 1}", True), ("json", "'{}'::json", True), ("hugeint", "1::hugeint", True),
    ],
)  # fmt: skip
def test_types_of_contracts(promised: str, given: str, kept: bool) -> None:
    """What dbt takes and refuses on DuckDB."""
    warehouse = Warehouse()
    model = node({"materialized": "table", "contract": {"enforced": True}}, columns={"x": {"data_type": promised}})
    if kept:
        warehouse.build(model, f"select {given} as x")
    else:
        with pytest.raises(CompileError, match="data type mismatch"):
            warehouse.build(model, f"select {given} as x")


def test_a_contract_without_types_is_refused() -> None:
    model = node({"materialized": "table", "contract": {"enforced": True}}, columns={"x": {}})
    with pytest.raises(CompileError, match="no `data_type` for `x`"):
        Warehouse().build(model, "select 1 as x")


def test_constraints_that_are_not_enforced_are_told() -> None:
    from eltbuild.sql.writer import Writer

    assert not contract.warnings(CONTRACT, writer("duckdb"))
    assert "takes but does not enforce the constraint `primary_key`" in str(
        contract.warnings(CONTRACT, writer("snowflake"))[0]
    )
    others = [str(problem) for problem in contract.warnings(CONTRACT, Writer("trino", Capabilities()))]
    assert any("does not take the constraint `check`" in text for text in others)


# Seeds

SEED = node({"materialized": "seed"}, "codes", resource_type="seed")


def test_types_of_seeds() -> None:
    warehouse = Warehouse()
    rows = pyarrow.table({
        "i": [1, None], "big": [99999999999, 1], "f": [1.5, 2.0], "b": [True, None], "s": ["a", "ü;'\""],
        "d": [datetime.date(2020, 1, 1), None], "t": [datetime.datetime(2020, 1, 1, 10), None], "n": [None, None],
        "dec": [decimal.Decimal("1.50"), None], "Big Name": [1, 2], "l": [[1], None], "r": [{"a": 1}, None],
        "y": [b"x", None], "tz": [datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), None],
    })  # fmt: skip
    warehouse.build(SEED, rows=rows)
    assert [column.type for column in warehouse.columns("from codes")] == [
        "INTEGER", "BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR", "DATE", "TIMESTAMP", "INTEGER", "DECIMAL(3,2)", "INTEGER",
        "BIGINT[]", "STRUCT(a BIGINT)", "BLOB", "TIMESTAMP WITH TIME ZONE",
    ]  # fmt: skip
    assert warehouse.rows('select s, "Big Name" from codes') == [("a", 1), ("ü;'\"", 2)]


def test_a_seed_again_keeps_types_and_replaces_rows() -> None:
    warehouse = Warehouse()
    model = node({"materialized": "seed", "column_types": {"CODE": "varchar(5)", "id": "bigint"}}, "codes")
    for values in ([1, 2], [3]):
        warehouse.build(model, rows=pyarrow.table({"id": values, "code": ["01"] * len(values)}))
    assert warehouse.rows("from codes") == [(3, "01")]
    assert [column.type for column in warehouse.columns("from codes")] == ["BIGINT", "VARCHAR"]
    with pytest.raises(CompileError, match="`more` is new"):
        warehouse.build(model, rows=pyarrow.table({"id": [1], "code": ["x"], "more": [1]}))
    warehouse.build(model, rows=pyarrow.table({"id": [1], "more": [1]}), full_refresh=True)
    assert warehouse.rows("from codes") == [(1, 1)]
    warehouse.build(model, rows=pyarrow.table({"id": [2], "more": [2]}), empty=True)
    assert warehouse.rows("from codes") == []


# What goes with a relation

SAID = 'it\'s\n"quoted" \\ ; -- {{ x }} 🦆'


@pytest.mark.parametrize("kind", ["table", "view", "incremental", "seed"])
def test_descriptions_become_comments(kind: str) -> None:
    warehouse = Warehouse()
    config = {
        "materialized": kind,
        "persist_docs": {"relation": True, "columns": True},
        "incremental_strategy": "append",
    }
    described = {"id": SAID, "other": "", "OTHER": "as in dbt, letter case tells them apart", "nowhere": "x"}
    columns = {name: ColumnSpec(name, text) for name, text in described.items()}
    model = node(config, columns=columns, description=SAID)
    given = {"rows": pyarrow.table({"id": [1], "other": [2]})} if kind == "seed" else {}
    for _ in range(2):
        warehouse.build(model, "select 1 as id, 2 as other", **given)
        found = warehouse.existing(Relation(None, None, "orders"))
        assert found is not None
        assert (found.comment, [column.comment for column in found.columns]) == (SAID, [SAID, ""])


def test_comments_that_stand_are_not_said_again() -> None:
    warehouse = Warehouse()
    config = {"materialized": "incremental", "incremental_strategy": "append", "persist_docs": {"relation": True}}
    warehouse.build(node(config, description="a"), "select 1 as id")
    assert len(warehouse.build(node(config, description="a"), "select 1 as id")) == 1
    assert len(warehouse.build(node(config, description="b"), "select 1 as id")) == 2


def test_indexes_are_made_with_each_new_table() -> None:
    warehouse = Warehouse()
    config = {"materialized": "table", "indexes": [{"columns": ["id"], "unique": True}, {"columns": ["a b", "id"]}]}
    for _ in range(2):
        warehouse.build(node(config), 'select 1 as id, 2 as "a b"')
        found = warehouse.rows("select is_unique, expressions from duckdb_indexes() order by 1")
        assert found == [(False, "['\"a b\"', id]"), (True, "[id]")]
    warehouse.build(VIEW, "select 1 as id")
    warehouse.build(node(config), 'select 1 as id, 2 as "a b"')
    assert len(warehouse.rows("from duckdb_indexes()")) == 2


def test_configs_without_effect_are_told() -> None:
    model = node({"grants": {"select": ["x"]}, "materialized": "table"})
    assert [problem.severity for problem in extras.warnings(model, writer())] == ["warning"]
    assert not extras.warnings(model, writer("postgres"))
    assert len(Warehouse().build(model, "select 1 as id")) == 1


def test_a_table_that_stays_keeps_its_indexes() -> None:
    warehouse = Warehouse()
    config = {"materialized": "incremental", "incremental_strategy": "append", "indexes": [{"columns": ["id"]}]}
    for _ in range(3):
        warehouse.build(node(config), "select 1 as id")
    assert len(warehouse.rows("from duckdb_indexes()")) == 1


def test_each_schema_is_made_once_whatever_its_letter_case() -> None:
    places = [Relation("memory", name, table) for name, table in [("sch ema", "a"), ("SCH ema", "b"), ("other", "c")]]
    made = statements(extras.create_schemas(places, writer()))
    assert made == [
        'create schema if not exists "memory"."sch ema"',
        'create schema if not exists "memory"."other"',
    ]
    assert len(extras.create_schemas(places, writer("postgres"))) == 3


def test_columns_are_asked_for_only_where_they_matter() -> None:
    plain = Facts(node=TABLE, query="", relation=Relation(None, None, "x"), now=datetime.datetime.now(datetime.UTC))
    assert not asks_columns(MATERIALIZATIONS["table"], plain)
    assert not asks_columns(MATERIALIZATIONS["incremental"], plain)
    assert asks_columns(MATERIALIZATIONS["snapshot"], plain)


@settings(max_examples=25)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12))
def test_any_name_is_a_name(name: str) -> None:
    warehouse, made = Warehouse(), writer()
    column = made.quote(name)
    for kind in ("table", "view", "incremental"):
        warehouse.build(node({"materialized": kind, "unique_key": name}, name), f"select 1 as {column}")
    assert warehouse.rows(f"select {column} from {made.quote(name)}") == [(1,)]
