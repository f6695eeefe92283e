"""Macros that make, drop, rename and empty relations, as text and as deeds, and the names beside a relation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.sql import spelling
from eltbuild.sql.quoting import quote_identifier, quote_string

REPLACING = frozenset({"snowflake", "bigquery", "databricks", "spark"})
"""Dialects in which dbt's tables and views are made with CREATE OR REPLACE."""
CASCADING = frozenset({"duckdb", "postgres", "redshift", "snowflake", "materialize"})
"""Dialects in which a DROP takes with it what stands on the relation."""


def act(rendering: Rendering, name: str, sql: str) -> str:
    """Run a statement, through the macro that a project may replace; nothing while nothing can be asked."""
    rendering.scope["statement"](name, auto_begin=False, caller=lambda: sql)
    return ""


def kind(relation: Any) -> str:
    """What the relation is, in the words of a DDL statement."""
    return str(relation.type or "table").replace("_", " ").replace("external", "table")


# Names beside a relation ----------------------------------------------------------------------------------


def _beside(rendering: Rendering, relation: Any, suffix: str, **more: Any) -> Any:
    limit = rendering.session.capabilities.identifier_length
    name = str(relation.identifier)
    if limit and len(name) + len(suffix) > limit:
        name = name[: max(limit - len(suffix), 0)]
    return relation.incorporate(path={"identifier": name + suffix}, **more)


def make_temp_relation(rendering: Rendering, base_relation: Any, suffix: str = "__dbt_tmp") -> Any:
    """A name for a temporary table: of the session's own where the engine has such, else beside the relation."""
    if rendering.session.dialect not in spelling.UNQUALIFIED_TEMPORARY:
        return _beside(rendering, base_relation, suffix, type="table")
    mark = suffix + str(rendering.scope["py_current_timestring"]())
    return _beside(rendering, base_relation, mark, type="table").replace_path(database=None, schema=None)


def make_intermediate_relation(rendering: Rendering, base_relation: Any, suffix: str = "__dbt_tmp") -> Any:
    """The name under which a relation is built before it takes its place."""
    return _beside(rendering, base_relation, suffix)


def make_backup_relation(
    rendering: Rendering, base_relation: Any, backup_relation_type: Any = None, suffix: str = "__dbt_backup"
) -> Any:
    """The name under which a relation stands while another takes its place."""
    given = None if backup_relation_type is None else str(backup_relation_type)
    return _beside(rendering, base_relation, suffix, type=given)


# What stands there ----------------------------------------------------------------------------------------


def load_relation(rendering: Rendering, relation: Any) -> Any:
    """The relation as it stands, or none."""
    return rendering.scope["adapter"].get_relation(relation.database, relation.schema, relation.identifier)


def load_cached_relation(rendering: Rendering, relation: Any) -> Any:
    """The relation as it stands, or none."""
    return rendering.scope["load_relation"](relation)


def get_or_create_relation(rendering: Rendering, database: Any, schema: Any, identifier: Any, type: Any) -> list[Any]:
    """Whether the relation stands, and the relation: as it stands, or as it would be named."""
    adapter = rendering.scope["adapter"]
    found = adapter.get_relation(database, schema, identifier)
    if found is not None:
        return [True, found]
    return [False, adapter.Relation.create(database=database, schema=schema, identifier=identifier, type=type)]


# Making ---------------------------------------------------------------------------------------------------


def sql_header(rendering: Rendering) -> str:
    """What the config puts in front of a statement."""
    header = rendering.scope["config"].get("sql_header", None)
    return f"{header}\n" if header else ""


def contract_enforced(rendering: Rendering) -> bool:
    """Whether the node's config enforces its contract."""
    contract = rendering.scope["config"].get("contract", None)
    return bool(contract.get("enforced")) if isinstance(contract, Mapping) else False


