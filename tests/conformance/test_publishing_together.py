"""`publish: run` on every warehouse: all that a run builds is seen together at its end, or nothing of it ever."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from conformance.bench import Bench
from conformance.projects import Project, ended
from conformance.test_auditing import (
    BAD,
    MODELS,
    NEEDS,
    OWN,
    QUERY,
    SPAN,
    fill,
    marks,
    more_tests,
    names_of,
    polled,
    shop,
)

from eltbuild.errors import UsageError
from eltbuild.plan.publish import leftover
from eltbuild.run import publishing
from eltbuild.run.audits import Audits

BELOW = {
    "models/below.sql": "{{ config(materialized='table') }}select * from {{ ref('orders') }}",
    "models/seen.sql": "select * from {{ ref('below') }}",
}


def model(kind: str = "table", text: str = QUERY, more: str = "") -> str:
    """The text of a model."""
    return f"{{{{ config({MODELS[kind]}{more}) }}}}\n{text}"


def built(bench: Bench) -> list[str]:
    """The relations that the state knows to have been built, in order."""
    place = bench.spelled("built")
    return [str(row[0]) for row in bench.connection.execute(f"select node from {place} order by happened").rows]


def leftovers(bench: Bench) -> list[str]:
    """Names of relations that a run made for its own use."""
    return [name for name in names_of(bench) if leftover(name)]


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != "external"])
def test_all_or_nothing(bench: Bench, tmp_path: Path, kind: str) -> None:
    """A row that fails a test anywhere keeps everything as it was, whatever builds it."""
    needed = NEEDS.get(kind)
    if needed and not getattr(bench.adapter.capabilities, needed):
        pytest.skip(f"{bench.warehouse.name} has no {needed}")
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": model(kind), "macros/own.sql": OWN, **BELOW})
    fill(bench, 0, 0)
    finished = project.run(publish="run", **SPAN)
    assert {one.status for one in finished.values()} <= {"success", "pass"}
    before = marks(bench)
    known = built(bench)
    fill(bench, 0, BAD)
    with polled(bench, "orders", "below", "seen") as seen:
        finished = project.run(publish="run", **SPAN)
    assert not seen.bad
    assert not seen.errors
    assert ended(finished, "orders")[0] == "skipped"
    assert finished["orders"].message == "built, not published: test accepted_values_orders_mark__False__0 failed"
    assert {finished[name].status for name in ("below", "seen")} == {"skipped"}
    assert [one.failures for name, one in finished.items() if name.startswith("accepted")] == [1]
    assert any(text.startswith("nothing of this run is published, since test accepted_values") for text in project.said)
    assert marks(bench) == marks(bench, "below") == marks(bench, "seen") == before
    assert built(bench) == known
    assert not leftovers(bench)
    fill(bench, 0, 0)
    finished = project.run(publish="run", **SPAN)
    assert {one.status for one in finished.values()} <= {"success", "pass"}
    assert set(marks(bench)) == {0}


def test_seeds_snapshots_and_python(bench: Bench, tmp_path: Path) -> None:
    """What stands on a seed, in SQL or Python, reads the rows that nobody else sees yet."""
    files = {
        "seeds/raw.csv": "id,mark\n1,5\n",
        "models/orders.py": "def model(dbt, session):\n    return dbt.ref('raw')\n",
        "models/last.sql": "select * from {{ ref('orders') }} union all select * from {{ ref('raw') }}",
        "snapshots/past.sql": "{% snapshot past %}{{ config(strategy='check', unique_key='id', check_cols='all') }}"
        "select id, mark from {{ ref('orders') }}{% endsnapshot %}",
        "tests/small.sql": "select * from {{ ref('last') }} where mark > 6",
    }
    root = tmp_path / "shop"
    project = Project(bench, root).write(files)
    for mark in (5, 6):
        (root / "seeds/raw.csv").write_text(f"id,mark\n1,{mark}\n")
        finished = project.run(publish="run")
        assert {name: one.message for name, one in finished.items() if one.status not in ("success", "pass")} == {}
        assert marks(bench, "orders") == [mark]
        assert marks(bench, "last") == [mark, mark]
    assert marks(bench, "past") == [5, 6]
    (root / "seeds/raw.csv").write_text("id,mark\n1,7\n")
    finished = project.run(publish="run")
    assert finished["small"].status == "fail"
    assert marks(bench, "raw") == [6]
    assert marks(bench, "past") == [5, 6]


def test_the_first_time_nothing_stands(bench: Bench, tmp_path: Path) -> None:
    """Also what was never there before is not there afterwards."""
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": model(), **BELOW})
    fill(bench, 0, BAD)
    project.run(publish="run")
    assert not names_of(bench) & {"orders", "below", "seen"}


def test_an_error_ends_the_run(bench: Bench, tmp_path: Path) -> None:
    """What the engine refuses has ended the transaction: nothing else is tried, and all is told."""
    files = {
        "models/a.sql": "{{ config(materialized='table') }}select 1 as a",
        "models/b.sql": "{{ config(materialized='table') }}select cast('x' as integer) as b from {{ ref('a') }}",
        "models/c.sql": "select 1 as c from {{ ref('a') }}",
        "models/d.sql": "select 1 as d from {{ ref('b') }}",
        "models/schema.yml": "models: [{name: a, columns: [{name: a, data_tests: [not_null]}]}]",
    }
    project = Project(bench, tmp_path / "shop").write(files)
    finished = project.run("run", publish="run")
    statuses = {name: one.status for name, one in finished.items()}
    assert statuses["b"] == "error"
    assert {statuses[name] for name in "acd"} == {"skipped"}
    assert finished["a"].message == "built, not published: model b failed"
    assert not names_of(bench) & set("abcd")


def test_tests_that_are_no_part_of_the_run_are_asked_at_its_end(bench: Bench, tmp_path: Path) -> None:
    """`run` has no tests of its own; what it publishes has passed them all the same."""
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": model(), **BELOW})
    fill(bench, 0)
    assert {one.status for one in project.run("run", publish="run").values()} == {"success"}
    fill(bench, BAD)
    finished = project.run("run", publish="run")
    status, message = ended(finished)
    assert status == "error"
    assert "1 of 2 tests failed: accepted_values_orders_mark" in message
    assert finished["seen"].status == "skipped"
    assert marks(bench) == marks(bench, "seen") == [0]


def test_what_ends_the_transaction_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A hook that commits would show a part of the run."""
    files = {
        "models/orders.sql": "{{ config(materialized='table', post_hook='select 1; commit; begin') }}select 0 as mark",
        "models/other.sql": "{{ config(materialized='table') }}select 'a; commit' as mark",
    }
    project = Project(bench, tmp_path / "shop").write(files)
    finished = project.run(publish="run")
    status, message = ended(finished)
    assert status == "error"
    assert "would end the transaction" in message
    assert not names_of(bench) & {"orders", "other"}
    assert ended(project.run(publish="run", select=("other",)), "other")[0] == "success"


