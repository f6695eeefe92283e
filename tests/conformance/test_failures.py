"""What fails for a moment, on every warehouse: done again, and never twice."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from conformance.bench import Bench
from conformance.projects import Project, ended

from eltbuild.adapter import Answer
from eltbuild.errors import DatabaseError
from eltbuild.run.events import Finished

APPEND = "{{ config(materialized='incremental', incremental_strategy='append') }}\nselect 1 as id"
TABLE = "{{ config(materialized='table') }}\nselect 1 as id"


@dataclass(slots=True)
class Faults:
    """What goes wrong, how often: a statement that holds a word, or the end of a transaction in which one did."""

    word: str
    refuse: int = 0
    """Refused, as one is that another session is in the way of."""
    lose: int = 0
    """The session is gone before the transaction is committed."""
    silence: int = 0
    """It is committed, and the session is gone before the answer comes."""
    met: list[str] = field(default_factory=list)

    def take(self, what: str) -> bool:
        """Whether it goes wrong now; only what nodes do does."""
        left: int = getattr(self, what) if threading.current_thread().name.startswith("Thread-") else 0
        if left:
            setattr(self, what, left - 1)
            self.met.append(what)
        return bool(left)


class Session:
    """A real session in which the faults happen."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self.inner = inner
        self.faults = faults
        self.touched = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def execute(self, sql: str) -> Answer:
        """The answer, unless the statement is refused."""
        if self.faults.word in sql:
            self.touched = True
            if self.faults.take("refuse"):
                raise DatabaseError("another session was in the way", sql=sql, transient=True)
        answer: Answer = self.inner.execute(sql)
        return answer

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """The transaction, at whose end the session may be lost."""
        self.touched = False
        with self.inner.transaction():
            yield
            if self.touched and self.faults.take("lose"):
                raise self._gone(transient=True)
        if self.touched and self.faults.take("silence"):
            raise self._gone(transient=False)

    def _gone(self, transient: bool) -> DatabaseError:
        if not transient:
            self.inner.close()
        return DatabaseError("the connection is gone", transient=transient, lost=True)


