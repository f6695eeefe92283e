"""Increments equal their full refresh: any rows, in any batches, with NULL and with repeated keys, on every engine.

A log keeps every row with the number of the load that brought it. An increment takes one load; the full query says
what the table should hold after all of them. A load that is refused changes nothing and leaves the log again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import ENGINES, NOON, Warehouse, hours, node

from eltbuild.errors import CompileError

Row = tuple[int | None, str | None, int | None]
EXAMPLES = {"duckdb": 8, "postgres": 3}
COLUMNS = "id, kind, amount"

rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 4)),
        st.one_of(st.none(), st.sampled_from(["a", "b", ""])),
        st.one_of(st.none(), st.integers(0, 9)),
    ),
    max_size=8,
)
loads = st.lists(rows, min_size=1, max_size=4)


def last_of(parts: str) -> str:
    """The rows of the last load that brought any of their key."""
    return f"select {COLUMNS} from (select *, max(load) over (partition by {parts}) as last from log) as l where load = last"


@dataclass(frozen=True)
class Case:
    """A strategy's config, the query for all that its table should hold, and the key that merge takes once a load."""

    config: dict[str, Any]
    full: str
    once: tuple[int, ...] = ()
    repeatable: bool = True
    """Whether a load may come again without a change."""


def keyed(strategy: str, *keys: str, **more: Any) -> dict[str, Any]:
    return {"incremental_strategy": strategy, "unique_key": list(keys), **more}


CASES = {
    "append": Case({"incremental_strategy": "append"}, f"select {COLUMNS} from log", repeatable=False),
    "delete+insert": Case(keyed("delete+insert", "id"), last_of("id")),
    "delete+insert by two": Case(keyed("delete+insert", "id", "kind"), last_of("id, kind")),
    "delete+insert by three": Case(keyed("delete+insert", "kind", "amount", "id"), last_of("kind, amount, id")),
    "delete+insert by an expression": Case(keyed("delete+insert", "id % 2", "kind"), last_of("id % 2, kind")),
    "merge": Case(keyed("merge", "id"), last_of("id"), (0,)),
    "merge by two": Case(keyed("merge", "id", "kind"), last_of("id, kind"), (0, 1)),
    "insert_overwrite": Case({"incremental_strategy": "insert_overwrite", "partition_by": "kind"}, last_of("kind")),
    "insert_overwrite by two": Case(
        {"incremental_strategy": "insert_overwrite", "partition_by": ["kind", "id"]}, last_of("kind, id")
    ),
    "insert_overwrite of all": Case(
        {"incremental_strategy": "insert_overwrite"},
        f"select {COLUMNS} from log where load = (select coalesce(max(load), -1) from loads)",
    ),
}


@dataclass
class Story:
    """A log, the table that increments fill from it, and how to tell whether the two agree."""

    warehouse: Warehouse
    case: Case
    number: int = 0
    keys: list[tuple[Any, ...]] = field(default_factory=list)

    def begin(self) -> None:
        self.warehouse.rows("create table log(load integer, id integer, kind varchar(5), amount integer)")
        self.warehouse.rows("create table loads(load integer)")

    def load(self, batch: Sequence[Row]) -> None:
        """One more load; refused exactly where a merge is given a key twice."""
        self.number += 1
        before = self.held()
        lines = [f"({self.number}, {', '.join(map(literal, row))})" for row in batch]
        logged = f"insert into log values {', '.join(lines)};" if lines else ""
        self.warehouse.rows(f"{logged} insert into loads values ({self.number})")
        keys = [tuple(row[at] for at in self.case.once) for row in batch]
        repeats = bool(self.case.once) and len(set(keys)) < len(keys)
        if repeats and self.stands():
            with pytest.raises(CompileError, match="comes more than once"):
                self.increment()
        elif not repeats:
            return self.increment()
        assert self.held() == before, "a refused load has changed something"
        self.warehouse.rows(f"delete from log where load = {self.number}")
        return None

    def increment(self) -> None:
        query = f"select {COLUMNS} from log where load = {self.number}"
        self.warehouse.build(self.model("orders"), query)

    def stands(self) -> bool:
        return self.warehouse.existing(self.warehouse.place("orders")) is not None

    def held(self) -> list[Any]:
        return self.warehouse.rows(f"select {COLUMNS} from orders order by 1, 2, 3") if self.stands() else []

    def model(self, name: str) -> Any:
        return node({"materialized": "incremental", **self.case.config}, name)

    def equals_its_full_refresh(self) -> None:
        self.warehouse.build(self.model("refreshed"), self.case.full, full_refresh=True)
        assert self.warehouse.rows(different("orders", "refreshed", COLUMNS)) == []