def test_what_no_transaction_holds_is_refused_beforehand(bench: Bench, tmp_path: Path) -> None:
    """Hooks outside of the transaction, and files, are told before anything is done."""
    hook = "{'sql': 'select 1', 'transaction': false}"
    files = {
        "models/orders.sql": f"{{{{ config(materialized='table', post_hook={hook}) }}}}select 1 as a",
        "models/files.sql": "{{ config(materialized='external') }}select 1 as a",
        "models/fine.sql": "select 1 as a",
    }
    project = Project(bench, tmp_path / "shop").write(files)
    with pytest.raises(UsageError) as refused:
        project.run(publish="run")
    assert "outside of its transaction" in str(refused.value)
    assert "written to files" in str(refused.value)
    assert not names_of(bench)
    assert ended(project.run(publish="run", select=("fine",)), "fine")[0] == "success"


def test_what_is_taken_over_is_so_with_all_else(bench: Bench, tmp_path: Path) -> None:
    """A relation of others is put aside in the same transaction, or stays as it is."""
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": model(), **BELOW})
    fill(bench, BAD)
    for name, kind in (("orders", "table"), ("below", "view")):
        bench.connection.execute(f"create {kind} {bench.spelled(name)} as select 7 as mark")
    project.run(publish="run", adopt=True)
    assert marks(bench) == marks(bench, "below") == [7]
    assert not [name for name in names_of(bench) if "__kept_" in name]
    fill(bench, 0)
    finished = project.run(publish="run", adopt=True)
    assert {one.status for one in finished.values()} <= {"success", "pass"}
    assert marks(bench) == marks(bench, "below") == [0]
    kept = [name for name in names_of(bench) if "__kept_" in name]
    assert sorted(marks(bench, name)[0] for name in kept) == [7, 7]


