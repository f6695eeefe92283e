"""The tests of a relation in one query, on every warehouse: what comes of them is what comes of each by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from conformance.bench import Bench
from conformance.projects import Project

from eltbuild.adapter import Answer
from eltbuild.errors import DatabaseError
from eltbuild.run.events import Finished

ORDERS = """
{{ config(materialized='table') }}
select 1 as id, 'new' as status, 10 as amount
union all select 2, 'paid', null
union all select 2, 'lost', 30
union all select null, 'new', 40
"""
TESTS = """
models:
  - name: orders
    columns:
      - name: id
        data_tests: [unique, not_null: {CONFIG}]
      - name: status
        data_tests:
          - accepted_values: {values: [new, paid], config: {severity: warn}}
          - not_null
      - name: amount
        data_tests:
          - not_null: {name: mild, config: {severity: warn}}
          - not_null: {name: few, config: {error_if: ">1", warn_if: ">1"}}
          - not_null: {name: some, config: {where: "status = 'paid'"}}
          - relationships: {to: ref('orders'), field: amount}
"""
STATUSES = {
    "accepted_values_orders_status__new__paid": ("warn", 1),
    "few": ("pass", 1),
    "mild": ("warn", 1),
    "not_null_orders_id": ("fail", 1),
    "not_null_orders_status": ("pass", 0),
    "relationships_orders_amount__amount__ref_orders_": ("pass", 0),
    "some": ("fail", 1),
    "unique_orders_id": ("fail", 1),
}
FILES = {"models/orders.sql": ORDERS, "models/schema.yml": TESTS.replace(": {CONFIG}", "")}


@dataclass(slots=True)
class Watched:
    """What nodes ask, and what is done before it is asked; in the test's own thread nothing is watched."""

    before: Callable[[Any, str], None] = lambda session, sql: None
    asked: list[str] = field(default_factory=list)

    def heed(self, session: Any, sql: str) -> None:
        """A statement is about to be asked."""
        if threading.current_thread().name.startswith("Thread-") and "orders" in sql:
            self.asked.append(sql)
            self.before(session, sql)


class Session:
    """A real session, watched."""

    def __init__(self, inner: Any, watched: Watched) -> None:
        self.inner = inner
        self.watched = watched

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def execute(self, sql: str) -> Answer:
        """The answer of the real one."""
        self.watched.heed(self, sql)
        answer: Answer = self.inner.execute(sql)
        return answer


class Adapter:
    """The adapter, whose sessions are watched."""

    def __init__(self, inner: Any, watched: Watched) -> None:
        self.inner = inner
        self.watched = watched

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def connect(self) -> Session:
        """A session."""
        return Session(self.inner.connect(), self.watched)


def watching(bench: Bench, root: Path, files: Mapping[str, str], watched: Watched) -> Project:
    """A project whose model is built; what is asked from now on is watched."""
    assert Project(bench, root).write(files).run("run")["orders"].status == "success"
    return Project(replace(bench, adapter=Adapter(bench.adapter, watched)), root)


def told(finished: Mapping[str, Finished]) -> dict[str, tuple[str, int | None]]:
    """How each test ended, and what it counted."""
    return {name: (event.status, event.failures) for name, event in sorted(finished.items())}


def test_one_query_and_the_same_results_as_one_by_one(bench: Bench, tmp_path: Path) -> None:
    together, alone = Watched(), Watched()
    found = watching(bench, tmp_path / "together", FILES, together).run("test")
    own = {**FILES, "macros/own.sql": "{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}select "
           "{{ fail_calc }} as failures, {{ fail_calc }} {{ warn_if }} as should_warn, {{ fail_calc }} {{ error_if }} "
           "as should_error from ({{ main_sql }}) as found{% endmacro %}"}  # fmt: skip
    one_by_one = watching(bench, tmp_path / "alone", own, alone).run("test")
    assert told(found) == told(one_by_one) == STATUSES
    for name, event in found.items():
        other = one_by_one[name]
        assert (event.message, event.compiled_code, event.response) == (
            other.message, other.compiled_code, other.response,
        )  # fmt: skip
        assert [timing.name for timing in event.timing] == ["compile", "execute"]
        assert event.seconds > 0
    assert len(alone.asked) == len(STATUSES)
    assert len(together.asked) < len(STATUSES)
    first = together.asked[0]
    assert all(f'"{name}"' in first for name in STATUSES)


