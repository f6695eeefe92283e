"""Macros that describe relations by comments, and that index them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import md5
from typing import Any

from eltbuild.compile.dbt.ddl import act, kind, quote_named
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.sql.quoting import quote_identifier, quote_string


def persist_docs(
    rendering: Rendering, relation: Any, model: Any, for_relation: bool = True, for_columns: bool = True
) -> str:
    """Write the descriptions of a model into the warehouse, as far as its config `persist_docs` asks."""
    scope, config = rendering.scope, rendering.scope["config"]
    description = model.get("description") if isinstance(model, Mapping) else ""
    columns = model.get("columns") if isinstance(model, Mapping) else None
    if for_relation and config.persist_relation_docs() and description:
        act(rendering, "alter_relation_comment", str(scope["alter_relation_comment"](relation, description)))
    if for_columns and config.persist_column_docs() and columns:
        sql = str(scope["alter_column_comment"](relation, columns)).strip()
        if sql:
            act(rendering, "alter_column_comment", sql)
    return ""


def alter_relation_comment(rendering: Rendering, relation: Any, relation_comment: Any) -> str:
    """The statement that describes a relation."""
    dialect = rendering.session.dialect
    literal, place, what = quote_string(str(relation_comment), dialect), relation.render(), kind(relation)
    if dialect == "bigquery":
        return f"alter {what} {place} set options (description = {literal});"
    if dialect in ("spark", "hive"):
        return f"alter {what} {place} set tblproperties ('comment' = {literal});"
    return f"comment on {'table' if dialect == 'databricks' else what} {place} is {literal};"


def alter_column_comment(rendering: Rendering, relation: Any, column_dict: Mapping[str, Any]) -> str:
    """The statements that describe the columns which the relation has."""
    existing = [column.name for column in rendering.scope["adapter"].get_columns_in_relation(relation)]
    matched = rendering.scope["validate_doc_columns"](relation, column_dict, existing)
    dialect, place = rendering.session.dialect, relation.render()
    form = f"comment on column {place}.{{0}} is {{1}};"
    if dialect == "bigquery":
        form = f"alter table {place} alter column {{0}} set options (description = {{1}});"
    elif dialect in ("spark", "databricks", "hive"):
        form = f"alter table {place} alter column {{0}} comment {{1}};"
    return "\n".join(
        form.format(quote_named(rendering, column), quote_string(str(column.get("description") or ""), dialect))
        for column in matched.values()
    )


def validate_doc_columns(
    rendering: Rendering, relation: Any, column_dict: Mapping[str, Any], existing_columns: Sequence[Any]
) -> dict[str, Any]:
    """The described columns that the relation has; quoted ones by their exact name, others letter case aside.

    It is told which ones it does not have.
    """
    exact = set(map(str, existing_columns))
    folded = {name.lower() for name in exact}
    found = {
        key: column
        for key, column in column_dict.items()
        if (column["name"] in exact if column.get("quote") else str(column["name"]).lower() in folded)
    }
    absent = [str(column["name"]) for key, column in column_dict.items() if key not in found]
    if absent:
        text = "The following columns are specified in the schema but are not present in the database"
        rendering.session.say(
            f"{text}: {', '.join(absent)}", "warn", "warning", rendering.node.id if rendering.node else None
        )
    return found


def create_indexes(rendering: Rendering, relation: Any) -> str:
    """Make the indexes that the config names."""
    for index in rendering.scope["config"].get("indexes", None) or ():
        sql = rendering.scope["get_create_index_sql"](relation, index)
        if sql:
            act(rendering, "create_index", str(sql))
    return ""


def get_create_index_sql(rendering: Rendering, relation: Any, index_dict: Mapping[str, Any]) -> str:
    """The statement that makes an index; an empty text where the engine has none."""
    dialect = rendering.session.dialect
    if dialect not in ("duckdb", "postgres"):
        return ""
    columns = index_dict.get("columns")
    if not columns or isinstance(columns, str):
        raise TemplateError(f"an index needs a list of `columns`, got {dict(index_dict)!r}")
    # The clock makes the name new while the table that this one replaces still has its index.
    marks = [relation.render(), *map(str, columns), str(index_dict.get("unique")), str(index_dict.get("type"))]
    marks.append(str(rendering.scope["py_current_timestring"]()))
    name = quote_identifier(md5("_".join(marks).encode(), usedforsecurity=False).hexdigest(), dialect)
    unique = "unique " if index_dict.get("unique") else ""
    kind = str(index_dict.get("type") or "")
    if kind and not (kind.isascii() and kind.isidentifier()):
        raise TemplateError(f"an index cannot be of the type {kind!r}", hint="write one word, such as `btree`")
    method = f"using {kind} " if kind and dialect == "postgres" else ""
    return (
        f"create {unique}index if not exists {name}\non {relation.render()} {method}({', '.join(map(str, columns))});"
    )


def get_drop_index_sql(rendering: Rendering, relation: Any, index_name: Any) -> str:
    """The statement that drops an index."""
    dialect = rendering.session.dialect
    name = quote_identifier(str(index_name), dialect)
    schema = f"{quote_identifier(str(relation.schema), dialect)}." if relation.schema else ""
    return f"drop index if exists {schema}{name}"


def get_show_indexes_sql(rendering: Rendering, relation: Any) -> str:
    """The query that lists the indexes of a relation."""
    dialect = rendering.session.dialect
    table, schema = quote_string(str(relation.identifier), dialect), quote_string(str(relation.schema), dialect)
    if dialect == "postgres":
        return (
            "select indexname as name, indexdef as definition from pg_indexes"
            f" where schemaname = {schema} and tablename = {table}"
        )
    if dialect == "duckdb":
        return (
            "select index_name as name, sql as definition from duckdb_indexes()"
            f" where schema_name = {schema} and table_name = {table}"
        )
    raise TemplateError(f"get_show_indexes_sql() cannot be written for {dialect}")


DOCS_AND_INDEXES: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        alter_column_comment, alter_relation_comment, create_indexes, get_create_index_sql, get_drop_index_sql,
        get_show_indexes_sql, persist_docs, validate_doc_columns,
    )
}  # fmt: skip
