"""`publish: audited` on every warehouse: no reader ever sees a row that a test fails, whatever the materialization."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conformance.bench import Bench
from conformance.projects import Project, ended

from eltbuild.errors import DatabaseError
from eltbuild.plan.publish import leftover
from eltbuild.run import auditing, failed_rows
from eltbuild.sql.writer import Writer

BAD = 1
"""The mark of a row that must never be seen."""
NIGHT = "event_time='happened', begin='2020-01-01', batch_size='day'"

MODELS: dict[str, str] = {
    "table": "materialized='table'",
    "contract": "materialized='table', contract={'enforced': true}, indexes=[{'columns': ['mark']}]",
    "contract_increment": "materialized='incremental', unique_key='id', contract={'enforced': true},"
    " on_schema_change='append_new_columns'",
    "own_strategy": "materialized='incremental', incremental_strategy='by_hand'",
    "materialized_view": "materialized='materialized_view'",
    "append": "materialized='incremental', incremental_strategy='append'",
    "delete+insert": "materialized='incremental', incremental_strategy='delete+insert', unique_key='id'",
    "merge": "materialized='incremental', incremental_strategy='merge', unique_key='id'",
    "merge_in_part": "materialized='incremental', incremental_strategy='merge', unique_key='id',"
    " merge_exclude_columns=['happened']",
    "insert_overwrite": "materialized='incremental', incremental_strategy='insert_overwrite'",
    "microbatch": f"materialized='incremental', incremental_strategy='microbatch', {NIGHT}",
    "external": "materialized='external', location='FOLDER/orders.parquet'",
    "own": "materialized='by_hand'",
    "own_that_commits": "materialized='by_hand_committed'",
    "hooked": "materialized='table', pre_hook='select 1'",
}
NEEDS = {
    "materialized_view": "materialized_views",
    "merge": "merge",
    "merge_in_part": "merge",
    "external": "external_files",
}
QUERY = "select id, mark, happened from {{ source('raw', 'lines') }}"
TESTS = """
      - name: id
        data_type: integer
        constraints: [{type: not_null}, {type: primary_key}]
        data_tests: [not_null]
      - name: mark
        data_type: integer
        data_tests: [{accepted_values: {values: [0], quote: false}}, {not_null: {name: mild, severity: warn}}]
      - {name: happened, data_type: timestamp}
"""
OWN = """
{% materialization by_hand, default %}
  {% call statement('main') %}drop table if exists {{ this }}{% endcall %}
  {% call statement('main') %}create table {{ this }} as {{ sql }}{% endcall %}
  {{ return({'relations': [this]}) }}
{% endmaterialization %}
{% materialization by_hand_committed, default %}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement('main') %}create table if not exists {{ this }} as select * from ({{ sql }}) r where 1 = 0{% endcall %}
  {% call statement('main') %}delete from {{ this }}{% endcall %}
  {% call statement('main') %}insert into {{ this }} {{ sql }}{% endcall %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [this]}) }}
{% endmaterialization %}
{% macro get_incremental_by_hand_sql(arg_dict) %}
  insert into {{ arg_dict['target_relation'] }} select * from {{ arg_dict['temp_relation'] }} where id > 1
{% endmacro %}
"""
SPAN = {"event_time_start": "2020-01-01", "event_time_end": "2020-01-03"}


def shop(bench: Bench, root: Path, files: dict[str, str], kind: str = "models") -> Project:
    """A project whose node `orders` is audited, over a source that the test writes."""
    names = f"database: {bench.schema.database}, schema: '{bench.schema.schema}'"
    source = f"{{name: raw, {names}, tables: [{{name: lines, config: {{event_time: happened}}}}]}}"
    properties = (
        f"sources: [{source}]\n{kind}:\n  - name: orders\n    config: {{publish: audited}}\n    columns:{TESTS}"
    )
    return Project(bench, root).write({**files, f"{kind}/schema.yml": properties})


def fill(bench: Bench, *marks: int) -> None:
    """The source is there, with those rows; what reads it goes on."""
    place = bench.spelled("lines")
    made = f"create table if not exists {place} (id integer, mark integer, happened timestamp)"
    bench.connection.execute(made)
    bench.connection.execute(f"delete from {place}")
    rows = ", ".join(
        f"({number}, {mark}, cast('2020-01-0{number} 12:00:00' as timestamp))" for number, mark in enumerate(marks, 1)
    )
    bench.connection.execute(f"insert into {place} values {rows}")


def marks(bench: Bench, name: str = "orders") -> list[int]:
    """The marks that stand there, in order."""
    return sorted(row[0] for row in bench.connection.execute(f"select mark from {bench.spelled(name)}").rows)


@dataclass
class Seen:
    """What a reader has met."""

    reads: int = 0
    bad: int = 0
    longest: float = 0.0
    errors: set[str] = field(default_factory=set)


@contextmanager
def polled(bench: Bench, *names: str) -> Iterator[Seen]:
    """A reader of its own session looks for bad rows in these relations again and again."""
    seen, stop = Seen(), threading.Event()

    def read() -> None:
        session = bench.adapter.connect()
        while not stop.is_set():
            for name in names:
                began = time.monotonic()
                try:
                    found = session.execute(f"select count(*) from {bench.spelled(name)} where mark = {BAD}").scalar()
                    seen.bad += int(found)
                except DatabaseError as error:
                    seen.errors.add(error.message.partition("\n")[0])
                seen.longest = max(seen.longest, time.monotonic() - began)
                seen.reads += 1
        session.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        while not seen.reads:
            time.sleep(0.001)
        yield seen
        end = seen.reads + 2 * len(names)
        while seen.reads < end:
            time.sleep(0.001)
    finally:
        stop.set()
        reader.join()


def names_of(bench: Bench) -> set[str]:
    """The relations of the test's schema."""
    return {info.relation.identifier or "" for info in bench.connection.relations((bench.schema,))}


