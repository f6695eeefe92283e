"""Two runs at once on one PostgreSQL database: claims, zombies, kills, and servers that let nobody keep a state."""

from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from runs.processes import end, project, run, start, until
from servers.postgres import Server, shared

from eltbuild import Project
from eltbuild.errors import UsageError

GATE = 4711
MODELS = {
    "first.sql": "{{ config(materialized='table') }} select 1 as id",
    "gated.sql": "{{ config(materialized='table') }} select id, '{{ invocation_id }}' as made_by, "
    f"pg_advisory_xact_lock_shared({GATE}) is null as passed from {{{{ ref('first') }}}}",
    "last.sql": "{{ config(materialized='table') }} select * from {{ ref('gated') }}",
    "other.sql": "select 2 as id",
}
SESSIONS = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
WAITING = f"select 1 from pg_locks where locktype = 'advisory' and not granted and objid = {GATE}"
LEASES = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objid <> {0} and pid <> pg_backend_pid()"


class Base:
    """A database of its own, whose `gated` models wait as long as the gate is shut."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.session = psycopg.connect(server.dsn, autocommit=True, dbname=name)

    def ask(self, sql: str) -> list[tuple]:
        cursor = self.session.execute(sql)
        return cursor.fetchall() if cursor.description else []

    def shut(self) -> None:
        self.ask(f"select pg_advisory_lock({GATE})")

    def open(self) -> None:
        self.ask(f"select pg_advisory_unlock({GATE})")

    def waiting(self) -> bool:
        return bool(self.ask(WAITING))

    def end_leases(self) -> None:
        assert self.ask(LEASES.format(GATE)), "no run held a lock"

    def project(self, folder: Path, **more: str) -> Path:
        return project(folder, self.server.fields(schema="shop", dbname=self.name, **more), MODELS)


@pytest.fixture
def base() -> Iterator[Base]:
    server, name = shared(), f"runs_{uuid.uuid4().hex[:8]}"
    server.execute(f"create database {name}")
    made = Base(server, name)
    yield made
    made.session.close()
    server.execute(f"drop database {name} with (force)")


def test_runs_with_relations_in_common_do_not_meet_and_others_go_on(base: Base, tmp_path: Path) -> None:
    folder = base.project(tmp_path / "shop")
    base.shut()
    first = start(folder, "run", "--select", "first", "gated")
    until(base.waiting, first)
    # Whoever lost the session of its lock is not robbed: it comes back.
    base.end_leases()
    with pytest.raises(
        UsageError, match=rf"another run holds 1 of .*\.shop\.gated\): .* \(process {first.pid}\) since"
    ):
        Project.load(folder).run(command="run", select="gated last")
    assert Project.load(folder).run(command="run", select="other").success
    third = start(folder, "run", "--select", "gated", "last", "--wait", "10m")
    assert third.stdout is not None
    assert "waiting: another run holds" in third.stdout.readline()
    base.open()
    code, said = end(first)
    assert code == 0, said
    code, said = end(third)
    assert code == 0, said
    runs = base.ask("select invocation, status from eltbuild.runs order by number")
    assert [status for _, status in runs] == ["success"] * 3
    assert base.ask("select made_by from shop.last") == [(runs[-1][0],)]


def test_a_run_that_was_taken_for_dead_publishes_nothing_more(base: Base, tmp_path: Path) -> None:
    folder = base.project(tmp_path / "shop")
    base.shut()
    zombie = start(folder, "run")
    until(base.waiting, zombie)
    zombie.send_signal(signal.SIGSTOP)
    try:
        base.end_leases()
        base.ask("update eltbuild.heard set happened = happened - interval '1 hour'")
        base.ask("update eltbuild.runs set started = started - interval '1 hour'")
        base.open()
        assert Project.load(folder).run(command="run", select="gated").success
    finally:
        zombie.send_signal(signal.SIGCONT)
    code, said = end(zombie)
    assert code == 1, said
    assert "this run has lost its claim: another one found it dead and took over" in said
    lost, after = base.ask("select invocation, status from eltbuild.runs order by number")
    assert (lost[1], after[1]) == ("lost", "success")
    assert base.ask("select made_by from shop.gated") == [(after[0],)]
    assert base.ask("select to_regclass('shop.last') is null") == [(True,)]
    nodes = base.ask(
        f"select node from eltbuild.built join eltbuild.runs on run = number where invocation = '{lost[0]}'"
    )
    assert nodes == [("model.shop.first",), ("model.shop.other",)] or nodes == [("model.shop.first",)]


def test_a_killed_run_is_retried_on_another_machine(base: Base, tmp_path: Path) -> None:
    folder = base.project(tmp_path / "shop")
    base.shut()
    killed = start(folder, "run", "--select", "+last")
    until(base.waiting, killed)
    killed.kill()
    killed.communicate()
    shutil.copytree(folder, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("target"))
    shutil.rmtree(folder)
    base.open()
    code, said = run(tmp_path / "elsewhere", "retry")
    assert code == 0, said
    assert "(killed): 1 of 3 nodes are done" in said
    assert [row[0] for row in base.ask("select status from eltbuild.runs order by number")] == ["lost", "success"]
    first, *rest = base.ask("select run, node from eltbuild.built order by happened")
    assert [node for _, node in rest] == ["model.shop.gated", "model.shop.last"]
    assert first[0] != rest[0][0]


def test_without_the_right_to_a_state_schema_a_file_serves(base: Base, tmp_path: Path) -> None:
    role = f"ada_{base.name}"
    base.ask(f"create role {role} login")
    try:
        base.ask(f"create schema shop authorization {role}")
        folder = base.project(tmp_path / "shop", user=role)
        base.shut()
        first = start(folder, "run", "--select", "gated", "first")
        until(base.waiting, first)
        code, said = run(folder, "run", "--select", "gated")
        assert code == 2
        assert "the state cannot be kept in" in said
        assert f"(process {first.pid}) since" in said
        base.open()
        code, said = end(first)
        assert code == 0, said
        assert base.ask("select 1 from pg_namespace where nspname = 'eltbuild'") == []
        assert Project.load(folder).run(command="run", select="gated").success
        base.ask(f"create schema eltbuild authorization {role}")
        code, said = run(folder, "run", "--select", "gated")
        assert code == 0, said
        assert "is kept in" in said
        assert base.ask("select distinct node from eltbuild.built order by node") == [
            ("model.shop.first",),
            ("model.shop.gated",),
        ]
    finally:
        base.ask(f"drop owned by {role} cascade; drop role {role}")


def test_beside_a_state_that_can_only_be_read_a_file_serves_and_both_are_asked(base: Base, tmp_path: Path) -> None:
    role = f"eve_{base.name}"
    base.ask(f"create role {role} login")
    try:
        base.ask("create schema shop")
        theirs = base.project(tmp_path / "theirs")
        assert run(theirs, "run", "--select", "first")[0] == 0
        base.ask(f"grant usage on schema eltbuild to {role}; grant select on all tables in schema eltbuild to {role}")
        base.ask(f"grant all on schema shop to {role}; alter table shop.first owner to {role}")
        ours = base.project(tmp_path / "ours", user=role)
        code, said = run(ours, "run", "--select", "first")
        assert code == 0, said
        assert "the state cannot be kept in" in said
        code, said = run(ours, "history", "--sql", "select count(*) as runs from runs", "--output", "csv")
        assert (code, said.split()[-1]) == (0, "2")
        base.ask("create sequence shop.s; grant all on sequence shop.s to public")
        code, said = run(ours, "history", "--sql", "select nextval('shop.s')")
        assert code == 2
        assert "cannot execute nextval() in a read-only transaction" in said
    finally:
        base.ask(f"drop owned by {role} cascade; drop role {role}")


def test_a_record_and_the_end_of_its_run_exclude_each_other(base: Base) -> None:
    from eltbuild_postgres import PostgresAdapter

    from eltbuild.adapter import Target
    from eltbuild.errors import DatabaseError
    from eltbuild.relation import Relation
    from eltbuild.run.ledger.claims import attempt
    from eltbuild.run.ledger.database_store import DatabaseStore
    from eltbuild.run.ledger.lease import Lease
    from eltbuild.sql.writer import Writer
    from eltbuild.state.records import Built, Run
    from eltbuild.state.tables import Tables

    fields = base.server.fields(schema="shop", dbname=base.name)
    adapter = PostgresAdapter(Target("shop", "dev", "postgres", base.name, "shop", fields=fields))
    try:
        tables = Tables(Writer("postgres", adapter.capabilities), Relation(base.name, "eltbuild", None))
        held, node, other = adapter.connect(), adapter.connect(), adapter.connect()
        store, rival = DatabaseStore(held, tables), DatabaseStore(other, tables)
        store.prepare(make=True)
        place = Relation(base.name, "shop", "orders")
        run = attempt(store, Run(invocation="i", project="shop", target="dev", command="run", claims=(place.key,)))
        assert isinstance(run, Run)
        told: list[str] = []
        lease = Lease(adapter, held, tables, run, lambda: told.append("lost"))
        record = Built(run=run.number, project="shop", relation=place, kind="table", node="n")
        with node.transaction():
            lease.carry(node, record)
            assert other.execute(tables.end(run, "lost")).affected == 0
            assert not other.execute(tables.is_quiet(run)).rows
        assert lease.stands(other, "n", None) is True
        assert other.execute(tables.end(run, "lost")).affected == 1
        with pytest.raises(DatabaseError, match="has lost its claim"), node.transaction():
            node.execute("create table public.published (a integer)")
            lease.carry(node, record)
        assert told == ["lost"]
        assert base.ask("select to_regclass('public.published') is null") == [(True,)]
        assert len(rival.of_run(run)[0]) == 1
        assert lease.close("success") == ""
        assert base.ask("select status from eltbuild.runs") == [("lost",)]
    finally:
        adapter.close()
