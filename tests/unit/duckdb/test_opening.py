"""Databases opened as profiles ask for: files, folders, locks, extensions, secrets, other databases."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from unit.duckdb.conftest import Opened

from eltbuild.errors import DatabaseError, EltbuildError, ProjectError
from eltbuild.relation import Relation

NOWHERE = {"custom_extension_repository": "/nonexistent", "extension_directory": "/nonexistent/extensions"}
"""Extensions come from a folder that is not there: no test asks the network."""


def refused(adapter: Any) -> EltbuildError:
    with pytest.raises((DatabaseError, ProjectError)) as caught:
        adapter.connect()
    return caught.value


@contextmanager
def another_process(path: Path) -> Iterator[int]:
    """A process that holds the database until the block ends; its id."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        process.stdout.readline()
        yield process.pid
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def test_the_folder_and_the_file_are_made_when_they_are_needed(opened: Opened, tmp_path: Path) -> None:
    adapter = opened(path="deep/er/shop.duckdb")
    assert not (tmp_path / "deep").exists()
    adapter.connect().execute("create table t as select 1 as a")
    adapter.close()
    assert (tmp_path / "deep/er/shop.duckdb").is_file()
    assert adapter.connect().execute("select a from t").scalar() == 1


def test_a_file_that_is_no_database(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "shop.duckdb").write_text("hello, I am no database\n" * 1000)
    error = refused(opened(path="shop.duckdb"))
    assert "shop.duckdb` is no DuckDB database" in str(error)
    assert "delete it" in str(error)
    assert (tmp_path / "shop.duckdb").read_text().startswith("hello")


def test_a_folder_in_place_of_a_file(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "shop.duckdb").mkdir()
    assert "is a folder" in str(refused(opened(path="shop.duckdb")))


