"""Time limits: what takes longer is cancelled, wherever it hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from eltbuild_duckdb import DuckDBAdapter

from eltbuild.adapter import Target
from eltbuild.errors import CompileError, DatabaseError
from eltbuild.project.durations import retries_of, seconds_of
from eltbuild.project.resources import Node
from eltbuild.run.failure.limits import Limit, attempts_of, limit_of, limited
from eltbuild.run.sessions import Connections

LONG = "select sum(a.range * b.range) from range(10000000) as a, range(10000000) as b"
SHORT = Limit(0.2, "its `timeout`")


@pytest.fixture
def connections() -> Iterator[Connections]:
    fields = {"type": "duckdb", "path": ":memory:"}
    adapter = DuckDBAdapter(Target("p", "dev", "duckdb", "memory", "main", fields=fields))
    made = Connections(adapter)
    yield made
    made.close()
    adapter.close()


def test_a_query_is_cancelled_when_its_time_is_over(connections: Connections) -> None:
    connection = connections.here()
    told = r"^timed out after 0\.2 s \(its `timeout`\)$"
    with pytest.raises(DatabaseError, match=told) as caught, limited(connections, SHORT):
        connection.execute(LONG)
    assert caught.value.sql == LONG
    assert not caught.value.transient
    assert connection.execute("select 1").scalar() == 1


def test_nothing_more_is_begun_then(connections: Connections) -> None:
    connection = connections.here()
    with pytest.raises(DatabaseError, match="timed out"), limited(connections, SHORT) as over:
        assert over.wait(20)
        time.sleep(0.05)
        connection.execute("create table t (i integer)")
    assert connection.execute("select count(*) from duckdb_tables()").scalar() == 0


def test_a_transaction_that_is_too_late_is_not_committed(connections: Connections) -> None:
    connection = connections.here()
    late = pytest.raises(DatabaseError, match="timed out")
    with late, limited(connections, SHORT) as over, connection.transaction():
        connection.execute("create table t (i integer)")
        assert over.wait(20)
        time.sleep(0.05)
    assert connection.execute("select count(*) from duckdb_tables()").scalar() == 0


def test_waiting_for_the_next_attempt_ends_with_it(connections: Connections) -> None:
    with pytest.raises(DatabaseError, match="timed out"), limited(connections, SHORT):
        assert connections.pause(600)
        raise DatabaseError("in the way", transient=True)


def test_what_ends_in_time_is_left_alone(connections: Connections) -> None:
    with limited(connections, Limit(600, "")) as over:
        assert connections.here().execute("select 1").scalar() == 1
    assert not over.is_set()
    with pytest.raises(CompileError, match="no query"), limited(connections, Limit(600, "")):
        raise CompileError("no query")
    assert "limit" not in {thread.name for thread in threading.enumerate()}


def test_other_threads_are_left_alone(connections: Connections) -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(connections.here().execute(LONG.replace("10000000", "6000"))))
    thread.start()
    with pytest.raises(DatabaseError, match="timed out"), limited(connections, SHORT):
        connections.here().execute(LONG)
    thread.join()
    assert len(found) == 1


# Who sets them


def node(**config: object) -> Node:
    return Node(
        id="model.p.m", resource_type="model", name="m", package="p", path="m.sql", original_path="m.sql", config=config
    )


def target(retries: int | None = None, timeout: float | None = None) -> Target:
    return Target("p", "dev", "duckdb", "d", "s", node_retries=retries, node_timeout=timeout)


def test_the_node_outranks_the_target_and_that_the_default() -> None:
    assert limit_of(node(), target()) is None
    assert limit_of(node(), target(timeout=60)) == Limit(60, "`node_timeout` of target `dev`")
    assert limit_of(node(timeout="10m"), target(timeout=60)) == Limit(600, "its `timeout`")
    assert limit_of(None, target(timeout=60)) == Limit(60, "`node_timeout` of target `dev`")
    assert attempts_of(node(), target()).retries == 5
    assert attempts_of(node(), target(retries=2)).retries == 2
    assert attempts_of(node(retries=0), target(retries=2)).retries == 0
    assert attempts_of(node(retries="7"), target()).retries == 7


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(90, 90), (0.5, 0.5), ("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), (" 1H 5S ", 3605), ("250ms", 0.25)],
)
def test_spans_of_time(text: object, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "m", "10 x", "-5", -5, 0, "0s", True, None, "1e99", float("inf"), [1]])
def test_what_is_no_span_of_time(text: object) -> None:
    with pytest.raises(ValueError, match="no span of time"):
        seconds_of(text)


@pytest.mark.parametrize("text", ["", "many", -1, 1.5, True, None, "99999", "٣"])
def test_what_is_no_number_of_retries(text: object) -> None:
    with pytest.raises(ValueError, match="no number of retries"):
        retries_of(text)
