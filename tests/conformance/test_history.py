"""The history as four tables to ask: the same on every warehouse, from the state's tables and from a file's records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conformance.bench import Bench

from eltbuild.run.ledger.database_store import DatabaseStore
from eltbuild.state.lines import Remembered
from eltbuild.state.records import Ended, Observed, Run
from eltbuild.state.rows import ENDED, LAYOUT, OBSERVED
from eltbuild.state.tables import Tables
from eltbuild.state.views import VIEWS, asked

BEGAN = datetime(2026, 1, 5, 6, tzinfo=UTC)
RUNS = [
    Run(number=number, invocation=f"i{number}", project=project, target="dev", home="dev/main", command="build",
        started=BEGAN + timedelta(hours=number), ended=BEGAN + timedelta(hours=number, seconds=90), status=status)
    for number, project, status in ((1, "shop", "success"), (2, "shop", "error"), (3, "other", "success"))
]  # fmt: skip
ENDINGS = [
    Ended(run=1, node="model.shop.orders.v2", status="success", seconds=1.5, rows=3),
    Ended(run=1, node="test.shop.it's.0123456789", status="pass", seconds=0.25, failures=0),
    Ended(run=2, node="model.shop.orders.v2", status="error", seconds=0.5, message="no\nsuch 'column'"),
    Ended(run=2, node="source.shop.raw.orders", status="skipped"),
    Ended(run=2, node="test.shop.it's.0123456789", status="warn", failures=2),
    Ended(run=3, node="model.other.orders", status="success"),
]
SEEN = [
    Observed(run=1, project="shop", home="dev/main", node="test.shop.t", subject="model.shop.orders", name="row_count",
             value=3.0, status="pass", at=BEGAN),
    Observed(run=1, project="shop", home="dev/main", node="test.shop.t", subject="model.shop.orders", name="d",
             value=None, detail="[0.5]", status="pass", at=BEGAN),
    Observed(run=3, project="other", node="test.other.t", subject="s", name="n", value=1.0, at=BEGAN),
]  # fmt: skip
FILE = Remembered(runs={run.number: run for run in RUNS}, ended=ENDINGS, observed=SEEN)


@pytest.fixture
def tables(bench: Bench) -> Tables:
    """The tables of a state with some runs."""
    tables = Tables(bench.writer, bench.schema)
    DatabaseStore(bench.connection, tables).prepare(make=True)
    statements = [*map(tables.start, RUNS), tables.observing(SEEN)]
    statements += [tables.ending([one for one in ENDINGS if one.run == run.number]) for run in RUNS]
    for statement in statements:
        bench.connection.execute(statement)
    return tables


def rows(bench: Bench, tables: Tables, query: str, found: Remembered | None) -> list[tuple[Any, ...]]:
    return list(bench.connection.execute(asked(tables, "shop", query, found, found is None)).rows)


@pytest.mark.parametrize("found", [None, FILE], ids=["tables", "file"])
def test_what_can_be_asked(bench: Bench, tables: Tables, found: Remembered | None) -> None:
    def ask(query: str) -> list[tuple[Any, ...]]:
        return rows(bench, tables, query, found)

    runs = ask("select run, seconds, status, nodes, failed, warned, skipped from runs order by run; -- all")
    assert [(*row[:1], float(row[1]), *row[2:]) for row in runs] == [
        (1, 90.0, "success", 2, 0, 0, 0),
        (2, 90.0, "error", 3, 1, 1, 1),
    ]
    nodes = ask("select kind, name, status, rows, failures, message from nodes where run = 1 order by kind")
    assert nodes == [("model", "orders.v2", "success", 3, None, ""), ("test", "it's", "pass", None, 0, "")]
    assert ask("with x as (select name from nodes where kind = 'source') select * from x") == [("raw.orders",)]
    assert ask("select message from nodes where status = 'error'") == [("no\nsuch 'column'",)]
    assert ask("select status, failures from tests order by run") == [("pass", 0), ("warn", 2)]
    assert ask("select name, value, detail from metrics order by name") == [
        ("d", None, "[0.5]"),
        ("row_count", 3.0, ""),
    ]
    for view, columns in VIEWS.items():
        described = bench.connection.columns(asked(tables, "shop", f"select * from {view}", found, found is None))
        assert tuple(column.name for column in described) == columns


def test_what_a_file_holds_is_there_besides(bench: Bench, tables: Tables) -> None:
    told = bench.connection.execute(asked(tables, "shop", "select count(*) from runs", FILE)).scalar()
    assert told == 2 * len(rows(bench, tables, "select * from runs", None))


def test_of_nothing_there_is_nothing(bench: Bench, tables: Tables) -> None:
    for view in VIEWS:
        assert rows(bench, tables, f"select * from {view}", Remembered()) == []


def test_an_older_layout_is_read_and_then_brought_up_to_date(bench: Bench, tables: Tables) -> None:
    for column in ("rows", "failures"):
        bench.connection.execute(bench.writer.drop_column(bench.schema.named(ENDED.name), column))
    bench.connection.execute(bench.writer.drop(bench.schema.named(OBSERVED.name)))
    bench.connection.execute(f"delete from {tables.at(LAYOUT)}")
    bench.connection.execute(tables.stamp(1))
    store = DatabaseStore(bench.connection, tables)
    assert store.prepare(make=False) is True
    assert rows(bench, store.tables, "select status, failures from tests order by run", None) == [
        ("pass", None),
        ("warn", None),
    ]
    assert rows(bench, store.tables, "select * from metrics", None) == []
    assert [one.rows for one in store.of_run(RUNS[0])[2]] == [None, None]
    store = DatabaseStore(bench.connection, tables)
    assert store.prepare(make=False, update=True) is True
    bench.connection.execute(tables.ending([Ended(run=2, node="model.shop.late", status="success", rows=9)]))
    assert rows(bench, tables, "select rows from nodes where name = 'late'", None) == [(9,)]


def test_what_passing_tests_observed_is_read_by_measure(bench: Bench, tables: Tables) -> None:
    """The latest ones, and of the time before them the last of each day."""
    seen = [
        Observed(run=number, project="shop", home="h", subject="m", name="n", value=float(number),
                 status="fail" if number == 5 else "pass", at=BEGAN + timedelta(hours=12 * number))
        for number in range(800)
    ]  # fmt: skip
    bench.connection.execute(tables.observing(seen))
    found = DatabaseStore(bench.connection, tables).observed("shop", "h")
    values = [int(one.value or 0) for one in found]
    assert values == sorted(values)
    assert values[-365:] == list(range(435, 800))
    assert values[:4] == [1, 3, 4, 7]
    assert DatabaseStore(bench.connection, tables).observed("shop", "elsewhere") == []
