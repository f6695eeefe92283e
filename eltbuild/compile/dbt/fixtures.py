"""Macros that write the rows of unit tests as SQL, and the query that lays them beside what a model gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError

ACTUAL, EXPECTED = "dbt_internal_unit_test_actual", "dbt_internal_unit_test_expected"


def format_row(rendering: Rendering, row: Any, column_name_to_data_types: Any) -> dict[str, str]:
    """Each value of a row as SQL of its column's type; names are found whatever their letters."""
    types = {str(name).lower(): kind for name, kind in dict(column_name_to_data_types).items()}
    out = {}
    for name, value in dict(row).items():
        kind = types.get(str(name).lower())
        if kind is None:
            text = f"Invalid column name: '{name}' in unit test fixture for expected output."
            raise TemplateError(text, hint=f"there are {', '.join(map(str, column_name_to_data_types))}")
        out[str(name).lower()] = str(rendering.scope["safe_cast"](_literal(rendering, value), kind))
    return out


def _literal(rendering: Rendering, value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        escaped = rendering.scope["escape_single_quotes"](value)
        return str(rendering.scope["string_literal"](escaped))
    return str(value)


def get_fixture_sql(rendering: Rendering, rows: Any, column_name_to_data_types: Any = None) -> str:
    """The rows as a query; columns that a row does not name are null. Without types, they are those of `this`."""
    types = column_name_to_data_types or _types_of(rendering)
    names = {str(name).lower(): rendering.scope["adapter"].quote(str(name)) for name in types}
    nulls = {str(name).lower(): str(rendering.scope["safe_cast"]("null", kind)) for name, kind in types.items()}
    given = [{**nulls, **rendering.scope["format_row"](row, types)} for row in rows or ()]
    if not given:
        return f"{_select(nulls, names)}\nlimit 0"
    return "\nunion all\n".join(_select(row, names) for row in given)


def get_expected_sql(
    rendering: Rendering, rows: Any, column_name_to_data_types: Any, column_name_to_quoted: Any = None
) -> str:
    """The expected rows as a query, under their columns' names in quotes."""
    if not rows:
        return f"select * from {ACTUAL}\nlimit 0"
    quote = rendering.scope["adapter"].quote
    names = {str(name).lower(): quote(str(name)) for name in column_name_to_data_types}
    names |= {str(name).lower(): str(text) for name, text in dict(column_name_to_quoted or {}).items()}
    formatted = (rendering.scope["format_row"](row, column_name_to_data_types) for row in rows)
    return "\nunion all\n".join(_select(row, names) for row in formatted)


def _select(row: Mapping[str, str], names: Mapping[str, Any]) -> str:
    return "select " + ", ".join(f"{value} as {names[name]}" for name, value in row.items())


def _types_of(rendering: Rendering) -> dict[str, str]:
    columns = rendering.scope["adapter"].get_columns_in_relation(rendering.scope["this"])
    return {column.name: column.data_type for column in columns}


def get_unit_test_sql(
    rendering: Rendering, main_sql: Any, expected_fixture_sql: Any, expected_column_names: Iterable[Any]
) -> str:
    """What the model gives and what it should give, one below the other, each row marked with which it is."""
    names = ", ".join(map(str, expected_column_names))
    mark = rendering.scope["adapter"].quote("actual_or_expected")

    def part(name: str, word: str, sql: Any) -> str:
        return f"{name} as (\n  select {names}, '{word}' as {mark}\n  from (\n{sql}\n  ) _{name}\n)"

    parts = (part(ACTUAL, "actual", main_sql), part(EXPECTED, "expected", expected_fixture_sql))
    return "with " + ",\n".join(parts) + f"\nselect * from {ACTUAL}\nunion all\nselect * from {EXPECTED}"


def validate_fixture_rows(rendering: Rendering, rows: Any, row_number: Any = None) -> str:
    """Nothing is refused here: an engine's own project may."""
    return ""


FIXTURES: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (format_row, get_expected_sql, get_fixture_sql, get_unit_test_sql, validate_fixture_rows)
}