def create_table_as(
    rendering: Rendering, temporary: Any, relation: Any, compiled_code: Any, language: str = "sql"
) -> str:
    """The statement that makes a table of a query."""
    if language != "sql":
        raise TemplateError(
            f"create_table_as() of a {language} model is not supported in {rendering.session.dialect}",
            hint="Python models are built by the built-in materializations `table` and `incremental`",
        )
    dialect = rendering.session.dialect
    header = sql_header(rendering)
    if dialect == "spark" and temporary:
        return f"{header}create or replace temporary view {relation.include(False, False)} as\n    {compiled_code}"
    words = ["create"]
    if dialect in REPLACING:
        words.append("or replace")
    words += _lifetime(rendering, bool(temporary))
    own = spelling.UNQUALIFIED_TEMPORARY
    place = relation.include(database=False, schema=False) if temporary and dialect in own else relation
    head = f"{header}{' '.join(words)} table\n      {place.render()}\n"
    if contract_enforced(rendering) and not temporary:
        return head + _by_contract(rendering, relation, str(compiled_code))
    if dialect == "spark":
        return f"{head}    as\n      {compiled_code}"
    return f"{head}    as (\n      {compiled_code}\n    );\n"


def _lifetime(rendering: Rendering, temporary: bool) -> list[str]:
    config, dialect = rendering.scope["config"], rendering.session.dialect
    if temporary:
        return ["temporary"] if dialect in spelling.TEMPORARY else []
    if dialect == "postgres" and config.get("unlogged", False):
        return ["unlogged"]
    if dialect == "snowflake" and config.get("transient", True) is not False:
        return ["transient"]
    return []


def _by_contract(rendering: Rendering, relation: Any, sql: str) -> str:
    """The rest of a CREATE TABLE whose columns the contract names: PostgreSQL and DuckDB fill it by an INSERT."""
    scope = rendering.scope
    columns = scope["get_table_columns_and_constraints"]()
    rows = scope["get_select_subquery"](sql)
    check = scope["get_assert_columns_equivalent"](sql)
    if rendering.session.dialect not in ("duckdb", "postgres", "redshift"):
        return f"{check}\n{columns}\n    as (\n{rows}\n    )"
    names = ", ".join(quote_named(rendering, column) for column in model_columns(rendering))
    target = relation.render()
    return f"{check}\n{columns}\n  ;\n    insert into {target} ({names}) (\n{rows}\n    );\n"


def model_columns(rendering: Rendering) -> list[Mapping[str, Any]]:
    """The columns that the node's properties describe, as mappings."""
    model = rendering.scope.get("model")
    columns = model.get("columns") if isinstance(model, Mapping) else None
    return list(columns.values()) if isinstance(columns, Mapping) else []


def quote_named(rendering: Rendering, column: Mapping[str, Any]) -> str:
    """The name of a described column, in quotes if its description asks for them."""
    name = str(column["name"])
    return quote_identifier(name, rendering.session.dialect) if column.get("quote") else name


def create_view_as(rendering: Rendering, relation: Any, sql: Any) -> str:
    """The statement that makes a view of a query."""
    header = sql_header(rendering)
    replace = " or replace" if rendering.session.dialect in REPLACING else ""
    check = rendering.scope["get_assert_columns_equivalent"](sql) if contract_enforced(rendering) else ""
    head = f"{header}create{replace} view {relation.render()}{check}"
    if rendering.session.dialect in ("spark", "databricks"):
        return f"{head} as\n    {sql}"
    return f"{head} as (\n    {sql}\n  );\n"


def get_create_table_as_sql(rendering: Rendering, temporary: Any, relation: Any, sql: Any) -> str:
    """The statement that makes a table of a query."""
    return str(rendering.scope["create_table_as"](temporary, relation, sql))


def get_create_view_as_sql(rendering: Rendering, relation: Any, sql: Any) -> str:
    """The statement that makes a view of a query."""
    return str(rendering.scope["create_view_as"](relation, sql))


def get_create_sql(rendering: Rendering, relation: Any, sql: Any) -> str:
    """The statement that makes a relation of its type."""
    if relation.is_view:
        return str(rendering.scope["get_create_view_as_sql"](relation, sql))
    if relation.is_table:
        return str(rendering.scope["get_create_table_as_sql"](False, relation, sql))
    if relation.is_materialized_view:
        return str(rendering.scope["get_create_materialized_view_as_sql"](relation, sql))
    raise TemplateError(f"get_create_sql() cannot make a relation of type `{relation.type}`: {relation}")


