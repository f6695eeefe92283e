"""dbt's `type_*` macros: the engine's name of each common type.

Names as dbt's adapters give them, which are not always sqlglot's: `float` of PostgreSQL holds eight bytes, sqlglot
would write REAL, which holds four.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering

TYPES: Mapping[str, str] = {
    "string": "TEXT",
    "timestamp": "timestamp",
    "float": "float",
    "numeric": "numeric(28,6)",
    "bigint": "bigint",
    "int": "integer",
    "boolean": "boolean",
}
"""What dbt's macros print where the adapter says nothing else."""

_HADOOP = {"string": "string", "int": "int", "numeric": "decimal(28,6)"}
_PRESTO = {"string": "varchar", "timestamp": "timestamp(3)", "float": "double", "numeric": "decimal(28,6)"}

OWN: Mapping[str, Mapping[str, str]] = {
    "bigquery": {
        "string": "string", "float": "float64", "numeric": "numeric", "bigint": "int64", "int": "int64",
        "boolean": "bool",
    },
    "spark": _HADOOP,
    "databricks": _HADOOP,
    "trino": _PRESTO,
    "athena": {**_PRESTO, "timestamp": "timestamp"},
    "clickhouse": {
        "string": "String", "timestamp": "DateTime", "float": "Float64", "numeric": "Decimal(28, 6)", "bigint": "Int64",
        "int": "Int32", "boolean": "Bool",
    },
    "tsql": {"string": "varchar(8000)", "timestamp": "datetime2(6)", "int": "int", "boolean": "bit"},
    "fabric": {"string": "varchar(8000)", "timestamp": "datetime2(6)", "int": "int", "boolean": "bit"},
    "mysql": {
        "string": "char", "timestamp": "datetime", "numeric": "decimal(28,6)", "int": "signed", "bigint": "signed",
    },
}  # fmt: skip
"""By dialect: the names that differ."""


def type_name(kind: str) -> Callable[[Rendering], str]:
    """The macro that prints the engine's name of a common type."""

    def print_type(rendering: Rendering) -> str:
        return OWN.get(rendering.session.dialect, {}).get(kind) or TYPES[kind]

    return print_type


TYPE_MACROS: Mapping[str, Callable[..., Any]] = {f"type_{kind}": type_name(kind) for kind in TYPES}
