"""Microbatch models that are built anew, on every warehouse: whole or not at all, whatever happens to their slices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from conformance.bench import Bench
from conformance.projects import Project, ended

from eltbuild.adapter import Answer
from eltbuild.errors import DatabaseError
from eltbuild.plan.publish import leftover

DAYS = 4
SPAN = {"event_time_start": "2020-01-01", "event_time_end": f"2020-01-0{DAYS + 1}"}
PROPERTIES = "models: [{name: events, config: {event_time: happened}}]"


def events(mark: int) -> str:
    """The text of a model with a row for each day."""
    rows = [
        f"select cast('2020-01-0{day} 12:00:00' as timestamp) as happened, {mark} as mark" for day in range(1, DAYS + 1)
    ]
    return " union all ".join(rows)


def orders(more: str = "", columns: str = "*", size: str = "day") -> str:
    """The text of the microbatch model."""
    config = "materialized='incremental', incremental_strategy='microbatch', event_time='happened', begin='2020-01-01'"
    return f"{{{{ config({config}, batch_size='{size}'{more}) }}}}\nselect {columns} from {{{{ ref('events') }}}}"


def failing(bench: Bench, day: int) -> str:
    """A column that the engine cannot give for a row of that day, where the variable `broken` is true."""
    date = f"cast('2020-01-0{day} 12:00:00' as timestamp)"
    text = f"case when happened = {date} then cast(cast(happened as varchar(40)) as integer) else mark end as mark"
    return "happened, {% if var('broken', false) %}" + text + "{% else %}mark{% endif %}"


@pytest.fixture
def shop(bench: Bench, tmp_path: Path) -> Project:
    """A project with a microbatch model."""
    files = {"models/events.sql": events(0), "models/orders.sql": orders(), "models/schema.yml": PROPERTIES}
    return Project(bench, tmp_path / "shop").write(files)


def leftovers(bench: Bench) -> list[str]:
    """Names of relations that a run made for its own use."""
    names = [info.relation.identifier or "" for info in bench.connection.relations((bench.schema,))]
    return [name for name in names if leftover(name)]


def marks(bench: Bench) -> list[tuple[Any, ...]]:
    """The days and marks that stand."""
    rows = bench.connection.execute(f"select extract(day from happened), mark from {bench.spelled('orders')}").rows
    return sorted((int(day), int(mark)) for day, mark in rows)


def slices(bench: Bench) -> list[int]:
    """The days whose slices are remembered of the table that stands."""
    place = bench.spelled("intervals")
    rows = bench.connection.execute(
        f"select extract(day from begins) from {place} where ends > begins and since = (select max(since) from {place})"
    ).rows
    return sorted({int(day) for (day,) in rows})


# A session that tells of what it does


@dataclass(slots=True)
class Spy:
    """Told before each statement that nodes send."""

    before: Callable[[str], None]
    seen: list[str] = field(default_factory=list)


class Session:
    """A real session with a spy."""

    def __init__(self, inner: Any, spy: Spy) -> None:
        self.inner = inner
        self.spy = spy

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def execute(self, sql: str) -> Answer:
        """The answer; the spy has seen it coming."""
        if threading.current_thread().name.startswith("Thread-"):
            self.spy.seen.append(sql)
            self.spy.before(sql)
        answer: Answer = self.inner.execute(sql)
        return answer


class Spied:
    """The adapter, whose sessions have the spy."""

    def __init__(self, inner: Any, spy: Spy) -> None:
        self.inner = inner
        self.spy = spy

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def connect(self) -> Session:
        """A session."""
        return Session(self.inner.connect(), self.spy)


def watched(shop: Project, before: Callable[[str], None]) -> Project:
    """The project, of whose statements somebody is told."""
    return replace(shop, bench=replace(shop.bench, adapter=Spied(shop.bench.adapter, Spy(before))))


@contextmanager
def read_at_each_statement(bench: Bench, allowed: Sequence[object]) -> Iterator[Callable[[str], None]]:
    """What a reader of its own sees before each statement of a run is always one of those; None: no table."""
    reader = bench.adapter.connect()
    if bench.adapter.capabilities.binds_views:
        # The statement that it would wait for waits for it.
        reader.execute("set lock_timeout = '50ms'")
    seen: list[object] = []

    def look(sql: str) -> None:
        try:
            found = reader.execute(f"select count(*), min(mark), max(mark) from {bench.spelled('orders')}").rows[0]
        except DatabaseError as error:
            if "lock timeout" in error.message:
                return
            found = None
        seen.append(found)

    yield look
    reader.close()
    assert set(seen) <= set(allowed), seen
    assert len(seen) > DAYS


def test_a_reader_meets_the_old_table_or_the_new(shop: Project, bench: Bench) -> None:
    # Where nothing stood, each slice is there once it is built: a first build that is cut short goes on from there.
    with read_at_each_statement(bench, [None, *((count, 0, 0) for count in range(1, DAYS + 1))]) as look:
        assert ended(watched(shop, look).run(**SPAN)) == ("success", "")
    shop.write({"models/events.sql": events(1)})
    with read_at_each_statement(bench, [(DAYS, 0, 0), (DAYS, 1, 1)]) as look:
        assert ended(watched(shop, look).run(full_refresh=True, **SPAN)) == ("success", "")
    assert marks(bench) == [(day, 1) for day in range(1, DAYS + 1)]
    assert slices(bench) == [1, 2, 3, 4]
    assert leftovers(bench) == []


def test_with_other_columns_it_is_built_anew_in_one_step(shop: Project, bench: Bench) -> None:
    year = {"event_time_start": "2020-01-01", "event_time_end": "2021-01-01"}
    shop.write({"models/orders.sql": orders(size="year")}).run(**year)
    shop.write({"models/orders.sql": orders(", on_schema_change='full_refresh'", "*, 5 as more", "year")})
    with read_at_each_statement(bench, [(DAYS, 0, 0)]) as look:
        assert ended(watched(shop, look).run(**year)) == ("success", "")
    assert len(marks(bench)) == DAYS
    assert bench.scalar(f"select sum(more) from {bench.spelled('orders')}") == 5 * DAYS


@pytest.mark.parametrize("day", [1, 3, 4])
def test_a_rebuild_of_which_a_slice_fails_leaves_the_old_table(shop: Project, bench: Bench, day: int) -> None:
    shop.run(**SPAN)
    shop.write({"models/events.sql": events(1), "models/orders.sql": orders(columns=failing(bench, day))})
    finished = shop.run(full_refresh=True, vars={"broken": True}, **SPAN)["orders"]
    assert finished.status == "error"
    assert finished.error is not None
    assert f"the batch of 2020-01-0{day} 00:00 failed, and" in finished.error.message
    assert "stays as it was" in finished.error.message
    assert finished.batches is not None
    assert [len(finished.batches[key]) for key in ("successful", "failed")] == [0, DAYS]
    assert marks(bench) == [(one, 0) for one in range(1, DAYS + 1)]
    assert slices(bench) == [1, 2, 3, 4]
    assert leftovers(bench) == []
    assert ended(shop.run(full_refresh=True, **SPAN)) == ("success", "")
    assert marks(bench) == [(one, 1) for one in range(1, DAYS + 1)]


def test_a_first_build_of_which_a_slice_fails_is_a_beginning(shop: Project, bench: Bench) -> None:
    """As with dbt: the others are there. What failed is built by the next run that names no span."""
    shop.write({"models/orders.sql": orders(columns=failing(bench, 3))})
    finished = shop.run(full_refresh=True, vars={"broken": True}, **SPAN)["orders"]
    assert finished.status == "partial success"
    assert marks(bench) == [(1, 0), (2, 0), (4, 0)]
    assert slices(bench) == [1, 2, 4]
    assert leftovers(bench) == []
    third = {"event_time_start": "2020-01-03", "event_time_end": "2020-01-04"}
    assert ended(shop.run(**third)) == ("success", "")
    assert marks(bench) == [(one, 0) for one in range(1, DAYS + 1)]
    assert slices(bench) == [1, 2, 3, 4]


def test_a_first_build_whose_first_slice_fails_leaves_nothing(shop: Project, bench: Bench) -> None:
    shop.write({"models/orders.sql": orders(columns=failing(bench, 1))})
    assert shop.run(vars={"broken": True}, **SPAN)["orders"].status == "error"
    assert bench.connection.relation(bench.at("orders")) is None
    assert leftovers(bench) == []


def test_a_view_that_stood_there_stays_until_all_slices_are_built(shop: Project, bench: Bench) -> None:
    shop.write({"models/orders.sql": "{{ config(materialized='view') }}\nselect * from {{ ref('events') }}"})
    shop.run()
    shop.write({"models/orders.sql": orders(columns=failing(bench, 2))})
    assert shop.run(vars={"broken": True}, **SPAN)["orders"].status == "error"
    info = bench.connection.relation(bench.at("orders"))
    assert info is not None
    assert info.kind == "view"
    with read_at_each_statement(bench, [(DAYS, 0, 0)]) as look:
        assert ended(watched(shop, look).run(**SPAN)) == ("success", "")
    assert len(marks(bench)) == DAYS


def test_a_span_with_full_refresh_is_all_there_is_and_is_told(shop: Project, bench: Bench) -> None:
    shop.run(**SPAN)
    half = {"event_time_start": "2020-01-02", "event_time_end": "2020-01-04"}
    assert ended(shop.run(full_refresh=True, **half)) == ("success", "")
    assert marks(bench) == [(2, 0), (3, 0)]
    assert [text for text in shop.said if "only from 2020-01-02 00:00 to 2020-01-04 00:00" in text]


def test_hooks_come_once_around_all_slices(shop: Project, bench: Bench) -> None:
    bench.connection.execute(f"create table {bench.spelled('noted')} (what varchar(20))")
    note = "insert into {{{{ adapter.quote(schema) }}}}.noted values ('{0}')"
    hooked = f""", pre_hook="{note.format("before")}", post_hook="{note.format("after")}\""""
    shop.write({"models/orders.sql": orders(hooked)})
    for flags in ({}, {"full_refresh": True}, {}):
        assert ended(shop.run(**SPAN, **flags)) == ("success", "")
        assert bench.connection.execute(f"select what from {bench.spelled('noted')} order by what desc").rows == (
            ("before",),
            ("after",),
        )
        bench.connection.execute(f"delete from {bench.spelled('noted')}")


