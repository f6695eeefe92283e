"""Values and types as each dialect writes them. The SQL parser is imported only to translate types."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.sql import spelling
from eltbuild.sql.quoting import quote_string
from eltbuild.sql.types import translate


def literal(value: Any, dialect: str) -> str:
    """The value in SQL. Naive and aware times differ in type; aware ones are written in UTC.

    Raises `CompileError` for values that are no None, bool, int, float, Decimal, str, date or datetime.
    """
    match value:
        case None:
            return "null"
        case bool():
            return ("1" if value else "0") if dialect in ("tsql", "fabric") else str(value).lower()
        case int() | Decimal():
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else f"cast('{value}' as {spelled_type('double', dialect)})"
        case str():
            return quote_string(value, dialect)
        case datetime.datetime():
            return timestamp(value, dialect)
        case datetime.date():
            return f"cast('{value.isoformat()}' as {spelled_type('date', dialect)})"
    raise CompileError(Problem(f"a {type(value).__name__} cannot be written as a SQL literal: {value!r}"))


def timestamp(moment: datetime.datetime, dialect: str, type_name: str = "") -> str:
    """The moment as a value of the type; by default `timestamptz` if it is aware, `timestamp` if it is naive.

    An aware moment is written in UTC; given a type, without its zone, and for `date` without its time.
    """
    zoned = moment.tzinfo is not None
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    text = moment.isoformat(sep=" ") if type_name.casefold() != "date" else moment.date().isoformat()
    zone = "+00:00" if zoned and not type_name else ""
    return f"cast('{text}{zone}' as {type_name or spelled_type('timestamptz' if zoned else 'timestamp', dialect)})"


def spelled_type(name: str, dialect: str) -> str:
    """A type named as in `spelling.TYPES`, or else as DuckDB names it, in the dialect's words."""
    own = spelling.TYPES.get(name)
    if own is not None:
        return own.get(dialect, "varchar" if name == "text" else name)
    return translate(name, "duckdb", dialect).lower()
