"""Macros over columns: what a relation or query has, contracts as text, changes of a table's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eltbuild.compile.dbt.ddl import act, model_columns, quote_named
from eltbuild.compile.dbt.table import Table
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.sql import spelling
from eltbuild.sql.quoting import quote_identifier
from eltbuild.sql.types import keeps_promise

ON_SCHEMA_CHANGE = ("sync_all_columns", "append_new_columns", "fail", "ignore")


def get_columns_in_relation(rendering: Rendering, relation: Any) -> Any:
    """The columns of a relation."""
    return rendering.scope["adapter"].get_columns_in_relation(relation)


def get_column_schema_from_query(rendering: Rendering, select_sql: Any, select_sql_header: Any = None) -> Any:
    """The columns that a query gives, with their types."""
    query = rendering.scope["get_empty_subquery_sql"](select_sql, select_sql_header)
    return rendering.scope["adapter"].get_column_schema_from_query(query)


def get_columns_in_query(rendering: Rendering, select_sql: Any) -> list[str]:
    """The names of the columns that a query gives."""
    table = rendering.scope["run_query"](rendering.scope["get_empty_subquery_sql"](select_sql))
    return list(table.column_names) if isinstance(table, Table) else []


def get_list_of_column_names(rendering: Rendering, columns: Iterable[Any]) -> list[str]:
    """The names of columns."""
    return [column.name for column in columns]


def sql_convert_columns_in_relation(rendering: Rendering, table: Any) -> list[Any]:
    """Columns from rows that name and type them."""
    column = rendering.scope["api"].Column
    return [column(*row) for row in table]


def get_empty_subquery_sql(rendering: Rendering, select_sql: Any, select_sql_header: Any = None) -> str:
    """A query with the columns of the given one and no rows."""
    header = f"{select_sql_header}\n" if select_sql_header else ""
    return f"{header}select * from (\n{select_sql}\n) as __dbt_sbq\nwhere false\nlimit 0\n"


def get_empty_schema_sql(rendering: Rendering, columns: Mapping[str, Mapping[str, Any]]) -> str:
    """A query of NULLs with the names and types that a contract gives."""
    untyped = [name for name, column in columns.items() if not column.get("data_type")]
    if untyped:
        raise TemplateError(f"a contract needs a `data_type` for every column; none for {', '.join(map(str, untyped))}")
    parts = [f"cast(null as {c['data_type']}) as {quote_named(rendering, c)}" for c in columns.values()]
    return "select\n    " + ",\n    ".join(parts)


# Contracts ------------------------------------------------------------------------------------------------


def get_select_subquery(rendering: Rendering, sql: Any) -> str:
    """The query's columns in the order of the contract."""
    names = ", ".join(quote_named(rendering, column) for column in model_columns(rendering))
    return f"    select {names}\n    from (\n        {sql}\n    ) as model_subq"


def format_columns(rendering: Rendering, columns: Iterable[Any]) -> list[dict[str, str]]:
    """Columns as mappings with their text in a CREATE TABLE."""
    found = []
    for column in columns:
        name, kind = (
            (column["name"], column.get("data_type")) if isinstance(column, Mapping) else (column.column, column.dtype)
        )
        found.append({"name": name, "data_type": kind, "formatted": f"{name} {kind}"})
    return found


def get_assert_columns_equivalent(rendering: Rendering, sql: Any) -> str:
    """Nothing, if the query gives the columns of the contract; else an error with the differences."""
    described = model_columns(rendering)
    if not described and not rendering.settling:
        raise TemplateError("the contract is enforced and the model's `columns` are not described")
    found = rendering.scope["get_column_schema_from_query"](sql)
    if not found:
        return ""
    dialect = rendering.session.dialect
    given = {column.name.lower(): column for column in found}
    problems = []
    for column in described:
        name, kind = str(column["name"]), str(column.get("data_type") or "")
        match = given.pop(name.lower(), None)
        if match is None:
            problems.append(f"`{name}` is in the contract and not in the query")
        elif kind and not any(keeps_promise(one, kind, dialect) for one in (match.dtype, match.data_type)):
            told = match.dtype if match.is_string() and match.char_size is None else match.data_type
            problems.append(f"`{name}` is {told} in the query, {kind} in the contract")
    problems += [f"`{column.name}` is in the query and not in the contract" for column in given.values()]
    if problems:
        raise TemplateError(f"the query breaks the contract: {'; '.join(problems)}")
    return ""


