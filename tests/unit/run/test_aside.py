"""Questions asked in another thread: what comes of them, and of being stopped meanwhile."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Iterator

import pytest
from eltbuild_duckdb import DuckDBAdapter

from eltbuild.adapter import Adapter, Target
from eltbuild.errors import DatabaseError
from eltbuild.run.aside import Aside, Foreground, foreground
from eltbuild.run.stop import Stop

LONG = "select sum(a.range * b.range) from range(10000000) as a, range(10000000) as b"


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    fields = {"type": "duckdb", "path": ":memory:"}
    made = DuckDBAdapter(Target("p", "dev", "duckdb", "memory", "main", fields=fields))
    yield made
    made.close()


def test_a_session_of_the_main_thread_does_what_any_does(adapter: Adapter) -> None:
    connection = foreground(adapter)
    assert isinstance(connection, Foreground)
    with connection.transaction():
        connection.execute("create table t (i integer)")
    with pytest.raises(ZeroDivisionError), connection.transaction():
        connection.execute("insert into t values (1)")
        raise ZeroDivisionError
    assert connection.execute("select count(*) from t").scalar() == 0
    assert [column.name for column in connection.columns("select 1 as a")] == ["a"]
    with pytest.raises(DatabaseError, match="nothing_such"):
        connection.execute("select * from nothing_such")
    connection.close()


def test_in_another_thread_it_is_a_plain_one(adapter: Adapter) -> None:
    made: list[object] = []
    thread = threading.Thread(target=lambda: made.append(foreground(adapter)))
    thread.start()
    thread.join()
    assert not isinstance(made[0], Foreground)


@pytest.mark.parametrize("asked", ["by a wish", "by an interrupt"])
def test_a_query_ends_when_it_is_stopped_and_what_was_begun_is_undone(adapter: Adapter, asked: str) -> None:
    stop = Stop()
    connection = foreground(adapter, stop)
    threading.Timer(0.3, stop.ask if asked == "by a wish" else _thread.interrupt_main).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), connection.transaction():
        connection.execute("create table t (i integer)")
        connection.execute(LONG)
    assert time.monotonic() - began < 20
    assert connection.execute("select count(*) from duckdb_tables()").scalar() == 0
    connection.close()


def test_what_cannot_be_cancelled_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, release, calls = Stop(), threading.Event(), []
    aside = Aside(stop)
    threading.Timer(0.1, stop.ask).start()
    with pytest.raises(KeyboardInterrupt):
        aside.do(lambda: release.wait(60), lambda: calls.append(1), patience=0.5)
    assert aside.busy
    assert calls
    with pytest.raises(DatabaseError, match="does not answer"):
        aside.do(lambda: 1, lambda: None)
    release.set()
    while aside.busy:
        time.sleep(0.01)
    assert aside.do(lambda: "its own reply", lambda: None) == "its own reply"
    aside.end()


def test_a_wish_is_heeded_once() -> None:
    stop = Stop()
    stop.heed()
    stop.ask(15)
    stop.ask(2)
    with pytest.raises(KeyboardInterrupt):
        stop.heed()
    stop.heed()
    stop.sleep(0.01)
    assert (stop.number, stop.urgent) == (15, False)
