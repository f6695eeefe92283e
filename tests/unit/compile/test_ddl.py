"""Built-in macros that make and change relations: their text is run on a real DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from renderings import DuckDB, S, T, V, rendering, rows, run, value

from eltbuild.compile.dbt.builtins import BUILTINS
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.project.resources import ColumnSpec, Node
from eltbuild.relation import Relation


@pytest.fixture
def duck() -> Iterator[DuckDB]:
    opened = DuckDB()
    yield opened
    opened.database.close()


def test_every_macro_of_the_reference_is_there() -> None:
    wanted = [
        "create_table_as",
        "create_view_as",
        "get_create_table_as_sql",
        "get_create_view_as_sql",
        "drop_relation",
        "drop_relation_if_exists",
        "get_drop_sql",
        "rename_relation",
        "truncate_relation",
        "make_temp_relation",
        "make_intermediate_relation",
        "make_backup_relation",
        "load_relation",
        "load_cached_relation",
        "get_or_create_relation",
        "get_columns_in_relation",
        "get_columns_in_query",
        "get_empty_subquery_sql",
        "get_column_schema_from_query",
        "alter_column_type",
        "alter_relation_add_remove_columns",
        "diff_columns",
        "diff_column_data_types",
        "check_for_schema_changes",
        "process_schema_changes",
        "sync_column_schemas",
        "get_quoted_csv",
        "incremental_validate_on_schema_change",
        "get_merge_update_columns",
        "get_merge_sql",
        "get_delete_insert_merge_sql",
        "get_insert_overwrite_merge_sql",
        "get_insert_into_sql",
        "get_incremental_append_sql",
        "get_incremental_delete_insert_sql",
        "get_incremental_merge_sql",
        "get_incremental_insert_overwrite_sql",
        "get_incremental_default_sql",
        "get_incremental_microbatch_sql",
        "should_full_refresh",
        "should_store_failures",
        "create_indexes",
        "get_create_index_sql",
        "persist_docs",
        "alter_relation_comment",
        "alter_column_comment",
        "copy_grants",
        "should_revoke",
        "get_show_grant_sql",
        "get_grant_sql",
        "get_revoke_sql",
        "get_dcl_statement_list",
        "call_dcl_statements",
        "apply_grants",
        "run_hooks",
        "make_hook_config",
        "before_begin",
        "in_transaction",
        "after_commit",
        "set_sql_header",
        "create_schema",
        "drop_schema",
        "list_schemas",
        "check_schema_exists",
        "information_schema_name",
        "list_relations_without_caching",
        "get_relations",
        "get_catalog",
        "collect_freshness",
        "get_relation_last_modified",
        "get_where_subquery",
        "get_test_sql",
        "get_limit_subquery_sql",
        "get_show_sql",
        "test_unique",
        "test_not_null",
        "test_accepted_values",
        "test_relationships",
        "generate_schema_name",
        "generate_schema_name_for_env",
        "generate_alias_name",
        "generate_database_name",
        "generate_latest_version_pointer_alias",
        "snapshot_hash_arguments",
        "snapshot_string_as_time",
        "snapshot_get_time",
        "get_snapshot_table_column_names",
        "strategy_dispatch",
        "snapshot_timestamp_strategy",
        "snapshot_check_strategy",
        "build_snapshot_table",
        "snapshot_staging_table",
        "snapshot_merge_sql",
        "create_columns",
        "post_snapshot",
        "unique_key_fields",
        "unique_key_join_on",
        "unique_key_is_null",
        "create_csv_table",
        "reset_csv_table",
        "load_csv_rows",
        "get_csv_sql",
        "get_binding_char",
        "get_batch_size",
        "get_seed_column_quoted_csv",
        "can_clone_table",
        "validate_sql",
        "py_script_postfix",
        "resolve_model_name",
        "table_columns_and_constraints",
        "get_table_columns_and_constraints",
        "get_assert_columns_equivalent",
        "format_columns",
        "handle_existing_table",
        "support_multiple_grantees_per_dcl_statement",
    ]
    assert not [name for name in wanted if name not in BUILTINS]


# Making and unmaking ----------------------------------------------------------------------------------------


def test_tables_and_views_are_made_renamed_emptied_and_dropped(duck: DuckDB) -> None:
    made = rendering(introspector=duck)
    run(duck, f"create_table_as(false, {T}, 'select 1 as id -- one')", made)
    run(duck, f"get_create_view_as_sql({V}, 'select * from t')", made)
    assert rows(duck, "select * from v") == [(1,)]
    value(f"rename_relation({T}, {S})", made)
    assert rows(duck, "select * from s") == [(1,)]
    value(f"truncate_relation({S})", made)
    assert rows(duck, "select * from s") == []
    value(f"drop_relation_if_exists({V})", made)
    value(f"drop_relation({S})", made)
    assert rows(duck, "select count(*) from information_schema.tables") == [(0,)]


def test_nothing_is_done_without_a_warehouse() -> None:
    made = rendering()
    assert value(f"drop_relation({T})", made) == ""
    assert value(f"truncate_relation({T})", made) == ""
    assert made.introspective


def test_temporary_tables_are_the_sessions_own(duck: DuckDB) -> None:
    made = rendering(introspector=duck)
    made.scope["tmp"] = made.scope["make_temp_relation"](made.scope["api"].Relation.create("memory", "main", "t"))
    assert value("tmp.database ~ tmp.schema", made) == "NoneNone"
    run(duck, "create_table_as(true, tmp, 'select 1 as id')", made)
    assert rows(duck, f"select * from {value('tmp', made)}") == [(1,)]


def test_names_beside_a_relation() -> None:
    made = rendering("snowflake")
    assert value(f"make_temp_relation({T})", made) == '"memory"."main"."t__dbt_tmp"'
    assert value(f"make_intermediate_relation({T}, suffix='__new')", made) == '"memory"."main"."t__new"'
    assert value(f"make_backup_relation({T}, 'view').type", made) == "view"


def test_a_replaced_relation_goes_aside_and_away(duck: DuckDB) -> None:
    duck.database.execute("create table t as select 1 as id")
    duck.database.execute("begin")
    run(duck, f"get_replace_sql({T}, {T}, 'select 2 as id')")
    duck.database.execute("commit")
    assert rows(duck, "select * from t") == [(2,)]
    assert rows(duck, "select count(*) from information_schema.tables") == [(1,)]


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("snowflake", 'create or replace transient table\n      "memory"."main"."t"\n    as (\n      select 1\n    );'),
        ("bigquery", "create or replace table\n      `memory`.`main`.`t`\n    as (\n      select 1\n    );"),
        ("postgres", 'create table\n      "memory"."main"."t"\n    as (\n      select 1\n    );'),
        ("spark", "create or replace table\n      `memory`.`main`.`t`\n    as\n      select 1"),
    ],
)
def test_create_table_in_other_dialects(dialect: str, expected: str) -> None:
    assert value(f"create_table_as(false, {T}, 'select 1')", rendering(dialect)).strip() == expected


def test_headers_and_unlogged_tables() -> None:
    made = rendering("postgres", config={"sql_header": "set x = 1;", "unlogged": True})
    assert value(f"create_table_as(false, {T}, 'select 1')", made).startswith("set x = 1;\ncreate unlogged table")


def test_python_is_refused_by_name() -> None:
    with pytest.raises(TemplateError, match="python model"):
        value(f"create_table_as(false, {T}, 'x', language='python')", rendering())


def test_an_overridden_create_reaches_the_wrapper() -> None:
    macro = "{% macro create_table_as(temporary, relation, sql) %}mine {{ relation.identifier }}{% endmacro %}"
    made = rendering(macros={"create_table_as": macro})
    assert value(f"dbt.get_create_table_as_sql(false, {T}, 'select 1')", made) == "mine t"


def test_loading_what_stands_there(duck: DuckDB) -> None:
    duck.database.execute("create table t as select 1 as id")
    made = rendering(introspector=duck)
    assert value(f"load_relation({T}).type", made) == "table"
    assert value(f"load_cached_relation({S})", made) == "None"
    assert value("get_or_create_relation('memory', 'main', 't', 'table')[0]", made) == "True"
    assert value("get_or_create_relation('memory', 'main', 'z', 'view')[1].type", made) == "view"


# Contracts --------------------------------------------------------------------------------------------------


def contracted(duck: DuckDB, *columns: ColumnSpec, constraints: tuple[dict[str, Any], ...] = ()) -> Rendering:
    node = Node(
        id="model.shop.t", resource_type="model", name="t", package="shop", path="t.sql", original_path="models/t.sql",
        config={"contract": {"enforced": True}, "materialized": "table"}, relation=Relation("memory", "main", "t"),
        columns={column.name: column for column in columns}, constraints=constraints,
    )  # fmt: skip
    return rendering(introspector=duck, node=node)


def test_a_contract_gives_columns_constraints_and_order(duck: DuckDB) -> None:
    made = contracted(
        duck,
        ColumnSpec(
            "id", data_type="integer", constraints=({"type": "not_null"}, {"type": "check", "expression": "id > 0"})
        ),
        ColumnSpec("Name", data_type="varchar", quote=True),
        constraints=({"type": "primary_key", "columns": ["id"]},),
    )
    run(duck, f"""create_table_as(false, {T}, 'select \\'a\\' as "Name", 1 as id')""", made)
    assert rows(duck, "select * from t") == [(1, "a")]
    with pytest.raises(Exception, match="constraint"):
        duck.database.execute("insert into t values (0, 'b')")


def test_a_broken_contract_names_every_difference(duck: DuckDB) -> None:
    made = contracted(duck, ColumnSpec("id", data_type="integer"), ColumnSpec("gone", data_type="date"))
    with pytest.raises(TemplateError) as caught:
        value("get_assert_columns_equivalent(\"select 'a' as id, 1 as more\")", made)
    for part in ("`gone` is in the contract", "`id` is VARCHAR", "`more` is in the query"):
        assert part in str(caught.value)


def test_empty_schema_needs_types() -> None:
    made = rendering()
    sql = value(
        "get_empty_schema_sql({'a': {'name': 'a', 'data_type': 'int'},"
        " 'b': {'name': 'B', 'data_type': 'text', 'quote': true}})",
        made,
    )
    assert sql == 'select\n    cast(null as int) as a,\n    cast(null as text) as "B"'
    with pytest.raises(TemplateError, match="none for b"):
        value("get_empty_schema_sql({'b': {'name': 'b'}})", made)


# Changes of the schema --------------------------------------------------------------------------------------


@pytest.fixture
def changed(duck: DuckDB) -> DuckDB:
    duck.database.execute("create table t as select 1 as id, 'a' as name, 2 as gone")
    duck.database.execute("create table s as select 1::bigint as id, 'a' as name, current_date as extra")
    return duck


def shape(duck: DuckDB) -> list[tuple[Any, ...]]:
    return rows(duck, "select column_name, data_type from information_schema.columns where table_name = 't' order by 1")


def test_differences_are_found(changed: DuckDB) -> None:
    made = rendering(introspector=changed)
    made.scope["found"] = made.scope["check_for_schema_changes"](
        *(made.scope["api"].Relation.create("memory", "main", name, type="table") for name in "st")
    )
    assert value("found.schema_changed", made) == "True"
    assert value("found.source_not_in_target | map(attribute='name') | join", made) == "extra"
    assert value("found.target_not_in_source | map(attribute='name') | join", made) == "gone"
    assert value("found.new_target_types", made) == "[{'column_name': 'id', 'new_type': 'BIGINT'}]"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("ignore", [("gone", "INTEGER"), ("id", "INTEGER"), ("name", "VARCHAR")]),
        ("append_new_columns", [("extra", "DATE"), ("gone", "INTEGER"), ("id", "INTEGER"), ("name", "VARCHAR")]),
        ("sync_all_columns", [("extra", "DATE"), ("id", "BIGINT"), ("name", "VARCHAR")]),
    ],
)
def test_policies_change_the_table(changed: DuckDB, policy: str, expected: list[tuple[str, str]]) -> None:
    value(f"process_schema_changes('{policy}', {S}, {T})", rendering(introspector=changed))
    assert shape(changed) == expected


def test_the_policy_fail_tells_what_differs(changed: DuckDB) -> None:
    with pytest.raises(TemplateError, match="new columns: extra; columns gone: gone; other types: id to BIGINT"):
        value(f"process_schema_changes('fail', {S}, {T})", rendering(introspector=changed))


def test_an_unknown_policy_becomes_the_default() -> None:
    made = rendering()
    assert value("incremental_validate_on_schema_change('bogus')", made) == "ignore"
    assert value("incremental_validate_on_schema_change('bogus', default='fail')", made) == "fail"
    assert value("incremental_validate_on_schema_change('sync_all_columns')", made) == "sync_all_columns"


def test_widths_of_texts() -> None:
    made = rendering()
    call = "diff_column_data_types([api.Column('a', 'varchar', {})], [api.Column('a', '{}', {})])"
    assert value(call.format(50, "varchar", 10), made) == "[{'column_name': 'a', 'new_type': 'character varying(50)'}]"
    assert value(call.format(10, "varchar", 50), made) == "[]"
    assert value(call.format("none", "text", "none"), made) == "[]"
