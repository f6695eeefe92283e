"""What PostgreSQL's words come to. The first part needs no server."""

from __future__ import annotations

import threading
import time

import pytest
from eltbuild_postgres.connection import PostgresConnection
from eltbuild_postgres.errors import Told, database_error, is_transient, refusal
from eltbuild_postgres.statements import encoded, first_word, is_repeatable, position
from servers.postgres import Server

from eltbuild.errors import DatabaseError
from eltbuild.secrecy import mask_secrets, unmasked

from .conftest import DATABASE


@pytest.mark.parametrize(
    ("told", "sql", "transient"),
    [
        (Told("", "40001"), "update t set a = 1", True),
        (Told("", "40P01"), "update t set a = 1", True),
        (Told("", "55P03"), "lock table t", True),
        (Told("", "53300"), "", True),
        (Told("", "57P01"), "insert into t values (1)", True),
        (Told("", "57P02"), "", True),
        (Told("", "57P03"), "", True),
        (Told("", "08006"), "", True),
        (Told("", "23505", constraint="t_pkey"), "insert into t values (1)", False),
        (Told("", "23505", constraint="pg_namespace_nspname_index"), "create schema if not exists s", True),
        (Told("", "23505", constraint="pg_type_typname_nsp_index"), "create table t (a integer)", True),
        (Told("", "42P07"), "create table t (a integer)", False),
        (Told("", "42P07"), "create table if not exists t (a integer)", True),
        (Told("", "42P07"), "alter table t_new rename to t", True),
        (Told("", "42710"), "create or replace function f() ...", True),
        (Told("tuple concurrently updated", "XX000"), "grant select on t to r", True),
        (Told("could not open relation with OID 12345", "XX000"), "select 1", True),
        (Told("cache lookup failed for relation 123", "XX000"), "select 1", True),
        (Told("something else", "XX000"), "select 1", False),
        (Told("", "53100"), "insert into t select 1", False),
        (Told("", "25006"), "create table t (a integer)", False),
        (Told("", "42501"), "create table t (a integer)", False),
        (Told("", "57014"), "select 1", False),
        (Told("", "42601"), "selec 1", False),
    ],
)
def test_what_may_succeed_a_little_later(told: Told, sql: str, transient: bool) -> None:
    assert is_transient(told, sql) is transient
    assert database_error(told, sql, mask=unmasked).transient is transient


@pytest.mark.parametrize("state", ["57P01", "57P02", "57P05", "25P03"])
def test_what_ends_a_session(state: str) -> None:
    assert database_error(Told("x", state), "", mask=unmasked).lost


@pytest.mark.parametrize(
    ("told", "sql", "version", "message", "hint"),
    [
        (Told("no", "23505", "Key (a)=(1) already exists."), "", 0, "no: Key (a)=(1) already exists.", ""),
        (Told("no", "2BP01", "view v depends on t\nview w depends on v", "Use DROP ... CASCADE."), "", 0,
         "no: view v depends on t; view w depends on v", "Use DROP ... CASCADE."),
        (Told("no", "22P02", context='COPY t, line 3, column a: "x"\nmore'), "", 0,
         'no (COPY t, line 3, column a: "x")', ""),
        (Told("no", "P0001", context="PL/pgSQL function f() line 3 at RAISE"), "", 0,
         "no (PL/pgSQL function f() line 3 at RAISE)", ""),
        (Told('syntax error at or near "merge"', "42601"), "/* a */ merge into t", 140011,
         'syntax error at or near "merge"', "MERGE came with PostgreSQL 15"),
        (Told('syntax error at or near "merge"', "42601"), "merge into t", 150011, 'syntax error at or near "merge"', ""),
        (Told("no more", "53100"), "", 0, "the disk of the server is full: no more", "nothing of this was kept"),
        (Told("permission denied for table t", "42501"), "", 0, "permission denied for table t", "have them granted"),
        (Told("cannot execute INSERT in a read-only transaction", "25006"), "", 0,
         "cannot execute INSERT in a read-only transaction", "the server is a standby"),
        (Told("canceling statement due to statement timeout", "57014"), "", 0,
         "canceling statement due to statement timeout", ""),
        (Told("canceling statement due to user request", "57014"), "", 0,
         "the statement was cancelled by somebody at the server", ""),
        (Told("current transaction is aborted", "25P02"), "", 0,
         "a statement before this one failed, which ended the transaction", ""),
    ],
)  # fmt: skip
def test_what_is_said(told: Told, sql: str, version: int, message: str, hint: str) -> None:
    error = database_error(told, sql, mask=unmasked, version=version)
    assert error.message == message
    assert error.problems[0].hint.startswith(hint) if hint.startswith("MERGE") else hint in error.problems[0].hint
    assert bool(error.problems[0].hint) == bool(hint)
    assert error.code == told.sqlstate


def test_no_secret_is_told() -> None:
    told = Told("no geheim", "22P02", "geheim", "geheim", "COPY t, line 1: geheim")
    error = database_error(told, "select 'geheim'", mask=mask_secrets(["geheim"]))
    assert "geheim" not in str(error)
    text = 'invalid connection option: "password=geheim"'
    assert "geheim" not in str(refusal(text, mask_secrets(["geheim"])).error)


def test_a_message_can_be_cut() -> None:
    assert len(database_error(Told("x" * 1_000_000), "", mask=unmasked).message) < 30_000