def test_a_question_that_the_engine_refuses_is_that_tests_own_error(bench: Bench, tmp_path: Path) -> None:
    files = {
        **FILES,
        "tests/broken.sql": "select * from {{ ref('orders') }} where no_such_column = 1",
        "models/schema.yml": FILES["models/schema.yml"],
    }
    watched = Watched()
    found = watching(bench, tmp_path / "shop", files, watched).run("test")
    broken = found.pop("broken")
    assert broken.status == "error"
    assert broken.error is not None
    assert "no_such_column" in broken.error.message
    assert broken.error.place is not None
    assert broken.error.place.path == "tests/broken.sql"
    assert told(found) == STATUSES


VIEW = """
select o.id, o.status, o.amount from {{ ref('raw') }} as o join {{ ref('raw') }} as p on p.line = o.line
"""
RAW = ORDERS.replace("as amount", "as amount, 1 as line").replace("null\n", "null, 2\n").replace("30\n", "30, 3\n")
COSTLY = {
    "models/raw.sql": RAW.replace("40\n", "40, 4\n"),
    "models/orders.sql": VIEW,
    "models/schema.yml": FILES["models/schema.yml"],
    "tests/same_name.sql": "with orders as (select * from {{ ref('orders') }}) select * from orders where orders.id > 1",
    "tests/qualified.sql": "select orders.id from {{ ref('orders') }} where orders.id > 1 group by orders.id",
}


def test_a_view_over_a_join_is_evaluated_once(bench: Bench, tmp_path: Path) -> None:
    """Where the engine takes that; a text that names something else so is asked as it stands."""
    same, plain = Watched(), Watched()
    one, other = (watching(bench, tmp_path / name, files, watched).run("test") for name, files, watched in (
        ("a", COSTLY, same), ("b", {key: text for key, text in COSTLY.items() if "same_name" not in key}, plain),
    ))  # fmt: skip
    assert (one["same_name"].status, one["same_name"].failures) == ("fail", 2)
    assert (one["qualified"].status, one["qualified"].failures) == ("fail", 1)
    for found in (one, other):
        assert told({name: found[name] for name in STATUSES}) == STATUSES
    assert "as materialized (select * from" in plain.asked[0]
    assert len([sql for sql in plain.asked if '"tests"' in sql]) == 1


BROKEN = {
    "no_column": "select * from {{ ref('orders') }} where no_such_column = 1",
    "no_relation": "select * from {{ ref('orders') }} where id in (select id from no_such_relation)",
    "no_function": "select * from {{ ref('orders') }} where no_such_function(id) = 1",
    "no_query": "selec * from {{ ref('orders') }}",
    "no_number": "select * from {{ ref('orders') }} where cast(status as integer) = id",
    "no_date": "select status from {{ ref('orders') }} group by status having cast(max(status) as date) is null",
    "no_aggregate": "{{ config(fail_calc='7') }} select * from {{ ref('orders') }} where id = 2",
    "no_rows": "{{ config(fail_calc='7') }} select * from {{ ref('orders') }} where id = 99",
    "two_columns": "{{ config(fail_calc='count(*), 7') }} select * from {{ ref('orders') }}",
    "no_count": "{{ config(fail_calc='max(status)') }} select * from {{ ref('orders') }}",
    "a_part": "{{ config(fail_calc='count(*) / 8.0') }} select * from {{ ref('orders') }}",
    "no_comparison": "{{ config(warn_if=\"|| 'x'\") }} select * from {{ ref('orders') }}",
}


def test_of_many_tests_those_that_are_broken_have_their_errors_and_all_others_their_results(
    bench: Bench, tmp_path: Path
) -> None:
    """It takes few queries to find them: those that the engine does not take at all are told without running them."""
    fine = [
        f"          - not_null: {{name: fine_{number}, config: {{where: id <> {number}}}}}\n" for number in range(60)
    ]
    beside = {f"tests/beside_{number}.sql": f"select id from {{{{ ref('orders') }}}} group by id having count(*) > {number + 1}"
              for number in range(30)}  # fmt: skip
    files = {
        **FILES,
        **beside,
        **{f"tests/{name}.sql": text for name, text in BROKEN.items()},
        "models/schema.yml": FILES["models/schema.yml"].replace("          - not_null\n", "".join(fine), 1),
    }
    watched = Watched()
    found = watching(bench, tmp_path / "shop", files, watched).run("test")
    assert {name for name, event in found.items() if event.status == "error"} == set(BROKEN)
    assert {(found[f"fine_{number}"].status, found[f"fine_{number}"].failures) for number in range(60)} == {("pass", 0)}
    assert [found[f"beside_{number}"].failures for number in range(3)] == [1, 0, 0]
    others = {name: result for name, result in STATUSES.items() if name != "not_null_orders_status"}
    assert told({name: found[name] for name in others}) == others
    for name in BROKEN:
        error = found[name].error
        assert error is not None
        assert error.place is not None
        assert error.place.path == f"tests/{name}.sql"
    assert len(watched.asked) < 60


