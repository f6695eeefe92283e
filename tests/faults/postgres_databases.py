"""Databases of a PostgreSQL server as databases of stands."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from faults.kinds import SCHEMA
from faults.stands import Found
from servers.postgres import SUPERUSER, Server

PORT = "LAB_PORT"
"""The environment variable that names the port which a run shall use: the server's, or that of a door before it."""
LOCAL = "postgres, state in a file"
BUILDER = "builder"
"""A user who may build, and may make no schema."""
RELATIONS = r"""
select n.nspname, c.relname,
  case c.relkind when 'v' then 'view' when 'm' then 'materialized_view' when 'r' then 'table' else 'other' end
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_toast%' and n.nspname not like 'pg\_temp%'
order by 1, 2
"""
_numbers = itertools.count(1)


@dataclass(slots=True)
class Session:
    """A session that reads."""

    connection: psycopg.Connection[tuple[Any, ...]]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(sql).fetchall()

    def relations(self) -> list[Found]:
        """All that stands there; temporary tables go with their sessions."""
        return [Found(*row) for row in self.rows(RELATIONS)]

    def close(self) -> None:
        """It is over."""
        self.connection.close()


@dataclass(frozen=True, slots=True)
class Base:
    """A database of its own on the server."""

    server: Server
    name: str
    home: str
    """The name under which it is built: of all databases of a lab, one at a time has it."""
    user: str = SUPERUSER
    """Whose sessions the runs are."""

    @property
    def engine(self) -> str:
        """How the matrix calls it."""
        return "postgres" if self.user == SUPERUSER else LOCAL

    def version(self) -> str:
        """The engine and its version, in words."""
        return f"PostgreSQL {self.server.execute('show server_version')[0][0].split()[0]}"

    def output(self) -> Mapping[str, Any]:
        """The profile's output for it."""
        port = f"{{{{ env_var('{PORT}', '{self.server.port}') | as_number }}}}"
        return {**self.server.fields(dbname=self.name), "user": self.user, "port": port, "sslmode": "disable"}

    def furnishing(self) -> Sequence[str]:
        """For a user who may make no schema: the one to build in, and rights on the sources."""
        if self.user == SUPERUSER:
            return ()
        return (
            f"create schema {SCHEMA} authorization {self.user}",
            f"grant usage on schema src to {self.user}",
            f"grant select on all tables in schema src to {self.user}",
        )

    def connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A session as superuser."""
        return psycopg.connect(self.server.dsn, dbname=self.name, autocommit=True)

    def write(self, statements: Sequence[str]) -> None:
        """Run statements in one transaction."""
        with self.connected() as connection, connection.transaction():
            for statement in statements:
                connection.execute(statement)

    def look(self) -> Session:
        """What stands in it now."""
        return Session(self.connected())

    def parked(self) -> Base:
        """The same under a name that is in nobody's way."""
        away = f"{self.home}_{next(_numbers)}"
        self.server.execute(f'alter database "{self.name}" rename to "{away}"')
        return replace(self, name=away)

    def copied(self, folder: Path) -> Base:
        """A copy under the name that it was built by: eltbuild remembers what it built by that name, too."""
        self.server.execute(f'drop database if exists "{self.home}" with (force)')
        self.server.execute(f'create database "{self.home}" template "{self.name}"')
        return replace(self, name=self.home)

    def drop(self) -> None:
        """It is gone, and whoever is in it."""
        self.server.execute(f'drop database if exists "{self.name}" with (force)')


@dataclass(frozen=True, slots=True)
class PostgresEngine:
    """Makes databases on one server. `local`: runs have no right to make a schema, and keep their state in a file."""

    server: Server
    local: bool = False

    @property
    def name(self) -> str:
        """How the matrix calls it."""
        return LOCAL if self.local else "postgres"

    def database(self, folder: Path) -> Base:
        """A new one."""
        home = f"lab{os.getpid()}"
        self.server.execute(f'create database "{home}"')
        if not self.local:
            return Base(self.server, home, home)
        if not self.server.execute(f"select 1 from pg_roles where rolname = '{BUILDER}'"):
            self.server.execute(f"create role {BUILDER} login")
        return Base(self.server, home, home, BUILDER)