def audited(bench: Bench, project: Project, give: Any, kept: int, full: bool = False) -> None:
    """Rows come that fail: nothing of them is seen; they are kept until the next audit passes."""
    give(0, 0)
    assert ended(project.run(**SPAN)) == ("success", "")
    before = marks(bench)
    assert set(before) == {0}
    give(0, BAD)
    with polled(bench, "orders") as seen:
        finished = project.run(**SPAN, **({"full_refresh": True} if full else {}))
    status, message = ended(finished)
    assert status in ("error", "partial success"), (status, message)
    assert "is not published: 1 of " in message or "is not published: 1 test failed" in message
    assert "accepted_values_orders_mark" in message, message
    assert "orders__failed`" in message, message
    assert not seen.bad
    assert not seen.errors
    assert set(marks(bench)) == {0}
    assert len(marks(bench)) >= len(before)
    assert BAD in marks(bench, "orders__failed")
    assert len(marks(bench, "orders__failed")) == kept
    tests = {name: one for name, one in finished.items() if name.startswith("accepted_values")}
    assert [(one.status, one.failures) for one in tests.values()] == [("fail", 1)]
    assert finished["mild"].status == "skipped"
    give(0, 0)
    finished = project.run(**SPAN)
    assert ended(finished) == ("success", "")
    assert {one.status for one in finished.values()} <= {"success", "pass"}
    assert "orders__failed" not in names_of(bench)
    assert not [name for name in names_of(bench) if leftover(name)]


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_is_published_once_its_tests_have_passed(bench: Bench, tmp_path: Path, kind: str) -> None:
    """Old rows are read until then; what fails is kept aside, under the project's name for it."""
    needed = NEEDS.get(kind)
    if needed and not getattr(bench.adapter.capabilities, needed):
        pytest.skip(f"{bench.warehouse.name} has no {needed}")
    config = MODELS[kind].replace("FOLDER", str(tmp_path))
    files = {"models/orders.sql": f"{{{{ config({config}) }}}}\n{QUERY}", "macros/own.sql": OWN}
    project = shop(bench, tmp_path / "shop", files)
    # A slice of its own is refused alone; whoever replaces parts keeps only what came new.
    kept = 1 if kind == "microbatch" else 2
    if kind in ("append", "own_strategy"):
        _appended(bench, project)
        return
    audited(bench, project, lambda *given: fill(bench, *given), kept)


