"""All or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest
from conformance.bench import Bench

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError


class Stop(Exception):
    """Raised by tests on purpose."""


def within(bench: Bench, *steps: Callable[[], Any]) -> None:
    """Take the steps in one transaction."""
    with bench.connection.transaction():
        for step in steps:
            step()


def stop(error: type[BaseException] = Stop) -> Callable[[], Any]:
    """A step that raises."""

    def step() -> None:
        raise error

    return step


def making(bench: Bench, name: str) -> Callable[[], Any]:
    """A step that makes a table."""
    return lambda: bench.made(name)


def running(bench: Bench, sql: str) -> Callable[[], Any]:
    """A step that runs a statement."""
    return lambda: bench.connection.execute(sql)


@pytest.fixture(autouse=True)
def _can(bench: Bench) -> None:
    if not bench.adapter.capabilities.transactional_ddl:
        pytest.skip("tables are made and dropped outside of transactions")


def test_what_is_inside_commits_together(bench: Bench) -> None:
    with bench.connection.transaction():
        bench.made("a")
        bench.made("b")
    assert len(bench.connection.relations([bench.schema])) == 2


def test_an_exception_undoes_everything(bench: Bench) -> None:
    bench.made("old")
    insert = running(bench, f"insert into {bench.spelled('old')} values (2)")
    drop = running(bench, bench.writer.drop(bench.at("old")))
    with pytest.raises(Stop):
        within(bench, making(bench, "new"), insert, drop, stop())
    assert [info.relation.identifier for info in bench.connection.relations([bench.schema])] == ["old"]
    assert bench.count("old") == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_so_does_being_stopped(bench: Bench, error: type[BaseException]) -> None:
    with pytest.raises(error):
        within(bench, making(bench, "new"), stop(error))
    assert bench.connection.relation(bench.at("new")) is None


@pytest.mark.parametrize(
    "sql", ["select nothing_such", "selec 1", "select * from no_such_table", "select cast('x' as integer)"]
)
def test_a_refused_statement_undoes_everything_and_the_session_goes_on(bench: Bench, sql: str) -> None:
    with pytest.raises(DatabaseError):
        within(bench, making(bench, "new"), running(bench, sql))
    assert bench.connection.relation(bench.at("new")) is None
    with bench.connection.transaction():
        bench.made("new")
    assert bench.count("new") == 1


def test_an_error_that_is_caught_inside_cannot_be_committed(bench: Bench) -> None:
    def careless() -> None:
        with suppress(DatabaseError):
            bench.connection.execute("select nothing_such")

    with pytest.raises(DatabaseError, match="rolled back"):
        within(bench, making(bench, "new"), careless)
    assert bench.connection.relation(bench.at("new")) is None
    assert bench.connection.execute("select 1").scalar() == 1


def test_one_inside_another_is_part_of_it(bench: Bench) -> None:
    with bench.connection.transaction():
        bench.made("a")
        with bench.connection.transaction():
            bench.made("b")
        other = bench.adapter.connect()
        assert other.relation(bench.at("b")) is None
        other.close()
    assert len(bench.connection.relations([bench.schema])) == 2


def test_the_outer_one_undoes_the_inner_one(bench: Bench) -> None:
    with pytest.raises(Stop):
        within(bench, lambda: within(bench, making(bench, "inner")), stop())
    assert bench.connection.relation(bench.at("inner")) is None


def test_the_inner_one_undoes_the_outer_one(bench: Bench) -> None:
    def careless() -> None:
        with suppress(Stop):
            within(bench, making(bench, "inner"), stop())

    with pytest.raises(DatabaseError, match="rolled back"):
        within(bench, making(bench, "outer"), careless)
    assert list(bench.connection.relations([bench.schema])) == []


def test_an_empty_one_does_nothing(connection: Connection) -> None:
    with connection.transaction():
        pass
    with connection.transaction(), connection.transaction():
        pass
    assert connection.execute("select 1").scalar() == 1


def test_others_see_what_is_committed_and_nothing_before(bench: Bench) -> None:
    name = bench.made("t")
    reader = bench.adapter.connect()
    with bench.connection.transaction():
        bench.connection.execute(f"insert into {name} values (2)")
        assert bench.count("t") == 2
        assert reader.execute(f"select count(*) from {name}").scalar() == 1
    assert reader.execute(f"select count(*) from {name}").scalar() == 2
    reader.close()


def test_a_session_closed_within_one_leaves_nothing(bench: Bench) -> None:
    other = bench.adapter.connect()

    def work() -> None:
        with other.transaction():
            other.execute(bench.writer.create_table_as(bench.at("new"), "select 1 as a"))
            other.close()
            raise Stop

    with pytest.raises(Stop):
        work()
    assert bench.connection.relation(bench.at("new")) is None


def test_a_table_changes_places_with_another_in_one_step(bench: Bench) -> None:
    """A reader meets the old one or the new one, and never nothing."""
    bench.made("t", "select 1 as a")
    seen: list[Any] = []
    reader = bench.adapter.connect()
    thread = threading.Thread(target=lambda: seen.append(reader.execute(f"select a from {bench.spelled('t')}").rows))
    with bench.connection.transaction():
        bench.made("t_new", "select 2 as a")
        bench.connection.execute(bench.writer.drop(bench.at("t")))
        bench.connection.execute(bench.writer.rename(bench.at("t_new"), bench.at("t")))
        thread.start()
        thread.join(0.3 if bench.warehouse.readers_wait else None)
        assert seen == ([] if bench.warehouse.readers_wait else [((1,),)])
    thread.join()
    assert seen == [((2 if bench.warehouse.readers_wait else 1,),)]
    assert reader.execute(f"select a from {bench.spelled('t')}").scalar() == 2
    reader.close()


def _trial(bench: Bench) -> AbstractContextManager[Callable[[], None]]:
    if not bench.adapter.capabilities.savepoints:
        pytest.skip(f"{bench.warehouse.name} has no savepoints")
    found: AbstractContextManager[Callable[[], None]] = bench.connection.savepoint()  # type: ignore[attr-defined]
    return found


def test_what_is_refused_behind_a_savepoint_is_taken_back(bench: Bench) -> None:
    """As often as that is wanted; what was done before it commits, and what comes after it."""
    with bench.connection.transaction():
        bench.made("a")
        with _trial(bench) as take_back:
            for _ in range(2):
                bench.made("b")
                with pytest.raises(DatabaseError):
                    bench.connection.execute("select 1 / 0")
                take_back()
            bench.made("c")
        bench.made("d")
    names = {info.relation.identifier for info in bench.connection.relations([bench.schema])}
    assert names == {"a", "c", "d"}


def test_what_is_not_taken_back_ends_the_transaction(bench: Bench) -> None:
    """A savepoint alone makes nothing good."""
    with pytest.raises(DatabaseError, match="rolled back"), bench.connection.transaction():
        bench.made("a")
        with _trial(bench), suppress(DatabaseError):
            bench.connection.execute("select 1 / 0")
    assert bench.connection.relation(bench.at("a")) is None


def test_what_was_cancelled_behind_a_savepoint_is_taken_back(bench: Bench) -> None:
    """The transaction goes on, with other statements."""
    with bench.connection.transaction():
        bench.made("a")
        with _trial(bench) as take_back:
            later = threading.Timer(0.3, bench.connection.cancel)
            later.start()
            with pytest.raises(DatabaseError):
                bench.connection.execute(bench.warehouse.long_query)
            later.join()
            take_back()
            bench.made("b")
    assert len(bench.connection.relations([bench.schema])) == 2