def test_a_config_is_enough(bench: Bench, tmp_path: Path) -> None:
    """One node that asks for it decides for the run; the flag decides otherwise."""
    files = {
        "models/orders.sql": "{{ config(materialized='table', publish='run') }}select 1 as mark",
        "tests/none.sql": "select * from {{ ref('orders') }}",
    }
    project = Project(bench, tmp_path / "shop").write(files)
    assert project.run()["orders"].status == "skipped"
    assert "orders" not in names_of(bench)
    assert project.run(publish="immediate")["orders"].status == "success"
    assert marks(bench) == [1]


def test_a_run_that_is_one_audits_no_model_by_itself(bench: Bench, tmp_path: Path) -> None:
    """One node that asks for it decides for all of them, whatever their own configs say; nothing is kept aside."""
    files = {
        "models/orders.sql": model(more=", publish='audited'"),
        "models/below.sql": "{{ config(materialized='table', publish='run') }}select * from {{ ref('orders') }}",
    }
    project = shop(bench, tmp_path / "shop", files)
    fill(bench, BAD)
    finished = project.run()
    assert finished["orders"].status == finished["below"].status == "skipped"
    assert "__failed" not in (finished["orders"].message or "")
    assert not names_of(bench) & {"orders", "orders__failed", "below"}
    fill(bench, 0)
    assert {one.status for one in project.run().values()} <= {"success", "pass"}


def test_tests_that_cannot_be_asked_are_told_one_by_one(bench: Bench, tmp_path: Path) -> None:
    """Each test ends as it would by itself: what it was refused for is taken back, or all is built again."""
    broken = "where cast(cast(mark as varchar(9)) || 'x' as integer) > 1"
    files = {
        "models/orders.sql": model(),
        "macros/own.sql": f"{{% test own(model) %}}select * from {{{{ model }}}} {broken}{{% endtest %}}",
        "tests/asks.sql": "{% do run_query(\"select cast('ten' as integer)\") %}select * from {{ ref('orders') }} where false",
        "tests/broken.sql": f"select * from {{{{ ref('orders') }}}} {broken}",
        "tests/fine.sql": "select * from {{ ref('orders') }} where id < 0",
    }
    project = shop(bench, tmp_path / "shop", files)
    more_tests(project, "[{own: {name: one}}, {own: {name: two}}, {not_null: {name: three, column_name: id}}]")
    fill(bench, BAD)
    finished = project.run(publish="run")
    statuses = {name: one.status for name, one in finished.items()}
    assert {statuses[name] for name in ("asks", "broken", "one", "two")} == {"error"}
    assert {statuses[name] for name in ("fine", "three")} == {"pass"}
    assert "ten" in ended(finished, "asks")[1]
    assert finished["orders"].status == "skipped"
    assert "orders" not in names_of(bench)


def test_a_test_that_is_no_part_of_the_run_is_blamed_alone(bench: Bench, tmp_path: Path) -> None:
    """Where it cannot be asked, the others of its model and of later ones are asked all the same."""
    broken = "where cast(cast(mark as varchar(9)) || 'x' as integer) > 1"
    files = {
        "models/orders.sql": model(),
        "models/below.sql": BELOW["models/below.sql"],
        "tests/broken.sql": f"select * from {{{{ ref('orders') }}}} {broken}",
        "tests/fine.sql": "select * from {{ ref('below') }} where id < 0",
    }
    project = shop(bench, tmp_path / "shop", files)
    fill(bench, 0)
    finished = project.run("run", publish="run")
    assert "1 of 3 tests failed: broken (cannot be asked: " in ended(finished)[1]
    assert finished["below"].status == "skipped"
    assert not names_of(bench) & {"orders", "below"}