def test_what_hangs_on_the_table_hangs_on_the_new_one(shop: Project, bench: Bench) -> None:
    able = bench.adapter.capabilities
    if not able.binds_views:
        pytest.skip(f"on {bench.warehouse.name} nothing hangs on a table")
    shop.write({"models/orders.sql": orders(", indexes=[{'columns': ['happened']}]")})
    shop.run(**SPAN)
    t, v = bench.spelled("orders"), bench.spelled("of_others")
    bench.connection.execute(f"create view {v} as select happened, mark from {t}")
    bench.connection.execute(f"comment on table {t} is 'told'; create index by_mark on {t} (mark)")
    before = bench.connection.belongings(bench.at("orders"))
    shop.write({"models/events.sql": events(1)})
    with read_at_each_statement(bench, [(DAYS, 0, 0), (DAYS, 1, 1)]) as look:
        assert ended(watched(shop, look).run(full_refresh=True, **SPAN)) == ("success", "")
    after = bench.connection.belongings(bench.at("orders"))
    assert {index.name for index in after.indexes} == {index.name for index in before.indexes}
    assert len(after.indexes) == 2
    info = bench.connection.relation(bench.at("orders"))
    assert info is not None
    assert info.comment == "told"
    assert bench.scalar(f"select max(mark) from {v}") == 1


