"""Several threads at work on one warehouse, each with its session."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from conformance.bench import Bench, at_once

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError


def again_and_again(work: Callable[[], Any], attempts: int = 200) -> int:
    """Do the work, again while it fails for reasons that pass; how many attempts it took."""
    for attempt in range(1, attempts + 1):
        try:
            work()
            return attempt
        except DatabaseError as error:
            if not error.transient or attempt == attempts:
                raise
    raise AssertionError("unreachable")


def replaced(bench: Bench, connection: Connection, name: str, query: str) -> None:
    """The table is the query's, in one step."""
    if bench.adapter.capabilities.create_or_replace_table:
        connection.execute(bench.writer.create_table_as(bench.at(name), query, replace=True))
        return
    beside = bench.writer.beside(bench.at(name), f"__new_{threading.get_ident()}")
    with connection.transaction():
        connection.execute(bench.writer.create_table_as(beside, query))
        connection.execute(bench.writer.drop(bench.at(name)))
        connection.execute(bench.writer.rename(beside, bench.at(name)))


def test_different_tables_are_made_at_once(bench: Bench) -> None:
    query = bench.numbers(1000)

    def make(index: int) -> Callable[[], int]:
        def work() -> int:
            connection = bench.adapter.connect()
            for round in range(5):
                connection.execute(bench.writer.create_table_as(bench.at(f"t{index}_{round}"), query))
            connection.close()
            return index

        return work

    assert at_once([make(index) for index in range(8)]) == list(range(8))
    assert len(bench.connection.relations([bench.schema])) == 40
    assert {bench.count(f"t{index}_4") for index in range(8)} == {1000}


def test_different_tables_are_made_at_once_in_transactions(bench: Bench) -> None:
    def make(index: int) -> Callable[[], int]:
        def work() -> int:
            connection = bench.adapter.connect()
            for round in range(5):
                with connection.transaction():
                    connection.execute(bench.writer.create_table_as(bench.at(f"t{index}_{round}"), "select 1 as a"))
                    connection.load(bench.at(f"t{index}_{round}"), pa.table({"a": [2, 3]}))
            connection.close()
            return bench.adapter.capabilities.identifier_length

        return work

    found = at_once([make(index) for index in range(8)])
    assert not [error for error in found if isinstance(error, Exception)]
    assert {bench.count(f"t{index}_{round}") for index in range(8) for round in range(5)} == {3}


def test_one_table_is_replaced_by_many(bench: Bench) -> None:
    bench.made("t", bench.numbers(100, value="-1"))

    def make(index: int) -> Callable[[], int]:
        def work() -> int:
            connection = bench.adapter.connect()
            query = bench.numbers(100, value=str(index))
            attempts = [again_and_again(lambda: replaced(bench, connection, "t", query)) for _ in range(5)]
            connection.close()
            return max(attempts)

        return work

    found = at_once([make(index) for index in range(4)])
    assert all(isinstance(attempts, int) for attempts in found), found
    answer = bench.connection.execute(f"select count(*), min(n), max(n) from {bench.spelled('t')}")
    count, lowest, highest = answer.rows[0]
    assert (count, lowest == highest) == (100, True)


def test_readers_never_meet_a_table_half_made(bench: Bench) -> None:
    bench.made("t", bench.numbers(1000, value="0"))
    done = threading.Event()
    question = f"select count(*), min(n), max(n) from {bench.spelled('t')}"

    def read() -> int:
        connection = bench.adapter.connect()
        seen = 0
        while not done.is_set():
            count, lowest, highest = connection.execute(question).rows[0]
            assert (count, lowest) == (1000, highest)
            assert connection.relation(bench.at("t")) is not None
            seen += 1
        connection.close()
        return seen

    def write() -> int:
        try:
            connection = bench.adapter.connect()
            for round in range(1, 31):
                replaced(bench, connection, "t", bench.numbers(1000, value=str(round)))
            connection.close()
            return 30
        finally:
            done.set()

    found = at_once([write, read, read, read])
    assert found[0] == 30, found
    assert all(isinstance(seen, int) and seen > 0 for seen in found[1:]), found


def test_appending_to_one_table_at_once(bench: Bench) -> None:
    place = bench.with_columns("t", a="integer")

    def append() -> int:
        connection = bench.adapter.connect()
        for _ in range(10):
            again_and_again(lambda: connection.load(place, pa.table({"a": list(range(100))})))
        connection.close()
        return 1

    assert at_once([append] * 6) == [1] * 6
    assert bench.count("t") == 6000


def test_schemas_can_be_made_at_once(bench: Bench) -> None:
    schema = bench.writer.create_schema(bench.at("x"))

    def make() -> int:
        connection = bench.adapter.connect()
        again_and_again(lambda: connection.execute(schema))
        connection.close()
        return 1

    assert at_once([make] * 8) == [1] * 8


def test_the_catalogue_can_be_asked_while_tables_come_and_go(bench: Bench) -> None:
    done = threading.Event()

    def look() -> int:
        connection = bench.adapter.connect()
        while not done.is_set():
            assert len(connection.relations([bench.schema])) <= 4
            connection.relation(bench.at("t0"))
        connection.close()
        return 1

    def change(index: int) -> Callable[[], int]:
        def work() -> int:
            connection = bench.adapter.connect()
            for _ in range(20):
                connection.execute(bench.writer.create_table_as(bench.at(f"t{index}"), "select 1 as a"))
                connection.execute(bench.writer.drop(bench.at(f"t{index}")))
            connection.close()
            return 1

        return work

    def changes() -> list[Any]:
        try:
            return at_once([change(0), change(1), change(2)])
        finally:
            done.set()

    assert at_once([changes, look, look]) == [[1, 1, 1], 1, 1]
