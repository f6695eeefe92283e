"""The state tables, in a real database: made, read, brought up to date, and left alone where they are not ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from eltbuild_duckdb import DuckDBAdapter

from eltbuild.adapter import Connection, Target
from eltbuild.errors import DatabaseError, UsageError
from eltbuild.relation import Relation
from eltbuild.run.ledger.claims import attempt
from eltbuild.run.ledger.database_store import DatabaseStore
from eltbuild.sql.writer import Writer
from eltbuild.state.records import Built, Ended, Interval, Observed, Retention, Run
from eltbuild.state.tables import VERSION, Tables, migration

ORDERS = Relation("shop", "main", "Orders")
RUN = Run(
    invocation="aaaa",
    project="shop",
    target="dev",
    home="dev",
    command="build",
    claims=(ORDERS.key,),
    nodes=("model.o'x",),
)


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[DuckDBAdapter]:
    fields = {"type": "duckdb", "path": "shop.duckdb", "schema": "main"}
    adapter = DuckDBAdapter(Target("shop", "dev", "duckdb", "shop", "main", root=str(tmp_path), fields=fields))
    yield adapter
    adapter.close()


@pytest.fixture
def connection(adapter: DuckDBAdapter) -> Connection:
    return adapter.connect()


@pytest.fixture
def store(adapter: DuckDBAdapter, connection: Connection) -> DatabaseStore:
    return store_of(adapter, connection)


def store_of(adapter: DuckDBAdapter, connection: Connection) -> DatabaseStore:
    tables = Tables(Writer(adapter.dialect, adapter.capabilities), Relation("shop", "eltbuild", None))
    return DatabaseStore(connection, tables)


def begun(store: DatabaseStore, run: Run = RUN) -> Run:
    store.prepare(make=True)
    started = attempt(store, run)
    assert isinstance(started, Run)
    return started


def test_nothing_is_made_for_who_only_looks(store: DatabaseStore, connection: Connection) -> None:
    assert store.prepare(make=False) is False
    assert connection.relations((store.tables.schema,)) == ()
    assert store.prepare(make=True) is True
    assert store.prepare(make=False) is True


def test_a_run_is_written_down_and_comes_back(store: DatabaseStore) -> None:
    started = begun(store)
    (found,) = store.runs("shop", "dev")
    assert found.started is not None
    assert abs(found.started - datetime.now(UTC)) < timedelta(minutes=1)
    assert replace(found, started=None, heartbeat=None) == started
    assert store.named("aaa") == [replace(found, nodes=(), arguments={})]
    assert store.runs("shop", "prod") == []


def test_a_session_that_ends_gives_its_claims_back(adapter: DuckDBAdapter, store: DatabaseStore) -> None:
    holder = adapter.connect()
    first = begun(store_of(adapter, holder))
    second = replace(RUN, invocation="bbbb")
    assert isinstance(attempt(store, second), tuple)
    holder.close()
    started = attempt(store, second)
    assert isinstance(started, Run)
    assert started.number > first.number
    assert [run.status for run in store.runs("shop", "dev")] == ["running", "lost"]


def test_records_are_read_as_the_latest_of_each_place(store: DatabaseStore, connection: Connection) -> None:
    first = begun(store)
    connection.execute(store.tables.end(first, "success"))
    second = begun(store, replace(RUN, invocation="bbbb"))
    day = datetime(2013, 1, 1, tzinfo=UTC)
    for run, name, event in ((first, "Orders", "built"), (second, "orders", "archived"), (first, "users", "built")):
        record = Built(run=run.number, project="shop", relation=ORDERS.named(name), kind="table", event=event)
        connection.execute(store.tables.record(run, record))
    for run, since, hours in ((first, 1, 1), (second, 1, 2)):
        end = day + timedelta(hours=hours)
        slice = Interval(run=run.number, since=since, project="shop", relation=ORDERS, node="n", start=day, end=end)
        connection.execute(store.tables.record(run, slice))
    latest = {built.relation.identifier: built.event for built in store.built()}
    assert latest == {"orders": "archived", "users": "built"}
    assert [interval.end for interval in store.intervals()] == [day + timedelta(hours=2)]


def test_what_a_run_left_is_read_whole(store: DatabaseStore, connection: Connection) -> None:
    run = begun(store)
    endings = [
        Ended(run=run.number, node=f"n{i}", status="error", seconds=0.5, message="it's\na 'message' \\") for i in (1, 2)
    ]
    connection.execute(store.tables.ending(endings))
    built = Built(run=run.number, project="shop", relation=ORDERS, kind="view", node="n", fingerprint="f")
    connection.execute(store.tables.record(run, built))
    found = store.of_run(run)
    assert [replace(one, at=None) for one in found[0]] == [built]
    assert [replace(one, at=None) for one in found[2]] == endings


def test_an_ended_run_forgets_what_only_a_killed_one_needs(store: DatabaseStore, connection: Connection) -> None:
    run = begun(store)
    connection.execute(store.tables.end(run, "error"))
    assert [(one.nodes, one.claims, one.status) for one in store.runs("shop", "dev")] == [((), (), "error")]
    assert connection.execute(store.tables.end(run, "success")).affected == 0


def test_superseded_rows_and_old_runs_are_forgotten(store: DatabaseStore, connection: Connection) -> None:
    numbers = []
    for index in range(208):
        ended = datetime(2013, 1, 1, tzinfo=UTC)
        numbers.append(replace(RUN, invocation=str(index), number=index + 1, ended=ended, status="success"))
    store.prepare(make=True)
    connection.execute(";".join(map(store.tables.start, numbers)))
    last = begun(store, replace(RUN, invocation="last"))
    connection.execute(
        """insert into shop.eltbuild.built by name
        select range as run, 'shop' as project, '["shop","main","o' || range % 10 || '"]' as relation, 'table' as kind,
            'built' as event, 'n' as node, '' as fingerprint, now()::timestamp as happened from range(3000)"""
    )
    endings = ([Ended(run=run, node="n", status="pass")] for run in range(1, 209))
    connection.execute(";".join(map(store.tables.ending, endings)))
    begun(store, replace(RUN, invocation="very last", claims=()))
    before = {built.relation: built.run for built in store.built()}
    assert store.tidy(last, len(before), Retention()) == 10
    assert {built.relation: built.run for built in store.built()} == before
    assert connection.execute(store.tables.count(store_table("built"))).scalar() == 10
    assert len(store.runs("shop", "dev")) == 200
    assert 0 < connection.execute(store.tables.count(store_table("ended"))).scalar() <= 200


def store_table(name: str):
    from eltbuild.state.rows import TABLES

    return next(table for table in TABLES if table.name == name)


def test_without_locks_a_run_lives_as_long_as_it_is_heard_of(adapter: DuckDBAdapter, connection: Connection) -> None:
    able = replace(adapter.capabilities, session_locks=False, single_process=False)
    tables = Tables(Writer(adapter.dialect, able), Relation("shop", "eltbuild", None))
    store = DatabaseStore(connection, tables)
    first = begun(store)
    second = replace(RUN, invocation="bbbb")
    assert isinstance(attempt(store, second), tuple)
    connection.execute("update eltbuild.runs set started = started - interval 1 hour")
    connection.execute(tables.heard(first))
    assert isinstance(attempt(store, second), tuple)
    connection.execute("update eltbuild.heard set happened = happened - interval 2 minute")
    built = Built(run=first.number, project="shop", relation=ORDERS, kind="table")
    assert connection.execute(tables.record(first, built)).affected == 1
    assert isinstance(attempt(store, second), Run)
    assert connection.execute(tables.record(first, built)).affected == 0


# Layouts


def test_a_newer_layout_is_refused_and_nothing_changed(store: DatabaseStore, connection: Connection) -> None:
    store.prepare(make=True)
    connection.execute(store.tables.stamp(99))
    with pytest.raises(UsageError, match=f"layout 99, and this eltbuild knows layouts up to {VERSION}"):
        store.prepare(make=True)


def test_an_older_layout_is_brought_up_to_date_step_by_step(store: DatabaseStore, connection: Connection) -> None:
    store.prepare(make=True)
    steps = {
        VERSION: lambda tables: ("create table eltbuild.more (a integer)",),
        VERSION + 1: lambda tables: (
            "alter table eltbuild.more add column b integer",
            "insert into eltbuild.more values (1, 2)",
        ),
    }
    assert store.prepare(make=False, steps=steps, newest=VERSION + 2) is True
    assert connection.execute(store.tables.version()).scalar() == VERSION
    assert store.prepare(make=True, steps=steps, newest=VERSION + 2) is True
    assert connection.execute("select a, b from eltbuild.more").rows == ((1, 2),)
    assert connection.execute(store.tables.version()).scalar() == VERSION + 2
    assert migration(store.tables, VERSION + 2, steps, VERSION + 2) == ()


FIRST = """\
create schema eltbuild;
create table eltbuild.layout (version bigint, made timestamp, program varchar);
create table eltbuild.runs (number bigint, invocation varchar, project varchar, target varchar, home varchar,
    command varchar, arguments varchar, nodes varchar, claims varchar, host varchar, process bigint, account varchar,
    folder varchar, version varchar, started timestamp, ended timestamp, status varchar);