CONSTRAINTS: Mapping[str, str] = {
    "not_null": "not null",
    "unique": "unique",
    "primary_key": "primary key",
    "custom": "",
}


def get_table_columns_and_constraints(rendering: Rendering) -> str:
    """The columns and constraints of the contract, in parentheses."""
    return str(rendering.scope["table_columns_and_constraints"]())


def table_columns_and_constraints(rendering: Rendering) -> str:
    """The columns and constraints of the contract, in parentheses."""
    model = rendering.scope.get("model") or {}
    lines = [column_definition(rendering, column) for column in model_columns(rendering)]
    lines += filter(None, (table_constraint(rendering, c) for c in model.get("constraints") or ()))
    return "  (\n    " + ",\n    ".join(lines) + "\n    )"


def column_definition(rendering: Rendering, column: Mapping[str, Any]) -> str:
    """A column of a contract: its name, its type and its constraints."""
    words = [quote_named(rendering, column), str(column.get("data_type") or "")]
    for constraint in column.get("constraints") or ():
        text = str(constraint.get("expression") or "")
        name = constraint.get("type")
        if name == "check":
            words.append(f"check ({text})")
        elif name == "foreign_key":
            words.append(f"references {_referred(rendering, constraint)}")
        else:
            words += [word for word in (CONSTRAINTS.get(str(name), ""), text) if word]
    return " ".join(words)


def table_constraint(rendering: Rendering, constraint: Mapping[str, Any]) -> str:
    """A constraint of a whole table; an empty text for one that there is none of."""
    name = f"constraint {constraint['name']} " if constraint.get("name") else ""
    columns = ", ".join(map(str, constraint.get("columns") or ()))
    text = str(constraint.get("expression") or "")
    match constraint.get("type"):
        case "check":
            return f"{name}check ({text})"
        case "foreign_key":
            return f"{name}foreign key ({columns}) references {_referred(rendering, constraint)}"
        case "unique" | "primary_key" as given:
            tail = f" {text}" if text else ""
            return f"{name}{CONSTRAINTS[given]} ({columns}){tail}"
        case "custom":
            return f"{name}{text}"
    return ""


def _referred(rendering: Rendering, constraint: Mapping[str, Any]) -> str:
    if constraint.get("expression"):
        return str(constraint["expression"])
    to = str(constraint.get("to") or "")
    if to.startswith(("ref(", "source(")):
        to = str(rendering.scope["render"]("{{ " + to + " }}"))
    return f"{to} ({', '.join(map(str, constraint.get('to_columns') or ()))})"


# Changes of a table's schema ------------------------------------------------------------------------------


def alter_column_type(rendering: Rendering, relation: Any, column_name: Any, new_column_type: Any) -> str:
    """Give a column another type, keeping its values."""
    form = spelling.ALTER_TYPE.get(rendering.session.dialect, "alter table {0} alter column {1} set data type {2}")
    name = quote_identifier(str(column_name), rendering.session.dialect)
    return act(rendering, "alter_column_type", form.format(relation.render(), name, new_column_type))


def alter_relation_add_remove_columns(
    rendering: Rendering, relation: Any, add_columns: Any = None, remove_columns: Any = None
) -> str:
    """Add columns to a table and drop others, one statement each."""
    place = f"alter {'view' if relation.type == 'view' else 'table'} {relation.render()}"
    braces = rendering.session.dialect in ("spark", "spark2", "hive")
    form = f"{place} add columns ({{0}} {{1}})" if braces else f"{place} add column {{0}} {{1}}"
    if rendering.session.dialect == "tsql":
        form = f"{place} add {{0}} {{1}}"
    for column in add_columns or ():
        act(rendering, "add_column", form.format(column.quoted, column.data_type))
    for column in remove_columns or ():
        act(rendering, "drop_column", f"{place} drop column {column.quoted}")
    return ""


def diff_columns(rendering: Rendering, source_columns: Iterable[Any], target_columns: Iterable[Any]) -> list[Any]:
    """The columns of the first that the second lacks."""
    there = {column.column for column in target_columns}
    return [column for column in source_columns if column.column not in there]


