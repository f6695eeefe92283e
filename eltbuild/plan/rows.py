"""Rows that come from outside the warehouse: the columns that a table for them needs. No row is moved here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.relation import Column
from eltbuild.sql.writer import Writer

PLAIN_TYPES: Mapping[str, str] = {
    "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "integer", "int64": "bigint",
    "uint8": "smallint", "uint16": "integer", "uint32": "bigint", "uint64": "decimal(20, 0)",
    "halffloat": "real", "float": "real", "double": "double", "string": "text", "large_string": "text",
    "string_view": "text", "binary": "blob", "large_binary": "blob", "binary_view": "blob", "date32[day]": "date",
    "date64[ms]": "date", "null": "integer",
}  # fmt: skip
"""Arrow's names to the writer's. A column of nothing but NULL is an integer, as dbt has it."""


JSON_TYPES: Mapping[str, str] = {"postgres": "jsonb", "redshift": "super", "mysql": "json", "tsql": "nvarchar(max)"}
"""What holds records and maps in dialects that have no types for them."""


def columns_of(rows: Any, writer: Writer, narrow: bool = False) -> tuple[Column, ...]:
    """The columns of the rows, typed for the target. `rows`: a pyarrow Table, or anything with an Arrow schema.

    `narrow`: whole numbers that fit 32 bits become `integer`. Raises `CompileError` for types without a name.
    """
    schema = rows.schema
    return tuple(
        Column(field.name, _narrowed(rows, index, writer) if narrow else sql_type(field.type, writer))
        for index, field in enumerate(schema)
    )


def sql_type(arrow: Any, writer: Writer) -> str:
    """The type of the target that holds values of the Arrow type. Raises `CompileError` where there is none."""
    name = _canonical(arrow)
    if name.startswith(("struct(", "map(")) and writer.dialect in JSON_TYPES:
        return JSON_TYPES[writer.dialect]
    return writer.type_name(name)


def _canonical(arrow: Any) -> str:
    name = str(arrow)
    plain = PLAIN_TYPES.get(name)
    if plain:
        return plain
    from pyarrow import types

    if types.is_timestamp(arrow):
        return "timestamptz" if arrow.tz else "timestamp"
    if types.is_time(arrow):
        return "time"
    if types.is_decimal(arrow):
        return f"decimal({arrow.precision}, {arrow.scale})"
    if types.is_dictionary(arrow):
        return _canonical(arrow.value_type)
    if types.is_duration(arrow) or types.is_interval(arrow):
        return "interval"
    if types.is_list(arrow) or types.is_large_list(arrow) or types.is_fixed_size_list(arrow):
        return f"{_nested(arrow.value_type)}[]"
    if types.is_map(arrow):
        return f"map({_nested(arrow.key_type)}, {_nested(arrow.item_type)})"
    if types.is_struct(arrow):
        members = ", ".join(f'"{field.name.replace(chr(34), chr(34) * 2)}" {_nested(field.type)}' for field in arrow)
        return f"struct({members})"
    if types.is_fixed_size_binary(arrow):
        return "blob"
    raise CompileError(Problem(f"no type of the warehouse is known for Arrow's `{name}`"))


def _nested(arrow: Any) -> str:
    name = _canonical(arrow)
    return "varchar" if name == "text" else name


def _narrowed(rows: Any, index: int, writer: Writer) -> str:
    arrow = rows.schema.field(index).type
    if str(arrow) not in ("int64", "uint32", "int16", "int8", "uint8", "uint16"):
        return sql_type(arrow, writer)
    from pyarrow import compute

    bounds = compute.min_max(rows.column(index)).as_py()
    fits = max(abs(bounds["min"] or 0), abs(bounds["max"] or 0)) < 2**31
    return writer.type_name("integer" if fits else "bigint")
