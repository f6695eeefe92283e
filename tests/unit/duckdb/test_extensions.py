"""Databases of other engines, where a Python package carries the extension that reaches them."""

from __future__ import annotations

import importlib.util
import sqlite3
from pathlib import Path

import duckdb
import pyarrow
import pytest
from unit.duckdb.conftest import Opened

from eltbuild.errors import DatabaseError
from eltbuild.relation import Relation


def carried(name: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(f"duckdb_extension_{name}") is None
    return pytest.mark.skipif(missing, reason=f"the package duckdb_extension_{name} is not installed")


@carried("sqlite_scanner")
def test_sqlite(opened: Opened, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "lite.db") as lite:
        lite.executescript("create table t (a integer, b text); insert into t values (1, 'x'), (2, null);")
    connection = opened(
        path="shop.duckdb", extensions=["sqlite"], attach=[{"path": "lite.db", "type": "sqlite", "alias": "lite"}]
    ).connect()
    assert connection.execute("select sum(a) from lite.t").scalar() == 3
    found = connection.relation(Relation("lite", "main", "t"))
    assert found is not None
    assert [column.name for column in found.columns] == ["a", "b"]
    assert connection.relation(Relation("lite", "main", "none")) is None
    assert [str(info.relation) for info in connection.relations([Relation("lite", "main", None)])] == ["lite.main.t"]
    connection.execute("create or replace table lite.made as select 7 as a")
    assert connection.load(Relation("lite", "main", "made"), pyarrow.table({"a": [8]})) == 1
    assert connection.execute("select sum(a) from lite.made").scalar() == 15


@carried("sqlite_scanner")
def test_sqlite_read_only(opened: Opened, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "lite.db").close()
    item = {"path": "lite.db", "type": "sqlite", "alias": "lite", "read_only": True}
    connection = opened(extensions=["sqlite_scanner"], attach=[item]).connect()
    with pytest.raises(DatabaseError, match="read-only"):
        connection.execute("create table lite.t as select 1 as a")


@carried("ducklake")
def test_ducklake(opened: Opened, tmp_path: Path) -> None:
    item = {"path": "ducklake:meta.ducklake", "alias": "lake", "options": {"data_path": "files"}}
    adapter = opened(extensions=["ducklake"], attach=[item])
    connection = adapter.connect()
    with connection.transaction():
        connection.execute("create schema lake.s; create table lake.s.t as select range as a from range(10)")
        connection.execute("merge into lake.s.t using (select 5 as a) as s on t.a = s.a when matched then delete")
    found = connection.relation(Relation("lake", "s", "t"))
    assert found is not None
    assert [column.name for column in found.columns] == ["a"]
    assert connection.load(Relation("lake", "s", "t"), pyarrow.table({"a": [100]})) == 1
    assert connection.execute("select count(*) from lake.s.t").scalar() == 10
    assert (tmp_path / "meta.ducklake").is_file()
    assert any((tmp_path / "files").rglob("*.parquet")) or connection.execute("from lake.snapshots()").rows


@carried("ducklake")
def test_a_ducklake_as_the_database(opened: Opened, tmp_path: Path) -> None:
    # What a path begins with is loaded before anything else, so it must have been installed.
    own = {"extension_directory": str(tmp_path / "extensions")}
    spec = importlib.util.find_spec("duckdb_extension_ducklake")
    assert spec is not None
    assert spec.origin is not None
    (file,) = Path(spec.origin).parent.rglob("*.duckdb_extension")
    with duckdb.connect(config=own) as installing:
        installing.execute(f"install '{file}'")
    adapter = opened(path="ducklake:lake.ducklake", database="lake", config_options=own)
    assert not adapter.capabilities.indexes
    connection = adapter.connect()
    connection.execute("create table t as select 1 as a")
    (info,) = connection.relations([Relation(None, "main", None)])
    assert (info.relation.identifier, info.kind) == ("t", "table")
    assert adapter.connect().execute("select a from lake.main.t").scalar() == 1
    assert (tmp_path / "lake.ducklake").is_file()


@carried("postgres_scanner")
def test_postgres_that_is_not_there(opened: Opened) -> None:
    item = {"path": "host=127.0.0.1 port=1 user=x password=geheim dbname=x", "type": "postgres", "alias": "pg"}
    with pytest.raises(DatabaseError) as caught:
        opened(extensions=["postgres"], attach=[item]).connect()
    assert "attaching `pg`" in caught.value.message
    assert "geheim" not in str(caught.value)