@pytest.mark.parametrize("how", ["hook", "strategy", "materialization"])
def test_nothing_else_ends_its_transaction(bench: Bench, tmp_path: Path, how: str) -> None:
    """What commits before the tests were asked would show the rows."""
    commits = {
        "hook": "materialized='incremental', incremental_strategy='append', pre_hook='commit'",
        "strategy": "materialized='incremental', incremental_strategy='committed'",
        "materialization": "materialized='committed'",
    }
    own = """
    {% macro get_incremental_committed_sql(arg_dict) %}
      insert into {{ arg_dict['target_relation'] }} select * from {{ arg_dict['temp_relation'] }}; commit
    {% endmacro %}
    {% materialization committed, default %}
      {% call statement('main') %}delete from {{ this }}{% endcall %}
      {% call statement('main') %}insert into {{ this }} {{ sql }}{% endcall %}
      {% do run_query('commit') %}
      {{ return({'relations': [this]}) }}
    {% endmaterialization %}"""
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": "{{ config(materialized='table') }}" + QUERY})
    fill(bench, 0)
    assert ended(project.run()) == ("success", "")
    project.write({"models/orders.sql": f"{{{{ config({commits[how]}) }}}}\n{QUERY}", "macros/own.sql": own})
    fill(bench, 0, BAD)
    with polled(bench, "orders") as seen:
        status, message = ended(project.run())
    assert status == "error"
    assert "before its tests have passed" in message, message
    assert not seen.bad
    assert marks(bench) == [0]


@pytest.mark.parametrize("publish", ["audited", "run"])
@pytest.mark.parametrize("command", ["build", "run"])
def test_rows_of_an_ephemeral_model(bench: Bench, tmp_path: Path, command: str, publish: str) -> None:
    """Its tests are asked before what is made of it can be seen, also where they are no part of the run."""
    names = f"database: {bench.schema.database}, schema: '{bench.schema.schema}'"
    files = {
        "models/orders.sql": "{{ config(materialized='table') }} select * from {{ ref('middle') }}",
        "models/middle.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('lines') }}",
        "models/lines.sql": "{{ config(materialized='ephemeral') }}" + QUERY,
        "models/schema.yml": f"sources: [{{name: raw, {names}, tables: [{{name: lines}}]}}]\n"
        "models: [{name: lines, columns: [{name: mark, data_tests: [{accepted_values: {values: [0], quote: false}}]}]}]",
    }
    project = Project(bench, tmp_path / "shop").write(files)
    fill(bench, 0)
    assert ended(project.run(command, publish=publish)) == ("success", "")
    fill(bench, 0, BAD)
    with polled(bench, "orders") as seen:
        status, message = ended(project.run(command, publish=publish))
    assert status == ("error" if command == "run" else "skipped")
    assert command == "build" or "accepted_values_lines_mark" in message, message
    assert not seen.bad
    assert marks(bench) == [0]
    fill(bench, 0, 0)
    assert ended(project.run(command, publish=publish)) == ("success", "")
    assert marks(bench) == [0, 0]


def _appended(bench: Bench, project: Project) -> None:
    fill(bench, 0, 0)
    assert ended(project.run()) == ("success", "")
    fill(bench, 0, BAD)
    with polled(bench, "orders") as seen:
        status, message = ended(project.run())
    assert status == "error"
    assert "orders__failed" in message
    assert not seen.bad
    assert not seen.errors
    assert marks(bench) == [0, 0]
    assert marks(bench, "orders__failed") == [0, BAD]
    fill(bench, 0)
    assert ended(project.run()) == ("success", "")
    assert set(marks(bench)) == {0}
    assert "orders__failed" not in names_of(bench)


@pytest.mark.parametrize("kind", ["merge", "microbatch", "append"])
def test_built_anew(bench: Bench, tmp_path: Path, kind: str) -> None:
    """Also where a table is built from nothing, its rows wait beside it."""
    files = {"models/orders.sql": f"{{{{ config({MODELS[kind]}) }}}}\n{QUERY}"}
    audited(bench, shop(bench, tmp_path / "shop", files), lambda *given: fill(bench, *given), 2, full=True)


def test_a_python_model(bench: Bench, tmp_path: Path) -> None:
    """Its rows are audited like those of a query."""
    code = "def model(dbt, session):\n    dbt.config(materialized='table')\n    return dbt.source('raw', 'lines')\n"
    audited(bench, shop(bench, tmp_path / "shop", {"models/orders.py": code}), lambda *given: fill(bench, *given), 2)


