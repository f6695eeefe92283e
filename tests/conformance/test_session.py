"""Opening and closing sessions."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from conformance.bench import Bench, at_once
from conformance.targets import Warehouse

from eltbuild.adapter import Adapter, Connection
from eltbuild.errors import DatabaseError


def test_what_is_offered_is_what_was_agreed(adapter: Adapter, connection: Connection) -> None:
    assert isinstance(adapter, Adapter)
    assert isinstance(connection, Connection)
    assert adapter.type
    assert adapter.dialect


def test_an_adapter_can_be_made_and_closed_without_connecting(warehouse: Warehouse, tmp_path: Path) -> None:
    adapter = warehouse.open(tmp_path)
    assert adapter.capabilities is not None
    adapter.close()
    adapter.close()
    assert list(tmp_path.iterdir()) == []


def test_sessions_are_several(adapter: Adapter) -> None:
    first, second = adapter.connect(), adapter.connect()
    assert first.execute("select 1").scalar() == 1
    first.close()
    assert second.execute("select 2").scalar() == 2
    second.close()


def test_a_closed_session_refuses_to_work_and_may_be_closed_again(adapter: Adapter) -> None:
    connection = adapter.connect()
    connection.close()
    connection.close()
    with pytest.raises(DatabaseError):
        connection.execute("select 1")


def test_closing_the_adapter_closes_its_sessions(adapter: Adapter) -> None:
    connection = adapter.connect()
    adapter.close()
    with pytest.raises(DatabaseError):
        connection.execute("select 1")
    connection.close()


def test_a_closed_adapter_can_be_used_again(bench: Bench, tmp_path: Path) -> None:
    bench.made("kept")
    bench.adapter.close()
    again = bench.adapter.connect()
    assert again.execute("select 1").scalar() == 1
    assert (again.relation(bench.at("kept")) is not None) == bench.warehouse.lasts
    again.close()


def test_two_adapters_see_the_same_data(bench: Bench, tmp_path: Path) -> None:
    if not bench.warehouse.lasts:
        pytest.skip("every adapter has a warehouse of its own")
    name = bench.made("shared")
    other = bench.warehouse.open(tmp_path)
    reader = other.connect()
    assert reader.execute(f"select a from {name}").scalar() == 1
    other.close()
    assert bench.scalar(f"select a from {name}") == 1


def test_sessions_can_be_opened_from_many_threads(warehouse: Warehouse, tmp_path: Path) -> None:
    adapter = warehouse.open(tmp_path)

    def ask() -> object:
        connection = adapter.connect()
        found = connection.execute("select 7").scalar()
        connection.close()
        return found

    assert at_once([ask] * 8) == [7] * 8
    adapter.close()


def test_no_thread_is_left_behind(warehouse: Warehouse, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    adapter = warehouse.open(tmp_path)
    adapter.connect().execute("select 1")
    adapter.close()
    assert set(threading.enumerate()) <= before