def test_rows_that_failed_before_are_gone_once_all_is_published(bench: Bench, tmp_path: Path) -> None:
    """As after an audit of the model alone."""
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": model(), **BELOW})
    fill(bench, BAD)
    assert ended(project.run(publish="audited"))[0] == "error"
    assert ended(project.run(publish="run"))[0] == "skipped"
    assert "orders__failed" in names_of(bench)
    fill(bench, 0)
    assert {one.status for one in project.run(publish="run").values()} <= {"success", "pass"}
    assert "orders__failed" not in names_of(bench)
    fill(bench, BAD)
    assert ended(project.run(publish="audited"))[0] == "error"
    assert marks(bench, "orders__failed") == [BAD]


@pytest.mark.parametrize("publish", ["audited", "run"])
def test_rows_that_failed_go_with_the_next_run_where_one_was_cut_short(
    bench: Bench, tmp_path: Path, publish: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between publishing and dropping them: whoever comes next knows, whatever it builds."""
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": model(), "models/other.sql": "select 1 as one"})
    fill(bench, BAD)
    assert ended(project.run(publish="audited"))[0] == "error"
    assert ended(project.run(publish="audited", select=("other",)), "other")[0] == "success"
    assert "orders__failed" in names_of(bench)
    fill(bench, 0)
    with monkeypatch.context() as patch:
        patch.setattr(Audits, "published", lambda *given: None)
        patch.setattr(publishing, "_forget_failed", lambda *given: None)
        assert ended(project.run(publish=publish))[0] == "success"
    assert "orders__failed" in names_of(bench)
    assert ended(project.run(select=("other",)), "other")[0] == "success"
    assert "orders__failed" not in names_of(bench)


@pytest.mark.parametrize("when", ["in the midst", "at the commit"])
def test_a_lost_connection(bench: Bench, tmp_path: Path, when: str) -> None:
    """What was built before goes with the session; nothing is tried again outside of its transaction."""
    if not bench.warehouse.ending:
        pytest.skip("nobody else can end a session there")
    ending = bench.warehouse.ending.format(f"({bench.warehouse.session})")
    files = {
        "models/a.sql": "{{ config(materialized='table') }}select 1 as mark",
        "models/b.sql": f"{{{{ config(materialized='table', pre_hook=\"{ending}\") }}}}select 1 as b from {{{{ ref('a') }}}}",
        "models/c.sql": "{{ config(materialized='table') }}select 1 as mark",
    }
    if when == "at the commit":
        files["models/b.sql"] = "{{ config(materialized='table') }}select 1 as b from {{ ref('a') }}"
        files["tests/z.sql"] = f"-- {{{{ ref('b') }}}}\nselect 1 as z where ({ending}) is null"
    project = Project(bench, tmp_path / "shop").write(files)
    finished = project.run(publish="run")
    assert "success" not in {one.status for one in finished.values()}
    assert any(one.status == "error" for one in finished.values())
    assert not names_of(bench) & {"a", "b", "c"}


@pytest.mark.parametrize("kind", ["table", "materialized_view", "delete+insert", "merge"])
def test_readers_do_not_wait_for_tests(bench: Bench, tmp_path: Path, kind: str) -> None:
    """While the tests of an audit are asked, what stands can be read."""
    if not bench.warehouse.readers_wait:
        pytest.skip("no reader ever waits there")
    needed = NEEDS.get(kind)
    if needed and not getattr(bench.adapter.capabilities, needed):
        pytest.skip(f"{bench.warehouse.name} has no {needed}")
    slow = "select * from {{ ref('orders') }} where (select pg_advisory_xact_lock(4711)) is null"
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": model(kind), "tests/slow.sql": slow})
    fill(bench, 0, 0)
    assert ended(project.run())[0] == "success"
    bench.connection.execute("select pg_advisory_lock(4711)")
    finished: dict[str, Any] = {}
    run = threading.Thread(target=lambda: finished.update(project.run()))
    run.start()
    reader = bench.adapter.connect()
    try:
        waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = 4711"
        while run.is_alive() and not reader.execute(waits).scalar():
            pass
        reader.execute("set statement_timeout = '60s'")
        assert reader.execute(f"select count(*) from {bench.spelled('orders')}").scalar() == 2
        assert not finished
    finally:
        bench.connection.execute("select pg_advisory_unlock(4711)")
        run.join()
        reader.close()
    assert ended(finished)[0] == "success"


def test_readers_do_not_wait_for_the_end_of_the_run(bench: Bench, tmp_path: Path) -> None:
    """What has the columns that it had is read as it was, until all is published; views on it stay."""
    if not bench.warehouse.readers_wait:
        pytest.skip("no reader ever waits there")
    slow = "select * from {{ ref('seen') }} where (select pg_advisory_xact_lock(4712)) is null"
    files = {"models/orders.sql": model(), "tests/slow.sql": slow, "seeds/few.csv": "mark\n0\n", **BELOW}
    project = shop(bench, tmp_path / "shop", files)
    fill(bench, 0, 0)
    assert "error" not in {one.status for one in project.run(publish="run").values()}
    fill(bench, 0, 0, 0)
    bench.connection.execute("select pg_advisory_lock(4712)")
    finished: dict[str, Any] = {}
    run = threading.Thread(target=lambda: finished.update(project.run(publish="run")))
    run.start()
    reader = bench.adapter.connect()
    try:
        waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = 4712"
        while run.is_alive() and not reader.execute(waits).scalar():
            pass
        reader.execute("set statement_timeout = '60s'")
        counts = [
            reader.execute(f"select count(*) from {bench.spelled(name)}").scalar()
            for name in ("orders", "below", "seen", "few")
        ]
        assert counts == [2, 2, 2, 1]
        assert not finished
    finally:
        bench.connection.execute("select pg_advisory_unlock(4712)")
        run.join()
        reader.close()
    assert {one.status for one in finished.values()} <= {"success", "pass"}
    assert len(marks(bench)) == len(marks(bench, "below")) == len(marks(bench, "seen")) == 3


def test_an_interrupt_publishes_nothing(bench: Bench, tmp_path: Path) -> None:
    """Whoever stops the run finds all as it was."""
    from eltbuild.commands.execution import Execution
    from eltbuild.commands.selecting import choose
    from eltbuild.run.events import Built, Finished

    project = shop(bench, tmp_path / "shop", {"models/orders.sql": model(), **BELOW})
    fill(bench, 0)
    with project.opened("build", publish="run") as opened:
        execution = Execution(opened=opened, command="build", chosen=choose(opened, "build"))
        events = execution.events()
        told = []
        for event in events:
            told.append(event)
            if isinstance(event, Built):
                told.append(events.throw(KeyboardInterrupt()))
                break
        told += list(events)
    assert execution.results is not None
    assert execution.results.interrupted
    statuses = {one.node: one.status for one in told if isinstance(one, Finished)}
    assert statuses["model.shop.orders"] == "skipped"
    assert "success" not in statuses.values()
    assert not names_of(bench) & {"orders", "below", "seen"}


def test_a_test_that_cannot_be_asked_ends_the_run(bench: Bench, tmp_path: Path) -> None:
    """It is told, and nothing is published; an audit asks the others all the same."""
    broken = "select * from {{ ref('orders') }} where cast(cast(mark as varchar(9)) || 'x' as integer) > 1"
    project = shop(bench, tmp_path / "shop", {"models/orders.sql": model(), "tests/broken.sql": broken})
    fill(bench, 0)
    for mode in ("run", "audited"):
        finished = project.run(publish=mode)
        errors = [one for name, one in finished.items() if one.status == "error" and name != "orders"]
        assert len(errors) == 1
        assert finished["orders"].status == {"run": "skipped", "audited": "error"}[mode]
        assert mode == "run" or "pass" in {one.status for one in finished.values()}
        assert "orders" not in names_of(bench)