def different(one: str, other: str, columns: str) -> str:
    """A query for the rows that either table has more often than the other."""
    tables = (f"select {columns} from {one}", f"select {columns} from {other}")
    there, back = f"{tables[0]} except all {tables[1]}", f"{tables[1]} except all {tables[0]}"
    return f"(select 'too many', t.* from ({there}) as t) union all (select 'missing', t.* from ({back}) as t)"


def literal(value: object) -> str:
    if value is None:
        return "null"
    return f"'{value}'" if isinstance(value, str) else str(value)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_increments_equal_their_full_refresh(name: str, engine: str) -> None:
    @settings(max_examples=EXAMPLES[engine])
    @given(loads)
    def holds(batches: list[list[Row]]) -> None:
        story = Story(Warehouse(engine), CASES[name])
        story.begin()
        for batch in batches:
            story.load(batch)
        if not story.stands():
            return
        story.equals_its_full_refresh()
        if story.case.repeatable and story.warehouse.rows(f"select 1 from log where load = {story.number}"):
            story.increment()
            story.equals_its_full_refresh()

    holds()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["timestamp", "timestamp with time zone", "date"])
def test_slices_of_time_in_any_order_and_again_equal_one_build(kind: str, engine: str) -> None:
    """Rows may come late: whatever slice is built last holds what there is then, and no other changes."""
    size = 24 if kind == "date" else 12

    @settings(max_examples=EXAMPLES[engine])
    @given(
        st.lists(st.tuples(st.integers(0, 95), st.integers(0, 9)), max_size=12),
        st.lists(st.tuples(st.integers(0, 95), st.integers(0, 9)), max_size=6),
        st.permutations(range(96 // size)),
        st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata"]),
    )
    def holds(early: list[Any], late: list[Any], order: list[int], zone: str) -> None:
        warehouse = Warehouse(engine)
        warehouse.rows(f"set timezone = '{zone}'")
        warehouse.rows(f"create table events(happened {kind}, v integer)")
        model = node({"materialized": "incremental", "incremental_strategy": "microbatch", "event_time": "happened"})

        def arrive(events: list[Any]) -> None:
            zone = "+00:00" if "zone" in kind else ""
            lines = [
                f"('{MIDNIGHT + timedelta(hours=hour):%Y-%m-%d %H:%M:%S}{zone}', {value})" for hour, value in events
            ]
            if lines:
                warehouse.rows(f"insert into events values {', '.join(lines)}")

        def build(number: int) -> None:
            batch = hours(size * number - 12, size * number + size - 12)
            within = " and ".join(
                f"happened {sign} '{moment:%Y-%m-%d %H:%M:%S}+00:00'"
                for sign, moment in ((">=", batch.start), ("<", batch.end))
            )
            warehouse.build(model, f"select * from events where {within}", batch=batch)

        arrive(early)
        for number in order:
            build(number)
        arrive(late)
        for number in reversed(order):
            build(number)
        assert warehouse.rows(different("orders", "events", "happened, v")) == []

    holds()


MIDNIGHT = NOON - timedelta(hours=12)
