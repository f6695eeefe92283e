"""What is tried again, how often, after which pauses, and what must not be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from eltbuild_duckdb import DuckDBAdapter

from eltbuild.adapter import Target
from eltbuild.errors import CompileError, DatabaseError
from eltbuild.run.failure.attempts import Attempts, Pauses, repeated
from eltbuild.run.sessions import Connections
from eltbuild.run.statements import only_reads

QUICK = Attempts(3, Pauses(0.001, 2, 0.01), Pauses(0.001, 2, 0.01))


@pytest.fixture
def connections() -> Iterator[Connections]:
    fields = {"type": "duckdb", "path": ":memory:"}
    adapter = DuckDBAdapter(Target("p", "dev", "duckdb", "memory", "main", fields=fields))
    made = Connections(adapter)
    made.here()
    yield made
    made.close()
    adapter.close()


def in_the_way() -> DatabaseError:
    return DatabaseError("another session was in the way", transient=True)


def lost() -> DatabaseError:
    return DatabaseError("the connection is gone", lost=True, transient=True)


def failing(errors: list[Exception], value: str = "done") -> Callable[[], str]:
    """A call that raises these one after another, and then gives the value."""

    def call() -> str:
        if errors:
            raise errors.pop(0)
        return value

    return call


def tried(connections: Connections, call: Callable[[], str], attempts: Attempts = QUICK) -> tuple[str, list[str]]:
    told: list[str] = []
    try:
        return repeated(call, connections, attempts, told.append), told
    except DatabaseError as error:
        return f"failed: {error.message}", told


def test_a_transient_error_is_tried_again_and_told(connections: Connections) -> None:
    result, told = tried(connections, failing([in_the_way(), lost()]))
    assert result == "done"
    assert told == [
        "attempt 2 of 4 in 0.0 s: another session was in the way",
        "attempt 3 of 4 in 0.0 s: the connection is gone",
    ]


def test_it_is_given_up_at_last_with_the_number_of_attempts(connections: Connections) -> None:
    result, told = tried(connections, failing([in_the_way() for _ in range(9)]))
    assert result == "failed: another session was in the way\ngiven up after 4 attempts"
    assert len(told) == 3


def test_no_retries_leave_the_error_as_it_is(connections: Connections) -> None:
    assert tried(connections, failing([in_the_way()]), Attempts(0)) == ("failed: another session was in the way", [])


@pytest.mark.parametrize("error", [DatabaseError("no such table"), CompileError("no query"), ZeroDivisionError()])
def test_what_is_wrong_for_good_is_not_tried_again(connections: Connections, error: Exception) -> None:
    with pytest.raises(type(error)):
        repeated(failing([error]), connections, QUICK, print)


def test_each_pause_is_longer_than_the_one_before_by_the_factor_and_never_the_same() -> None:
    pauses = Pauses(1, 3, 10)
    for attempt, middle in ((2, 1), (3, 3), (4, 9), (5, 10), (9, 10)):
        drawn = [pauses.before(attempt) for _ in range(50)]
        assert middle / 2 <= min(drawn) < max(drawn) <= middle * 1.5


def test_a_lost_session_gives_a_server_time_to_come_back() -> None:
    standard = Attempts()
    shortest = sum(
        min(standard.outage.first * standard.outage.factor**n, standard.outage.longest) for n in range(standard.retries)
    )
    assert 45 < shortest < 60


def test_a_pause_ends_when_the_run_is_stopped(connections: Connections) -> None:
    ended: list[str] = []

    def work() -> None:
        ended.append(tried(connections, failing([in_the_way()]), Attempts(1, Pauses(600, 1, 600)))[0])

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.1)
    connections.cancel()
    thread.join(20)
    assert ended == ["failed: another session was in the way"]


# What stands already


def test_what_was_committed_is_not_done_twice(connections: Connections) -> None:
    connection = connections.here()
    connection.execute("create table t (i integer)")

    def work() -> str:
        with connection.transaction():
            connection.execute("insert into t values (1)")
        raise in_the_way()

    result, told = tried(connections, work)
    assert result.endswith("not tried again: a part of it stands already")
    assert told == []
    assert connection.execute("select count(*) from t").scalar() == 1


def test_what_was_rolled_back_is(connections: Connections) -> None:
    connection = connections.here()
    connection.execute("create table t (i integer)")
    errors = [in_the_way(), in_the_way()]

    def work() -> str:
        with connection.transaction():
            connection.execute("insert into t values (1)")
            if errors:
                raise errors.pop()
        return "done"

    assert tried(connections, work)[0] == "done"
    assert connection.execute("select count(*) from t").scalar() == 1


def test_a_statement_outside_of_a_transaction_counts_too(connections: Connections) -> None:
    connection = connections.here()

    def work() -> str:
        connection.execute("create table t (i integer)")
        raise in_the_way()

    assert tried(connections, work)[0].endswith("a part of it stands already")


def test_unless_it_is_of_no_consequence(connections: Connections) -> None:
    connection = connections.here()
    errors: list[Exception] = [in_the_way()]

    def work() -> str:
        with connection.passing():
            connection.execute("create or replace table t (i integer)")
        if errors:
            raise errors.pop()
        return "done"

    assert tried(connections, work)[0] == "done"


def test_a_refused_statement_outside_of_a_transaction_leaves_nothing(connections: Connections) -> None:
    connection = connections.here()

    def kept_after(sql: str) -> str:
        connection.kept = "nothing"
        with pytest.raises(DatabaseError):
            connection.execute(sql)
        return connection.kept

    assert kept_after("drop table nothing_such") == "nothing"
    assert kept_after("create table t as select 1; drop table nothing_such") == "something"


def test_what_is_the_same_when_it_is_done_twice_may_be(connections: Connections) -> None:
    connection = connections.here()
    errors: list[Exception] = [lost(), lost()]

    def work() -> str:
        with connections.here().transaction():
            connection.execute("create or replace table t as select 1 as i")
        if errors:
            raise errors.pop()
        return "done"

    assert repeated(work, connections, QUICK, lambda text: None, idempotent=True) == "done"


def test_a_transaction_whose_answer_is_lost_may_have_been_committed(connections: Connections) -> None:
    connection = connections.here()

    class Silent:
        """The session, but the answer to its commit does not arrive."""

        def __init__(self, inner: object) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def transaction(self) -> Iterator[None]:
            from contextlib import contextmanager

            @contextmanager
            def silent() -> Iterator[None]:
                with self.inner.transaction():  # type: ignore[attr-defined]
                    yield
                raise DatabaseError("no answer came", lost=True)

            return silent()  # type: ignore[return-value]

    connection._inner = Silent(connection.inner)  # type: ignore[assignment]

    def work() -> str:
        with connection.transaction():
            connection.execute("create table t (i integer)")
        return "done"

    result, _ = tried(connections, work)
    assert connection.kept == "unknown"
    assert "it may or may not have been done" in result


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("select 1", True),
        ("  -- a comment\n/* and\n another */ (select 1)", True),
        ("with a as (select 1) select * from a", True),
        ("with a as (select 1) insert into t select * from a", False),
        ("from t", True),
        ("set x = 1; select 2;", True),
        ("select 1; insert into t values (1)", False),
        ("-- select\ndelete from t", False),
        ("create table t (i int)", False),
        ("selection()", False),
        ("select * into t from x", False),
        ("with a as (select 1) select * into t from a", False),
        ("explain select 1", True),
        ("explain analyze delete from t", False),
        ("", True),
    ],
)
def test_which_statements_leave_nothing_behind(sql: str, reads: bool) -> None:
    assert only_reads(sql) is reads


# Out of reach


class Away:
    """An adapter whose warehouse cannot be reached for so many attempts."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked = 0
        fields = {"type": "duckdb", "path": ":memory:"}
        self.real = DuckDBAdapter(Target("p", "dev", "duckdb", "memory", "main", fields=fields))

    def connect(self) -> object:
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise DatabaseError("cannot be reached", transient=True)
        return self.real.connect()