def get_create_materialized_view_as_sql(rendering: Rendering, relation: Any, sql: Any) -> str:
    """The statement that makes a materialized view of a query."""
    test = "if not exists " if rendering.session.dialect == "postgres" else ""
    return f"create materialized view {test}{relation.render()} as {sql};"


def get_replace_view_sql(rendering: Rendering, relation: Any, sql: Any) -> str:
    """The statement that puts a view in the place of another."""
    return f"create or replace view {relation.render()} as (\n    {sql}\n  )"


def get_replace_table_sql(rendering: Rendering, relation: Any, sql: Any) -> str:
    """The statement that puts a table in the place of another."""
    return f"create or replace table {relation.render()} as (\n    {sql}\n  )"


def get_replace_sql(rendering: Rendering, existing_relation: Any, target_relation: Any, sql: Any) -> str:
    """The statements that put a relation in the place of another."""
    scope = rendering.scope
    if existing_relation.can_be_renamed:
        parts = [
            scope["get_create_intermediate_sql"](target_relation, sql),
            scope["get_create_backup_sql"](existing_relation),
            scope["get_rename_intermediate_sql"](target_relation),
            scope["get_drop_backup_sql"](existing_relation),
        ]
    else:
        parts = [scope["get_drop_sql"](existing_relation), scope["get_create_sql"](target_relation, sql)]
    return ";\n".join(str(part).strip().rstrip(";") for part in parts)


def get_create_intermediate_sql(rendering: Rendering, relation: Any, sql: Any) -> str:
    """The statements that build a relation under its intermediate name."""
    scope = rendering.scope
    made = scope["make_intermediate_relation"](relation)
    return f"{scope['get_drop_sql'](made)};\n{scope['get_create_sql'](made, sql)}"


def get_create_backup_sql(rendering: Rendering, relation: Any) -> str:
    """The statements that put a relation aside."""
    scope = rendering.scope
    backup = scope["make_backup_relation"](relation, relation.type)
    return f"{scope['get_drop_sql'](backup)};\n{scope['get_rename_sql'](relation, backup.identifier)}"


def get_rename_intermediate_sql(rendering: Rendering, relation: Any) -> str:
    """The statement that gives what was built its final name."""
    made = rendering.scope["make_intermediate_relation"](relation)
    return str(rendering.scope["get_rename_sql"](made, relation.identifier))


def get_drop_backup_sql(rendering: Rendering, relation: Any) -> str:
    """The statement that drops what was put aside."""
    return str(rendering.scope["get_drop_sql"](rendering.scope["make_backup_relation"](relation, relation.type)))


# Dropping, renaming, emptying -----------------------------------------------------------------------------


def _drop(rendering: Rendering, relation: Any, what: str) -> str:
    tail = " cascade" if rendering.session.dialect in CASCADING else ""
    return f"drop {what} if exists {relation.render()}{tail}"


def drop_table(rendering: Rendering, relation: Any) -> str:
    """The statement that drops a table where there is one."""
    return _drop(rendering, relation, "table")


def drop_view(rendering: Rendering, relation: Any) -> str:
    """The statement that drops a view where there is one."""
    return _drop(rendering, relation, "view")


def drop_materialized_view(rendering: Rendering, relation: Any) -> str:
    """The statement that drops a materialized view where there is one."""
    return _drop(rendering, relation, "materialized view")


DROPS = {"view": "drop_view", "table": "drop_table", "materialized view": "drop_materialized_view"}


def get_drop_sql(rendering: Rendering, relation: Any) -> str:
    """The statement that drops a relation of its type where there is one."""
    drop = DROPS.get(kind(relation))
    return str(rendering.scope[drop](relation)) if drop else _drop(rendering, relation, kind(relation))