def test_a_seed(bench: Bench, tmp_path: Path) -> None:
    """The rows of the file wait beside the table, which stays the same."""
    root = tmp_path / "shop"
    project = shop(bench, root, {}, kind="seeds")

    def give(*given: int) -> None:
        rows = "".join(f"{number},{mark},2020-01-0{number} 12:00:00\n" for number, mark in enumerate(given, 1))
        (root / "seeds/orders.csv").write_text(f"id,mark,happened\n{rows}")

    audited(bench, project, give, 2)


def test_a_view(bench: Bench, tmp_path: Path) -> None:
    """Another view takes the place of the old one only once its rows have passed; they are kept as they were then."""
    root = tmp_path / "shop"
    project = shop(bench, root, {"models/orders.sql": ""})
    fill(bench, 0, 0)

    def give(*given: int) -> None:
        rows = " union all ".join(f"select {number} as id, {mark} as mark" for number, mark in enumerate(given, 1))
        (root / "models/orders.sql").write_text(rows)

    audited(bench, project, give, 2)


def test_a_snapshot(bench: Bench, tmp_path: Path) -> None:
    """The versions that a run would add are taken back, and kept."""
    config = "strategy='check', unique_key='id', check_cols=['mark']"
    text = f"{{% snapshot orders %}}{{{{ config({config}) }}}}\n{QUERY}\n{{% endsnapshot %}}"
    project = shop(bench, tmp_path / "shop", {"snapshots/orders.sql": text}, kind="snapshots")
    audited(bench, project, lambda *given: fill(bench, *given), 1)


def test_the_first_time(bench: Bench, tmp_path: Path) -> None:
    """Where nothing stands, nothing is seen."""
    for number, kind in enumerate(("table", "merge", "microbatch")):
        if NEEDS.get(kind) and not getattr(bench.adapter.capabilities, NEEDS[kind]):
            continue
        files = {"models/orders.sql": f"{{{{ config({MODELS[kind]}) }}}}\n{QUERY}"}
        project = shop(bench, tmp_path / f"shop{number}", files)
        fill(bench, 0, BAD)
        assert ended(project.run(**SPAN))[0] == "error"
        assert "orders" not in names_of(bench)
        assert marks(bench, "orders__failed") == [0, BAD]


def test_hooks_before_are_taken_back(bench: Bench, tmp_path: Path) -> None:
    """What a hook has done to the standing table is not seen either; the rows are kept all the same."""
    hook = "{% if is_incremental() %}delete from {{ this }}{% endif %}"
    config = f'materialized="incremental", incremental_strategy="append", pre_hook="{hook}"'
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": f"{{{{ config({config}) }}}}\n{QUERY}"})
    fill(bench, 0, 0)
    assert ended(project.run()) == ("success", "")
    fill(bench, 0, BAD)
    with polled(bench, "orders") as seen:
        assert ended(project.run())[0] == "error"
    assert not seen.bad
    assert marks(bench) == [0, 0]
    assert marks(bench, "orders__failed") == [0, BAD]


def test_what_is_in_the_way_of_kept_rows_stays(bench: Bench, tmp_path: Path) -> None:
    """A relation of that name that is not ours is left alone; the message says so."""
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": f"{{{{ config(materialized='table') }}}}\n{QUERY}"})
    fill(bench, 0, BAD)
    bench.connection.execute(f"create table {bench.spelled('orders__failed')} as select 7 as mark")
    status, message = ended(project.run())
    assert status == "error"
    assert "the rows are not kept" in message
    assert "stands there and was not made for that" in message
    assert marks(bench, "orders__failed") == [7]


OF_ROWS = {
    "a_filter": ("select * from {{ model }} where mark = 1", " on the new rows: "),
    "a_filter_over_steps": (
        "with all_of_it as (select * from {{ model }}) select distinct mark from all_of_it where mark > 0",
        " on the new rows: ",
    ),
    "of_all_rows": ("select max(mark) as most from {{ model }} having max(mark) > 0", " with the new rows in it: "),
    "of_other_rows": (
        "select * from {{ model }} where mark > (select min(mark) from {{ model }})", " with the new rows in it: ",
    ),
}  # fmt: skip
"""Tests of a project's own, and of which rows each is asked first."""


