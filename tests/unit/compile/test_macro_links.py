"""Which macros nodes and macros use, and the vars and semantic parents that settling finds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from eltbuild import Project
from eltbuild.compile.dbt.sets import FixedSet
from eltbuild.compile.macro_index import MacroIndex
from eltbuild.compile.macro_links import when_executing

MACROS = """
{% macro outer(x='') %}{{ adapter.dispatch('inner', 'shop')() }}{% endmacro %}
{% macro default__inner() %}{{ dbt.type_string() }}{% endmacro %}
{% macro argument() %}1{% endmacro %}
{% test mine(model) %}select 1 from {{ model }} where {{ argument() }} = 2{% endtest %}
"""


def load(root: Path, files: Mapping[str, str]):
    for path, text in {"dbt_project.yml": "name: shop\nversion: '1.0'\n", "macros/m.sql": MACROS, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Project.load(root, environ={}).resources


def used(root: Path, sql: str) -> tuple[str, ...]:
    return load(root, {"models/a.sql": sql}).nodes["model.shop.a"].macros


def test_only_what_the_text_itself_calls_is_noted(tmp_path):
    assert used(tmp_path, "select {{ outer() }} as a") == ("macro.shop.outer",)


def test_arguments_come_before_the_call(tmp_path):
    assert used(tmp_path, "select {{ outer(argument()) }} as a") == ("macro.shop.argument", "macro.shop.outer")


def test_built_in_macros_have_ids_too(tmp_path):
    sql = "select {{ dbt.type_string() }} as a {% if is_incremental() %}where {{ argument() }} = 1{% endif %}"
    assert used(tmp_path, sql) == ("macro.dbt.type_string", "macro.dbt.is_incremental")


def test_a_branch_that_is_not_taken_is_noted_only_for_the_run(tmp_path):
    project = load(tmp_path, {"models/a.sql": "{% if execute %}{{ outer() }}{% endif %} select 1 as a"})
    node = project.nodes["model.shop.a"]
    assert node.macros == ()
    assert when_executing(node, MacroIndex.of(project)) == ("macro.shop.outer",)


def test_macros_of_hooks_are_noted(tmp_path):
    sql = "{{ config(post_hook='{{ outer() }}') }} select 1 as a"
    assert used(tmp_path, sql) == ("macro.shop.outer",)


def test_macros_of_tests(tmp_path):
    yaml = "models: [{name: a, columns: [{name: a, data_tests: [unique, {accepted_values: {values: [1]}}]}], data_tests: [mine]}]"
    nodes = load(tmp_path, {"models/a.sql": "select 1 as a", "models/a.yml": yaml}).nodes
    found = {node.name: node.macros for node in nodes.values() if node.test is not None}
    assert found == {
        "unique_a_a": ("macro.dbt.test_unique",),
        "accepted_values_a_a__1": ("macro.dbt.test_accepted_values", "macro.dbt.get_where_subquery"),
        "mine_a_": ("macro.shop.test_mine", "macro.dbt.get_where_subquery"),
    }


def test_macros_of_macros(tmp_path):
    macros = load(tmp_path, {}).macros
    assert macros["macro.shop.outer"].macros == ("macro.shop.default__inner",)
    assert macros["macro.shop.default__inner"].macros == ("macro.dbt.type_string",)


def test_a_var_that_is_a_template_makes_a_parent(tmp_path):
    project_file = "name: shop\nvars: {table: \"{{ ref('b') }}\"}\n"
    files = {
        "dbt_project.yml": project_file,
        "models/a.sql": "select * from {{ var('table') }}",
        "models/b.sql": "select 1 as b",
    }
    assert load(tmp_path, files).nodes["model.shop.a"].parents == ("model.shop.b",)


def test_metrics_stand_on_semantic_models_and_metrics(tmp_path):
    yaml = """
semantic_models:
  - name: sem
    model: ref('a')
    entities: [{name: id, type: primary}]
    measures: [{name: n, agg: count, expr: "1"}]
    dimensions: [{name: day, type: time, type_params: {time_granularity: day}}]
    defaults: {agg_time_dimension: day}
metrics:
  - {name: m, label: M, type: simple, type_params: {measure: {name: n}}}
  - {name: r, label: R, type: ratio, type_params: {numerator: m, denominator: {name: m2}}}
  - {name: m2, label: M2, type: simple, type_params: {measure: n}}
saved_queries: [{name: q, query_params: {metrics: [r, m]}}]
"""
    found = load(tmp_path, {"models/a.sql": "select 1 as id", "models/a.yml": yaml}).unmanaged
    assert {id: item.parents for id, item in found.items()} == {
        "semantic_model.shop.sem": ("model.shop.a",),
        "metric.shop.m": ("semantic_model.shop.sem",),
        "metric.shop.m2": ("semantic_model.shop.sem",),
        "metric.shop.r": ("metric.shop.m", "metric.shop.m2"),
        "saved_query.shop.q": ("metric.shop.r", "metric.shop.m"),
    }


def test_sources_come_before_models_among_the_parents(tmp_path):
    files = {
        "models/a.sql": "select 1 as a",
        "models/b.sql": "select * from {{ ref('a') }}, {{ source('raw', 't') }}",
        "models/s.yml": "sources: [{name: raw, tables: [{name: t}]}]",
    }
    assert load(tmp_path, files).nodes["model.shop.b"].parents == ("source.shop.raw.t", "model.shop.a")


def test_tests_of_a_source_have_the_tags_beside_its_config_only(tmp_path):
    yaml = """
sources:
  - name: raw
    tags: [top]
    config: {tags: [inner]}
    tables: [{name: t, tags: [table], config: {tags: [inside]}, columns: [{name: id, data_tests: [unique]}]}]
"""
    project = load(tmp_path, {"models/s.yml": yaml})
    assert [node.tags for node in project.nodes.values()] == [("top", "table")]
    assert set(project.sources["source.shop.raw.t"].tags) == {"top", "inner", "table", "inside"}


def test_a_set_has_one_order_and_stays_a_set():
    one, two = FixedSet(["b", "a", "c"]), FixedSet(["c", "b", "a"])
    assert list(one) == list(two)
    assert str(one) == str(two)
    assert list(one | {"d"}) == list({"d"} | two) == list(FixedSet("dcba"))
    assert (one & {"a", "b"}) == {"a", "b"}
    assert one.pop() in two
    assert str(FixedSet()) == "set()"


def test_the_macros_of_the_language_are_found_in_dbts_namespace(tmp_path):
    sql = "select 1 as a {% if dbt.is_incremental() %}{% do dbt.run_query('select 1') %}{% endif %}"
    assert used(tmp_path, sql) == ("macro.dbt.is_incremental",)