def drop_relation(rendering: Rendering, relation: Any) -> str:
    """Drop a relation where there is one."""
    return act(rendering, "drop_relation", rendering.scope["get_drop_sql"](relation))


def drop_relation_if_exists(rendering: Rendering, relation: Any) -> str:
    """Drop a relation, unless it is none."""
    if relation is not None:
        rendering.scope["drop_relation"](relation)
    return ""


def get_rename_table_sql(rendering: Rendering, relation: Any, new_name: Any) -> str:
    """The statement that gives a table another name in its schema."""
    return _rename(rendering, relation, new_name, "table")


def get_rename_view_sql(rendering: Rendering, relation: Any, new_name: Any) -> str:
    """The statement that gives a view another name in its schema."""
    return _rename(rendering, relation, new_name, "view")


def get_rename_materialized_view_sql(rendering: Rendering, relation: Any, new_name: Any) -> str:
    """The statement that gives a materialized view another name in its schema."""
    return _rename(rendering, relation, new_name, "materialized view")


def _rename(rendering: Rendering, relation: Any, new_name: Any, what: str) -> str:
    name, dialect = str(new_name), rendering.session.dialect
    form = spelling.RENAME.get(dialect, "alter {1} {0} rename to {3}")
    place = relation.render()
    renamed = relation.incorporate(path={"identifier": name}).render()
    text = quote_identifier(name, dialect) if dialect != "tsql" else quote_string(name, dialect)
    return form.format(place, what, quote_string(place, dialect), text, renamed)


def get_rename_sql(rendering: Rendering, relation: Any, new_name: Any) -> str:
    """The statement that gives a relation of its type another name in its schema."""
    macro = f"get_rename_{kind(relation).replace(' ', '_')}_sql"
    found = rendering.scope.get(macro)
    return str(found(relation, new_name)) if found else _rename(rendering, relation, new_name, kind(relation))


def refresh_materialized_view(rendering: Rendering, relation: Any) -> str:
    """The statement that brings a materialized view up to date."""
    return f"refresh materialized view {relation.render()}"


def rename_relation(rendering: Rendering, from_relation: Any, to_relation: Any) -> str:
    """Give a relation another name in its schema."""
    return act(rendering, "rename_relation", rendering.scope["get_rename_sql"](from_relation, to_relation.identifier))


def truncate_relation(rendering: Rendering, relation: Any) -> str:
    """Delete all rows of a table."""
    form = spelling.TRUNCATE.get(rendering.session.dialect, "truncate table {0}")
    return act(rendering, "truncate_relation", form.format(relation.render()))


def handle_existing_table(rendering: Rendering, full_refresh: Any, old_relation: Any) -> str:
    """Drop the table that stands in a view's way."""
    return str(rendering.scope["drop_relation"](old_relation))


def can_clone_table(rendering: Rendering) -> bool:
    """Whether the engine copies tables without copying rows."""
    return rendering.session.dialect in ("snowflake", "bigquery", "databricks")


def create_or_replace_clone(rendering: Rendering, this_relation: Any, defer_relation: Any) -> str:
    """The statement that makes a clone of a table."""
    return f"create or replace table {this_relation.render()} clone {defer_relation.render()}"


DDL: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        can_clone_table, create_or_replace_clone, create_table_as, create_view_as, drop_materialized_view,
        drop_relation, drop_relation_if_exists, drop_table, drop_view, get_create_backup_sql,
        get_create_intermediate_sql, get_create_materialized_view_as_sql, get_create_sql, get_create_table_as_sql,
        get_create_view_as_sql, get_drop_backup_sql, get_drop_sql, get_or_create_relation,
        get_rename_intermediate_sql, get_rename_materialized_view_sql, get_rename_sql, get_rename_table_sql,
        get_rename_view_sql, get_replace_sql, get_replace_table_sql, get_replace_view_sql,
        handle_existing_table, load_cached_relation, load_relation, make_backup_relation,
        make_intermediate_relation, make_temp_relation, refresh_materialized_view,
        rename_relation, truncate_relation,
    )
}  # fmt: skip
