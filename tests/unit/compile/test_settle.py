"""Settling: names, parents, relations, and every mistake told at once with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from eltbuild import Project
from eltbuild.errors import ProjectError

PROJECT = "name: shop\nversion: '1.0'\n"


def write(root: Path, files: Mapping[str, str]) -> Path:
    for path, text in {"dbt_project.yml": PROJECT, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def load(root: Path, files: Mapping[str, str], **more):
    return Project.load(write(root, files), environ={}, **more).resources


def mistakes(root: Path, files: Mapping[str, str]) -> list[str]:
    with pytest.raises(ProjectError) as raised:
        load(root, files)
    return [f"{p.place}: {p.message} | {p.hint}" for p in raised.value.problems if p.severity == "error"]


def test_parents_and_relations(tmp_path):
    project = load(
        tmp_path,
        {
            "models/a.sql": "select 1 as id",
            "models/b.sql": "{{ config(schema='mart', alias='bee') }} select * from {{ ref('a') }}",
            "models/c.sql": "{% for m in ['a', 'b'] %}select * from {{ ref(m) }} union all {% endfor %} select 1",
        },
    )
    nodes = project.nodes
    assert nodes["model.shop.b"].parents == ("model.shop.a",)
    assert nodes["model.shop.c"].parents == ("model.shop.a", "model.shop.b")
    assert str(nodes["model.shop.b"].relation) == "shop.main_mart.bee"


def test_config_set_by_a_macro_is_seen(tmp_path):
    project = load(
        tmp_path,
        {
            "macros/m.sql": "{% macro settings() %}{{ config(materialized='table', tags=['x']) }}{% endmacro %}",
            "models/a.sql": "{{ settings() }} select 1 as id",
        },
    )
    assert project.nodes["model.shop.a"].materialized == "table"
    assert project.nodes["model.shop.a"].tags == ("x",)


def test_a_ref_inside_a_macro_makes_a_parent(tmp_path):
    project = load(
        tmp_path,
        {
            "macros/m.sql": (
                "{% macro inner() %}{{ ref('a') }}{% endmacro %}{% macro outer() %}{{ inner() }}{% endmacro %}"
            ),
            "models/a.sql": "select 1 as id",
            "models/b.sql": "select * from {{ outer() }}",
        },
    )
    assert project.nodes["model.shop.b"].parents == ("model.shop.a",)


def test_own_naming_macros_decide(tmp_path):
    project = load(
        tmp_path,
        {
            "macros/names.sql": (
                "{% macro generate_schema_name(custom, node) %}s_{{ node.name }}{% endmacro %}"
                "{% macro generate_alias_name(custom, node) %}{{ node.name | upper }}{% endmacro %}"
            ),
            "models/a.sql": "select 1 as id",
        },
    )
    assert str(project.nodes["model.shop.a"].relation) == "shop.s_a.A"


def test_all_mistakes_at_once(tmp_path):
    found = mistakes(
        tmp_path,
        {
            "models/orders.sql": "select 1 as id",
            "models/b.sql": "select *\nfrom {{ ref('ordrs') }}",
            "models/c.sql": "select {{ 1 | cnts }}",
            "models/d.sql": "{% if %}",
            "models/e.sql": "select * from {{ source('raw', 'x') }}",
            "macros/m.sql": "{% macro cents(a) %}{{ a }}{% endmacro %}",
        },
    )
    assert found == [
        "models/b.sql:2:9: model `b` refers to `ordrs`, which was not found | did you mean `orders`?",
        "models/c.sql:1:15: there is no filter `cnts` | did you mean `count`?",
        "models/d.sql:1:1: Expected an expression, got 'end of statement block' | ",
        "models/e.sql:1:18: model `e` refers to source `raw.x`, which was not found | ",
    ]


def test_a_name_that_is_not_there_is_told_and_what_follows_it_is_seen(tmp_path):
    """The node fails at its turn, as with dbt; its parents are known, so that what stands before it is right."""
    project = load(
        tmp_path,
        {
            "models/orders.sql": "select 1 as id",
            "models/b.sql": "select {{ cnts(1).upper() }} from {{ ref('orders') }}",
            "models/c.sql": "select {{ shop.cnts(1) }} {% for x in dollars() %}{{ x }}{% endfor %} from {{ ref('b') }}",
            "models/s.yml": "models: [{name: orders, columns: [{name: id, data_tests: [odd, tools.even]}]}]",
            "macros/m.sql": "{% macro cents(a) %}{{ a }}{% endmacro %}",
        },
    )
    assert [(p.severity, str(p)) for p in project.problems] == [
        ("warning", "models/b.sql:1:11: `cnts` is not defined\n    hint: did you mean `cents`?"),
        ("warning", "models/c.sql:1:11: package `shop` has no macro `cnts`"),
        ("warning", "models/s.yml:1:59: there is no generic test `odd`"),
        ("warning", "models/s.yml:1:64: `tools` is not defined\n    hint: is it of a package that is not installed? try: "
         "eltbuild deps"),
    ]  # fmt: skip
    assert project.nodes["model.shop.b"].parents == ("model.shop.orders",)
    assert project.nodes["model.shop.c"].parents == ("model.shop.b",)


def test_generic_tests_have_the_same_links_whether_they_were_rendered_or_not(tmp_path):
    """One whose macro refers to nothing and whose arguments hold no Jinja is not rendered."""
    project = load(
        tmp_path,
        {
            "models/a.sql": "select 1 as id",
            "models/b.sql": "select 1 as id",
            "models/s.yml": (
                "models:\n- name: a\n  columns:\n  - name: id\n    data_tests:\n"
                "    - above: {arguments: {low: 1}, name: plain}\n"
                "    - above: {arguments: {low: '{{ 1 }}'}, name: templated}\n"
                "    - above: {arguments: {low: ref('b')}, name: referring}\n"
                "    - above: {arguments: {low: [{deep: \"ref('b')\"}]}, name: deep}\n"
            ),
            "tests/generic/above.sql": (
                "{% test above(model, column_name, low) %}"
                "select * from {{ model }} where {{ column_name }} <= {{ low }}{% endtest %}"
            ),
        },
    )
    by_name = {node.name: node for node in project.nodes.values()}
    called = ("macro.shop.test_above", "macro.dbt.get_where_subquery")
    assert {name: by_name[name].macros for name in ("plain", "templated")} == {
        "plain": called,
        "templated": called,
    }
    assert by_name["plain"].parents == by_name["templated"].parents == ("model.shop.a",)
    assert set(by_name["referring"].parents) == {"model.shop.a", "model.shop.b"}
    assert set(by_name["deep"].parents) == {"model.shop.a", "model.shop.b"}


def test_a_generic_test_keeps_its_config_beside_that_of_its_macro(tmp_path):
    """Its name is too long for a relation, so that its template sets an alias; its macro sets more."""
    name = "counted_" + "x" * 60
    project = load(
        tmp_path,
        {
            "models/a.sql": "select 1 as id",
            "models/b.sql": "select 1 as id",
            "models/s.yml": (
                "models:\n- name: a\n  data_tests:\n"
                f"  - {name}: {{arguments: {{other: ref('b')}}, config: {{where: 'id > 0', warn_if: '> 3'}}}}\n"
            ),
            "tests/generic/counted.sql": (
                f"{{% test {name}(model, other) %}}{{{{ config(fail_calc='sum(n)') }}}}"
                "select 1 as n from {{ model }}, {{ other }}{% endtest %}"
            ),
        },
    )
    (test,) = [node for node in project.nodes.values() if node.resource_type == "test"]
    assert {key: test.config[key] for key in ("fail_calc", "where", "warn_if")} == {
        "fail_calc": "sum(n)",
        "where": "id > 0",
        "warn_if": "> 3",
    }
    assert test.config["alias"].startswith("counted_xxx")
    assert len(test.relation.identifier) == 63
    assert set(test.parents) == {"model.shop.a", "model.shop.b"}


@pytest.mark.parametrize(
    ("value", "parents"),
    [("{{ 5 if target.type == 'duckdb' else 4 }}", ()), ("{{ ref('b') }}", ("model.shop.b",))],
)
def test_a_var_that_is_a_template_leads_where_it_refers(tmp_path, value, parents):
    project = load(
        tmp_path,
        {
            "models/a.sql": "select '{{ var('given') }}' as id",
            "models/b.sql": "select 1 as id",
            "dbt_project.yml": f'{PROJECT}vars:\n  given: "{value}"\n',
        },
    )
    assert project.nodes["model.shop.a"].parents == parents


def test_a_cycle_is_named_as_a_path(tmp_path):
    (found,) = mistakes(
        tmp_path,
        {
            "models/a.sql": "select * from {{ ref('b') }}",
            "models/b.sql": "select * from {{ ref('c') }}",
            "models/c.sql": "select * from {{ ref('a') }}",
        },
    )
    for name in ("a", "b", "c"):
        assert f"{name} -> " in found or f"-> {name}" in found


def test_two_models_for_one_relation(tmp_path):
    (found,) = mistakes(
        tmp_path, {"models/a.sql": "{{ config(alias='x') }} select 1 as i", "models/x.sql": "select 1 as i"}
    )
    assert "would both stand at shop.main.x" in found


CASES = {"models/a.sql": "select 1 as i", "models/b.sql": "{{ config(alias='A') }} select 1 as i"}
SERVER = "host: h, user: u, password: p, dbname: shop, schema: main"


@pytest.mark.parametrize(
    ("kind", "quoting", "clashes"),
    [
        ("type: duckdb, path: shop.duckdb", "{}", True),
        (f"type: postgres, {SERVER}", "{}", False),
        (f"type: postgres, {SERVER}", "{identifier: false}", True),
    ],
)
def test_two_names_that_differ_in_letter_case_are_one_where_the_engine_folds_them(tmp_path, kind, quoting, clashes):
    profile = f"shop:\n  target: dev\n  outputs:\n    dev: {{{kind}}}\n"
    project = PROJECT + f"profile: shop\nquoting: {quoting}\n"
    files = {**CASES, "dbt_project.yml": project, "profiles.yml": profile}
    if clashes:
        (found,) = mistakes(tmp_path, files)
        assert "would both stand at" in found
    else:
        assert {str(node.relation) for node in load(tmp_path, files).nodes.values()} == {"shop.main.a", "shop.main.A"}


def test_a_private_model_is_not_for_others(tmp_path):
    (found,) = mistakes(
        tmp_path,
        {
            "models/a.sql": "select 1 as i",
            "models/b.sql": "select * from {{ ref('a') }}",
            "models/s.yml": (
                "groups:\n  - name: finance\n    owner: {name: F}\n"
                "models:\n  - name: a\n    config: {access: private, group: finance}\n"
            ),
        },
    )
    assert "private to group `finance`" in found


def test_an_unchanged_project_comes_from_the_cache(tmp_path):
    files = {"models/a.sql": "{{ config(tags=['t']) }} select 1 as id", "seeds/s.csv": "a\n1\n"}
    first = Project.load(write(tmp_path, files), environ={})
    again = Project.load(tmp_path, environ={})
    assert first.opened.fresh
    assert not again.opened.fresh
    assert again.resources.nodes == first.resources.nodes
    (tmp_path / "models/a.sql").write_text("select 2 as id")
    assert Project.load(tmp_path, environ={}).opened.fresh


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"key":"x"}\n{}', b"\x80\x04", b"null\n"])
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    files = {"models/a.sql": "select 1 as id"}
    first = Project.load(write(tmp_path, files), environ={})
    for path in (tmp_path / "target" / "cache").glob("*.json"):
        path.write_bytes(damage)
    again = Project.load(tmp_path, environ={})
    assert again.resources.nodes == first.resources.nodes


def test_a_cut_cache_is_made_again(tmp_path):
    first = Project.load(write(tmp_path, {"models/a.sql": "select 1 as id"}), environ={})
    for path in (tmp_path / "target" / "cache").glob("project-*.json"):
        path.write_bytes(path.read_bytes()[:-20])
    assert Project.load(tmp_path, environ={}).resources.nodes == first.resources.nodes


def test_an_environment_variable_that_is_read_makes_another_project(tmp_path):
    files = {"models/a.sql": "{{ config(alias=env_var('ALIAS')) }} select 1 as id"}
    one = Project.load(write(tmp_path, files), environ={"ALIAS": "one", "OTHER": "1"})
    same = Project.load(tmp_path, environ={"ALIAS": "one", "OTHER": "2"})
    two = Project.load(tmp_path, environ={"ALIAS": "two"})
    assert not same.opened.fresh
    assert [str(p.resources.nodes["model.shop.a"].relation) for p in (one, two)] == ["shop.main.one", "shop.main.two"]


def test_dates_in_yaml_survive(tmp_path):
    files = {
        "dbt_project.yml": PROJECT + "vars:\n  day: 2013-06-30\n",
        "models/a.sql": "select '{{ var('day').strftime('%d') }}' as d",
    }
    for _ in range(2):
        project = Project.load(write(tmp_path, files), environ={})
    assert project.resources.settings.vars["day"].day == 30
