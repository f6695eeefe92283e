from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eltbuild_postgres import PostgresAdapter
from eltbuild_postgres.connection import PostgresConnection
from servers.postgres import Server, shared

from eltbuild.adapter import Target

Opened = Callable[..., PostgresAdapter]
DATABASE = f"unit_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """The server of all tests; nothing of this machine's own settings for libpq is seen."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = shared()
    if not found.execute(f"select 1 from pg_database where datname = '{DATABASE}'"):
        found.execute(f"create database {DATABASE}")
    return found


@pytest.fixture
def opened(server: Server, tmp_path: Path) -> Iterator[Opened]:
    """Makes adapters by fields of a profile beside those for the server; all are closed afterwards.

    A field that is None is left out.
    """
    adapters: list[PostgresAdapter] = []

    def open(**fields: Any) -> PostgresAdapter:
        given = {**server.fields(dbname=DATABASE), **fields}
        given = {name: value for name, value in given.items() if value is not None}
        database, secret = str(given.get("dbname") or ""), given.get("password")
        target = Target(
            "shop", "dev", "postgres", database, "public", root=str(tmp_path), fields=given,
            secrets=frozenset([str(secret)] if secret else []),
        )  # fmt: skip
        adapters.append(PostgresAdapter(target))
        return adapters[-1]

    yield open
    for adapter in adapters:
        adapter.close()


@pytest.fixture
def connection(opened: Opened) -> Iterator[PostgresConnection]:
    """A session with a schema `trial` of its own in its search path."""
    adapter = opened()
    found = adapter.connect()
    found.execute("drop schema if exists trial cascade; create schema trial; set search_path = trial")
    yield found
    last = adapter.connect()
    last.execute("drop schema if exists trial cascade")
