"""The Python API: values in, values out, events as an iterator, safe from several threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from eltbuild import Project
from eltbuild.errors import ProjectError, UsageError
from eltbuild.run.events import Finished, Message, RunFinished, RunStarted, Started

FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\n",
    "seeds/raw.csv": "id,amount\n1,10\n2,20\n",
    "models/a.sql": "{{ config(materialized='table') }} select * from {{ ref('raw') }}",
    "models/b.sql": "select sum(amount) as total from {{ ref('a') }}",
    "models/s.yml": "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests: [unique, not_null]\n",
}


@pytest.fixture
def root(tmp_path) -> Path:
    return write(tmp_path, FILES)


def write(root: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def rows(root: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(root / "shop.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_load_plan_run(root):
    project = Project.load(root)
    plan = project.plan()
    assert [d.node.split(".")[-1] for d in plan.decisions if d.node.startswith("model.")] == ["a", "b"]
    assert all(decision.reason for decision in plan.decisions)
    results = project.run(plan)
    assert results.success
    assert {f.node: f.status for f in results.finished}["model.shop.a"] == "success"
    assert rows(root, "from b") == [(30,)]


def test_a_plan_of_a_selection_builds_just_that(root):
    project = Project.load(root)
    project.run(select="raw")
    plan = project.plan(select="a", indirect_selection="empty")
    assert plan.nodes == {"model.shop.a"}
    assert [f.node for f in project.run(plan).finished] == ["model.shop.a"]


def test_events_come_in_order_and_end(root):
    events = list(Project.load(root).events("build"))
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    started = [e.node for e in events if isinstance(e, Started)]
    finished = [e.node for e in events if isinstance(e, Finished)]
    assert sorted(started) == sorted(finished) == sorted(events[0].nodes)


def test_what_templates_say_comes_as_messages(root):
    write(root, {"models/a.sql": "{{ log('hello', info=True) }}{{ print('there') }} select 1 as id"})
    said = [(e.text, e.kind) for e in Project.load(root).events("run", "a") if isinstance(e, Message)]
    assert said == [("hello", "log"), ("there", "print")]


def test_a_command_in_the_place_of_a_plan_is_told(root):
    with pytest.raises(TypeError, match=r"run\(command='test'\)"):
        Project.load(root).run("test")


def test_closing_the_events_early_stops_the_run(root):
    events = Project.load(root).events("build")
    for event in events:
        if isinstance(event, Finished):
            break
    events.close()
    assert Project.load(root).run().success


def test_a_failure_is_a_value(root):
    write(root, {"models/a.sql": "select nope from {{ ref('raw') }}"})
    results = Project.load(root).run()
    assert not results.success
    statuses = {f.node.split(".")[2]: f for f in results.finished}
    assert statuses["a"].status == "error"
    assert "nope" in statuses["a"].error.message
    assert statuses["a"].error.place.path == "models/a.sql"
    assert statuses["b"].status == "skipped"


def test_a_wrong_project_and_a_wrong_call_are_raised(root, tmp_path_factory):
    with pytest.raises(UsageError, match="holds neither"):
        Project.load(tmp_path_factory.mktemp("empty"))
    with pytest.raises(UsageError, match="gives no events"):
        list(Project.load(root).events("nonsense"))
    write(root, {"models/a.sql": "select * from {{ ref('x') }}"})
    with pytest.raises(ProjectError, match="was not found"):
        Project.load(root)


def test_compile_gives_the_sql(root):
    assert Project.load(root).compile("a") == ' select * from "shop"."main"."raw"'


def test_select_names_ids_in_order(root):
    assert Project.load(root).select("+b", exclude="test_type:data") == (
        "seed.shop.raw",
        "model.shop.a",
        "model.shop.b",
    )


def test_two_projects_in_two_threads(tmp_path):
    roots = [write(tmp_path / name, FILES) for name in ("one", "two", "three")]
    outcomes: dict[str, bool] = {}

    def work(root: Path) -> None:
        outcomes[root.name] = Project.load(root).run().success

    threads = [threading.Thread(target=work, args=(root,)) for root in roots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"one": True, "two": True, "three": True}
    assert all(rows(root, "from b") == [(30,)] for root in roots)


def test_one_project_run_again_in_several_threads(root):
    project = Project.load(root)
    assert project.run().success
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(project.run(select="b", wait="forever").success)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4
    assert rows(root, "from b") == [(30,)]


def test_version_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "eltbuild", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("eltbuild ")
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    heavy = {
        "sqlglot",
        "duckdb",
        "pyarrow",
        "networkx",
        "jinja2",
        "yaml",
        "msgspec",
        "rich",
        "great_expectations",
        "pandas",
    }
    assert not imported & heavy


@pytest.mark.parametrize("words", [["--help"], ["parse"], ["ls"]])
def test_small_commands_do_not_import_what_they_do_not_need(root, words):
    subprocess.run([sys.executable, "-m", "eltbuild", "parse"], cwd=root, capture_output=True, check=True)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "eltbuild", *words],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"sqlglot", "duckdb", "pyarrow", "networkx", "rich", "great_expectations", "pandas"}