create table eltbuild.heard (run bigint, happened timestamp);
create table eltbuild.built (run bigint, project varchar, home varchar, relation varchar, kind varchar, event varchar,
    node varchar, fingerprint varchar, happened timestamp);
create table eltbuild.intervals (run bigint, since bigint, project varchar, relation varchar, node varchar,
    begins timestamp, ends timestamp, fingerprint varchar, happened timestamp);
create table eltbuild.ended (run bigint, node varchar, status varchar, seconds double, message varchar,
    happened timestamp);
insert into eltbuild.layout values (1, now()::timestamp, '0.1');
insert into eltbuild.runs values (7, 'aaaa', 'shop', 'dev', 'dev', 'build', '{}', '[]', '[]', 'h', 1, 'ada', '/p', '0.1',
    now()::timestamp, now()::timestamp, 'error');
insert into eltbuild.ended values (7, 'model.shop.a', 'error', 0.5, 'why', now()::timestamp)"""
"""The first layout as it was, with a run."""


def test_the_first_layout_takes_numbers_of_rows_and_what_was_observed(
    store: DatabaseStore, connection: Connection
) -> None:
    connection.execute(FIRST)
    assert store.prepare(make=False) is True
    (run,) = store.runs("shop", "dev")
    assert [one.message for one in store.of_run(run)[2]] == ["why"]
    assert store.observed("shop", "dev") == []
    assert store.prepare(make=False, update=True) is True
    seen = Observed(
        run=7,
        project="shop",
        home="dev",
        node="test.t",
        subject="model.shop.a",
        name="row_count",
        value=2.0,
        status="pass",
    )
    connection.execute(store.tables.ending([Ended(run=7, node="n", status="success", rows=3, failures=None)]))
    connection.execute(store.tables.observing([seen, replace(seen, value=None, detail='{"it\'s": [1]}')]))
    ended = [(one.node, one.message, one.rows, one.failures) for one in store.of_run(run)[2]]
    assert ended == [("model.shop.a", "why", None, None), ("n", "", 3, None)]
    found = [replace(one, at=None) for one in store.observed("shop", "dev")]
    assert found == [seen, replace(seen, value=None, detail='{"it\'s": [1]}')]
    assert store.observed("shop", "prod") == []


def test_what_was_observed_is_kept_for_days(store: DatabaseStore, connection: Connection) -> None:
    store.prepare(make=True)
    day = datetime.now(UTC)
    seen = [
        Observed(subject="m", name="row_count", status="pass", value=float(age), at=day - timedelta(days=age))
        for age in (40, 3)
    ]
    connection.execute(store.tables.observing(seen))
    ended = {"ended": day, "status": "success"}
    runs = [replace(RUN, invocation=str(number), number=number, **ended) for number in range(1, 11)]
    connection.execute(";".join(map(store.tables.start, runs)))
    assert store.tidy(runs[-1], 0, Retention(runs=4, days=30)) == 6
    assert [one.value for one in store.observed("", "")] == [3.0]
    assert len(store.runs("shop", "dev")) == 4


def test_a_step_that_fails_leaves_the_old_layout(store: DatabaseStore, connection: Connection) -> None:
    store.prepare(make=True)
    steps = {VERSION: lambda tables: ("create table eltbuild.more (a integer)", "select nonsense")}
    with pytest.raises(DatabaseError):
        store.prepare(make=True, steps=steps, newest=VERSION + 1)
    assert connection.execute(store.tables.version()).scalar() == VERSION
    assert connection.relation(Relation("shop", "eltbuild", "more")) is None


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("create table eltbuild.runs (mine integer)", "holds `runs` and no `layout`"),
        ("create table eltbuild.layout (mine integer)", "is not a state that this eltbuild knows"),
        ("create table eltbuild.layout (version bigint)", "its `layout` says no version"),
    ],
)
def test_what_is_not_ours_is_let_alone(store: DatabaseStore, connection: Connection, made: str, message: str) -> None:
    connection.execute(f"create schema eltbuild; {made}")
    with pytest.raises(UsageError, match=message):
        store.prepare(make=True)
    assert len(connection.relations((store.tables.schema,))) == 1


def test_other_tables_in_the_schema_do_no_harm(store: DatabaseStore, connection: Connection) -> None:
    connection.execute("create schema eltbuild; create table eltbuild.mine (a integer)")
    assert store.prepare(make=True) is True


def test_a_table_with_other_columns_is_told(store: DatabaseStore, connection: Connection) -> None:
    store.prepare(make=True)
    connection.execute("drop table eltbuild.built; create table eltbuild.built (mine integer)")
    with pytest.raises(UsageError, match="is not a state that this eltbuild knows"):
        store.built()


def test_a_value_that_nobody_wrote_is_told(store: DatabaseStore, connection: Connection) -> None:
    run = begun(store)
    connection.execute(f"update eltbuild.runs set claims = 'nonsense' where number = {run.number}")
    with pytest.raises(UsageError, match="is not a state that this eltbuild knows"):
        store.running()
