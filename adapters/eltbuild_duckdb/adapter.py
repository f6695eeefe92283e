"""The adapter for DuckDB: what it can do, and its sessions.

DuckDB, and what reads profiles for it, is imported when the first session is opened.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from eltbuild.adapter import Capabilities, Target
from eltbuild.errors import Problem, ProjectError
from eltbuild.values import replace

if TYPE_CHECKING:
    from eltbuild_duckdb.connection import DuckDBConnection
    from eltbuild_duckdb.databases import Database
    from eltbuild_duckdb.opening import Opening

CAPABILITIES = Capabilities(
    external_files=True,
    strategy_from_start=False,
    transactional_ddl=True,
    create_or_replace_table=True,
    create_or_replace_view=True,
    rename_relation=True,
    merge=True,
    merge_by_source=True,
    indexes=True,
    comments=True,
    grants=False,
    schemas=True,
    cascade_drop=True,
    enforced_constraints=frozenset({"not_null", "check", "unique", "primary_key", "foreign_key"}),
    default_incremental_strategy="delete+insert",
    incremental_strategies=frozenset({"append", "delete+insert", "merge", "microbatch"}),
    belongings=True,
    holds_referenced=True,
    session_locks=True,
    single_process=True,
    layouts=frozenset({"partition_by", "partitioned_by", "sort_by", "sorted_by"}),
    reads_csv=True,
)

MANNERS = frozenset({"extensions", "settings", "config_options"})
"""Fields of a profile that tell how a session behaves, and nothing of what it reads or writes."""

SHARED = replace(CAPABILITIES, belongings=False, session_locks=False, single_process=False)
"""MotherDuck: other processes write to the same database, and it has no indexes."""
LAKE = replace(SHARED, indexes=False, enforced_constraints=frozenset({"not_null"}))
"""A DuckLake has no keys, no checks and no indexes, and its catalogue may be another engine's."""


class DuckDBAdapter:
    """One DuckDB database, as a target names it. Safe to use from several threads."""

    type = "duckdb"
    dialect = "duckdb"

    def __init__(self, target: Target) -> None:
        self.target = target
        self._lock = threading.Lock()
        self._opening: Opening | None = None
        self._database: Database | None = None
        self._connections: set[DuckDBConnection] = set()

    @staticmethod
    def in_memory(like: Target) -> Target:
        """An empty database in memory that knows the extensions and settings of `like`, where that is a DuckDB.

        A second one, as empty, has the name of the database of `like`, for names with three parts.
        """
        own = like.fields if like.type == "duckdb" else {}
        kept: dict[str, Any] = {key: value for key, value in own.items() if key in MANNERS}
        if "config_options" in kept and isinstance(kept["config_options"], dict):
            kept["config_options"] = {key: v for key, v in kept["config_options"].items() if key != "access_mode"}
        if like.type != "duckdb":
            kept["settings"] = {"TimeZone": "UTC"}
        if like.database and like.database.lower() not in ("memory", "system", "temp"):
            kept["attach"] = [{"path": ":memory:", "alias": like.database}]
        return replace(like, type="duckdb", fields={**kept, "path": ":memory:"})

    @property
    def capabilities(self) -> Capabilities:
        """What DuckDB can do; less where the database is a DuckLake or MotherDuck's, or the profile asks for less."""
        fields = self.target.fields
        path = str(fields.get("path")).lower()
        able = CAPABILITIES
        if path.startswith("ducklake:") or fields.get("is_ducklake") is True:
            able = LAKE
        elif path.startswith(("md:", "motherduck:")):
            able = SHARED
        return replace(able, transactional_ddl=False) if fields.get("disable_transactions") is True else able

    @property
    def opening(self) -> Opening:
        """What the profile asks for, read once."""
        if self._opening is None:
            from eltbuild_duckdb.settings import read_opening

            self._opening = read_opening(self.target, os.getcwd())
        return self._opening

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the fields of the profile, warnings included; `connect` raises the errors."""
        return self.opening.problems

    @property
    def absent(self) -> bool:
        """Whether the database is a file that is not there yet, and there is no other one to look into."""
        opening = self.opening
        return bool(opening.folder) and not opening.attach and not os.path.exists(opening.path)

    def connect(self) -> DuckDBConnection:
        """A new session; the first one opens the database, and makes its folder and file if need be.

        Raises `DatabaseError`, and `ProjectError` when the profile asks for what cannot be done.
        """
        errors = [problem for problem in self.problems if problem.severity == "error"]
        if errors:
            raise ProjectError(*errors)
        from eltbuild_duckdb.connection import DuckDBConnection
        from eltbuild_duckdb.databases import OPEN

        with self._lock:
            if self._database is not None and self._database.broken and self.opening.shared:
                # DuckDB opens a file anew only when all its sessions are closed.
                self._end()
            if self._database is None:
                self._database = OPEN.acquire(self.opening)
            try:
                connection = DuckDBConnection(self._database, self.opening, self.target, self._connections.discard)
            except BaseException:
                self._let_go()
                raise
            self._connections.add(connection)
            return connection

    def close(self) -> None:
        """Every session is closed, and the database too unless another adapter uses it."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        """Every session is closed."""
        for connection in tuple(self._connections):
            connection.close()
        self._connections.clear()
        self._let_go()

    def _let_go(self) -> None:
        """Give the database back unless a session uses it."""
        if self._database is not None and not self._connections:
            from eltbuild_duckdb.databases import OPEN

            OPEN.release(self._database)
            self._database = None
