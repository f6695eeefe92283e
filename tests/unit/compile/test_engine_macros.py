"""Built-in macros of unit tests, materialized views, functions and single engines, and rare members of `adapter`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from renderings import DuckDB, T, rendering, rows, value

from eltbuild.adapter import Capabilities
from eltbuild.jinja.errors import TemplateError

TYPES = "{'id': 'integer', 'Name': 'varchar', 'day': 'date'}"


@pytest.fixture
def duck() -> Iterator[DuckDB]:
    opened = DuckDB()
    yield opened
    opened.database.close()


# Rows of unit tests ------------------------------------------------------------------------------------------


def test_the_rows_of_a_fixture_are_a_query(duck: DuckDB) -> None:
    made = rendering("duckdb", duck)
    given = "[{'ID': 1, 'name': \"it's\"}, {'day': '2013-01-02', 'id': none}]"
    sql = value(f"get_fixture_sql({given}, {TYPES})", made)
    assert [tuple(map(str, row)) for row in rows(duck, sql)] == [("1", "it's", "None"), ("None", "None", "2013-01-02")]
    assert [name for name, *_ in duck.database.execute(f"describe {sql}").fetchall()] == ["id", "Name", "day"]
    empty = value(f"get_fixture_sql([], {TYPES})", made)
    assert rows(duck, empty) == []
    assert [kind for _, kind, *_ in duck.database.execute(f"describe {empty}").fetchall()] == [
        "INTEGER", "VARCHAR", "DATE",
    ]  # fmt: skip


def test_what_a_model_gives_lies_beside_what_it_should_give(duck: DuckDB) -> None:
    made = rendering("duckdb", duck)
    expected = f"get_expected_sql([{{'id': 2}}], {TYPES}, {{'id': adapter.quote('id')}})"
    sql = value(f"get_unit_test_sql('select 1 as id', {expected}, ['id'])", made)
    assert sorted(rows(duck, sql)) == [(1, "actual"), (2, "expected")]
    nothing = f"get_unit_test_sql('select 1 as id', get_expected_sql([], {TYPES}, {{}}), ['id'])"
    assert rows(duck, value(nothing, made)) == [(1, "actual")]


def test_a_row_names_columns_that_there_are() -> None:
    with pytest.raises(TemplateError, match="Invalid column name: 'nme'"):
        value(f"format_row({{'nme': 1}}, {TYPES})", rendering("duckdb"))
    null = value(f"format_row({{'id': none}}, {TYPES})['id']", rendering("postgres"))
    assert null == "cast(null as integer)"


# Materialized views ------------------------------------------------------------------------------------------

MV = "api.Relation.create(schema='s', identifier='v', type='materialized_view')"


def test_what_a_materialized_view_is_built_by() -> None:
    made = rendering("postgres")
    made.scope["sql"] = "select 1 as id"
    new = value(f"materialized_view_get_build_sql(none, {MV}, {MV}, {MV})", made)
    assert "create materialized view" in new
    assert "select 1 as id" in new
    again = value(f"materialized_view_get_build_sql({MV}, {MV}, {MV}, {MV})", made)
    assert again == 'refresh materialized view "s"."v"'
    other = value(f"materialized_view_get_build_sql({T}, {MV}, {MV}, {MV})", made)
    assert "drop " in other
    assert "create materialized view" in other
    assert value(f"get_alter_materialized_view_as_sql({MV}, none, 'select 1', {MV}, none, none)", made) == ""
    assert value(f"get_materialized_view_configuration_changes({MV}, config) is none", made) == "True"


# Single engines ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('duckdb_escape_comment("a\'b")', "$dbt_comment_literal_block$a'b$dbt_comment_literal_block$"),
        (f"external_location({T}, {{'format': 'csv'}})", "./t.csv"),
        (f"external_location({T}, {{'options': {{'partition_by': 'id'}}}})", "./t"),
        ("render_write_options({'options': {'codec': 'x'}, 'delimiter': '|'})", "{'codec': 'x', 'delimiter': '|'}"),
        ("normalize_string_or_list('a, b', 'x')", "['a, b']"),
        ("normalize_string_or_list(['a', 'b'], 'x') | length", "2"),
        ("normalize_string_or_list(none, 'x')", "[]"),
        ("adapter.external_write_options('a/b.csv', {'delimiter': '|'})", "delimiter '|', format csv, header 1"),
        ("adapter.external_read_location('a', {'partition_by': 'x,y', 'format': 'csv'})", "a/*/*/*.csv"),
        ('adapter.escape_sql_string("a\'b")', "a''b"),
        ("adapter.get_binding_char()", "?"),
        ("register_upstream_external_models()", ""),
        ("get_limit_sql('select 1', none)", "select 1"),
        ("default__get_limit_sql('select 1', 2)", "select 1\nlimit 2"),
        ("duckdb__get_fixture_sql is none", "False"),
        ("api.Column('a', 'text').string_type(3)", "character varying(3)"),
        (f"{T}.create(schema='a', identifier='b')", '"a"."b"'),
    ],
)
def test_macros_of_duckdb(call: str, expected: str) -> None:
    assert value(call, rendering("duckdb")) == expected


HERE = "api.Relation.create(schema='main', identifier='t')"


def test_whether_a_file_is_there(duck: DuckDB, tmp_path: Path) -> None:
    made = rendering("duckdb", duck)
    duck.database.execute("create table t as select 1 as id")
    options = "adapter.external_write_options('t.csv', {})"
    value(f"write_to_file({HERE}, '{tmp_path}/t.csv', {options})", made)
    assert value(f"location_exists('{tmp_path}/t.csv')", made) == "True"
    assert value(f"location_exists('{tmp_path}/*.csv')", made) == "True"
    assert value(f"adapter.location_exists('{tmp_path}/u.csv')", made) == "False"


def test_what_must_not_stand_in_a_comment() -> None:
    made = rendering("postgres")
    with pytest.raises(TemplateError, match="must not hold"):
        value("postgres_escape_comment('a $dbt_comment_literal_block$ b')", made)
    with pytest.raises(TemplateError, match="is a text"):
        value("postgres_escape_comment(1)", made)


def test_a_name_with_something_behind_it_is_not_too_long() -> None:
    made = rendering("postgres")
    made.session = replace(made.session, capabilities=Capabilities(identifier_length=63))
    long = "api.Relation.create(schema='s', identifier='x' * 63)"
    name = value(f"postgres__make_relation_with_suffix({long}, '__dbt_tmp', '1').identifier", made)
    assert name == "x" * 53 + "__dbt_tmp" + "1"


# Constraints and indexes -------------------------------------------------------------------------------------


def test_constraints_as_text() -> None:
    made = rendering("duckdb")
    columns = (
        "{'id': {'name': 'id', 'data_type': 'int', 'constraints': [{'type': 'not_null'},"
        " {'type': 'check', 'expression': 'id > 0'}]}, 'n': {'name': 'n', 'quote': true, 'data_type': 'text'}}"
    )
    assert value(f"adapter.render_raw_columns_constraints({columns})", made) == str(
        ["id int not null check (id > 0)", '"n" text']
    )
    whole = "[{'type': 'primary_key', 'columns': ['id']}, {'type': 'check', 'expression': 'id > 1', 'name': 'c'}]"
    assert value(f"adapter.render_raw_model_constraints({whole})", made) == str(
        ["primary key (id)", "constraint c check (id > 1)"]
    )


def test_an_index_of_a_config() -> None:
    made = rendering("postgres")
    index = "adapter.parse_index({'columns': ['id', 'n'], 'unique': true, 'type': 'hash'})"
    assert value(f"{index}.columns ~ {index}.unique ~ {index}.type", made) == "['id', 'n']Truehash"
    assert value(f"{index}.render({T}) | length", made) == "32"
    assert value("adapter.parse_index(none) is none", made) == "True"
    with pytest.raises(TemplateError, match="list of `columns`"):
        value("adapter.parse_index({'columns': 'id'})", made)


def test_the_macro_of_a_strategy() -> None:
    own = "{% macro get_incremental_mine_sql(arg_dict) %}mine{% endmacro %}"
    made = rendering("duckdb", macros={"get_incremental_mine_sql": own})
    assert value("adapter.get_incremental_strategy_macro(context, 'mine')({})", made) == "mine"
    assert value("adapter.get_incremental_strategy_macro(context, 'delete+insert') is none", made) == "False"
    with pytest.raises(TemplateError, match="no incremental strategy `other`"):
        value("adapter.get_incremental_strategy_macro(context, 'other')", made)


def test_a_snapshot_has_what_it_writes(duck: DuckDB) -> None:
    made = rendering("duckdb", duck)
    names = "{'dbt_scd_id': 'dbt_scd_id', 'dbt_valid_from': 'since', 'dbt_valid_to': 'dbt_valid_to'}"
    with pytest.raises(TemplateError, match="it has no column `dbt_scd_id`, `since`, `dbt_valid_to`"):
        value(f"adapter.assert_valid_snapshot_target_given_strategy({T}, {names}, none)", made)
    duck.database.execute("create table hist as select 1 as dbt_scd_id, 2 as DBT_VALID_FROM, 3 as dbt_valid_to")
    hist = "api.Relation.create(schema='main', identifier='hist')"
    assert value(f"adapter.valid_snapshot_target({hist})", made) == ""