class Faulty:
    """The adapter, whose sessions meet the faults."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self.inner = inner
        self.faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def connect(self) -> Session:
        """A session."""
        return Session(self.inner.connect(), self.faults)


Made = Callable[..., Project]


@pytest.fixture
def shop(bench: Bench, tmp_path: Path) -> Made:
    """A project that meets faults, whose model `orders` was built once without any."""

    def make(faults: Faults, files: Mapping[str, str], **flags: Any) -> Project:
        project = Project(bench, tmp_path / "shop").write(files)
        for name, event in project.run(**flags).items():
            assert event.status in ("success", "pass"), (name, event)
        return Project(replace(bench, adapter=Faulty(bench.adapter, faults)), tmp_path / "shop")

    return make


def told(project: Project) -> list[str]:
    """What was said of attempts, without the pauses."""
    return [text.partition(" in ")[0] for text in project.said if "attempt" in text]


@pytest.mark.parametrize("fault", ["refuse", "lose", "silence"])
@pytest.mark.parametrize("times", [1, 2])
def test_rows_are_appended_once(shop: Made, bench: Bench, fault: str, times: int) -> None:
    faults = Faults("orders", **{fault: times})
    project = shop(faults, {"models/orders.sql": APPEND})
    assert ended(project.run()) == ("success", "")
    assert faults.met == [fault] * (1 if fault == "silence" else times)
    assert bench.count("orders") == 2
    again = 0 if fault == "silence" else times
    assert told(project) == [f"model orders: attempt {number} of 6" for number in range(2, 2 + again)]


@pytest.mark.parametrize("fault", ["refuse", "lose", "silence"])
def test_so_are_those_of_a_slice(shop: Made, bench: Bench, fault: str) -> None:
    config = (
        "materialized='incremental', incremental_strategy='microbatch', event_time='happened', begin='2020-01-01', "
    )
    orders = f"{{{{ config({config} batch_size='day') }}}}\nselect * from {{{{ ref('events') }}}}"
    events = " union all ".join(f"select cast('2020-01-0{day} 12:00:00' as timestamp) as happened" for day in (1, 2, 3))
    files = {"models/events.sql": events, "models/orders.sql": orders, "models/schema.yml": EVENT_TIME}
    span = {"event_time_start": "2020-01-01", "event_time_end": "2020-01-04"}
    faults = Faults("orders", **{fault: 2})
    project = shop(faults, files, **span)
    assert ended(project.run(**span)) == ("success", "")
    assert set(faults.met) == {fault}
    assert bench.count("orders") == 3


EVENT_TIME = "models: [{name: events, config: {event_time: happened}}]"


@pytest.mark.parametrize("fault", ["refuse", "lose", "silence"])
def test_other_materializations_and_tests_go_on_too(shop: Made, bench: Bench, fault: str) -> None:
    files = {
        "models/orders.sql": TABLE,
        "models/views.sql": "select * from {{ ref('orders') }}",
        "seeds/orders_seed.csv": "id\n1\n2\n",
        "models/schema.yml": "models: [{name: orders, columns: [{name: id, data_tests: [not_null]}]}]",
    }
    faults = Faults("orders", **{fault: 3})
    assert {event.status for event in shop(faults, files).run().values()} == {"success", "pass"}
    assert faults.met == [fault] * 3
    assert [bench.count(name) for name in ("orders", "views", "orders_seed")] == [1, 1, 2]


def test_what_a_hook_has_committed_is_not_repeated(shop: Made, bench: Bench) -> None:
    audit = bench.made("audit", "select 0 as n")
    hook = f"{{'sql': 'insert into {audit} values (1)', 'transaction': false}}".replace('"', '\\"')
    faults = Faults("as id", refuse=1)
    files = {"models/orders.sql": APPEND.replace("'append'", f"'append', pre_hook={hook}")}
    project = shop(faults, files)
    assert ended(project.run()) == (
        "error",
        "another session was in the way\nnot tried again: a part of it stands already",
    )
    assert bench.count("orders") == 1
    assert bench.count("audit") == 3


def test_it_is_given_up_as_the_config_says(shop: Made, bench: Bench) -> None:
    faults = Faults("orders", refuse=9)
    project = shop(faults, {"models/orders.sql": TABLE.replace("'table'", "'table', retries=1")})
    assert ended(project.run()) == ("error", "another session was in the way\ngiven up after 2 attempts")
    assert told(project) == ["model orders: attempt 2 of 2"]
    assert bench.count("orders") == 1


def test_what_takes_too_long_is_cancelled_and_the_rest_goes_on(bench: Bench, tmp_path: Path) -> None:
    long = f"{{{{ config(materialized='table', timeout='500ms') }}}}\nselect * from ({bench.warehouse.long_query}) as q"
    long = long.replace("pg_sleep(600)", "pg_sleep(600)::text as slept")
    shop = Project(bench, tmp_path / "shop").write({"models/long.sql": long, "models/orders.sql": TABLE})
    found = shop.run()
    assert ended(found, "long") == ("error", "timed out after 0.5 s (its `timeout`)")
    assert ended(found) == ("success", "")
    assert bench.connection.relation(bench.at("long")) is None
    assert told(shop) == []


# A server that ends sessions


def attempt(project: Project) -> Mapping[str, Finished]:
    """How the nodes of a run ended; none where it could not even begin."""
    try:
        return project.run()
    except DatabaseError:
        return {}


def test_sessions_that_are_ended_at_any_moment_cost_nothing(bench: Bench, tmp_path: Path) -> None:
    if not bench.warehouse.ending:
        pytest.skip("no server ends a session")
    names = [f"orders{number}" for number in range(4)]
    shop = Project(bench, tmp_path / "shop").write({f"models/{name}.sql": APPEND for name in names})
    assert {event.status for event in shop.run().values()} == {"success"}
    watcher = bench.adapter.connect()
    own = {bench.scalar(bench.warehouse.session), watcher.execute(bench.warehouse.session).scalar()}
    others = "select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'"
    stop, chance = threading.Event(), random.Random(5)

    def end() -> None:
        while not stop.wait(chance.uniform(0.1, 0.4)):
            pids = [pid for (pid,) in watcher.execute(others).rows if pid not in own]
            if pids:
                watcher.execute(bench.warehouse.ending.format(chance.choice(pids)))

    thread = threading.Thread(target=end)
    thread.start()
    try:
        runs = [attempt(shop) for _ in range(4)]
    finally:
        stop.set()
        thread.join()
        watcher.close()
    for name in names:
        done = sum(name in run and run[name].status == "success" for run in runs)
        assert bench.count(name) == 1 + done
    assert sum(event.status == "success" for run in runs for event in run.values()) >= 8
