"""The adapter for PostgreSQL: what it can do, and its sessions.

The driver, and what reads profiles for it, is imported when the first session is opened.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from eltbuild.adapter import Capabilities, Target
from eltbuild.errors import Problem, ProjectError, UsageError

if TYPE_CHECKING:
    from eltbuild_postgres.connection import PostgresConnection
    from eltbuild_postgres.settings import Opening

CAPABILITIES = Capabilities(
    transactional_ddl=True,
    create_or_replace_table=False,
    create_or_replace_view=True,
    rename_relation=True,
    merge=True,
    materialized_views=True,
    indexes=True,
    comments=True,
    grants=True,
    schemas=True,
    cascade_drop=True,
    enforced_constraints=frozenset({"not_null", "check", "unique", "primary_key", "foreign_key"}),
    identifier_length=63,
    exact_names=True,
    default_incremental_strategy="delete+insert",
    incremental_strategies=frozenset({"append", "delete+insert", "merge", "microbatch"}),
    binds_views=True,
    belongings=True,
    session_locks=True,
    savepoints=True,
)
"""MERGE came with PostgreSQL 15; an older server says so when it is asked for it. A MERGE refuses two source rows for
one row that stands there, but inserts both where none does: it does not check keys."""


EXAMPLE = """\
host: "{{ env_var('PGHOST', 'localhost') }}"
port: "{{ env_var('PGPORT', '5432') }}"
user: "{{ env_var('PGUSER', 'postgres') }}"
dbname: "{{ env_var('PGDATABASE', 'postgres') }}"
# Where no password is named, PGPASSWORD and ~/.pgpass are asked.
# password: "{{ env_var('ELTBUILD_ENV_SECRET_PASSWORD') }}"
"""
"""What a new profile says besides type, schema and threads."""


class PostgresAdapter:
    """One PostgreSQL database, as a target names it. Safe to use from several threads."""

    type = "postgres"
    dialect = "postgres"
    capabilities = CAPABILITIES
    example = EXAMPLE

    def __init__(self, target: Target) -> None:
        self.target = target
        self._lock = threading.Lock()
        self._opening: Opening | None = None
        self._connections: set[PostgresConnection] = set()

    @property
    def opening(self) -> Opening:
        """What the profile asks for, read once."""
        if self._opening is None:
            from eltbuild_postgres.settings import read_opening

            self._opening = read_opening(self.target, os.getcwd())
        return self._opening

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the fields of the profile, warnings included; `connect` raises the errors."""
        return self.opening.problems

    def connect(self) -> PostgresConnection:
        """A new session, tried again while the server is about to start.

        Raises `DatabaseError`, and `ProjectError` when the profile asks for what cannot be done.
        """
        errors = [problem for problem in self.problems if problem.severity == "error"]
        if errors:
            raise ProjectError(*errors)
        try:
            from eltbuild_postgres.connection import PostgresConnection
        except ImportError as error:
            hint = "install it: pip install 'eltbuild[postgres]'"
            raise UsageError(Problem(f"the driver for PostgreSQL cannot be loaded: {error}", hint=hint)) from None
        connection = PostgresConnection(self.opening, self.target, self._forget)
        with self._lock:
            self._connections.add(connection)
        return connection

    def close(self) -> None:
        """Every session is closed."""
        with self._lock:
            connections = tuple(self._connections)
        for connection in connections:
            connection.close()

    def _forget(self, connection: PostgresConnection) -> None:
        with self._lock:
            self._connections.discard(connection)
