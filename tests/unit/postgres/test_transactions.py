"""Transactions where users' statements meddle with them, and where the server is lost in the middle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eltbuild_postgres import connecting, doubt
from eltbuild_postgres.connection import PostgresConnection
from servers.postgres import Server, own
from servers.proxy import Moment, Proxy

from eltbuild.errors import DatabaseError

from .conftest import Opened


@pytest.fixture
def table(connection: PostgresConnection) -> PostgresConnection:
    """A session with an empty table `t (a)`."""
    connection.execute("create table t (a integer)")
    return connection


def rows(connection: PostgresConnection) -> list[Any]:
    return [row[0] for row in connection.execute("select a from trial.t order by a").rows]


# What users' hooks do


def test_a_commit_of_the_user_keeps_what_came_before_and_the_rest_is_one_again(table: PostgresConnection) -> None:
    def work() -> None:
        with table.transaction():
            table.execute("insert into t values (1)")
            table.execute("commit")
            table.execute("insert into t values (2)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert rows(table) == [1]


def test_a_rollback_of_the_user_is_told(table: PostgresConnection) -> None:
    def work() -> None:
        with table.transaction():
            table.execute("insert into t values (1)")
            table.execute("rollback")
            table.execute("insert into t values (2)")

    with pytest.raises(DatabaseError, match="a statement in it rolled it back"):
        work()
    assert rows(table) == []


def test_a_begin_of_the_user_within_changes_nothing(table: PostgresConnection) -> None:
    with table.transaction():
        table.execute("begin; insert into t values (1)")
    assert rows(table) == [1]


def test_what_the_user_began_before_commits_with_ours(table: PostgresConnection) -> None:
    table.execute("begin; insert into t values (1)")
    with table.transaction():
        table.execute("insert into t values (2)")
    with table.transaction():
        table.execute("insert into t values (3)")
    assert rows(table) == [1, 2, 3]


def test_a_commit_of_the_user_after_an_error_that_was_caught(table: PostgresConnection) -> None:
    """PostgreSQL answers that commit by a rollback."""

    def work() -> None:
        with table.transaction():
            table.execute("insert into t values (1)")
            with pytest.raises(DatabaseError):
                table.execute("select nothing_such")
            table.execute("commit")
            table.execute("insert into t values (2)")

    with pytest.raises(DatabaseError, match="rolled back"):
        work()
    assert rows(table) == []


def test_a_constraint_that_is_looked_at_at_the_end(table: PostgresConnection) -> None:
    table.execute("create table k (a integer unique deferrable initially deferred)")

    def work() -> None:
        with table.transaction():
            table.execute("insert into t values (1)")
            table.execute("insert into k values (1), (1)")

    with pytest.raises(DatabaseError, match="duplicate key") as caught:
        work()
    assert (caught.value.transient, caught.value.lost) == (False, False)
    assert rows(table) == []
    assert table.execute("select 1").scalar() == 1


def test_a_cancelled_transaction_goes_no_further(table: PostgresConnection) -> None:
    """Also where nothing ran at that moment."""

    def work() -> None:
        with table.transaction():
            table.execute("insert into t values (1)")
            table.cancel()
            table.execute("insert into t values (2)")

    for _ in range(2):
        with pytest.raises(DatabaseError, match="cancelled"):
            work()
    with pytest.raises(DatabaseError, match="cancelled"), table.transaction():
        table.cancel()
    with table.transaction():
        table.execute("insert into t values (3)")
    assert rows(table) == [3]


# The server is lost while it commits


@pytest.fixture
def door(server: Server) -> Iterator[Proxy]:
    with Proxy(server.host, server.port) as proxy:
        yield proxy


def writing(session: PostgresConnection, value: int) -> None:
    with session.transaction():
        session.execute(f"insert into trial.t values ({value})")


def test_a_commit_that_was_not_heard_is_tried_again(table: PostgresConnection, opened: Opened, door: Proxy) -> None:
    session = opened(port=door.port).connect()
    writing(session, 1)
    door.cut(b"commit", "before")
    with pytest.raises(DatabaseError) as caught:
        writing(session, 2)
    assert door.cuts == 1
    assert (caught.value.lost, caught.value.transient) == (True, True)
    assert rows(table) == [1]


def test_a_commit_whose_answer_was_lost_has_happened(table: PostgresConnection, opened: Opened, door: Proxy) -> None:
    """Doing it again would do it twice: another session asks how it ended, and is used from there on."""
    session = opened(port=door.port).connect()
    assert session.hold("lease")
    before = session.execute("select pg_backend_pid()").scalar()
    door.cut(b"commit", "after")
    writing(session, 2)
    assert door.cuts == 1
    assert rows(table) == [2]
    assert session.execute("select pg_backend_pid()").scalar() != before
    assert not table.hold("lease")
    writing(session, 3)
    assert rows(table) == [2, 3]
    session.close()


def test_a_lock_that_somebody_took_meanwhile_ends_the_session(
    table: PostgresConnection, opened: Opened, door: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(port=door.port).connect()
    assert session.hold("lease")
    fate_of = doubt.fate_of

    def slowly(*arguments: Any) -> Any:
        deadline = time.monotonic() + 30
        while not table.hold("lease") and time.monotonic() < deadline:
            time.sleep(0.01)
        return fate_of(*arguments)

    monkeypatch.setattr("eltbuild_postgres.connection.fate_of", slowly)
    monkeypatch.setattr("eltbuild_postgres.locks.ENDING", 0.2)
    door.cut(b"commit", "after")
    writing(session, 2)
    assert rows(table) == [2]
    with pytest.raises(DatabaseError) as caught:
        session.execute("select 1")
    assert caught.value.lost


def test_what_nobody_can_tell_is_not_tried_again(
    table: PostgresConnection, opened: Opened, door: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (connecting, doubt):
        monkeypatch.setattr(module, "PATIENCE", 0.2)
    session = opened(port=door.port, retries=0).connect()
    door.cut(b"commit", "after")
    monkeypatch.setattr("eltbuild_postgres.connection.fate_of", lambda *_: (door.shut(), doubt.fate_of(*_))[1])
    with pytest.raises(DatabaseError, match="whether it did is not known") as caught:
        writing(session, 2)
    assert (caught.value.lost, caught.value.transient) == (True, False)


def test_a_transaction_that_only_reads_is_in_no_doubt(opened: Opened, door: Proxy) -> None:
    session = opened(port=door.port).connect()
    door.cut(b"commit", "after")
    with pytest.raises(DatabaseError) as caught, session.transaction():
        session.execute("select 1")
    assert (caught.value.lost, caught.value.transient) == (True, True)


@pytest.mark.parametrize(
    ("sql", "transient"),
    [
        ("select count(*) from trial.t", True),
        ("insert into trial.t values (5)", False),
        ("with a as (insert into trial.t values (5) returning a) select * from a", False),
        ("create or replace view trial.v as select 1 as a", True),
        ("create table trial.u as select 1 as a", False),
        ("drop table if exists trial.u", True),
    ],
)
def test_a_statement_by_itself_is_tried_again_where_that_does_no_harm(
    table: PostgresConnection, opened: Opened, door: Proxy, sql: str, transient: bool
) -> None:
    session = opened(port=door.port).connect()
    door.cut(sql[:10].encode(), "after")
    with pytest.raises(DatabaseError) as caught:
        session.execute(sql)
    assert (caught.value.lost, caught.value.transient) == (True, transient)
    assert caught.value.message.startswith("the connection to the server was lost")


def test_a_server_that_is_killed_within_a_commit_says_what_it_knows(opened: Opened) -> None:
    """What was not committed may be done again; whether what was can be told from another's nobody knows."""
    with own(synchronous_commit="on") as server, Proxy(server.host, server.port) as door:
        server.execute("create table t (a integer)")
        told: list[tuple[bool, bool]] = []
        for value, moment in enumerate(MOMENTS, 1):
            session = opened(port=door.port, dbname="postgres").connect()
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr("eltbuild_postgres.connection.fate_of", crashing(server))
                door.cut(b"commit", moment)
                with pytest.raises(DatabaseError) as caught, session.transaction():
                    session.execute(f"insert into t values ({value})")
            told.append((caught.value.lost, caught.value.transient))
        assert told == [(True, True), (True, False)]
        assert server.execute("select a from t") == [(2,)]


MOMENTS: tuple[Moment, ...] = ("before", "after")


def crashing(server: Server) -> Callable[..., Any]:
    """Asks how a transaction ended, of a server that was killed meanwhile."""

    def ask(*arguments: Any) -> Any:
        server.kill()
        thread = threading.Thread(target=server.start)
        thread.start()
        try:
            return doubt.fate_of(*arguments)
        finally:
            thread.join()

    return ask
