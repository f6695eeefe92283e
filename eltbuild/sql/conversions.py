"""What becomes of the values of one type in a column of another. Nothing is run.

sqlglot is asked only about pairs of names that differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from eltbuild.errors import CompileError
from eltbuild.sql.types import parsed

Conversion = Literal["same", "exact", "checked", "none"]
"""`same`: one type, lengths of texts aside. `exact`: every value is kept. `checked`: it depends on the values.
`none`: the two have nothing in common, or the time zone of a session would decide."""

INTEGERS: Mapping[str, int] = {
    "TINYINT": 3, "UTINYINT": 3, "SMALLINT": 5, "USMALLINT": 5, "INT": 10, "UINT": 10, "MEDIUMINT": 8, "BIGINT": 19,
    "UBIGINT": 20, "INT128": 39, "UINT128": 39, "INT256": 78, "UINT256": 78, "BIGNUM": 10_000,
}  # fmt: skip
"""Digits of the greatest value."""
BITS: Mapping[str, int] = {"SMALLINT": 16, "INT": 32, "BIGINT": 64}
UNSIGNED = frozenset({"UTINYINT", "USMALLINT", "UINT", "UBIGINT", "UINT128", "UINT256"})
FLOATS: Mapping[str, int] = {"FLOAT": 7, "DOUBLE": 15}
"""Digits that survive."""
DECIMALS = frozenset({"DECIMAL", "BIGDECIMAL", "DECIMAL32", "DECIMAL64", "DECIMAL128", "DECIMAL256"})
DEFAULT_DECIMAL: Mapping[str, tuple[int, int]] = {
    "duckdb": (18, 3), "postgres": (100_000, 50_000), "redshift": (18, 0), "snowflake": (38, 0), "bigquery": (38, 9),
    "spark": (10, 0), "databricks": (10, 0),
}  # fmt: skip
"""Precision and scale of a decimal that names none."""

LOCAL = frozenset({"DATE", "DATE32", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPNTZ",
                   "DATETIME", "DATETIME2", "DATETIME64"})  # fmt: skip
ZONED = frozenset({"TIMESTAMPTZ", "TIMESTAMPLTZ"})
DATES = frozenset({"DATE", "DATE32"})
MICROSECONDS = frozenset({"TIMESTAMP", "TIMESTAMPNTZ", "TIMESTAMPTZ", "TIMESTAMPLTZ", "DATETIME", "DATETIME2"})
COARSE = frozenset({*DATES, "TIMESTAMP_S", "TIMESTAMP_MS"})
JSONS = frozenset({"JSON", "JSONB"})
NAMED = frozenset({"USER-DEFINED", "ENUM", "ENUM8", "ENUM16"})
"""Types of the user's own."""
BINARY = frozenset({"VARBINARY", "BINARY", "BLOB", "BIT", "GEOMETRY", "GEOGRAPHY", "INTERVAL"})
"""Types whose values have more than one text."""
UNTYPED = frozenset({"null", '"null"', "unknown"})
"""What engines call the type of a bare NULL."""


def conversion(source: str, target: str, dialect: str) -> Conversion:
    """What becomes of values of the type `source` in a column of the type `target`."""
    left, right = source.casefold().strip(), target.casefold().strip()
    if left == right or not left or not right or left in UNTYPED:
        return "same"
    try:
        return _conversion(source, target, dialect)
    except CompileError:
        return "checked"


@lru_cache(maxsize=1024)
def _conversion(source: str, target: str, dialect: str) -> Conversion:
    from sqlglot import exp

    one, other = parsed(source, dialect), parsed(target, dialect)
    if one == other:
        return "same"
    left, right = _name(one), _name(other)
    texts = {_name(exp.DataType(this=kind)) for kind in exp.DataType.TEXT_TYPES}
    if left in texts:
        return "same" if right in texts else "checked" if right in NAMED else "none"
    if right in texts:
        return "none" if left in BINARY or one.args.get("nested") else "checked" if other.expressions else "exact"
    if _is_number(left) and _is_number(right):
        return _between_numbers(one, other, dialect)
    if {left, right} <= JSONS:
        return "exact"
    if {left, right} <= LOCAL or {left, right} <= ZONED:
        return _between_times(one, other)
    if left in NAMED or right in NAMED:
        return "checked" if left in NAMED and right in NAMED else "none"
    return "checked" if left == right else "none"


def limits(type_name: str, dialect: str) -> tuple[str, str, int] | None:
    """The least and the greatest value of a type of whole or decimal numbers, and its places behind the point."""
    try:
        node = parsed(type_name, dialect)
    except CompileError:
        return None
    if _name(node) in BITS:
        power = 2 ** (BITS[_name(node)] - 1)
        return (str(-power), str(power - 1), 0)
    if _name(node) not in DECIMALS or not node.expressions:
        return None
    before, after = _room(node, dialect)
    greatest = "9" * before + ("." + "9" * after if after else "") or "0"
    return (f"-{greatest}", greatest, after)


def _name(node: Any) -> str:
    kind = node.this
    return str(getattr(kind, "value", kind)).upper()


def _is_number(name: str) -> bool:
    return name in INTEGERS or name in FLOATS or name in DECIMALS


def _between_numbers(one: Any, other: Any, dialect: str) -> Conversion:
    left, right = _name(one), _name(other)
    if left in FLOATS or right in FLOATS:
        if left in FLOATS and right in FLOATS:
            return "same" if left == right else "exact" if FLOATS[left] < FLOATS[right] else "checked"
        return "exact" if left in INTEGERS and INTEGERS[left] <= FLOATS.get(right, 0) else "checked"
    before, after = _room(one, dialect), _room(other, dialect)
    if before == after and left in DECIMALS and right in DECIMALS:
        return "same"
    fits = before[0] <= after[0] and before[1] <= after[1]
    if left in DECIMALS and right in INTEGERS:
        # The greatest integer has not nines only.
        return "exact" if fits and before[0] < after[0] and right not in UNSIGNED else "checked"
    if left in INTEGERS and right in INTEGERS:
        fits = fits and not (right in UNSIGNED and left not in UNSIGNED)
        fits = fits and not (left in UNSIGNED and right not in UNSIGNED and before[0] == after[0])
        fits = fits and left != right
    return "exact" if fits else "checked"


def _room(node: Any, dialect: str) -> tuple[int, int]:
    """Digits before the point, and behind it."""
    name = _name(node)
    if name in INTEGERS:
        return (INTEGERS[name], 0)
    sizes = [int(part.name) for part in node.expressions if part.name.isdigit()]
    precision, scale = (*sizes, 0)[:2] if sizes else DEFAULT_DECIMAL.get(dialect, (38, 9))
    return (precision - scale, scale)


def _between_times(one: Any, other: Any) -> Conversion:
    left, right = _name(one), _name(other)
    if left in DATES:
        return "same" if right in DATES else "checked" if right == "TIMESTAMP_NS" else "exact"
    if right in COARSE:
        return "checked"
    if right in MICROSECONDS and not other.expressions and (left in MICROSECONDS or left in COARSE):
        return "exact"
    return "checked"