def with_test(text: str) -> dict[str, str]:
    """An increment, and a test of the project's own on it."""
    config = "materialized='incremental', incremental_strategy='append'"
    return {
        "models/orders.sql": f"{{{{ config({config}) }}}}\n{QUERY}",
        "macros/own.sql": f"{{% test own(model) %}}{text}{{% endtest %}}",
    }


def own_tests(project: Project, tests: str) -> None:
    """Those tests in the place of the project's."""
    path = project.root / "models/schema.yml"
    head, _, _ = path.read_text().partition("    columns:")
    path.write_text(f"{head}    data_tests: {tests}\n")


def more_tests(project: Project, tests: str) -> None:
    """Those tests besides the project's."""
    path = project.root / "models/schema.yml"
    path.write_text(path.read_text().replace("    columns:", f"    data_tests: {tests}\n    columns:", 1))


@pytest.mark.parametrize("kind", OF_ROWS)
def test_a_test_of_the_projects_own_that_one_row_can_fail(bench: Bench, tmp_path: Path, kind: str) -> None:
    """It is asked of the new rows by themselves, as its SQL tells; before they are written."""
    text, where = OF_ROWS[kind]
    project = shop(bench, tmp_path / "shop", with_test(text))
    own_tests(project, "[own]")
    fill(bench, 0, 0)
    assert ended(project.run()) == ("success", "")
    fill(bench, 0, BAD)
    status, message = ended(project.run())
    assert status == "error"
    assert f"1 test failed{where}own_orders_ (1)" in message
    assert marks(bench) == [0, 0]


def test_new_rows_may_need_those_that_stand(bench: Bench, tmp_path: Path) -> None:
    """A row that refers to another one of the table, or is measured by it, is no bad one for want of that."""
    project = shop(bench, tmp_path / "shop", with_test("select 1 as one where false"))
    late = f"id >= (select count(*) from {bench.spelled('orders')})"
    refers = {
        "column_name": "mark",
        "arguments": {"to": "ref('orders')", "field": "id"},
        "config": {"where": "mark > 0"},
    }
    latest = {"column_name": "mark", "arguments": {"values": [0], "quote": False}, "config": {"where": late}}
    own_tests(project, json.dumps([{"relationships": refers}, {"accepted_values": latest}]))
    fill(bench, 0, 0)
    assert ended(project.run(publish="immediate")) == ("success", "")
    place = bench.spelled("lines")
    bench.connection.execute(f"delete from {place} where id = 1")
    bench.connection.execute(f"update {place} set mark = 1")
    assert ended(project.run()) == ("success", "")
    assert marks(bench) == [0, 0, 1]


def test_a_column_that_the_query_gives_no_more(bench: Bench, tmp_path: Path) -> None:
    """What a test says of it holds in the table, where it is NULL; the new rows do not have it."""
    text = (
        "{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }}\n"
        "select id{% if not is_incremental() %}, mark{% endif %} from {{ source('raw', 'lines') }}"
    )
    if not bench.adapter.capabilities.merge:
        pytest.skip(f"{bench.warehouse.name} has no merge")
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": text})
    own_tests(project, "[{accepted_values: {column_name: mark, arguments: {values: [0], quote: false}}}]")
    fill(bench, 0)
    assert ended(project.run()) == ("success", "")
    fill(bench, 0, 0)
    assert ended(project.run()) == ("success", "")
    assert bench.connection.execute(f"select count(*), count(mark) from {bench.spelled('orders')}").rows[0] == (2, 1)


def test_what_a_test_hangs_on_is_built_after_what_it_reads_besides(bench: Bench, tmp_path: Path) -> None:
    """So its rows are seen only once they fit those of the other; neither stands on the other."""
    relation = "{relationships: {to: ref('people'), field: id}}"
    files = {
        "models/orders.sql": f"{{{{ config(materialized='table') }}}}\n{QUERY}",
        "models/people.sql": "{{ config(materialized='table') }}select 1 as id, 0 as mark",
        "models/more.yml": "models: [{name: people, columns: [{name: id, data_tests: [unique]}]}]\n",
    }
    root = tmp_path / "shop"
    project = shop(bench, root, files)
    text = (root / "models/schema.yml").read_text().replace("[not_null]", f"[not_null, {relation}]")
    (root / "models/schema.yml").write_text(text)
    fill(bench, 0)
    assert {one.status for one in project.run().values()} <= {"success", "pass"}
    fill(bench, 0, 0)
    finished = project.run()
    assert "relationships_orders_id" in ended(finished)[1]
    assert ended(finished, "people") == ("success", "")
    assert marks(bench) == [0]
    (root / "models/people.sql").write_text("{{ config(materialized='table') }}select 1 as id union all select 2 as id")
    assert {one.status for one in project.run().values()} <= {"success", "pass"}
    assert marks(bench) == [0, 0]


