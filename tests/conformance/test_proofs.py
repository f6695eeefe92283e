"""`--skip-proven` on every warehouse: a test that fails is asked, however much the model's text alone would prove."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.bench import Bench
from conformance.projects import Project

QUERY = "select distinct id from {{ ref('raw') }} where id is not null"
TESTS = """
models:
  - name: keys
    columns:
      - name: id
        data_tests: [unique, not_null]
"""
FILES = {
    "models/raw.sql": "{{ config(materialized='table') }} select 1 as id union all select 1 union all select null",
    "models/keys.sql": "{{ config(materialized='table') }} " + QUERY,
    "models/schema.yml": TESTS,
}
PASSED = {"unique_keys_id": "pass", "not_null_keys_id": "pass"}


def ends(project: Project, command: str = "test", **flags: object) -> tuple[dict[str, str], int]:
    """How the tests ended, and how many of them were proven."""
    found = {name: event for name, event in project.run(command, skip_proven=True, **flags).items() if name in PASSED}
    proven = sum("proven" in (event.message or "") for event in found.values())
    return {name: str(event.status) for name, event in found.items()}, proven


def test_what_stands_there_is_what_the_query_gives(bench: Bench, tmp_path: Path) -> None:
    project = Project(bench, tmp_path).write(FILES)
    assert ends(project, "build") == (PASSED, 2)
    assert ends(project) == (PASSED, 2)


@pytest.mark.parametrize("before", [
    "{{ config(materialized='incremental', incremental_strategy='append') }} ",
    "{{ config(materialized='table', post_hook='insert into {{ this }} values (null), (1)') }} ",
    "{{ config(materialized='twice') }} ",
])  # fmt: skip
def test_a_config_that_changed_since_it_was_built(bench: Bench, tmp_path: Path, before: str) -> None:
    """The text is the same, and what stands there is not what that text gives."""
    twice = (
        "{% materialization twice, default %}{% call statement('main') %}create table {{ this }} as "
        "{{ sql }} union all select 1 union all select null{% endcall %}"
        "{{ return({'relations': [this]}) }}{% endmaterialization %}"
    )
    files = {**FILES, "macros/twice.sql": twice, "models/keys.sql": before + QUERY}
    project = Project(bench, tmp_path).write(files)
    project.run("run")
    project.run("run")
    project.write({**files, "models/keys.sql": FILES["models/keys.sql"]})
    found, proven = ends(project)
    assert proven == 0
    assert found["unique_keys_id"] == "fail"


@pytest.mark.parametrize("files", [
    {"dbt_project.yml": "name: shop\nprofile: shop\non-run-start: \"{% if flags.WHICH == 'test' %}insert into {{ adapter.quote(target.schema) }}.keys values (1), (null){% endif %}\"\n"},
    {"models/other.sql": "{{ config(materialized='table', post_hook=\"insert into {{ ref('keys') }} values (1), (null)\") }} "
                         "select * from {{ ref('keys') }}"},
])  # fmt: skip
def test_hooks_that_write_into_it(bench: Bench, tmp_path: Path, files: dict[str, str]) -> None:
    project = Project(bench, tmp_path).write({**FILES, **files})
    project.run("run")
    assert ends(project) == ({"unique_keys_id": "fail", "not_null_keys_id": "fail"}, 0)


def test_a_materialization_of_the_projects_own_may_do_anything(bench: Bench, tmp_path: Path) -> None:
    own = (
        f"{{% materialization table, adapter='{bench.warehouse.type}' %}}"
        "{% call statement('main') %}create table {{ this }} as "
        "{{ sql }} union all select 1 union all select null{% endcall %}"
        "{{ return({'relations': [this]}) }}{% endmaterialization %}"
    )
    project = Project(bench, tmp_path).write({**FILES, "macros/table.sql": own})
    project.run("run")
    found, proven = ends(project)
    assert (found, proven) == ({"unique_keys_id": "fail", "not_null_keys_id": "fail"}, 0)


def test_a_relation_that_was_built_after_it(bench: Bench, tmp_path: Path) -> None:
    """It is named in the text and not by a reference, so nothing says that it must be built before."""
    place = "{{ api.Relation.create(database=target.database, schema=target.schema, identifier='parents') }}"
    files = {
        "models/raw.sql": FILES["models/raw.sql"],
        "models/parents.sql": "{{ config(materialized='table') }} select 1 as id",
        "models/children.sql": f"{{{{ config(materialized='table') }}}} select p.id as parent_id from {place} as p",
        "models/schema.yml": "models:\n  - name: children\n    columns:\n      - name: parent_id\n        data_tests:\n"
        "          - relationships: {name: found, to: ref('parents'), field: id}\n",
    }
    project = Project(bench, tmp_path).write({**files, "models/children.sql": "select 1 as parent_id"})
    project.run("run")
    project.write({**files, "models/parents.sql": "-- depends_on: {{ ref('children') }}\n"
                   "{{ config(materialized='table') }} select 2 as id"})  # fmt: skip
    assert project.run("build", skip_proven=True)["found"].status == "fail"
