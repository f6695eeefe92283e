"""The warehouses on which the conformance suite runs, as data: how to reach each, and what is its own.

A new adapter adds one `Warehouse`; where something cannot be had the suite skips it and says why.
"""

from __future__ import annotations

import datetime
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from eltbuild.adapter import Adapter, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """A way to open one kind of warehouse."""

    name: str
    type: str
    database: str
    """What the database is called in it."""
    open: Callable[[Path], Adapter]
    """The adapter for a warehouse in that folder; the same folder means the same warehouse where it lasts."""
    lasts: bool
    """Whether what was written is there for the next adapter."""
    long_query: str
    """One that runs for minutes."""
    several_are_one: bool = False
    """Several statements in one text are one transaction."""
    readers_wait: bool = False
    """Whoever reads what a transaction drops or renames waits for its end."""
    session: str = ""
    """A query for the number of the session that asks; empty where the server cannot end one."""
    ending: str = ""
    """A statement that ends the session of a number."""
    beyond: frozenset[str] = frozenset()
    """Capabilities that are not claimed, since some versions do not have them."""
    values: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    """Types of its own: an expression in its SQL, and the Python value that it comes back as."""


def _duckdb(path: str) -> Callable[[Path], Adapter]:
    def open(folder: Path) -> Adapter:
        from eltbuild_duckdb import DuckDBAdapter

        database = "memory" if path == ":memory:" else "warehouse"
        fields = {"type": "duckdb", "path": path, "schema": "main"}
        return DuckDBAdapter(Target("conformance", "dev", "duckdb", database, "main", root=str(folder), fields=fields))

    return open


_DUCKDB_VALUES: Mapping[str, tuple[str, Any]] = {
    "uuid": ("'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
    "blob": (r"'\x00\xFF'::blob", b"\x00\xff"),
    "list": ("[1, null, 3]", [1, None, 3]),
    "struct": ("{'a': 1, 'b c': 'x'}", {"a": 1, "b c": "x"}),
    "map": ("map {'k': 1}", {"k": 1}),
    "time": ("time '01:02:03.000004'", datetime.time(1, 2, 3, 4)),
    "interval": ("interval 36 hour", datetime.timedelta(days=1, hours=12)),
    "hugeint": ("170141183460469231731687303715884105727::hugeint", 2**127 - 1),
    "decimal": ("12345678901234567890.123456789::decimal(38, 9)", Decimal("12345678901234567890.123456789")),
    "json": ("""'{"a": 1}'::json""", '{"a": 1}'),
    "enum": ("'b'::enum('a', 'b')", "b"),
}

_DUCKDB_LONG = "select sum(a.range * b.range) from range(10000000) as a, range(10000000) as b"


def _postgres(folder: Path) -> Adapter:
    """A session's own database on the server of all tests; its workers would meet in a common one."""
    from eltbuild_postgres import PostgresAdapter
    from servers.postgres import shared

    fields = shared().fields(dbname=_POSTGRES_DATABASE)
    if not shared().execute(f"select 1 from pg_database where datname = '{_POSTGRES_DATABASE}'"):
        shared().execute(f"create database {_POSTGRES_DATABASE}")
    target = Target("conformance", "dev", "postgres", _POSTGRES_DATABASE, "public", root=str(folder), fields=fields)
    return PostgresAdapter(target)


_POSTGRES_DATABASE = f"conformance_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"

_POSTGRES_VALUES: Mapping[str, tuple[str, Any]] = {
    "uuid": ("'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
    "bytea": (r"'\x00FF'::bytea", b"\x00\xff"),
    "array": ("array[1, null, 3]", [1, None, 3]),
    "time": ("time '01:02:03.000004'", datetime.time(1, 2, 3, 4)),
    "24:00": ("time '24:00'", "24:00:00"),
    "interval": ("interval '36 hours'", datetime.timedelta(days=1, hours=12)),
    "numeric": ("12345678901234567890.123456789::numeric", Decimal("12345678901234567890.123456789")),
    "sum": ("sum(a) from (select 1 as a) as t", 1),
    "json": ("""'{"a":  1}'::json""", '{"a":  1}'),
    "jsonb": ("""'{"a":  1}'::jsonb""", '{"a": 1}'),
    "infinity": ("date 'infinity'", "infinity"),
    "before Christ": ("timestamp '0044-03-15 12:00 BC'", "0044-03-15 12:00:00 BC"),
    "row": ("row(1, 'x')", "(1,x)"),
    "range": ("int4range(1, 3)", "[1,3)"),
    "address": ("'1.2.3.4'::inet", "1.2.3.4"),
    "name": ("current_database()", _POSTGRES_DATABASE),
}

WAREHOUSES: tuple[Warehouse, ...] = (
    Warehouse(
        name="duckdb-file",
        type="duckdb",
        database="warehouse",
        open=_duckdb("data/warehouse.duckdb"),
        lasts=True,
        long_query=_DUCKDB_LONG,
        values=_DUCKDB_VALUES,
    ),
    Warehouse(
        name="duckdb-memory",
        type="duckdb",
        database="memory",
        open=_duckdb(":memory:"),
        lasts=False,
        long_query=_DUCKDB_LONG,
        values=_DUCKDB_VALUES,
    ),
    Warehouse(
        name="postgres",
        type="postgres",
        database=_POSTGRES_DATABASE,
        open=_postgres,
        lasts=True,
        long_query="select pg_sleep(600)",
        several_are_one=True,
        readers_wait=True,
        session="select pg_backend_pid()",
        ending="select pg_terminate_backend({0})",
        beyond=frozenset({"merge_by_source"}),
        values=_POSTGRES_VALUES,
    ),
)