def test_a_lost_session_is_replaced_when_it_is_next_asked_for() -> None:
    away = Away(0)
    connections = Connections(away)  # type: ignore[arg-type]
    connection = connections.here()
    connection.comment = "/* kept */ "
    first = connection.inner
    connection.lost = True
    assert connections.here() is connection
    assert connection.inner is not first
    assert (connection.lost, connection.comment) == (False, "/* kept */ ")
    connections.close()


def test_who_finds_the_warehouse_away_after_all_that_waiting_does_not_wait_again() -> None:
    away = Away(5)
    connections = Connections(away)  # type: ignore[arg-type]

    def ask() -> str:
        return str(connections.here().execute("select 'here'").scalar())

    assert tried(connections, ask)[0] == "failed: cannot be reached\ngiven up after 4 attempts"
    assert tried(connections, ask) == ("failed: cannot be reached", [])
    assert away.asked == 5
    assert tried(connections, ask) == ("here", [])
    away.failures = 1
    connections.here().lost = True
    assert tried(connections, ask)[0] == "here"
    connections.close()


def test_a_hook_that_calls_what_writes_is_not_done_twice(connections: Connections) -> None:
    """`select nextval(...)` looks as if it read; where it is a hook's, it counts as done, and nothing is repeated."""
    connection = connections.mine()
    connection.execute("create sequence calls")
    connection.kept = "nothing"
    errors: list[Exception] = [in_the_way()]

    def node() -> str:
        with connection.unjudged():
            connection.execute("select nextval('calls')")
        return failing(errors)()

    result, told = tried(connections, node)
    assert (result.splitlines()[0], told) == ("failed: another session was in the way", [])
    assert connection.execute("select nextval('calls')").rows == ((2,),)
    connection.kept = "nothing"
    errors.append(in_the_way())
    connection.execute("select 1")
    assert connection.kept == "nothing"
