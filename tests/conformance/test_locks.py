"""Locks by name, which end with their session."""

from __future__ import annotations

import threading

import pytest
from conformance.bench import Bench, at_once, patiently

from eltbuild.adapter import Connection

NAMES = ("", "lease", "Lease", "lease of `shop`", "😀" * 200)


@pytest.fixture(autouse=True)
def _can(bench: Bench) -> None:
    if not bench.adapter.capabilities.session_locks:
        pytest.skip("there are no such locks")


@pytest.fixture
def other(bench: Bench) -> Connection:
    """Another session."""
    return bench.adapter.connect()


def test_one_session_holds_it_and_no_other_can(bench: Bench, other: Connection) -> None:
    for name in NAMES:
        assert bench.connection.hold(name)
        assert not other.hold(name)
    for name in NAMES:
        bench.connection.release(name)
        assert other.hold(name)


def test_holding_twice_is_holding_once(bench: Bench, other: Connection) -> None:
    assert bench.connection.hold("a")
    assert bench.connection.hold("a")
    bench.connection.release("a")
    assert other.hold("a")


def test_what_is_not_held_can_be_given_back(bench: Bench, other: Connection) -> None:
    bench.connection.release("a")
    assert other.hold("a")
    bench.connection.release("a")
    assert not bench.connection.hold("a")


def test_it_ends_with_its_session(bench: Bench, other: Connection) -> None:
    assert other.hold("a")
    assert not bench.connection.hold("a")
    other.close()
    assert patiently(lambda: bench.connection.hold("a"))


def test_it_outlives_a_transaction_that_is_undone(bench: Bench, other: Connection) -> None:
    def undone() -> None:
        with bench.connection.transaction():
            assert bench.connection.hold("a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert not other.hold("a")
    bench.connection.release("a")
    assert other.hold("a")


def test_it_is_seen_by_other_adapters(bench: Bench, tmp_path: object) -> None:
    if not bench.warehouse.lasts:
        pytest.skip("every adapter has a warehouse of its own")
    elsewhere = bench.warehouse.open(tmp_path)  # type: ignore[arg-type]
    theirs = elsewhere.connect()
    assert theirs.hold("a")
    assert not bench.connection.hold("a")
    elsewhere.close()
    assert patiently(lambda: bench.connection.hold("a"))


def test_of_many_that_want_it_at_once_one_gets_it(bench: Bench) -> None:
    sessions = [bench.adapter.connect() for _ in range(6)]
    for _ in range(5):
        found = at_once([lambda session=session: session.hold("a") for session in sessions])  # type: ignore[misc]
        assert sorted(found) == [False] * 5 + [True]
        for session in sessions:
            session.release("a")


def test_it_ends_with_a_session_that_the_server_ends(bench: Bench, other: Connection) -> None:
    if not bench.warehouse.ending:
        pytest.skip("no server ends a session")
    assert other.hold("a")
    number = other.execute(bench.warehouse.session).scalar()
    bench.connection.execute(bench.warehouse.ending.format(number))
    assert patiently(lambda: bench.connection.hold("a"))


def test_work_goes_on_beside_it(bench: Bench, other: Connection) -> None:
    """A lock by name is in nobody's way but of those who ask for it."""
    assert other.hold("a")
    bench.made("t")
    thread = threading.Thread(target=lambda: other.execute(f"drop table {bench.spelled('t')}"))
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert bench.connection.relation(bench.at("t")) is None