def test_tests_over_two_tables_are_asked_with_the_later_one(bench: Bench, tmp_path: Path) -> None:
    """A relationship to a table that stands is part of the audit; one to what stands on the model is not."""
    files = {
        "models/orders.sql": f"{{{{ config(materialized='table') }}}}\n{QUERY}",
        "models/below.sql": "select id, mark from {{ ref('orders') }}",
        "models/people.sql": "{{ config(materialized='table') }}select 1 as id, 0 as mark",
        "tests/known.sql": "select * from {{ ref('orders') }} where id not in (select id from {{ ref('people') }})",
        "tests/same.sql": "select * from {{ ref('orders') }} where id not in (select id from {{ ref('below') }})",
    }
    project = shop(bench, tmp_path / "shop", files)
    fill(bench, 0)
    assert {one.status for one in project.run().values()} <= {"success", "pass"}
    fill(bench, 0, 0)
    # `people` stands and is no part of this run.
    finished = project.run(select=("orders",))
    assert ended(finished)[0] == "error"
    assert "known (1)" in ended(finished)[1]
    assert marks(bench) == [0]


def test_a_table_that_stays_is_audited_before_its_rows_are_exchanged(bench: Bench, tmp_path: Path) -> None:
    """Others hold it to its place; the new rows wait in the session until they have passed."""
    if not bench.adapter.capabilities.materialized_views:
        pytest.skip(f"{bench.warehouse.name} has nothing that holds a table to its place")
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": f"{{{{ config(materialized='table') }}}}\n{QUERY}"})
    fill(bench, 0)
    assert ended(project.run())[0] == "success"
    bench.connection.execute(
        f"create materialized view {bench.spelled('spy')} as select * from {bench.spelled('orders')}"
    )
    fill(bench, 0, BAD)
    with polled(bench, "orders") as seen:
        assert ended(project.run())[0] == "error"
    assert not seen.bad
    assert marks(bench) == [0]
    assert marks(bench, "orders__failed") == [0, BAD]
    fill(bench, 0, 0)
    assert ended(project.run())[0] == "success"
    assert marks(bench) == [0, 0]
    assert "orders__failed" not in names_of(bench)


NO_NUMBER = "select * from {{ model }} where cast(cast(mark as varchar(9)) || 'x' as integer) = 1"
"""A test that the engine refuses once there are rows."""


@pytest.mark.parametrize("pre_hook", ["", "{'sql': 'select 1', 'transaction': false}", "'select 1'"])
def test_a_test_that_cannot_be_asked_leaves_the_others(bench: Bench, tmp_path: Path, pre_hook: str) -> None:
    """They are asked all the same, and the rows are kept."""
    config = "materialized='table'" + (f", pre_hook={pre_hook}" if pre_hook else "")
    project = shop(
        bench,
        tmp_path / "shop",
        {
            "models/orders.sql": f"{{{{ config({config}) }}}}\n{QUERY}",
            "macros/own.sql": f"{{% test own(model) %}}{NO_NUMBER}{{% endtest %}}",
        },
    )
    more_tests(project, "[{own: {name: first}}, {own: {name: second, config: {where: id > 0}}}]")
    fill(bench, 0, BAD)
    finished = project.run()
    status, message = ended(finished)
    assert status == "error"
    assert " (cannot be asked: " in message
    if "false" in pre_hook and not bench.adapter.capabilities.savepoints:
        # What was done outside of the transaction is not done again, to ask the others and to keep the rows.
        assert "the rows are not kept: a test could not be asked" in message
        return
    assert "first (cannot be asked: " in message
    assert finished["first"].status == "error"
    assert finished["second"].status == "error"
    others = {one.status for name, one in finished.items() if name.startswith(("accepted", "not_null"))}
    assert others == {"pass", "fail"}
    assert " of 4 tests failed" in message
    assert "orders" not in names_of(bench)
    assert marks(bench, "orders__failed") == [0, BAD]