def test_another_session_in_the_way_is_waited_for_once(bench: Bench, tmp_path: Path) -> None:
    refused: list[str] = []

    def before(session: Any, sql: str) -> None:
        if not refused:
            refused.append(sql)
            raise DatabaseError("another session was in the way", sql=sql, transient=True)

    project = watching(bench, tmp_path / "shop", FILES, Watched(before))
    assert told(project.run("test")) == STATUSES
    assert [text for text in project.said if "attempt 2 of 6" in text and text.startswith("tests of ")]


def test_a_session_that_is_lost_is_replaced(bench: Bench, tmp_path: Path) -> None:
    lost: list[str] = []

    def before(session: Any, sql: str) -> None:
        if not lost:
            lost.append(sql)
            session.inner.close()
            raise DatabaseError("the connection is gone", sql=sql, lost=True, transient=True)

    assert told(watching(bench, tmp_path / "shop", FILES, Watched(before)).run("test")) == STATUSES


def test_a_test_with_a_time_of_its_own_is_asked_by_itself(bench: Bench, tmp_path: Path) -> None:
    files = {**FILES, "models/schema.yml": TESTS.replace("{CONFIG}", "{config: {timeout: 10m}}")}
    watched = Watched()
    assert told(watching(bench, tmp_path / "shop", files, watched).run("test")) == STATUSES
    assert any("not_null_orders_id" in sql and '"tests"' not in sql for sql in watched.asked)
    assert not any('"tests"' in sql and '"not_null_orders_id"' in sql for sql in watched.asked)


def test_what_takes_too_long_together_is_asked_one_by_one(bench: Bench, tmp_path: Path) -> None:
    def before(session: Any, sql: str) -> None:
        if '"tests"' in sql:
            raise DatabaseError("timed out after 1 s", sql=sql, code="timeout")

    watched = Watched(before)
    assert told(watching(bench, tmp_path / "shop", FILES, watched).run("test")) == STATUSES
    assert len(watched.asked) == 1 + len(STATUSES)


def test_rows_that_fail_are_kept_once_and_for_good(bench: Bench, tmp_path: Path) -> None:
    kept = "{config: {store_failures_as: history, schema: audit}}"
    files = {
        **FILES,
        "models/schema.yml": TESTS.replace("{CONFIG}", kept).replace("[unique,", "[unique: " + kept + ","),
    }
    project = watching(bench, tmp_path / "shop", files, Watched())
    first, second = project.run("test"), project.run("test")
    assert told(first) == told(second) == STATUSES
    place = first["not_null_orders_id"].relation_name
    session = bench.adapter.connect()
    found = session.execute(f"select count(*), count(distinct eltbuild_run_id), count(status) from {place}").rows
    assert [tuple(map(int, row)) for row in found] == [(2, 2, 2)]
    more = ORDERS.replace("10 as amount", "10 as amount, 1 as line").replace("null\n", "null, 2\n")
    project.write({**files, "models/orders.sql": more.replace("30\n", "30, 3\n").replace("40\n", "40, 4\n")})
    assert project.run("run")["orders"].status == "success"
    assert told(project.run("test")) == STATUSES
    lines = session.execute(f"select line from {place} order by eltbuild_run_started_at").rows
    session.close()
    assert [row[0] for row in lines] == [None, None, 4]


@pytest.mark.parametrize("kind", ["table", "view", "history"])
def test_a_test_that_passes_leaves_nothing_in_its_place(bench: Bench, tmp_path: Path, kind: str) -> None:
    schema = FILES["models/schema.yml"].replace(
        "          - not_null\n",
        f"          - not_null: {{config: {{store_failures_as: {kind}, schema: kept_{kind}}}}}\n",
    )
    watched = Watched()
    found = watching(bench, tmp_path / "shop", {**FILES, "models/schema.yml": schema}, watched).run("test")
    assert told(found) == STATUSES
    session = bench.adapter.connect()
    place = found["not_null_orders_status"].relation_name
    assert session.execute(f"select count(*) from {place}").scalar() == 0
    session.close()