@pytest.mark.parametrize(
    ("sql", "character", "place"),
    [
        ("select 1", 1, (1, 1)),
        ("select\n 'Grüße 😀', x", 19, (2, 12)),
        ("a\r\nb", 4, (2, 1)),
        ("abc", 4, (1, 4)),
        ("abc", 5, (0, 0)),
        ("abc", 0, (0, 0)),
    ],
)
def test_places(sql: str, character: int, place: tuple[int, int]) -> None:
    assert position(sql, character) == place


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("select 1", "select"), ("  -- a\n /* b */ ((SELECT 1))", "select"), (";;with a as (select 1) select 1", "with"),
        ("", ""), ("-- only", ""), ("1", ""), ("/* open", ""),
    ],
)  # fmt: skip
def test_first_words(sql: str, word: str) -> None:
    assert first_word(sql) == word


@pytest.mark.parametrize(
    ("sql", "repeatable"),
    [
        ("select 1", True), ("select 1;", True), ("with a as (select 1) select 1", False), ("drop table t", True),
        ("insert into t select 1", False), ("create table t (a integer)", False),
        ("create schema if not exists s", True), ("select 1; insert into t select 1", False), ("", False),
        ("call f()", False), ("alter table t rename to u", False),
    ],
)  # fmt: skip
def test_what_can_be_done_twice(sql: str, repeatable: bool) -> None:
    assert is_repeatable(sql) is repeatable


@pytest.mark.parametrize("sql", ["select 1 \0 ; drop table t", "select '\ud800'"])
def test_what_cannot_be_sent_is_refused(sql: str) -> None:
    """The library below would cut a text at a NUL, and run the half."""
    with pytest.raises(DatabaseError) as caught:
        encoded(sql)
    assert caught.value.sql == sql


# With a server


def test_a_time_limit_of_the_server_is_not_our_doing(connection: PostgresConnection) -> None:
    connection.execute("set statement_timeout = '50ms'")
    with pytest.raises(DatabaseError, match="statement timeout") as caught:
        connection.execute("select pg_sleep(60)")
    assert (caught.value.transient, caught.value.code) == (False, "57014")


def test_who_cancelled_is_told(connection: PostgresConnection, server: Server) -> None:
    number = connection.execute("select pg_backend_pid()").scalar()

    def cancel() -> None:
        running = f"select 1 from pg_stat_activity where pid = {number} and state = 'active'"
        deadline = time.monotonic() + 30
        while not server.execute(running, DATABASE) and time.monotonic() < deadline:
            time.sleep(0.01)
        server.execute(f"select pg_cancel_backend({number})", DATABASE)

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(DatabaseError, match="by somebody at the server"):
        connection.execute("select pg_sleep(60)")
    thread.join()
    assert connection.execute("select 1").scalar() == 1


def test_a_lock_that_is_not_to_be_had(connection: PostgresConnection, server: Server) -> None:
    connection.execute("create table t (a integer); set lock_timeout = '50ms'")
    import psycopg

    with psycopg.connect(server.dsn, dbname=DATABASE) as other:
        other.execute("lock table trial.t")
        with pytest.raises(DatabaseError, match="lock timeout") as caught:
            connection.execute("insert into t values (1)")
    assert caught.value.transient


@pytest.mark.parametrize(
    "sql",
    [
        "copy (select generate_series(1, 100000)) to stdout",
        "copy t from stdin",
        "select 1; copy t from stdin; select 2",
    ],
)
def test_a_copy_that_nobody_serves_is_refused_and_the_session_goes_on(connection: PostgresConnection, sql: str) -> None:
    connection.execute("create table t (a integer)")
    for _ in range(2):
        with pytest.raises(DatabaseError, match="COPY") as caught:
            connection.execute(sql)
        assert not caught.value.lost
        assert connection.execute("select count(*) from t").scalar() == 0


def test_rights_that_are_missing(connection: PostgresConnection, server: Server) -> None:
    role = f"nobody_{DATABASE}"
    server.execute(f"drop role if exists {role}; create role {role}", DATABASE)
    connection.execute(f"create table t (a integer); set role {role}")
    with pytest.raises(DatabaseError, match="permission denied") as caught:
        connection.execute("select * from trial.t")
    assert "have them granted" in caught.value.problems[0].hint
    connection.execute("reset role")


def test_a_server_that_is_only_read(connection: PostgresConnection) -> None:
    connection.execute("set default_transaction_read_only = on")
    with pytest.raises(DatabaseError, match="read-only") as caught:
        connection.execute("create table t (a integer)")
    assert not caught.value.transient


def test_a_text_that_is_no_utf8(server: Server, connection: PostgresConnection) -> None:
    """A database without an encoding holds whatever it was given."""
    name = f"ascii_{DATABASE}"
    server.execute(f"drop database if exists {name}")
    server.execute(f"create database {name} encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'")
    from eltbuild_postgres import PostgresAdapter

    from eltbuild.adapter import Target

    adapter = PostgresAdapter(Target("p", "t", "postgres", name, "public", fields=server.fields(dbname=name)))
    session = adapter.connect()
    for ask in (session.execute, session.read):
        with pytest.raises(DatabaseError):
            ask(r"select convert_from('\xff'::bytea, 'SQL_ASCII') as v")
        assert session.execute("select 1").scalar() == 1
    adapter.close()
    server.execute(f"drop database {name}")


def test_notices_harm_nobody(connection: PostgresConnection) -> None:
    answer = connection.execute(
        "do $$ begin raise notice '%', repeat('x', 100000); raise warning 'w'; end $$; select 5 as a"
    )
    assert answer.scalar() == 5
