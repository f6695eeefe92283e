"""Stopping what runs."""

from __future__ import annotations

import threading
import time

import pytest
from conformance.bench import Bench

from eltbuild.adapter import Adapter, Connection
from eltbuild.errors import DatabaseError


def running(connection: Connection, sql: str) -> tuple[threading.Thread, list[BaseException | None]]:
    """The statement running in a thread, and where its end will stand."""
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            connection.execute(sql)
            ended.append(None)
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    time.sleep(0.3)
    return thread, ended


def test_a_statement_is_stopped_from_another_thread(bench: Bench) -> None:
    thread, ended = running(bench.connection, bench.warehouse.long_query)
    assert thread.is_alive()
    started = time.monotonic()
    bench.connection.cancel()
    thread.join(10)
    assert not thread.is_alive()
    assert time.monotonic() - started < 2
    assert isinstance(ended[0], DatabaseError)
    assert "cancel" in ended[0].message
    assert not ended[0].transient
    assert bench.connection.execute("select 1").scalar() == 1


def test_a_stopped_transaction_is_undone(bench: Bench) -> None:
    def work() -> None:
        with bench.connection.transaction():
            bench.made("new")
            bench.connection.execute(bench.warehouse.long_query)

    stopper = threading.Timer(0.5, bench.connection.cancel)
    stopper.start()
    with pytest.raises(DatabaseError):
        work()
    stopper.join()
    assert bench.connection.relation(bench.at("new")) is None


def test_others_are_left_alone(bench: Bench) -> None:
    other = bench.adapter.connect()
    thread, ended = running(other, bench.warehouse.long_query)
    bench.connection.cancel()
    time.sleep(0.2)
    assert thread.is_alive()
    other.cancel()
    thread.join(10)
    assert isinstance(ended[0], DatabaseError)
    other.close()


def test_cancelling_nothing_does_nothing(adapter: Adapter, connection: Connection) -> None:
    connection.cancel()
    assert connection.execute("select 1").scalar() == 1
    connection.cancel()
    connection.cancel()
    assert connection.execute("select 2").scalar() == 2
    other = adapter.connect()
    other.close()
    other.cancel()


def test_closing_while_a_statement_runs_stops_it(bench: Bench) -> None:
    other = bench.adapter.connect()
    thread, ended = running(other, bench.warehouse.long_query)
    other.close()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(ended[0], DatabaseError)
    assert bench.connection.execute("select 1").scalar() == 1


def test_cancelling_again_and_again_harms_nothing(bench: Bench) -> None:
    stop = threading.Event()

    def cancel() -> None:
        while not stop.is_set():
            bench.connection.cancel()
            time.sleep(0.001)

    thread = threading.Thread(target=cancel)
    thread.start()
    done = refused = 0
    try:
        for _ in range(200):
            try:
                assert bench.scalar(bench.numbers(1000, value="1")) == 1
                done += 1
            except DatabaseError:
                refused += 1
    finally:
        stop.set()
        thread.join()
    assert done + refused == 200
    assert bench.connection.execute("select 1").scalar() == 1


def test_a_statement_that_begins_at_the_same_moment_is_stopped_too(bench: Bench) -> None:
    """Whoever cancels cannot know how far the other thread has come."""
    other = bench.adapter.connect()
    for delay in range(20):
        begins = threading.Event()
        ended: list[BaseException | None] = []

        def run(begins: threading.Event = begins, ended: list[BaseException | None] = ended) -> None:
            begins.set()
            try:
                other.execute(bench.warehouse.long_query)
                ended.append(None)
            except Exception as error:
                ended.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        begins.wait()
        time.sleep(delay * 0.00005)
        while thread.is_alive():
            other.cancel()
            thread.join(0.5)
        assert isinstance(ended[0], DatabaseError)
    assert other.execute("select 1").scalar() == 1
    other.close()
