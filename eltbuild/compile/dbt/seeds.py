"""Macros of seeds: a table of a CSV file's columns, filled row by row with literals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from eltbuild.compile.dbt.ddl import act
from eltbuild.compile.rendering import Rendering
from eltbuild.sql.quoting import quote_string

BATCH = 10_000


def get_binding_char(rendering: Rendering) -> str:
    """What stands for a bound value in a statement."""
    return "?" if rendering.session.dialect == "duckdb" else "%s"


def get_batch_size(rendering: Rendering) -> int:
    """How many rows one INSERT takes."""
    return BATCH


def get_csv_sql(rendering: Rendering, create_or_truncate_sql: Any, insert_sql: Any) -> str:
    """The statements of a seed as one text."""
    return f"{create_or_truncate_sql};\n-- dbt seed --\n{insert_sql}"


def get_seed_column_quoted_csv(rendering: Rendering, model: Mapping[str, Any], column_names: Iterable[Any]) -> str:
    """The names of a seed's columns, separated by commas, in quotes unless its config says no."""
    quote = (model.get("config") or {}).get("quote_columns")
    adapter = rendering.scope["adapter"]
    return ", ".join(adapter.quote_seed_column(name, quote) for name in column_names)


def create_csv_table(rendering: Rendering, model: Mapping[str, Any], agate_table: Any) -> str:
    """Create the table of a seed; the statement."""
    config = model.get("config") or {}
    types, quote = config.get("column_types") or {}, config.get("quote_columns")
    adapter = rendering.scope["adapter"]
    columns = [
        f"{adapter.quote_seed_column(name, quote)} {types.get(name) or adapter.convert_type(agate_table, index)}"
        for index, name in enumerate(agate_table.column_names)
    ]
    sql = f"create table {rendering.scope['this'].render()} ({', '.join(columns)})"
    act(rendering, "create_csv_table", sql)
    return sql


def reset_csv_table(
    rendering: Rendering, model: Mapping[str, Any], full_refresh: Any, old_relation: Any, agate_table: Any
) -> str:
    """Empty the table of a seed, or make it anew; the statement."""
    if full_refresh:
        rendering.scope["drop_relation_if_exists"](old_relation)
        return str(rendering.scope["create_csv_table"](model, agate_table))
    rendering.scope["truncate_relation"](old_relation)
    return f"truncate table {old_relation.render()}"


def load_csv_rows(rendering: Rendering, model: Mapping[str, Any], agate_table: Any) -> str:
    """Insert all rows of a seed, in batches; the first statement."""
    scope = rendering.scope
    names = scope["get_seed_column_quoted_csv"](model, agate_table.column_names)
    size = int(scope["get_batch_size"]())
    head = f"insert into {scope['this'].render()} ({names}) values\n    "
    first = ""
    for start in range(0, len(agate_table.rows), size):
        rows = (
            ", ".join(_literal(rendering, value) for value in row) for row in agate_table.rows[start : start + size]
        )
        sql = head + ",\n    ".join(f"({row})" for row in rows)
        act(rendering, "load_csv_rows", sql)
        first = first or sql
    return first


def _literal(rendering: Rendering, value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float() | Decimal():
            return str(value)
        case datetime() | date():
            return quote_string(value.isoformat(), rendering.session.dialect)
    return quote_string(str(value), rendering.session.dialect)


SEEDS: Mapping[str, Callable[..., Any]] = {
    "create_csv_table": create_csv_table,
    "get_batch_size": get_batch_size,
    "get_binding_char": get_binding_char,
    "get_csv_sql": get_csv_sql,
    "get_seed_column_quoted_csv": get_seed_column_quoted_csv,
    "load_csv_rows": load_csv_rows,
    "reset_csv_table": reset_csv_table,
}
