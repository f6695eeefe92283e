"""The warehouses on which the conformance suite runs, as data: how to reach each, and what is its own.

A new adapter adds one `Warehouse`; where something cannot be had the suite skips it and says why.
"""

from __future__ import annotations

import datetime
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
)
