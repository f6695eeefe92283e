"""Names of the columns that a query gives and does not name, as one engine chooses them. Nothing is translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def name_columns(tree: Any) -> None:
    """Every query in it gives its columns names, those of PostgreSQL where the text gives none."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        _name(select)


def _name(node: Any) -> None:
    """A query whose columns without a name have those that PostgreSQL gives them."""
    from sqlglot import exp

    taken: set[str] = {one.alias_or_name for one in node.expressions if isinstance(one, (exp.Alias, exp.Column))}
    for one in list(node.expressions):
        if isinstance(one, (exp.Alias, exp.Column, exp.Star, exp.Aliases, exp.Dot)) or one.is_star or not _names(node):
            continue
        name = _name_of(one)
        if name not in taken:
            taken.add(name)
            one.replace(exp.alias_(one.copy(), name, quoted=True))


def _names(node: Any) -> bool:
    """Whether the names of a query's columns are of any consequence: those of a subquery that is a value are not."""
    from sqlglot import exp

    return not isinstance(node.parent, (exp.In, exp.Exists, exp.Any, exp.All, exp.Array))


def _name_of(node: Any) -> str:
    from sqlglot import exp

    if isinstance(node, exp.Paren):
        return _name_of(node.this)
    if isinstance(node, exp.Cast):
        inner = _name_of(node.this)
        return inner if inner != NAMELESS else CAST_NAMES.get(node.to.this.value, NAMELESS)
    if isinstance(node, exp.Column):
        return str(node.name)
    if isinstance(node, (exp.Window, exp.Filter, exp.WithinGroup)):
        return _name_of(node.this)
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select) and len(node.this.selects) == 1:
        first = node.this.selects[0]
        return str(first.alias_or_name) or _name_of(first)
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    return FUNCTION_NAMES.get(type(node).__name__, NAMELESS)


NAMELESS = "?column?"
FUNCTION_NAMES: Mapping[str, str] = {
    "Count": "count", "Sum": "sum", "Max": "max", "Min": "min", "Avg": "avg", "Coalesce": "coalesce", "Upper": "upper",
    "Lower": "lower", "Case": "case", "Extract": "extract", "Array": "array", "ArrayAgg": "array_agg", "Abs": "abs",
    "Round": "round", "Length": "length", "Replace": "replace", "RowNumber": "row_number", "Greatest": "greatest",
    "Least": "least", "Nullif": "nullif", "Concat": "concat", "GroupConcat": "string_agg", "Floor": "floor",
    "Ceil": "ceil", "Exists": "exists", "TimestampTrunc": "date_trunc", "DateTrunc": "date_trunc",
}  # fmt: skip
CAST_NAMES: Mapping[str, str] = {
    "INT": "int4", "BIGINT": "int8", "SMALLINT": "int2", "TEXT": "text", "VARCHAR": "varchar", "DATE": "date",
    "TIMESTAMP": "timestamp", "TIMESTAMPTZ": "timestamptz", "DECIMAL": "numeric", "DOUBLE": "float8", "BOOLEAN": "bool",
    "JSON": "json", "JSONB": "jsonb", "VARBINARY": "bytea", "UUID": "uuid", "TIME": "time", "INTERVAL": "interval",
}  # fmt: skip
"""Names of columns that nobody named, by what gives them."""
