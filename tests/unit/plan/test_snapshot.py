"""Snapshots on a real DuckDB, against a history kept by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import ENGINES, NOON, Warehouse, node, statements

from eltbuild.errors import CompileError
from eltbuild.project.resources import Node

START = NOON.replace(tzinfo=None)


@dataclass
class Version:
    """One version of a row, as a person would keep it in a notebook."""

    key: tuple[Any, ...]
    name: str | None
    moment: datetime | None
    begin: datetime | None
    end: datetime | None = None
    deleted: bool = False
    updated: datetime | None = None


@dataclass(frozen=True)
class Row:
    """A row of the source: `hour` is its updated_at, in hours from the start; None: NULL."""

    id: int | None
    region: str | None
    name: str | None
    hour: int | None

    @property
    def moment(self) -> datetime | None:
        return None if self.hour is None else START + timedelta(hours=self.hour)


def remember(history: list[Version], rows: Sequence[Row], now: datetime, strategy: str, deletes: str) -> None:
    """What one run adds to the history."""
    standing = {version.key: version for version in history if version.end is None}
    given = {(row.id, row.region): row for row in rows}
    for key, row in given.items():
        old, moment = standing.get(key), row.moment if strategy == "timestamp" else now
        if old is None:
            begin = moment
            past = [v.end for v in history if v.key == key and v.end is not None]
            if deletes == "invalidate" and any(moment is None or end > moment for end in past):
                begin = now
        else:
            later = moment is not None and (old.updated is None or moment > old.updated)
            changed = later if strategy == "timestamp" else old.name != row.name
            if not (changed or (deletes == "new_record" and old.deleted)):
                continue
            begin = moment if moment is not None and (old.begin is None or moment > old.begin) else now
            old.end = begin
        history.append(Version(key, row.name, row.moment, begin, None, False, moment))
    for key, old in standing.items():
        if key in given or deletes == "ignore" or (deletes == "new_record" and old.deleted):
            continue
        old.end = now
        if deletes == "new_record":
            history.append(Version(key, old.name, old.moment, now, None, True, now))


def source(rows: Sequence[Row]) -> str:
    values = [
        f"({literal(row.id)}, {literal(row.region)}, {literal(row.name)}, {literal(row.moment)})" for row in rows
    ] or ["(null, null, null, null)"]
    casts = "c0::integer as id, c1::varchar as region, c2::varchar as name, c3::timestamp as changed"
    return f"select {casts} from (values {', '.join(values)}) as t(c0, c1, c2, c3){'' if rows else ' where false'}"


def literal(value: object) -> str:
    return "null" if value is None else f"'{value}'" if not isinstance(value, int) else str(value)


def snapshot_of(config: Mapping[str, Any]) -> Node:
    return node({"materialized": "snapshot", **config}, "history", resource_type="snapshot")


CONFIGS = {
    "timestamp": {"strategy": "timestamp", "updated_at": "changed"},
    "check": {"strategy": "check", "check_cols": ["name"]},
}
one_run = st.lists(
    st.builds(
        Row,
        id=st.one_of(st.none(), st.integers(1, 3)),
        region=st.sampled_from([None, "", "x"]),
        name=st.sampled_from([None, "a", "b"]),
        hour=st.one_of(st.none(), st.integers(-4, 0)),
    ),
    max_size=5,
    unique_by=lambda row: (row.id, row.region),
)


EXAMPLES = {"duckdb": 40, "postgres": 8}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_history_is_the_one_kept_by_hand(engine: str) -> None:
    @settings(max_examples=EXAMPLES[engine])
    @given(
        runs=st.lists(one_run, min_size=1, max_size=5),
        strategy=st.sampled_from(sorted(CONFIGS)),
        deletes=st.sampled_from(["ignore", "invalidate", "new_record"]),
        current=st.sampled_from([None, "cast('9999-12-31' as timestamp)"]),
    )
    def holds(runs: list[list[Row]], strategy: str, deletes: str, current: str | None) -> None:
        warehouse = Warehouse(engine)
        config = {**CONFIGS[strategy], "unique_key": ["id", "region"], "hard_deletes": deletes}
        if current:
            config["dbt_valid_to_current"] = current
        model = snapshot_of(config)
        history: list[Version] = []
        for number, rows in enumerate(runs, 1):
            # Rows change between the runs, up to the hour before this one.
            rows = [Row(r.id, r.region, r.name, None if r.hour is None else r.hour + number) for r in rows]
            warehouse.build(model, source(rows))
            remember(history, rows, START + timedelta(hours=number), strategy, deletes)
        assert table(warehouse, deletes) == sorted((line(v, current, deletes) for v in history), key=str)
        check_intervals(warehouse, current, deletes)
        everything = "select * from history order by dbt_scd_id, id, region"
        before = warehouse.rows(everything)
        warehouse.build(model, source(rows))
        assert warehouse.rows(everything) == before, "a run without a change writes nothing"

    holds()


def table(warehouse: Warehouse, deletes: str) -> list[Any]:
    deleted = ", dbt_is_deleted" if deletes == "new_record" else ""
    sql = f"select id, region, name, changed, dbt_valid_from, dbt_valid_to, dbt_updated_at{deleted} from history"
    return sorted(warehouse.rows(sql), key=str)


def line(version: Version, current: str | None, deletes: str) -> tuple[Any, ...]:
    end = version.end or (datetime(9999, 12, 31) if current else None)
    deleted = (str(version.deleted),) if deletes == "new_record" else ()
    return (*version.key, version.name, version.moment, version.begin, end, version.updated, *deleted)


def check_intervals(warehouse: Warehouse, current: str | None, deletes: str) -> None:
    """One version stands of each key at most, none overlaps another, and every id is another.

    Where one ends the next begins, unless the key was gone meanwhile.
    """
    standing = f"(dbt_valid_to is null or dbt_valid_to = {current or 'null'})"
    assert not warehouse.rows(f"select 1 from history where {standing} group by id, region having count(*) > 1")
    assert not warehouse.rows(
        "select dbt_scd_id from history group by dbt_scd_id, id, region having count(*) > 1 or dbt_scd_id is null"
    )
    assert not warehouse.rows(
        "select * from history a join history b on a.id is not distinct from b.id"
        " and a.region is not distinct from b.region and a.dbt_scd_id <> b.dbt_scd_id"
        " and a.dbt_valid_from <= b.dbt_valid_from and b.dbt_valid_from < a.dbt_valid_to"
    )
    if deletes != "invalidate":
        following = "b.id is not distinct from a.id and b.region is not distinct from a.region"
        assert not warehouse.rows(
            f"select 1 from history a where not ({standing.replace('dbt_valid_to', 'a.dbt_valid_to')}) and not exists"
            f" (select 1 from history b where {following} and b.dbt_valid_from = a.dbt_valid_to)"
        )


def test_a_row_that_comes_back_with_an_old_moment_begins_now() -> None:
    """Under dbt its version would lie over the one that ended, with the same id."""
    for hour in (0, 2):
        warehouse = Warehouse()
        config = {**CONFIGS["timestamp"], "unique_key": ["id", "region"], "hard_deletes": "invalidate"}
        rows = [Row(1, None, "a", hour)]
        for found_rows in (rows, [], rows):
            warehouse.build(snapshot_of(config), source(found_rows))
        spans = warehouse.rows("select dbt_valid_from, dbt_valid_to from history order by dbt_valid_from")
        ended, back = START + timedelta(hours=2), START + timedelta(hours=3 if hour == 0 else 2)
        assert spans == [(START + timedelta(hours=hour), ended), (back, None)]


def test_a_row_that_comes_back_ends_the_record_that_it_was_gone() -> None:
    for hour, begins in ((0, 3), (2, 3), (3, 3)):
        warehouse = Warehouse()
        config = {**CONFIGS["timestamp"], "unique_key": "id", "hard_deletes": "new_record"}
        for found_rows in ([Row(1, None, "a", 0)], [], [Row(1, None, "a", hour)]):
            warehouse.build(snapshot_of(config), source(found_rows))
        found = warehouse.rows(
            "select dbt_valid_from, dbt_valid_to, dbt_is_deleted from history order by dbt_valid_from, dbt_valid_to"
        )
        first, gone, back = START, START + timedelta(hours=2), START + timedelta(hours=begins)
        assert found == [(first, gone, "False"), (gone, back, "True"), (back, None, "False")]


def test_ids_columns_and_types_are_those_of_dbt() -> None:
    warehouse = Warehouse()
    config = {**CONFIGS["timestamp"], "unique_key": "id", "hard_deletes": "new_record"}
    query = "select 2 as id, 'b' as name, timestamp '2020-01-01' as changed"
    warehouse.build(snapshot_of(config), query)
    expected = md5(b"2|2020-01-01 00:00:00", usedforsecurity=False).hexdigest()
    assert warehouse.rows("select dbt_scd_id from history") == [(expected,)]
    assert [(c.name, c.type) for c in warehouse.columns("from history")] == [
        ("id", "INTEGER"),
        ("name", "VARCHAR"),
        ("changed", "TIMESTAMP"),
        ("dbt_scd_id", "VARCHAR"),
        ("dbt_updated_at", "TIMESTAMP"),
        ("dbt_valid_from", "TIMESTAMP"),
        ("dbt_valid_to", "TIMESTAMP"),
        ("dbt_is_deleted", "VARCHAR"),
    ]
    warehouse.build(snapshot_of(config), "select * from (" + query + ") where false")
    gone = md5(f"{expected}|2026-01-01 14:00:00".encode(), usedforsecurity=False).hexdigest()
    assert warehouse.rows("select dbt_scd_id from history where dbt_is_deleted = 'True'") == [(gone,)]


@pytest.mark.parametrize("type_name", ["date", "timestamptz", "varchar"])
def test_the_moment_may_have_any_type(type_name: str) -> None:
    warehouse = Warehouse()
    config = {**CONFIGS["timestamp"], "unique_key": "id", "hard_deletes": "new_record"}
    for day in ("2020-01-01", "2020-01-02", "2020-01-02"):
        warehouse.build(snapshot_of(config), f"select 1 as id, cast('{day}' as {type_name}) as changed")
    assert warehouse.rows("select count(*), count(dbt_valid_to) from history") == [(2, 1)]
    warehouse.build(snapshot_of(config), f"select 1 as id, cast('2020-01-01' as {type_name}) as changed where false")
    warehouse.build(snapshot_of(config), f"select 1 as id, cast('2020-01-02' as {type_name}) as changed")
    assert warehouse.rows("select count(*), count(dbt_valid_to), count(distinct dbt_scd_id) from history") == [
        (4, 3, 4)
    ]


def test_keys_and_moments_may_be_expressions() -> None:
    warehouse = Warehouse()
    config = {
        "strategy": "timestamp",
        "unique_key": "id || '-' || coalesce(region, '')",
        "updated_at": "cast(changed as date)",
        "hard_deletes": "invalidate",
    }
    for hour in (0, 24, 25):
        warehouse.build(snapshot_of(config), source([Row(1, None, "a", hour), Row(1, "x", "b", 0)]))
    assert warehouse.rows("select region, count(*) from history group by 1 order by 2") == [("x", 1), (None, 2)]
    assert {c.name: c.type for c in warehouse.columns("from history")}["dbt_valid_from"] == "DATE"


def test_a_new_column_is_added_and_one_that_is_gone_is_kept() -> None:
    warehouse = Warehouse()
    model = snapshot_of({"strategy": "check", "check_cols": "all", "unique_key": "id"})
    warehouse.build(model, "select 1 as id, 'a' as name")
    warehouse.build(model, "select 1 as id, 2.5 as price")
    assert warehouse.rows("select id, name, price, dbt_valid_to is null from history order by 4") == [
        (1, "a", None, False),
        (1, None, 2.5, True),
    ]
    assert len(statements(warehouse.build(model, "select 1 as id, 2.5 as price"))) == 4
    assert warehouse.rows("select count(*) from history") == [(2,)]


def test_a_table_without_a_column_for_deleted_rows_gets_one() -> None:
    warehouse = Warehouse()
    base = {**CONFIGS["check"], "unique_key": "id"}
    warehouse.build(snapshot_of(base), "select 1 as id, 'a' as name")
    warehouse.build(snapshot_of({**base, "hard_deletes": "new_record"}), "select 2 as id, 'b' as name")
    assert warehouse.rows("select id, dbt_is_deleted, dbt_valid_to is null from history order by all") == [
        (1, "False", False),
        (1, "True", True),
        (2, "False", True),
    ]


def test_other_names_of_the_meta_columns() -> None:
    names = {"dbt_valid_from": "from", "dbt_valid_to": "to", "dbt_scd_id": "row id", "dbt_is_deleted": 'is "deleted"'}
    warehouse = Warehouse()
    config = {**CONFIGS["check"], "unique_key": "id", "hard_deletes": "new_record", "snapshot_meta_column_names": names}
    for value in ("'a'", "'b'", "null", "null"):
        warehouse.build(snapshot_of(config), f"select 1 as id, {value} as name")
    warehouse.build(snapshot_of(config), "select 2 as id, 'x' as name")
    assert warehouse.rows('select id, name, "is ""deleted""", "to" is null from history order by "from", id') == [
        (1, "a", "False", False),
        (1, "b", "False", False),
        (1, None, "False", False),
        (1, None, "True", True),
        (2, "x", "False", True),
    ]


