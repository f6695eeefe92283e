"""What can be asked of a column, by the name of its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Kind = Literal[
    "integer", "decimal", "text", "boolean", "date", "timestamp", "time", "interval", "list", "binary", "other"
]
"""`other`: values that can only be told as text."""

NUMBERS: frozenset[Kind] = frozenset({"integer", "decimal"})
TIMES: frozenset[Kind] = frozenset({"date", "timestamp", "time", "interval"})
LONG: frozenset[Kind] = frozenset({"text", "list", "binary"})
"""Kinds whose values have a length."""

FLOATS = frozenset({"double", "double precision", "real", "float", "float64"})
"""Types of decimal numbers that have a place in one of double precision."""

NAMES: Mapping[str, Kind] = {
    **dict.fromkeys(
        ("tinyint", "smallint", "integer", "int", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint",
         "uhugeint", "int64", "bignum", "varint"), "integer",
    ),
    **dict.fromkeys(("decimal", "numeric", *FLOATS), "decimal"),
    **dict.fromkeys(("varchar", "character varying", "text", "string", "character", "char", "citext"), "text"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    "date": "date",
    **dict.fromkeys(
        ("timestamp", "timestamp with time zone", "timestamp without time zone", "timestamptz", "timestamp_s",
         "timestamp_ms", "timestamp_ns", "datetime"), "timestamp",
    ),
    **dict.fromkeys(
        ("time", "time with time zone", "time without time zone", "timetz"), "time",
    ),
    "interval": "interval",
    **dict.fromkeys(("blob", "bytea", "varbinary"), "binary"),
}  # fmt: skip
"""Kinds by the names of types without their sizes; all that is not here is `other`."""
_SIZES = re.compile(r"\(\d+(?:\s*,\s*\d+)?\)")


def kind_of(type_name: str) -> Kind:
    """The kind of a type, as the engine names it."""
    name = type_name.casefold().strip()
    if re.search(r"\[\d*\]$", name):
        return "list"
    return NAMES.get(" ".join(_SIZES.sub("", name).split()), "other")