def test_a_file_in_place_of_the_folder(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "the folder of the database" in str(refused(opened(path="data/shop.duckdb")))


@pytest.mark.parametrize("path", ["a\0b.duckdb", "x" * 300 + ".duckdb", "\ud800.duckdb"])
def test_paths_that_cannot_be(opened: Opened, path: str) -> None:
    assert str(refused(opened(path=path)))


def test_what_is_read_only_is_read_and_must_be_there(opened: Opened, tmp_path: Path) -> None:
    assert "does not exist" in str(refused(opened(path="deep/shop.duckdb", read_only=True)))
    assert not (tmp_path / "deep").exists()
    first = opened(path="shop.duckdb")
    first.connect().execute("create table t as select 1 as a")
    first.close()
    connection = opened(path="shop.duckdb", read_only=True).connect()
    assert connection.execute("select a from t").scalar() == 1
    with pytest.raises(DatabaseError, match="open for reading only"):
        connection.execute("insert into t values (2)")


def test_a_database_that_another_process_holds(opened: Opened, tmp_path: Path) -> None:
    with another_process(tmp_path / "shop.duckdb") as pid:
        error = refused(opened(path="shop.duckdb"))
        assert isinstance(error, DatabaseError)
        assert error.transient
        assert f"PID {pid}" in error.message
        assert f"end process {pid}" in error.problems[0].hint
    assert opened(path="shop.duckdb").connect().execute("select 1").scalar() == 1


def test_waiting_for_another_process(opened: Opened, tmp_path: Path) -> None:
    adapter = opened(path="shop.duckdb", retries={"connect_attempts": 5})
    with another_process(tmp_path / "shop.duckdb"):
        thread = threading.Thread(target=adapter.connect)
        thread.start()
        time.sleep(0.2)
        assert thread.is_alive()
    thread.join(10)
    assert adapter.connect().execute("select 1").scalar() == 1


def test_a_closed_adapter_leaves_the_file_to_others(opened: Opened, tmp_path: Path) -> None:
    first, second = opened(path="shop.duckdb"), opened(path="./sub/../shop.duckdb")
    one, two = first.connect(), second.connect()
    one.execute("create table t as select 1 as a")
    assert two.execute("select a from t").scalar() == 1
    first.close()
    assert two.execute("select a from t").scalar() == 1
    with pytest.raises(DatabaseError):
        one.execute("select 1")
    second.close()
    with another_process(tmp_path / "shop.duckdb"):
        assert "another process" in str(refused(opened(path="shop.duckdb")))


def test_a_link_means_the_file_that_it_leads_to(opened: Opened, tmp_path: Path) -> None:
    opened(path="real.duckdb").connect().execute("create table t as select 1 as a")
    (tmp_path / "link.duckdb").symlink_to(tmp_path / "real.duckdb")
    assert opened(path="link.duckdb").connect().execute("select a from t").scalar() == 1


def test_two_adapters_want_different_things_of_one_file(opened: Opened) -> None:
    opened(path="shop.duckdb", config_options={"threads": 1}).connect()
    error = refused(opened(path="shop.duckdb", config_options={"threads": 2}, read_only=True))
    assert "another `read_only`, `threads`" in str(error)
    assert opened(path="shop.duckdb", config_options={"threads": 1}).connect().execute("select 1").scalar() == 1


def test_the_program_itself_has_the_file_open(opened: Opened, tmp_path: Path) -> None:
    own = duckdb.connect(str(tmp_path / "shop.duckdb"))
    own.execute("create table t as select 1 as a")
    adapter = opened(path="shop.duckdb")
    assert adapter.connect().execute("select a from t").scalar() == 1
    adapter.close()
    error = refused(opened(path="shop.duckdb", config_options={"threads": 1}))
    assert "open already, with other options" in str(error)
    assert own.execute("select a from t").fetchall() == [(1,)]
    own.close()


def test_databases_in_memory(opened: Opened) -> None:
    private, other = opened(path=":memory:").connect(), opened(path=":memory:").connect()
    private.execute("create table t as select 1 as a")
    assert other.relation(Relation(None, "main", "t")) is None
    named, same = opened(path=":memory:shop").connect(), opened(path=":memory:shop").connect()
    named.execute("create table t as select 1 as a")
    assert same.execute("select a from t").scalar() == 1


def test_opened_and_closed_from_many_threads(opened: Opened, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def work(index: int) -> None:
        try:
            for round in range(10):
                adapter = opened(path="shop.duckdb")
                connection = adapter.connect()
                connection.execute(f"create or replace table t{index} as select {round} as a")
                assert connection.execute(f"select a from t{index}").scalar() == round
                adapter.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    found = opened(path="shop.duckdb").connect().relations([Relation(None, "main", None)])
    assert [info.relation.identifier for info in found] == [f"t{index}" for index in range(6)]


def test_config_options(opened: Opened) -> None:
    connection = opened(config_options={"threads": 1, "preserve_insertion_order": False}).connect()
    assert connection.execute("select current_setting('threads')").scalar() == 1
    error = refused(opened(config_options={"no_such_option": "geheim"}))
    assert "no_such_option" in str(error)
    assert "geheim" not in str(error)


def test_settings_hold_in_every_session(opened: Opened) -> None:
    adapter = opened(settings={"TimeZone": "Asia/Tokyo", "threads": 1})
    for _ in range(2):
        assert adapter.connect().execute("select current_setting('TimeZone')").scalar() == "Asia/Tokyo"
    assert adapter.connect().session.execute("select current_setting('TimeZone')").fetchall() == [("Asia/Tokyo",)]


def test_a_setting_that_is_none(opened: Opened) -> None:
    error = refused(opened(settings={"no_such_setting": "x"}))
    assert "setting `no_such_setting`" in str(error)
    error = refused(opened(settings={"threads": "many"}))
    assert "setting `threads`" in str(error)


def test_a_secret_s_value_is_in_no_message(opened: Opened) -> None:
    for item in (
        {"type": "no_such_type", "key_id": "geheim-1", "secret": "geheim-2"},
        {"type": "http", "no_such_option": "geheim-3"},
        {"type": "http", "extra_http_headers": "geheim-4"},
        {"type": "s3", "secret": "geheim-6"},
    ):
        error = refused(opened(secrets=[{"name": "mine", **item}], config_options=NOWHERE))
        assert "creating secret `mine`" in str(error)
        assert "geheim-" not in str(error)
        assert isinstance(error, DatabaseError)
        assert error.sql == ""


def test_a_secret_is_there(opened: Opened) -> None:
    connection = opened(
        secrets=[
            {"type": "http", "name": "it's mine", "bearer_token": "geheim", "scope": ["http://a", "http://b"]},
            {"type": "http", "extra_http_headers": {"X-Key": "it's"}},
        ]
    ).connect()
    rows = connection.execute("select name, scope from duckdb_secrets() order by name desc").rows
    assert rows[0] == ("it's mine", ["http://a", "http://b"])
    assert len(rows) == 2


def test_other_databases_are_attached(opened: Opened, tmp_path: Path) -> None:
    first = opened(path="other.duckdb")
    first.connect().execute('create schema "s 1"; create table "s 1".t as select 1 as a')
    first.close()
    adapter = opened(
        path="shop.duckdb",
        database="shop",
        attach=[
            {"path": "other.duckdb", "alias": "the other", "read_only": True},
            {"path": ":memory:", "alias": "scratch"},
            {"path": "new.duckdb"},
        ],
    )
    connection = adapter.connect()
    (info,) = connection.relations([Relation("the other", "s 1", None)])
    assert str(info.relation) == "the other.s 1.t"
    found = connection.relation(Relation("The Other", "S 1", "T"))
    assert found is not None
    assert [column.name for column in found.columns] == ["a"]
    with pytest.raises(DatabaseError, match="open for reading only"):
        connection.execute('insert into "the other"."s 1".t values (2)')
    connection.execute("create table scratch.main.x as select 1 as a; create table new.main.y as select 2 as a")
    assert adapter.connect().execute("select a from scratch.x").scalar() == 1
    assert (tmp_path / "new.duckdb").is_file()
    places = [Relation("scratch", "main", None), Relation("new", "main", None)]
    assert [str(info.relation) for info in connection.relations(places)] == ["new.main.y", "scratch.main.x"]


def test_what_cannot_be_attached(opened: Opened) -> None:
    error = refused(opened(attach=[{"path": "no/such/folder/x.duckdb", "alias": "far", "read_only": True}]))
    assert "attaching `far`" in str(error)
    error = refused(
        opened(attach=[{"path": "dbname=x password=geheim", "type": "postgres", "alias": "pg"}], config_options=NOWHERE)
    )
    assert "attaching `pg`" in str(error)
    assert "geheim" not in str(error)


def test_a_failed_opening_leaves_nothing_open(opened: Opened, tmp_path: Path) -> None:
    refused(opened(path="shop.duckdb", settings={"no_such_setting": 1}))
    refused(opened(path="shop.duckdb", attach=[{"path": "no/such/x.duckdb", "read_only": True}]))
    adapter = opened(path="shop.duckdb", config_options={"threads": 1})
    assert adapter.connect().execute("select 1").scalar() == 1


def test_extensions_that_are_built_in_need_no_network(opened: Opened) -> None:
    connection = opened(extensions=["json", "parquet", {"name": "icu"}], config_options=NOWHERE).connect()
    assert connection.execute("""select '{"a": [1]}'::json ->> '$.a[0]'""").scalar() == "1"


def test_an_extension_that_cannot_be_had(opened: Opened) -> None:
    for item in ("spatial", {"name": "spatial", "repo": "core_nightly"}):
        error = refused(opened(extensions=[item], config_options=NOWHERE))
        assert "loading the extension `spatial`" in str(error)
    error = refused(opened(extensions=["no/such/thing.duckdb_extension"]))
    assert "no/such/thing.duckdb_extension" in str(error)


def test_an_extension_that_a_python_package_carries(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site" / "duckdb_extension_carried" / "extensions" / "v1"
    folder.mkdir(parents=True)
    (folder.parent.parent / "__init__.py").write_text("")
    (folder / "carried.duckdb_extension").write_bytes(b"no extension" * 100)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    error = refused(opened(extensions=["carried"], config_options=NOWHERE))
    assert "carried.duckdb_extension" in str(error)


def test_community_extensions_must_be_named(opened: Opened) -> None:
    asked = "select current_setting('allow_community_extensions')"
    assert opened().connect().execute(asked).scalar() is False
    assert opened(config_options={"allow_community_extensions": True}).connect().execute(asked).scalar() is True


def test_motherduck_without_its_extension(opened: Opened) -> None:
    error = refused(opened(path="md:shop", motherduck_token="geheim", config_options=NOWHERE))
    assert "motherduck" in str(error)
    assert "geheim" not in str(error)


def test_what_is_not_supported_is_said_when_connecting(opened: Opened) -> None:
    adapter = opened(plugins=[{"module": "excel"}], secrets=[{}], extentions=["x"])
    assert [problem.severity for problem in adapter.problems] == ["error", "warning", "error"]
    error = refused(adapter)
    assert isinstance(error, ProjectError)
    assert len(error.problems) == 2
    assert adapter.capabilities.merge


def test_a_lake_can_do_less(opened: Opened) -> None:
    assert opened(path="shop.duckdb").capabilities.indexes
    for fields in ({"path": "ducklake:x.ducklake"}, {"path": "md:x", "is_ducklake": True}):
        able = opened(**fields).capabilities
        assert (able.indexes, able.enforced_constraints, able.merge) == (False, {"not_null"}, True)


def test_file_systems_need_their_package(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert "fsspec" in str(refused(opened(filesystems=[{"fs": "memory"}])))


def test_file_systems(opened: Opened) -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/rows.csv", b"a\n1\n2\n")
    adapter = opened(filesystems=[{"fs": "memory"}])
    assert adapter.connect().execute("select sum(a) from read_csv('memory://rows.csv')").scalar() == 3
    assert "no_such_fs" in str(refused(opened(filesystems=[{"fs": "no_such_fs"}])))


def test_files_are_found_from_the_project_s_folder(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("a\n1\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("own.csv").write_text("a\n2\n")
    connection = opened().connect()
    assert connection.execute("select a from read_csv('data/rows.csv')").scalar() == 1
    assert connection.execute("select a from 'own.csv'").scalar() == 2


def test_folders_of_modules_are_on_the_path(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for _ in range(2):
        opened(module_paths=["lib"]).connect()
    assert sys.path.count(str(tmp_path / "lib")) == 1


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A Python program in a process of its own."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


def test_importing_the_adapter_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; import eltbuild_duckdb; from eltbuild.adapter import Target; "
        "a = eltbuild_duckdb.DuckDBAdapter(Target('p', 'd', 'duckdb', '', 'main', fields={'path': 'x.duckdb'})); "
        "a.capabilities, a.problems, a.close(); "
        "print(sorted({'duckdb', 'pyarrow', 'sqlglot', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = run(code, tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("[]\n", "", 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["a.close()", "pass", "c.close()", "import os; a.close(); sys.exit(3)"])
def test_nothing_is_printed_at_the_end(tmp_path: Path, end: str) -> None:
    code = f"""
import sys, threading
from eltbuild.adapter import Target
from eltbuild.relation import Relation
from eltbuild_duckdb import DuckDBAdapter
import pyarrow
a = DuckDBAdapter(Target('p', 'd', 'duckdb', 'x', 'main', root='.', fields={{'path': 'x.duckdb'}}))
c = a.connect()
def work():
    k = a.connect()
    k.execute('create table if not exists t as select 1 as a')
    k.load(Relation(None, 'main', 't'), pyarrow.table({{'a': [1]}}))
    k.read('select * from t'); k.session.sql('select * from t').fetchall(); k.table('select * from t')
    try: k.execute('select bogus')
    except Exception: pass
    k.close()
t = threading.Thread(target=work); t.start(); t.join()
c.execute('select * from range(100000)')
{end}
"""
    done = run(code, tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert done.returncode == (3 if "exit" in end else 0)


def test_a_file_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    """What would write to it is told that it cannot; whoever only reads need not say so in the profile."""
    code = """
import os, sys, tempfile
from eltbuild.adapter import Target
from eltbuild.errors import DatabaseError
from eltbuild_duckdb import DuckDBAdapter
folder = tempfile.mkdtemp()
def adapter():
    return DuckDBAdapter(Target('p', 'd', 'duckdb', 'x', 'main', root=folder, fields={'path': 'x.duckdb'}))
one = adapter(); one.connect().execute('create table t as select 1 as a'); one.close()
path = os.path.join(folder, 'x.duckdb')
os.chmod(path, 0o444); os.chmod(folder, 0o755)
if os.geteuid() == 0:
    os.setuid(65534)
two = adapter(); connection = two.connect()
print(connection.execute('select a from t').rows)
try:
    connection.execute('insert into t values (2)')
except DatabaseError as error:
    print(error.message)
"""
    done = run(code, tmp_path)
    told = "the database `x` is open for reading only, and this writes to it (INSERT)"
    assert done.stdout.splitlines() == ["((1,),)", told], done.stderr


def test_whether_opening_would_make_a_database(opened: Opened, tmp_path: Path) -> None:
    fresh = opened(path="new/x.duckdb")
    assert fresh.absent
    fresh.connect()
    assert not fresh.absent
    assert not opened(path=":memory:").absent
    assert not opened(path="other.duckdb", attach=[{"path": str(tmp_path / "new" / "x.duckdb"), "alias": "x"}]).absent