def diff_column_data_types(
    rendering: Rendering, source_columns: Iterable[Any], target_columns: Iterable[Any]
) -> list[dict[str, str]]:
    """The columns of the first whose type in the second is another, with the type that they would need."""
    there = {column.column: column for column in target_columns}
    found = []
    for column in source_columns:
        target = there.get(column.column)
        if target is None or column.data_type == target.data_type or column.can_expand_to(target):
            continue
        if column.is_string() and target.is_string() and column.string_size() == target.string_size():
            continue
        found.append({"column_name": target.column, "new_type": column.data_type})
    return found


def check_for_schema_changes(rendering: Rendering, source_relation: Any, target_relation: Any) -> dict[str, Any]:
    """How the columns of a table differ from those of what is to be written into it."""
    scope = rendering.scope
    source = scope["adapter"].get_columns_in_relation(source_relation)
    target = scope["adapter"].get_columns_in_relation(target_relation)
    added = scope["diff_columns"](source, target)
    removed = scope["diff_columns"](target, source)
    retyped = scope["diff_column_data_types"](source, target)
    return {
        "schema_changed": bool(added or removed or retyped),
        "source_not_in_target": added,
        "target_not_in_source": removed,
        "source_columns": source,
        "target_columns": target,
        "new_target_types": retyped,
    }


def sync_column_schemas(
    rendering: Rendering, on_schema_change: str, target_relation: Any, schema_changes_dict: Mapping[str, Any]
) -> str:
    """Change the table as the policy asks: add columns; for `sync_all_columns` also drop and retype."""
    scope = rendering.scope
    added = schema_changes_dict["source_not_in_target"]
    if on_schema_change == "append_new_columns":
        if added:
            scope["alter_relation_add_remove_columns"](target_relation, added, None)
    elif on_schema_change == "sync_all_columns":
        removed = schema_changes_dict["target_not_in_source"]
        if added or removed:
            scope["alter_relation_add_remove_columns"](target_relation, added, removed)
        for change in schema_changes_dict["new_target_types"]:
            scope["alter_column_type"](target_relation, change["column_name"], change["new_type"])
    return ""


def process_schema_changes(
    rendering: Rendering, on_schema_change: str, source_relation: Any, target_relation: Any
) -> Any:
    """Bring a table's columns in line with what is to be written, by the policy; the columns to write, or nothing."""
    if on_schema_change == "ignore":
        return {}
    changes = rendering.scope["check_for_schema_changes"](source_relation, target_relation)
    if changes["schema_changed"]:
        if on_schema_change == "fail":
            raise TemplateError(_changes(changes), hint="set `on_schema_change`, or run with --full-refresh")
        rendering.scope["sync_column_schemas"](on_schema_change, target_relation, changes)
    return changes["source_columns"]


def _changes(changes: Mapping[str, Any]) -> str:
    def named(columns: Sequence[Any]) -> str:
        return ", ".join(column.name for column in columns) or "none"

    retyped = ", ".join(f"{c['column_name']} to {c['new_type']}" for c in changes["new_target_types"]) or "none"
    return (
        "the columns of the query and of the table differ and on_schema_change is `fail`: "
        f"new columns: {named(changes['source_not_in_target'])}; "
        f"columns gone: {named(changes['target_not_in_source'])}; other types: {retyped}"
    )


def incremental_validate_on_schema_change(rendering: Rendering, on_schema_change: Any, default: str = "ignore") -> str:
    """The policy, or the default with a warning where there is no such policy."""
    if on_schema_change in ON_SCHEMA_CHANGE:
        return str(on_schema_change)
    node = rendering.node.id if rendering.node else None
    rendering.session.say(
        f"on_schema_change `{on_schema_change}` is none of {', '.join(ON_SCHEMA_CHANGE)}; `{default}` is used",
        "warn", "warning", node,
    )  # fmt: skip
    return default


COLUMNS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        alter_column_type, alter_relation_add_remove_columns, check_for_schema_changes, diff_column_data_types,
        diff_columns, format_columns, get_assert_columns_equivalent, get_column_schema_from_query,
        get_columns_in_query, get_columns_in_relation, get_empty_schema_sql, get_empty_subquery_sql,
        get_list_of_column_names, get_select_subquery, get_table_columns_and_constraints,
        incremental_validate_on_schema_change, process_schema_changes, sql_convert_columns_in_relation,
        sync_column_schemas, table_columns_and_constraints,
    )
}  # fmt: skip