def test_what_tests_store_is_what_the_audit_has_found(bench: Bench, tmp_path: Path) -> None:
    """Nothing of it is seen in the model; the rows that failed a test are where the test keeps them."""
    config = "materialized='incremental', incremental_strategy='append'"
    for number, name in enumerate(("table", "append")):
        text = MODELS["table"] if name == "table" else config
        project = shop(bench, tmp_path / f"shop{number}", {"models/orders.sql": f"{{{{ config({text}) }}}}\n{QUERY}"})
        fill(bench, 0)
        assert ended(project.run(store_failures=True)) == ("success", "")
        fill(bench, 0, BAD)
        finished = project.run(store_failures=True)
        assert ended(finished)[0] == "error"
        failed = next(one for key, one in finished.items() if key.startswith("accepted"))
        assert failed.status == "fail"
        assert failed.relation_name
        # What the test counts are values and how often they are there.
        assert bench.connection.execute(f"select * from {failed.relation_name}").rows == ((BAD, 1),)
        fill(bench, 0, 0)
        finished = project.run(store_failures=True)
        failed = next(one for key, one in finished.items() if key.startswith("accepted"))
        assert bench.connection.execute(f"select count(*) from {failed.relation_name}").scalar() == 0
        bench.connection.execute(f"drop table if exists {bench.spelled('orders')}")


@pytest.mark.parametrize("test", ["accepted_values", "unique"])
def test_rows_of_all_slices_that_failed_are_kept(bench: Bench, tmp_path: Path, test: str) -> None:
    """Each is told by its time; the others are published."""
    project = shop(
        bench, tmp_path / "shop", {"models/orders.sql": f"{{{{ config({MODELS['microbatch']}) }}}}\n{QUERY}"}
    )
    if test == "unique":
        more_tests(project, "[{unique: {column_name: id}}]")
    fill(bench, 0, 0, 0)
    span = {**SPAN, "event_time_end": "2020-01-04"}
    assert ended(project.run(**span)) == ("success", "")
    place = bench.spelled("lines")
    if test == "unique":
        bench.connection.execute(f"insert into {place} select 1, 0, happened from {place} where id > 1")
    else:
        bench.connection.execute(f"update {place} set mark = {BAD} where id > 1")
    status, message = ended(project.run(**span))
    assert status == "partial success"
    assert "the batch of 2020-01-02 00:00 of `" in message
    rows = bench.connection.execute(f"select id, mark from {bench.spelled('orders__failed')}").rows
    assert sorted(rows) == ([(1, 0), (1, 0), (2, 0), (3, 0)] if test == "unique" else [(2, BAD), (3, BAD)])
    assert marks(bench) == [0, 0, 0]
    assert not [name for name in names_of(bench) if leftover(name)]


def test_slices_do_not_wait_for_who_waits_for_them(bench: Bench, tmp_path: Path) -> None:
    """Two audited models with a test on both: one is built slice by slice while the other has its turn behind it."""
    if bench.warehouse.name == "duckdb-memory":
        pytest.skip("one session at a time is enough there")
    slow = "{% do run_query('select 1') %}"
    files = {
        "models/orders.sql": f"{{{{ config({MODELS['microbatch']}) }}}}{slow}\n{QUERY}",
        "models/people.sql": "{{ config(materialized='table', publish='audited') }}select 1 as id union all select 2",
        "models/more.yml": "models: [{name: people, columns: [{name: id, data_tests: "
        "[{relationships: {arguments: {to: ref('orders'), field: id}}}]}]}]\n",
    }
    project = shop(bench, tmp_path / "shop", files)
    text = (tmp_path / "shop/models/schema.yml").read_text()
    relation = "{relationships: {arguments: {to: ref('people'), field: id}}}"
    (tmp_path / "shop/models/schema.yml").write_text(text.replace("[not_null]", f"[not_null, {relation}]"))
    fill(bench, 0, 0)
    for _ in range(2):
        finished = project.run(threads=2, **SPAN)
        assert {one.status for one in finished.values()} <= {"success", "pass"}


