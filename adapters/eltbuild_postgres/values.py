"""PostgreSQL's values as Python's: what the driver makes of them, and what it is told to make of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Loader, Transformer
from psycopg.types.string import TextLoader

TYPE_NAMES: Mapping[int, str] = {
    16: "boolean", 17: "bytea", 18: '"char"', 19: "name", 20: "bigint", 21: "smallint", 23: "integer", 25: "text",
    26: "oid", 114: "json", 142: "xml", 700: "real", 701: "double precision", 790: "money", 1042: "character",
    1043: "character varying", 1082: "date", 1083: "time without time zone", 1114: "timestamp without time zone",
    1184: "timestamp with time zone", 1186: "interval", 1266: "time with time zone", 1700: "numeric", 2249: "record",
    2278: "void", 2950: "uuid", 3802: "jsonb",
}  # fmt: skip
"""The names that PostgreSQL itself writes, by the numbers of its own types."""

AS_TEXT = (
    "json", "jsonb", "inet", "cidr", "record", "int4range", "int8range", "numrange", "daterange", "tsrange",
    "tstzrange", "int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange",
    "tstzmultirange", "hstore",
)  # fmt: skip
"""Types whose values are given as PostgreSQL writes them: a template expects text of JSON, not a mapping."""

BOUNDED = ("date", "time", "timetz", "timestamp", "timestamptz", "interval")
"""Types with values that Python has none for: `infinity`, years before Christ, 24:00."""


def adapters() -> AdaptersMap:
    """How values of results become Python's."""
    made = AdaptersMap(psycopg.adapters)
    for name in AS_TEXT:
        info = psycopg.adapters.types.get(name)
        if info is not None:
            made.register_loader(info.oid, TextLoader)
    return made


def lenient(base: AdaptersMap) -> AdaptersMap:
    """The same, and what Python has no value for stays a text; slower, for every value is looked at."""
    made = AdaptersMap(base)
    for name in BOUNDED:
        oid = psycopg.adapters.types[name].oid
        made.register_loader(oid, _bounded(base.get_loader(oid, psycopg.pq.Format.TEXT)))
    return made


def _bounded(loader: Any) -> type[Loader]:
    class Bounded(Loader):
        """A value, or the text of one that is out of Python's bounds."""

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._inner = loader(oid, context)

        def load(self, data: Any) -> Any:
            try:
                return self._inner.load(data)
            except (psycopg.DataError, NotImplementedError, ValueError, OverflowError):
                return bytes(data).decode()

    return Bounded


def rows_of(cursor: psycopg.Cursor[Any], base: AdaptersMap) -> tuple[tuple[Any, ...], ...]:
    """All rows of the cursor's result. Raises `psycopg.Error` or `UnicodeError` for values that cannot be read."""
    try:
        return tuple(cursor.fetchall())
    except (psycopg.DataError, NotImplementedError, ValueError, OverflowError):
        result = cursor.pgresult
        assert result is not None
        transformer = Transformer(_Context(base, cursor.connection))
        transformer.set_pgresult(result)
        return tuple(transformer.load_rows(0, result.ntuples, tuple))


class _Context:
    """What the driver asks of a place where values are read: the connection, and how they become Python's."""

    def __init__(self, base: AdaptersMap, connection: Any) -> None:
        self.adapters = lenient(base)
        self.connection = connection


def type_name(oid: int) -> str:
    """A name for a type of a result: PostgreSQL's own, the driver's for others, the number where neither has one."""
    known = TYPE_NAMES.get(oid)
    if known is not None:
        return known
    info = psycopg.adapters.types.get(oid)
    if info is None:
        return f"oid {oid}"
    return f"{TYPE_NAMES.get(info.oid, info.name)}[]" if oid == info.array_oid else info.name


def type_names(cursor: psycopg.Cursor[Any]) -> Sequence[str]:
    """The types of the columns of a result."""
    return [type_name(column.type_code) for column in cursor.description or ()]
