"""What it takes to open a database of DuckDB's, as values. Nothing is connected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eltbuild.errors import Problem
from eltbuild.values import dataclass

MEMORY = ":memory:"
MOTHERDUCK = re.compile(r"(?:md|motherduck):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Step:
    """A statement that prepares a database or a session. `sql` may hold secrets, `what` never does."""

    what: str
    sql: str


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension to load, by name or by the path of its file; `repository` when it is not DuckDB's own."""

    name: str
    repository: str = ""

    @property
    def is_file(self) -> bool:
        """Whether the name is the path of a file, which needs no installing."""
        return "/" in self.name or "\\" in self.name or self.name.endswith(".duckdb_extension")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """All that opening a database takes."""

    path: str
    """What `duckdb.connect` is given: files by absolute path."""
    shared: str
    """What names the database within the process; empty when nobody else may find it."""
    folder: str = ""
    """The folder that must be there before the file can be made."""
    read_only: bool = False
    config: Mapping[str, Any]
    manners: tuple[Step, ...] = ()
    """What holds for the whole database without being asked for; first of all."""
    extensions: tuple[Extension, ...] = ()
    credentials: tuple[Step, ...] = ()
    """The secrets, behind the extensions that may define their types."""
    filesystems: tuple[Mapping[str, Any], ...] = ()
    attach: tuple[Step, ...] = ()
    """The other databases, behind all that is needed to reach them."""
    session: tuple[Step, ...] = ()
    """For each connection."""
    modules: tuple[str, ...] = ()
    """Folders in which Python models find modules."""
    connect_attempts: int = 1
    query_attempts: int = 1
    retryable: frozenset[str] = frozenset()
    transactions: bool = True
    secrets: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