def test_an_empty_run_ends_no_version() -> None:
    warehouse = Warehouse()
    model = snapshot_of({**CONFIGS["check"], "unique_key": "id", "hard_deletes": "invalidate"})
    warehouse.build(model, "select 1 as id, 'a' as name")
    warehouse.build(model, "select 1 as id, 'a' as name where false limit 0", empty=True)
    assert warehouse.rows("select count(*) from history where dbt_valid_to is null") == [(1,)]


def test_full_refresh_does_not_touch_the_history() -> None:
    warehouse = Warehouse()
    model = snapshot_of({**CONFIGS["check"], "unique_key": "id"})
    warehouse.build(model, "select 1 as id, 'a' as name")
    warehouse.build(model, "select 1 as id, 'b' as name", full_refresh=True)
    assert warehouse.rows("select count(*) from history") == [(2,)]


@pytest.mark.parametrize("older", [True, False])
def test_two_words_on_rows_that_are_gone_are_refused(older: bool) -> None:
    config = {**CONFIGS["check"], "unique_key": "id", "hard_deletes": "ignore", "invalidate_hard_deletes": older}
    with pytest.raises(CompileError, match="has both `hard_deletes` and `invalidate_hard_deletes`"):
        Warehouse().build(snapshot_of(config), "select 1 as id, 'a' as name")


def test_a_column_of_the_snapshot_in_the_query_is_refused() -> None:
    warehouse = Warehouse()
    model = snapshot_of({**CONFIGS["check"], "unique_key": "id"})
    warehouse.build(model, "select 1 as id, 'a' as name")
    with pytest.raises(CompileError, match="dbt_valid_to"):
        warehouse.build(model, "select 1 as id, 'a' as name, 1 as dbt_valid_to")