def test_a_table_that_must_stay_has_its_rows_exchanged_at_once(shop: Project, bench: Bench) -> None:
    able = bench.adapter.capabilities
    if not able.materialized_views:
        pytest.skip(f"on {bench.warehouse.name} no table must stay")
    shop.run(**SPAN)
    t, m = bench.spelled("orders"), bench.spelled("stored")
    bench.connection.execute(f"create materialized view {m} as select mark from {t}")
    number = bench.scalar(f"select '{t}'::regclass::oid")
    shop.write({"models/events.sql": events(1)})
    with read_at_each_statement(bench, [(DAYS, 0, 0), (DAYS, 1, 1)]) as look:
        assert ended(watched(shop, look).run(full_refresh=True, **SPAN)) == ("success", "")
    assert bench.scalar(f"select '{t}'::regclass::oid") == number
    assert marks(bench) == [(day, 1) for day in range(1, DAYS + 1)]
    assert leftovers(bench) == []


@pytest.mark.parametrize("key", ["model", "column"])
def test_contracts_hold_from_the_first_slice(shop: Project, bench: Bench, key: str) -> None:
    if "primary_key" not in bench.adapter.capabilities.enforced_constraints:
        pytest.skip(f"{bench.warehouse.name} keeps no keys")
    zone = bench.writer.type_name("timestamp")
    columns = f"[{{name: happened, data_type: '{zone}'COLUMN}}, {{name: mark, data_type: integer}}]"
    own = ", constraints: [{type: primary_key}]" if key == "column" else ""
    whole = "constraints: [{type: primary_key, columns: [happened]}], " if key == "model" else ""
    named = f"{{name: orders, config: {{contract: {{enforced: true}}}}, {whole}columns: {columns}}}"
    text = f"models: [{{name: events, config: {{event_time: happened}}}}, {named.replace('COLUMN', own)}]"
    shop.write({"models/schema.yml": text})
    for _ in range(3):
        assert ended(shop.run(full_refresh=True, **SPAN)) == ("success", "")
    shop.write({"models/events.sql": f"{events(1)} union all {events(2)}"})
    finished = shop.run(full_refresh=True, **SPAN)["orders"]
    assert finished.status == "error"
    assert marks(bench) == [(day, 0) for day in range(1, DAYS + 1)]


def test_a_slice_reads_what_the_ones_before_it_have_built(shop: Project, bench: Bench) -> None:
    """`this` is the table that is being built, also beside the old one; what is shown names the model's own place."""
    total = "happened, mark + {% if is_incremental() %}(select count(*) from {{ this }}){% else %}0{% endif %} as mark"
    shop.write({"models/orders.sql": orders(columns=total)})
    finished = shop.run(**SPAN)["orders"]
    assert finished.status == "success"
    assert marks(bench) == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert "__dbt_tmp" not in (finished.compiled_code or "")
    assert "orders" in (finished.compiled_code or "")
