"""Sessions that the server ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from conformance.bench import Bench, patiently

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError


@pytest.fixture(autouse=True)
def _can(bench: Bench) -> None:
    if not bench.warehouse.ending:
        pytest.skip("no server ends a session")


@pytest.fixture
def doomed(bench: Bench) -> Connection:
    """The session that will be ended."""
    return bench.adapter.connect()


def ender(bench: Bench, session: Connection) -> Callable[[], Any]:
    """What ends the session."""
    number = session.execute(bench.warehouse.session).scalar()

    def end() -> None:
        watcher = bench.adapter.connect()
        watcher.execute(bench.warehouse.ending.format(number))
        assert patiently(lambda: not _runs(watcher, number))
        watcher.close()

    return end


def _runs(watcher: Connection, number: Any) -> bool:
    return bool(watcher.execute(f"select count(*) from pg_stat_activity where pid = {number}").scalar())


def lost(work: Callable[[], Any]) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        work()
    assert caught.value.lost
    assert caught.value.message
    return caught.value


def test_a_session_that_ended_while_nothing_ran(bench: Bench, doomed: Connection) -> None:
    ender(bench, doomed)()
    insert = f"insert into {bench.made('t')} values (2)"
    for _ in range(2):
        assert lost(lambda: doomed.execute(insert)).transient
    assert bench.count("t") == 1
    for work in (
        lambda: doomed.columns("select 1"),
        lambda: doomed.read("select 1"),
        lambda: doomed.relations([bench.schema]),
        lambda: doomed.belongings(bench.at("t")),
        lambda: doomed.hold("a"),
    ):
        assert lost(work).transient
    doomed.release("a")
    doomed.close()
    assert bench.connection.execute("select 1").scalar() == 1


def test_a_session_that_ends_while_a_statement_runs(bench: Bench, doomed: Connection) -> None:
    threading.Timer(0.3, ender(bench, doomed)).start()
    error = lost(lambda: doomed.execute(bench.warehouse.long_query))
    assert error.transient
    assert error.code


def test_a_session_that_ends_within_a_transaction_leaves_nothing(bench: Bench, doomed: Connection) -> None:
    name = bench.made("t")
    end = ender(bench, doomed)

    def work() -> None:
        with doomed.transaction():
            doomed.execute(f"insert into {name} values (2)")
            end()
            doomed.load(bench.at("t"), pa.table({"a": [3]}))

    assert lost(work).transient
    assert bench.count("t") == 1


def test_a_transaction_that_cannot_commit_any_more_says_so(bench: Bench, doomed: Connection) -> None:
    name = bench.made("t")
    end = ender(bench, doomed)

    def work() -> None:
        with doomed.transaction():
            doomed.execute(f"insert into {name} values (2)")
            end()

    assert lost(work).transient
    assert bench.count("t") == 1


def test_another_session_goes_on(bench: Bench, doomed: Connection) -> None:
    ender(bench, doomed)()
    lost(lambda: doomed.execute("select 1"))
    again = bench.adapter.connect()
    assert again.execute("select 1").scalar() == 1
    again.close()