def test_nobody_waits_for_an_audit_that_broke(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends a node, the one that has its turn behind it goes on."""
    files = {
        "models/orders.sql": f"{{{{ config(materialized='table') }}}}\n{QUERY}",
        "models/people.sql": "{{ config(materialized='table', publish='audited') }}select 1 as id, 0 as mark",
        "tests/known.sql": "select * from {{ ref('orders') }} where id not in (select id from {{ ref('people') }})",
    }
    project = shop(bench, tmp_path / "shop", files)
    fill(bench, 0)
    ask = auditing.ask

    def broken(work: Any, tests: Any, connection: Any, places: Any) -> Any:
        if "model.shop.orders" in places:
            raise RuntimeError("a fault of our own")
        return ask(work, tests, connection, places)

    monkeypatch.setattr(auditing, "ask", broken)
    finished = project.run()
    assert finished["orders"].status == "error"
    assert finished["people"].status == "success"


@pytest.mark.parametrize("publish", ["audited", "run"])
def test_a_test_has_the_time_that_it_is_given(bench: Bench, tmp_path: Path, publish: str) -> None:
    """Also where it is asked before its model is published: one that takes longer is given up, and nothing is seen."""
    long = f"select count(*) from ({bench.warehouse.long_query}) as q"
    text = f"select mark from {{{{ model }}}} where ({long}) < 0"
    files = {
        "models/orders.sql": f"{{{{ config(materialized='table') }}}}\n{QUERY}",
        "macros/own.sql": f"{{% test own(model) %}}{text}{{% endtest %}}",
    }
    project = shop(bench, tmp_path / "shop", files)
    own_tests(project, "[{own: {config: {timeout: 500ms}}}]")
    fill(bench, 0)
    status, message = ended(project.run("run", publish=publish))
    assert status == "error"
    assert "timed out after 0.5 s (its `timeout`)" in message
    assert "orders" not in names_of(bench)
    # Where only all of it could be taken back, nothing is built again for a test that takes too long.
    kept = publish == "audited" and bench.adapter.capabilities.savepoints
    assert ("orders__failed" in names_of(bench)) == kept


def test_rows_that_cannot_be_kept(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is told all the same, and why the rows are nowhere."""
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": f"{{{{ config(materialized='table') }}}}\n{QUERY}"})
    fill(bench, 0, BAD)

    def nowhere(self: Writer, *args: Any) -> str:
        return "alter table nothing_of_that_name rename to something"

    monkeypatch.setattr(Writer, "rename", nowhere)
    status, message = ended(project.run())
    assert status == "error"
    assert "is not published: 1 of 2 tests failed: accepted_values_orders_mark" in message
    assert "the rows are not kept: " in message
    assert "nothing_of_that_name" in message
    assert not {name for name in names_of(bench) if name.startswith("orders")}


@pytest.mark.parametrize("way", ["view", "reader"])
def test_who_looks_at_failed_rows_keeps_nothing_waiting(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """What is right by now is published all the same; the rows stay, and that is told."""
    if not bench.warehouse.readers_wait:
        pytest.skip("nothing is in the way of a drop there")
    monkeypatch.setattr(failed_rows, "SOON", 0)
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": f"{{{{ config(materialized='table') }}}}\n{QUERY}"})
    fill(bench, 0, BAD)
    assert ended(project.run())[0] == "error"
    reader = bench.adapter.connect()
    looks = f"select * from {bench.spelled('orders__failed')}"
    if way == "view":
        reader.execute(f"create view {bench.spelled('looking')} as {looks}")
    with nullcontext() if way == "view" else reader.transaction():
        reader.execute(looks)
        status, message = ended(project.run())
        assert status == "error"
        assert "the rows are not kept: " in message
        fill(bench, 0, 0)
        assert ended(project.run()) == ("success", "")
    reader.close()
    assert marks(bench) == [0, 0]
    assert marks(bench, "orders__failed") == [0, BAD]
    assert any("orders__failed`, whose rows failed before, stays: " in text for text in project.said)
    if way == "view":
        bench.connection.execute(f"drop view {bench.spelled('looking')}")
    assert ended(project.run()) == ("success", "")
    assert "orders__failed" not in names_of(bench)
