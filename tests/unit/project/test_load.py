from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from eltbuild.adapter import Target
from eltbuild.errors import ProjectError
from eltbuild.project.load import load
from eltbuild.project.names import base_names, with_target
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, Source
from eltbuild.project.settings import load_settings
from eltbuild.relation import Relation

FIXTURES = Path(__file__).parents[2] / "fixtures/project"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FIXTURES / "shop.json").read_text("utf-8"))
"""What dbt 1.12.6 wrote into its manifest for the project in `shop`."""

Load = Callable[..., Project]


def load_project(root: Path, cache: Path | None = None, vars: Mapping[str, Any] | None = None) -> Project:
    target = Target(profile="shop", name="dev", type="duckdb", database="w", schema="main")
    names = with_target(base_names({}, vars or {}, secrets_allowed=False), target)
    settings, _ = load_settings(root, names=names)
    return load(root, settings=settings, target=target, vars=vars or {}, environment={}, cache=cache)


def write(root: Path, files: Mapping[str, str]) -> Path:
    for path, text in {"dbt_project.yml": "name: p\n", **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8", newline="")
    return root


@pytest.fixture
def project(tmp_path: Path) -> Load:
    """Loads a project of the given files."""
    return lambda files, **options: load_project(write(tmp_path, files), **options)


def errors(load_: Load, files: Mapping[str, str]) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        load_(files)
    return [f"{problem.place} {problem.message}" for problem in caught.value.problems if problem.severity == "error"]


# Against dbt -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("shop")
    shutil.copytree(FIXTURES / "shop", root, dirs_exist_ok=True)
    (root / "dbt_packages").mkdir()
    shutil.move(root / "localpkg", root / "dbt_packages/localpkg")
    return load_project(root)


OFF = {"test.shop.unique_off_model_id.463dcaebfa", "test.shop.unique_nope_missing_id.490088a1cc"}
"""Tests of what is disabled or missing: dbt keeps them among the enabled ones, but runs none of them."""


def test_the_same_resources_as_dbt(shop: Project) -> None:
    assert shop.nodes.keys() == EXPECTED["nodes"].keys() - OFF
    assert {item.id for item in shop.disabled} == EXPECTED["disabled"].keys() | OFF
    for kind in ("sources", "exposures", "unit_tests", "macros", "docs", "groups"):
        assert getattr(shop, kind).keys() == set(EXPECTED[kind])


IDS = sorted(EXPECTED["nodes"].keys() | {id for id, node in EXPECTED["disabled"].items() if node})


@pytest.mark.parametrize("id", IDS)
def test_a_node_is_what_dbt_makes_of_it(shop: Project, id: str) -> None:
    wanted = EXPECTED["nodes"].get(id) or EXPECTED["disabled"][id]
    node = shop.nodes.get(id) or next(item for item in shop.disabled if item.id == id)
    assert isinstance(node, Node)
    assert node.name == wanted["name"]
    assert node.package == wanted["package_name"]
    assert node.path == wanted["path"]
    assert node.original_path == wanted["original_file_path"].removeprefix("./")
    assert list(node.fqn) == wanted["fqn"]
    assert node.description == wanted["description"]
    assert node.code == wanted["raw_code"]
    assert node.patch_path == wanted["patch_path"]
    assert sorted(node.tags) == wanted["tags"]
    assert node.group == wanted["group"]
    assert node.version == wanted.get("version")
    assert node.latest_version == wanted.get("latest_version")
    assert [[ref.package, ref.name, ref.version] for ref in node.refs] == wanted["refs"]
    assert [[ref.source, ref.table] for ref in node.source_refs] == wanted["sources"]
    if node.resource_type != "operation":
        assert node.checksum == wanted["checksum"]
    if wanted.get("primary_key"):
        assert sorted(node.primary_key) == wanted["primary_key"]


DEFAULTS = {
    "enabled": True, "severity": "ERROR", "warn_if": "!= 0", "error_if": "!= 0", "fail_calc": "count(*)",
    "access": "protected", "materialized": None, "schema": "dbt_test__audit", "store_failures_as": None,
}  # fmt: skip


# The config of one depends on a variable, which only rendering can tell.
@pytest.mark.parametrize("id", [id for id in IDS if id != "snapshot.shop.snap_b"])
def test_the_config_is_the_one_of_dbt(shop: Project, id: str) -> None:
    wanted = EXPECTED["nodes"].get(id) or EXPECTED["disabled"][id]
    node = shop.nodes.get(id) or next(item for item in shop.disabled if item.id == id)
    for key, value in wanted["config"].items():
        if key == "enabled" and node.config.get(key, True) is not value:
            assert id in OFF  # dbt writes it into the config of tests that hang on what is disabled
            continue
        if (id, key) == ("model.shop.dim.v3", "access"):
            continue  # dbt 1.12 forgets the access of a version, which its documentation promises
        found = node.config.get(key, DEFAULTS.get(key))
        assert found == value or (key not in node.config and DEFAULTS.get(key, 0) is None), key


@pytest.mark.parametrize("id", [id for id in IDS if EXPECTED["nodes"].get(id, {}).get("columns")])
def test_columns_are_those_of_dbt(shop: Project, id: str) -> None:
    node = shop.nodes[id]
    assert {
        name: {
            "description": spec.description,
            "data_type": spec.data_type,
            "meta": spec.meta,
            "tags": sorted(spec.tags),
        }
        for name, spec in node.columns.items()
    } == EXPECTED["nodes"][id]["columns"]


@pytest.mark.parametrize("id", [id for id in IDS if EXPECTED["nodes"].get(id, {}).get("test")])
def test_what_a_test_tests_is_what_dbt_says(shop: Project, id: str) -> None:
    node = shop.nodes.get(id) or next(item for item in shop.disabled if item.id == id)
    assert isinstance(node, Node)
    assert node.test is not None
    wanted = EXPECTED["nodes"][id]["test"]
    assert node.test.name == wanted["name"]
    assert node.test.namespace == wanted["namespace"]
    assert node.test.kwargs == wanted["kwargs"]
    assert node.test.column_name == wanted["column_name"]
    assert node.test.attached_to == wanted["attached_node"]
    assert node.test.file_key == wanted["file_key_name"]


@pytest.mark.parametrize("id", EXPECTED["sources"])
def test_a_source_is_what_dbt_makes_of_it(shop: Project, id: str) -> None:
    wanted, source = EXPECTED["sources"][id], shop.sources[id]
    assert source.relation == Relation(wanted["database"], wanted["schema"], wanted["identifier"])
    assert list(source.fqn) == wanted["fqn"]
    assert sorted(source.tags) == wanted["tags"]
    for key in ("name", "source_name", "path", "description", "source_description", "loader", "identifier", "meta"):
        assert getattr(source, key) == wanted[key]
    for key in ("source_meta", "unrendered_database", "unrendered_schema", "loaded_at_query"):
        assert getattr(source, key) == wanted[key]


def test_exposures_unit_tests_macros_and_docs(shop: Project) -> None:
    (exposure,) = shop.exposures.values()
    for key, value in EXPECTED["exposures"][exposure.id].items():
        found = exposure.config["meta"] if key == "meta" else getattr(exposure, key)
        assert (list(found) if isinstance(found, tuple) else found) == value, key
    for id, wanted in EXPECTED["unit_tests"].items():
        test = shop.unit_tests[id]
        assert [test.name, test.model, test.path, list(test.fqn), test.description, test.version] == [
            wanted[key] for key in ("name", "model", "path", "fqn", "description", "version")
        ]
        assert [rows["rows"] for rows in test.given] == [rows["rows"] for rows in wanted["given"]]
        assert test.expect["rows"] == wanted["expect"]["rows"]
    for id, wanted in EXPECTED["macros"].items():
        macro = shop.macros[id]
        assert [macro.key, macro.path, macro.description, macro.text, macro.meta, macro.patch_path] == [
            wanted[key] for key in ("name", "path", "description", "macro_sql", "meta", "patch_path")
        ]
    for id, wanted in EXPECTED["docs"].items():
        assert [shop.docs[id].name, shop.docs[id].path, shop.docs[id].text] == [
            wanted[key] for key in ("name", "path", "block_contents")
        ]


def test_arguments_are_told_of_what_lies_in_macro_folders(project: Load) -> None:
    text = "{% test odd(model, column_name) %}select 1{% endtest %}"
    told = {"macros/odd.sql": text, "tests/generic/even.sql": text.replace("odd", "even")}
    described = "macros: [{name: test_even, arguments: [{name: model}]}]"
    macros = project({**told, "macros/m.yml": described}).macros
    assert [one["name"] for one in macros["macro.p.test_odd"].arguments] == ["model", "column_name"]
    assert [one["name"] for one in macros["macro.p.test_even"].arguments] == ["model"]
    assert not project({"macros/m.yml": ""}).macros["macro.p.test_even"].arguments


def test_entries_for_nothing_are_warnings(shop: Project) -> None:
    told = [problem for problem in shop.problems if problem.name == "NoNodeForYamlKey"]
    assert [problem.message for problem in told] == [
        "`nope_missing` is described here, but there is no model of that name"
    ]


# By hand -----------------------------------------------------------------------------------------------------


def test_an_empty_project_loads(project: Load) -> None:
    loaded = project({})
    assert (loaded.nodes, loaded.sources, loaded.problems) == ({}, {}, ())


def test_places_of_refs_and_code(project: Load) -> None:
    loaded = project(
        {
            "models/a.sql": "\n\n  select * from {{ ref('b') }}\n\njoin {{ source('s',\n't') }}\n",
            "snapshots/s.sql": "\n{% snapshot s %}\n{{ config(strategy='check') }}\n"
            "select {{ ref('a') }}{% endsnapshot %}\n",
        }
    )
    model, snapshot = loaded.nodes["model.p.a"], loaded.nodes["snapshot.p.s"]
    assert model.line == 3
    assert model.code.startswith("select")
    assert [str(ref.place) for ref in model.refs] == ["models/a.sql:3:20"]
    assert [str(ref.place) for ref in model.source_refs] == ["models/a.sql:5:9"]
    assert snapshot.line == 2
    assert str(snapshot.refs[0].place) == "snapshots/s.sql:4:11"
    assert snapshot.fqn == ("p", "s", "s")


def test_checksums_do_not_see_blanks(project: Load) -> None:
    one = project({"models/a.sql": "select\r\n\t1  as a\n", "seeds/s.csv": "a\r\n1\r\n"})
    two = project({"models/a.sql": " select 1 as a", "seeds/s.csv": "a\n1"})
    assert one.nodes["model.p.a"].checksum == two.nodes["model.p.a"].checksum
    assert one.nodes["seed.p.s"].checksum == two.nodes["seed.p.s"].checksum
    three = project({"models/a.sql": "select 1 as b"})
    assert three.nodes["model.p.a"].checksum != one.nodes["model.p.a"].checksum


def test_seeds_of_all_kinds_even_large_ones(project: Load, tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds/large.csv").write_text("a\n" + "1\n" * 600_000)
    (tmp_path / "seeds/table.parquet").write_bytes(b"PAR1\xff\x00")
    (tmp_path / "seeds/latin.csv").write_bytes(b"a\n\xe9\n")
    loaded = project({"seeds/x.json": "[]"})
    assert {node.name for node in loaded.nodes.values()} == {"large", "table", "latin", "x"}
    assert all(node.checksum for node in loaded.nodes.values())


def test_enabled_by_a_variable_in_the_file(project: Load) -> None:
    files = {
        "models/a.sql": "{{ config(enabled=var('use_a', false)) }}select 1 {% if x is defined %}{% endif %}",
        "models/b.sql": "{{ config(enabled=some_macro()) }}select 1",
        "models/s.yml": "models: [{name: a, columns: [{name: id, data_tests: [unique]}]}]",
    }
    loaded = project(files)
    assert {item.name for item in loaded.disabled} == {"a", "unique_a_id"}
    assert loaded.nodes.keys() == {"model.p.b"}
    assert "model.p.a" in project(files, vars={"use_a": True}).nodes


def test_two_of_one_name_where_one_is_disabled(project: Load) -> None:
    loaded = project({"models/x/a.sql": "{{ config(enabled=false) }}", "models/y/a.sql": "select 1"})
    assert [node.path for node in loaded.nodes.values()] == ["y/a.sql"]
    assert [item.path for item in loaded.disabled] == ["x/a.sql"]


PACKAGE = {
    "dbt_packages/q/dbt_project.yml": "name: q\nvars: {v: own, w: own}\nseeds: {+enabled: \"{{ var('use', false) }}\"}",
    "dbt_packages/q/models/m.sql": "select 1",
    "dbt_packages/q/seeds/exceptions.csv": "a\n",
    "dbt_packages/q/seeds/s.yml": """
seeds: [{name: exceptions, description: of q, columns: [{name: a, data_tests: [unique]}]}]
""",
    "dbt_packages/q/models/s.yml": """
models: [{name: m, config: {meta: {v: "{{ var('v') }}", w: "{{ var('w') }}"}}}]
""",
}


def test_packages_have_their_own_variables_unless_the_project_says_otherwise(project: Load) -> None:
    loaded = project({"dbt_project.yml": "name: p\nvars: {q: {w: for_q}}\n", **PACKAGE})
    assert loaded.nodes["model.q.m"].config["meta"] == {"v": "own", "w": "for_q"}
    assert list(loaded.packages) == ["p", "q"]
    assert loaded.nodes["model.q.m"].root == "dbt_packages/q"
    assert str(loaded.nodes["model.q.m"].place) == "dbt_packages/q/models/m.sql"


def test_a_seed_in_place_of_a_disabled_one_of_a_package_inherits_its_description(project: Load) -> None:
    loaded = project({"seeds/exceptions.csv": "a\n1\n", **PACKAGE})
    seed = loaded.nodes["seed.p.exceptions"]
    assert (seed.description, seed.patch_path) == ("of q", "q://seeds/s.yml")
    (test,) = [node for node in loaded.nodes.values() if node.resource_type == "test"]
    assert test.test is not None
    assert test.test.attached_to == "seed.p.exceptions"


def test_a_source_table_inherits_and_overrides(project: Load) -> None:
    loaded = project(
        {
            "models/s.yml": """
sources:
  - name: s
    freshness: {warn_after: {count: 1, period: day}, filter: f}
    loaded_at_field: ts
    quoting: {schema: true}
    tables:
      - name: a
      - {name: b, freshness: null}
      - {name: c, freshness: {error_after: {count: 2, period: hour}}, loaded_at_query: q, quoting: {identifier: true}}
      - {name: d, freshness: {warn_after: {count: 2}}}
"""
        }
    )
    a, b, c, d = (loaded.sources[f"source.p.s.{name}"] for name in "abcd")
    assert a.freshness == {"warn_after": {"count": 1, "period": "day"}, "filter": "f"}
    assert a.relation == Relation("w", "s", "a")
    assert b.freshness is None
    assert c.freshness == {**a.freshness, "error_after": {"count": 2, "period": "hour"}}
    assert (c.loaded_at_field, c.loaded_at_query) == (None, "q")
    assert c.quoting == {"schema": True, "identifier": True}
    assert d.freshness == a.freshness, "half a rule replaces none"
    assert isinstance(d, Source)


def test_hooks_become_operations(project: Load) -> None:
    hooks = 'name: p\non-run-start: "select 1"\non-run-end: ["{{ m() }}", "select {{ ref(\'a\') }}"]\n'
    loaded = project({"dbt_project.yml": hooks, "models/a.sql": "select 1"})
    start, first, second = (
        loaded.nodes[f"operation.p.p-{name}"] for name in ("on-run-start-0", "on-run-end-0", "on-run-end-1")
    )
    assert (start.code, start.tags, start.fqn) == ("select 1", ("on-run-start",), ("p", "hooks", "p-on-run-start-0"))
    assert first.macro_names == ("m",)
    assert [ref.name for ref in second.refs] == ["a"]


def test_test_config_is_rendered_with_variables(project: Load) -> None:
    loaded = project(
        {
            "dbt_project.yml": "name: p\nvars: {n: 5, days: 3}\n",
            "models/a.sql": "select 1",
            "models/s.yml": "models: [{name: a, data_tests: [{unique: {column_name: i, "
            "where: \"d > {{ var('days') }}\", limit: \"{{ var('n') }}\"}}]}]",
        }
    )
    test = loaded.nodes[next(id for id in loaded.nodes if id.startswith("test."))]
    assert (test.config["where"], test.config["limit"]) == ("d > 3", 5)
    assert test.complete


@pytest.mark.parametrize(
    ("argument", "refs", "complete"),
    [
        ("ref('b')", ["b", "a"], True),
        ("{{ ref('b', v=2) }}", ["b", "a"], True),
        ("source('s', 't')", ["a"], True),
        ("plain", ["a"], True),
        ("{{ ref(var('x')) }}", ["a"], False),
        ("{{ a_macro() }}", ["a"], False),
    ],
)
def test_arguments_of_built_in_tests_tell_their_refs(
    project: Load, argument: str, refs: list[str], complete: bool
) -> None:
    loaded = project(
        {
            "models/a.sql": "select 1",
            "models/s.yml": f'models: [{{name: a, data_tests: [{{relationships: {{field: i, to: "{argument}"}}}}]}}]',
        }
    )
    (test,) = [node for node in loaded.nodes.values() if node.resource_type == "test"]
    assert [ref.name for ref in test.refs] == refs
    assert test.complete is complete


def test_other_tests_are_not_complete(project: Load) -> None:
    loaded = project({"models/a.sql": "select 1", "models/s.yml": "models: [{name: a, data_tests: [mine]}]"})
    assert [node.complete for node in loaded.nodes.values() if node.resource_type == "test"] == [False]


def test_described_in_the_wrong_section_the_tests_hold(project: Load) -> None:
    loaded = project(
        {
            "seeds/q.csv": "id\n",
            "models/s.yml": "models: [{name: q, description: d, columns: [{name: id, tests: [unique]}]}]",
        }
    )
    assert loaded.nodes["seed.p.q"].description == ""
    assert "test.p.unique_q_id" in {id.rpartition(".")[0] for id in loaded.nodes}
    (warning,) = loaded.problems
    assert (warning.name, warning.hint) == (
        "WrongResourceSchemaFile",
        "there is a seed of that name: describe it under `seeds:`",
    )


def test_a_description_shows_docs_blocks(project: Load) -> None:
    files = {
        "models/d.md": "{% docs x %} **bold** {% raw %}{{ jinja }}{% endraw %}{{ nothing }} {% enddocs %}",
        "models/a.sql": "select 1",
        "models/s.yml": "models: [{name: a, description: \"1 {{ doc('x') }} 2 {{ doc('p', 'x') }} {{ var('n') }}\"}]",
    }
    loaded = project(files, vars={"n": 3})
    assert loaded.nodes["model.p.a"].description == "1 **bold** {{ jinja }} 2 **bold** {{ jinja }} 3"


# What is wrong -----------------------------------------------------------------------------------------------

A = {"models/a.sql": "select 1"}
WRONG: list[tuple[Mapping[str, str], list[str]]] = [
    ({**A, "models/x/a.sql": ""}, ["models/x/a.sql model `a` exists twice in package `p`"]),
    ({"tests/x/q.sql": "", "tests/y/q.sql": ""}, ["tests/y/q.sql test `q` exists twice in package `p`"]),
    ({"macros/a.sql": "{% macro m() %}{% endmacro %}", "macros/b.sql": "\n{% macro m() %}{% endmacro %}"},
     ["macros/b.sql:2 macro `m` exists twice"]),
    ({"models/a.md": "{% docs x %}{% enddocs %}", "models/b.md": "{% docs x %}{% enddocs %}"},
     ["models/b.md:1 the docs block `x` exists twice"]),
    ({**A, "models/s.yml": "models: [{name: a}, {name: a}]"}, ["models/s.yml:1:21 model `a` is described twice"]),
    ({"models/s.yml": "sources: [{name: s, tables: [{name: t}, {name: t}]}]"},
     ["models/s.yml:1:41 source `s.t` exists twice"]),
    ({"models/s.yml": "exposures: [{name: e, type: ml, owner: {name: n}}]",
      "models/t.yml": "exposures: [{name: e, type: ml, owner: {name: n}}]"},
     ["models/t.yml:1:13 exposure `e` exists twice"]),
    ({"models/s.yml": "groups: [{name: g, owner: {name: n}}, {name: g, owner: {name: n}}]"},
     ["models/s.yml:1:39 group `g` exists twice"]),
    ({**A, "models/s.yml": "models: [{name: a, columns: [{name: i, tests: [unique, unique]}]}]"},
     ["models/s.yml:1:56 data test `unique_a_i` is written twice"]),
    ({**A, "models/s.yml": "models: [{name: a, data_tests: [{x: {name: a b}}]}]"},
     ["models/s.yml:1:33 the name of data test `a b` holds a space"]),
    ({"models/a b.sql": ""}, ["models/a b.sql the name of model `a b` holds a space"]),
    ({**A, "models/s.yml": "models: [{name: a, group: g}]"},
     ["models/s.yml:1:10 model `a` belongs to group `g`, which was not found"]),
    ({**A, "models/s.yml": "models: [{name: a, description: \"{{ doc('x') }}\"}]"},
     ["models/s.yml:1:10 the description refers to docs block `x`, which was not found"]),
    ({**A, "models/s.yml": "models: [{name: a, config: {tags: \"{{ var('x') }}\"}}]"},
     ["models/s.yml:1:29 Required var 'x' not found"]),
    ({"snapshots/s.yml": "snapshots: [{name: s, relation: a}]"},
     ["snapshots/s.yml:1:13 `relation` of snapshot `s` is `a`, which is no ref or source"]),
    ({"models/s.yml": "exposures: [{name: e, type: ml, owner: {name: n}, depends_on: [a]}]"},
     ["models/s.yml:1 exposure `e` depends on `a`, which is no ref, source or metric"]),
    ({**A, "models/s.yml": "unit_tests: [{name: u, model: a, expect: {format: csv, fixture: f}}]"},
     ["models/s.yml:1:14 File not found for fixture 'f' in unit tests: `u` names it, as csv"]),
    ({**A, "models/s.yml": "unit_tests: [{name: u, model: a, expect: {format: csv, rows: \"a\\n1,2\"}}]"},
     ["models/s.yml:1:14 row 1 of unit test `u` has 2 fields, its head has 1"]),
    ({"models/m.py": "def model(dbt): return 1\n"},
     ["models/m.py:1:1 the function `model` takes two parameters"]),
    ({"snapshots/s.sql": "{% snapshot s %}select 1"}, ["snapshots/s.sql:1:1 the snapshot block is not closed"]),
    ({"dbt_packages/x/dbt_project.yml": "name: p\n"},
     ["dbt_packages/x/dbt_project.yml there are two packages named `p`"]),
]  # fmt: skip


@pytest.mark.parametrize(("files", "wanted"), WRONG, ids=[wanted[0] for _, wanted in WRONG])
def test_what_is_wrong_is_told_with_its_place(project: Load, files: Mapping[str, str], wanted: list[str]) -> None:
    assert errors(project, files) == wanted


def test_problems_of_all_files_come_together_in_order(project: Load) -> None:
    found = errors(
        project,
        {
            "models/b.sql": "{{ ref( }}",
            "models/a.yml": "models: [{name: 1}]\nseeds: 3\n",
            "macros/m.sql": "{% macro m( %}{% endmacro %}",
            "dbt_packages/x/dbt_project.yml": "nome: x\n",
        },
    )
    assert [place.split(" ")[0].split(":")[0] for place in found] == [
        "dbt_packages/x/dbt_project.yml",
        "macros/m.sql",
        "models/a.yml",
        "models/a.yml",
        "models/b.sql",
    ]


def test_a_seed_and_a_model_of_one_name_are_a_warning(project: Load) -> None:
    loaded = project({**A, "seeds/a.csv": "i\n"})
    assert [problem.name for problem in loaded.problems] == ["DuplicateNameDistinctNodeTypesDeprecation"]


def test_warnings_of_packages_are_not_told(project: Load) -> None:
    described = "modles: []\nmacros: [{name: m, arguments: [{name: nme}]}]\nmodels: [{name: a, config: {colour: 1}}]"
    files = {"models/a.sql": "", "macros/m.sql": "{% macro m(name) %}{% endmacro %}", "models/s.yml": described}
    package = {f"dbt_packages/q/{path}": text for path, text in {"dbt_project.yml": "name: q", **files}.items()}
    assert project(package).problems == ()
    loaded = project(files)
    assert [problem.name for problem in loaded.problems] == [
        "CustomTopLevelKeyDeprecation",
        "InvalidMacroAnnotation",
        "CustomKeyInConfigDeprecation",
    ]


# The cache ---------------------------------------------------------------------------------------------------


def test_with_a_cache_the_project_is_the_same(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    shutil.copytree(FIXTURES / "shop", root)
    cold = load_project(root)
    assert load_project(root, tmp_path / "cache") == cold
    written = {path.name: path.read_bytes() for path in (tmp_path / "cache").iterdir()}
    assert written.keys() == {
        "blocks.json",
        "docs.json",
        "mentions.json",
        "macros.json",
        "properties.json",
        "python.json",
    }
    assert load_project(root, tmp_path / "cache") == cold
    assert {path.name: path.read_bytes() for path in (tmp_path / "cache").iterdir()} == written


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"models/a.sql": "select {{ ref('b') }}"})
    load_project(root, tmp_path / "cache")
    write(root, {"models/a.sql": "select {{ ref('c') }}"})
    loaded = load_project(root, tmp_path / "cache")
    assert [ref.name for ref in loaded.nodes["model.p.a"].refs] == ["c"]


def test_problems_are_told_again_with_a_cache(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"models/s.yml": "modles: []\n", "models/t.yml": "modles: []\n"})
    first = load_project(root, tmp_path / "cache").problems
    assert [str(problem.place) for problem in first] == ["models/s.yml:1:1", "models/t.yml:1:1"]
    assert load_project(root, tmp_path / "cache").problems == first


def test_the_cache_of_another_folder_is_no_business_of_the_project(tmp_path: Path) -> None:
    root = write(tmp_path / "p", A)
    (tmp_path / "cache").write_text("a file where the folder would be")
    (warning,) = load_project(root, tmp_path / "cache").problems
    assert warning.severity == "warning"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind")
def test_a_file_that_cannot_be_read_is_an_error(project: Load, tmp_path: Path) -> None:
    write(tmp_path, A)
    (tmp_path / "models/a.sql").chmod(0)
    assert errors(project, {}) == ["models/a.sql the file cannot be read: Permission denied"]
