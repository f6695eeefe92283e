from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from eltbuild.errors import Place, ProjectError
from eltbuild.project.config import KNOWN, Configs, Resolved, check_keys, hooks
from eltbuild.project.names import base_names
from eltbuild.project.settings import load_settings
from eltbuild.project.yaml import load_yaml

PROJECT = """\
name: r
models:
  +tags: root_all
  +meta: {a: 1, n: {x: 1}}
  +materialized: table
  +grants: {select: [u1], +insert: [i1], update: up0}
  +pre-hook: h0
  +docs: {node_color: red}
  +contract: {alias_types: false}
  +quoting: {identifier: true}
  +column_types: {x: int, y: "{{ target.name }}"}
  +packages: [p0]
  +custom: {k: 1, l: [1]}
  +persist_docs: {relation: true}
  +unique_key: a
  r:
    +tags: [r1, root_all]
    +meta: {b: 2, n: {y: 2}}
    +custom: {m: 1}
    +persist_docs: {columns: true}
    materialized: view
    sub:
      +tags: "{{ 'sub' }}"
      +schema: null
      +unique_key: null
      +grants: {+select: [u2], insert: [i2]}
      +pre-hook: [{sql: "h1 {{ this }}", transaction: false}, "h2"]
      +post_hook: ph
      a:
        +tags: [a]
        +enabled: true
        +foo: null
      deep:
        meta: {z: 1}
        tags: [deep]
        post-hook: x
        c: {+alias: "{{ target.name }}_c"}
      bare: {+tags: null, +meta: null, +pre-hook: null, +materialized: null, +grants: null}
    meta: {+tags: metafolder}
  pk:
    +tags: frompk_root
    +meta: {root: 1, own: 2}
    +materialized: ephemeral
    inner: {+schema: rootsays, +grants: {+select: [rr]}}
data_tests:
  +severity: warn
  +tags: [t]
  r: {+limit: 3}
sources:
  +tags: [src]
  +meta: {q: 1}
  r: {+meta: {r: 2}}
exposures: {+tags: [ex], +meta: {q: 1}}
unit_tests: {+tags: [ut], r: {+tags: [ut2], +meta: {q: 1}}}
metrics: {+tags: [mt], r: {+meta: {g: 1}}}
analyses: {+enabled: false}
seeds: {+tags: [nobody]}
"""
PACKAGE = """\
name: pk
models:
  +tags: pk_all
  +meta: {own: 1, pkg: 1}
  pk:
    +materialized: table
    +tags: pk1
    +grants: {select: [own]}
    inner: {+schema: own}
  r: {+tags: never}
"""


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Configs:
    root = tmp_path_factory.mktemp("project")
    (root / "pk").mkdir()
    (root / "dbt_project.yml").write_text(PROJECT)
    (root / "pk/dbt_project.yml").write_text(PACKAGE)
    return loaded(root, "pk")


def loaded(root: Path, *packages: str) -> Configs:
    names = {**base_names({}, {}, secrets_allowed=False), "target": {"name": "dev"}}
    settings = {name: load_settings(root, name, names=names)[0] for name in packages}
    return Configs(load_settings(root, names=names)[0], settings)


def of(root: Path, project: str) -> Configs:
    (root / "dbt_project.yml").write_text(project)
    return loaded(root)


def hook(sql: str, transaction: bool = True) -> Mapping[str, Any]:
    return {"sql": sql, "transaction": transaction, "index": None}


def test_a_tree_is_walked_from_the_top_down(configs: Configs) -> None:
    found = configs.resolve("models", "r", ["r", "sub", "deep", "c"], {}, {}).config
    # As dbt 1.12.6 has them in its manifest, but for defaults.
    assert found == {
        "tags": ["root_all", "r1", "root_all", "sub", "deep"],
        "meta": {"a": 1, "n": {"y": 2}, "b": 2},
        "materialized": "view",
        "grants": {"select": ["u1", "u2"], "insert": ["i2"], "update": ["up0"]},
        "pre-hook": (hook("h0"), hook("h1 {{ this }}", False), hook("h2")),
        "post-hook": (hook("ph"), hook("x")),
        "docs": {"node_color": "red"},
        "contract": {"alias_types": False},
        "quoting": {"identifier": True},
        "column_types": {"x": "int", "y": "dev"},
        "packages": ["p0"],
        "custom": {"m": 1},
        "persist_docs": {"columns": True},
        "unique_key": None,
        "schema": None,
        "alias": "dev_c",
    }


def test_properties_are_stronger_and_the_file_is_stronger_still(configs: Configs) -> None:
    properties = {
        "tags": ["prop", "a"],
        "meta": {"a": 100, "b": None},
        "grants": {"+select": "u3"},
        "materialized": "incremental",
        "pre-hook": {"sql": "propvhook"},
        "alias": "aldev",
    }
    infile = {
        "tags": ["infile", "sub"],
        "meta": {"inf": 1},
        "pre_hook": "hi",
        "post_hook": ["p1", {"sql": "p2", "transaction": False}],
        "grants": {"+select": ["u4", "u1"]},
        "unknown_thing": 4,
        "column_types": {"z": "int"},
        "docs": {"show": False},
    }
    found = configs.resolve("models", "r", ["r", "sub", "a"], properties, infile).config
    assert found["tags"] == ["root_all", "r1", "root_all", "sub", "a", "prop", "a", "infile", "sub"]
    assert found["meta"] == {"a": 100, "n": {"y": 2}, "b": None, "inf": 1}
    assert found["grants"] == {"select": ["u1", "u2", "u3", "u4", "u1"], "insert": ["i2"], "update": ["up0"]}
    assert [h["sql"] for h in found["pre-hook"]] == ["h0", "h1 {{ this }}", "h2", "propvhook", "hi"]
    assert found["post-hook"] == (hook("ph"), hook("p1"), hook("p2", False))
    assert found["docs"] == {"node_color": "red", "show": False}
    assert found["column_types"] == {"x": "int", "y": "dev", "z": "int"}
    assert (found["materialized"], found["alias"], found["enabled"]) == ("incremental", "aldev", True)
    assert (found["unknown_thing"], found["foo"]) == (4, None)


@pytest.mark.parametrize(
    ("fqn", "schema", "select"), [(["pk", "inner", "b"], "rootsays", ["u1", "rr"]), (["pk", "b0"], None, ["u1"])]
)
def test_the_root_project_has_the_last_word_on_nodes_of_packages(
    configs: Configs, fqn: Sequence[str], schema: str | None, select: Sequence[str]
) -> None:
    infile = {"tags": "infile", "meta": {"own": "infile", "inf": 1}, "materialized": "view"}
    found = configs.resolve("models", "pk", fqn, {}, infile).config
    assert found["tags"] == ["pk_all", "pk1", "infile", "root_all", "frompk_root"]
    assert found["meta"] == {"own": 2, "pkg": 1, "inf": 1, "a": 1, "n": {"x": 1}, "root": 1}
    assert found["grants"]["select"] == select
    assert found["materialized"] == "ephemeral"
    assert found.get("schema") == schema


def test_nothing_in_a_deeper_level_clears(configs: Configs) -> None:
    found = configs.resolve("models", "r", ["r", "sub", "bare", "x"], {"tags": ["own"]}, {}).config
    assert found["tags"] == ["own"]
    assert found["materialized"] is None
    assert not {"meta", "pre-hook", "grants"} & set(found)


def test_nothing_in_properties_or_the_file_adds_nothing(configs: Configs) -> None:
    nothing = {"tags": None, "meta": None, "pre_hook": None, "grants": None}
    found = configs.resolve("models", "r", ["r", "z"], nothing, nothing).config
    assert found["tags"] == ["root_all", "r1", "root_all"]
    assert found["meta"]["a"] == 1
    assert found["pre-hook"] == (hook("h0"),)
    assert found["grants"]["select"] == ["u1"]


def test_a_null_in_the_tree_does_not_beat_properties(configs: Configs) -> None:
    assert configs.resolve("models", "r", ["r", "sub", "x"], {"schema": "mine"}, {}).config["schema"] == "mine"


@pytest.mark.parametrize(
    ("section", "fqn", "properties", "expected"),
    [
        ("sources", ["r", "a"], {"tags": ["x"], "meta": {"s": 3}}, {"tags": ["x"], "meta": {"q": 1, "r": 2, "s": 3}}),
        ("exposures", ["r", "e"], {"tags": ["x"], "meta": {"em": 2}}, {"tags": ["x"], "meta": {"em": 2}}),
        ("unit_tests", ["r", "m", "u"], {"tags": ["x"]}, {"tags": ["ut", "ut2", "x"], "meta": {"q": 1}}),
        ("metrics", ["r", "m"], {"tags": ["x"], "meta": {"z": 1}}, {"tags": ["x"], "meta": {"g": 1, "z": 1}}),
        ("data_tests", ["r", "t"], {"severity": "error"}, {"severity": "error", "tags": ["t"], "limit": 3}),
    ],
)  # fmt: skip
def test_other_sections_join_as_dbt_does(
    configs: Configs, section: str, fqn: Sequence[str], properties: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    assert configs.resolve(section, "r", fqn, properties, {}).config == expected


def test_analyses_obey_the_models_tree_and_their_own(configs: Configs) -> None:
    found = configs.resolve("analyses", "r", ["r", "analysis", "a"], {}, {}).config
    assert found["tags"] == ["root_all", "r1", "root_all"]
    assert found["enabled"] is False


def test_unrendered_configs_are_as_written(configs: Configs) -> None:
    found = configs.resolve(
        "models",
        "r",
        ["r", "sub", "deep", "c"],
        {"alias": "x"},
        {"tags": ["y"]},
        {"alias": "{{ x }}"},
        {"tags": "['y']"},
    ).unrendered
    assert found["alias"] == "{{ x }}"
    assert found["tags"] == "['y']"
    assert found["column_types"] == {"x": "int", "y": "{{ target.name }}"}
    assert found["grants"] == {"+select": ["u2"], "insert": ["i2"]}
    assert found["meta"] == {"b": 2, "n": {"y": 2}}
    assert found["post_hook"] == "ph"
    assert found["post-hook"] == "x"
    assert configs.resolve("models", "pk", ["pk", "b"], {}, {}).unrendered["meta"] == {"root": 1, "own": 2}


def test_what_is_shared_is_not_changed(configs: Configs) -> None:
    before = configs.resolve("models", "r", ["r", "new", "one"], {}, {})
    copy = Resolved({key: repr(value) for key, value in before.config.items()}, {})
    configs.resolve(
        "models", "r", ["r", "new", "two"], {"tags": ["x"], "meta": {"x": 1}}, {"grants": {"+select": ["x"]}}
    )
    assert {key: repr(value) for key, value in before.config.items()} == copy.config
    assert configs.resolve("models", "r", ["r", "new", "one"], {}, {}).config == before.config


def test_packages_and_sections_without_trees(configs: Configs) -> None:
    assert configs.resolve("functions", "r", ["r", "f"], {"type": "scalar"}, {}).config == {"type": "scalar"}
    assert configs.resolve("seeds", "pk", ["pk", "s"], {}, {}).config == {"tags": ["nobody"]}
    assert configs.resolve("functions", "stranger", ["stranger", "f"], {}, {}).config == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", (hook("x"),)),
        (["x", {"sql": "y", "transaction": False}], (hook("x"), hook("y", False))),
        ({"sql": "x", "transaction": "false"}, (hook("x", False),)),
        ('{"sql": "x", "transaction": false}', (hook("x", False),)),
        ("{{ sql }}", (hook("{{ sql }}"),)),
        ('{"sql": broken', (hook('{"sql": broken'),)),
        ([None, ""], (hook(""),)),
        ([], ()),
    ],
)
def test_hooks_have_one_form(value: Any, expected: Any) -> None:
    assert hooks("pre-hook", value) == expected


@pytest.mark.parametrize(
    ("infile", "words"),
    [
        ({"pre_hook": "x", "pre-hook": "y"}, "`pre-hook` and `pre_hook` are the same config"),
        ({"pre-hook": "x", "pre_hook": "y"}, "`pre-hook` and `pre_hook` are the same config"),
        ({"pre_hook": 3}, "config `pre-hook` must be SQL"),
        ({"meta": [1]}, "config `meta` must be a mapping"),
        ({"grants": "select"}, "config `grants` must be a mapping"),
        ({"grants": {"select": {"a": 1}}}, "config `grants: select` must be a text or a list of texts"),
        ({"tags": {"a": 1}}, "config `tags` must be a text or a list of texts"),
        ({"enabled": "maybe"}, "config `enabled` must be true or false"),
    ],
)
def test_values_of_the_wrong_type(configs: Configs, infile: Mapping[str, Any], words: str) -> None:
    for properties, file in ((infile, {}), ({}, infile)):
        with pytest.raises(ProjectError) as caught:
            configs.resolve("models", "r", ["r", "x"], properties, file)
        assert words in str(caught.value)


def test_words_for_true_and_false_are_taken(configs: Configs) -> None:
    assert configs.resolve("models", "r", ["r", "x"], {"enabled": "False"}, {}).config["enabled"] is False


def test_a_wrong_value_in_a_tree_has_a_place(tmp_path: Path) -> None:
    configs = of(tmp_path, "name: r\nmodels:\n  r:\n    x:\n      +meta: 3\n")
    with pytest.raises(ProjectError, match=r"dbt_project.yml:5:7: config `meta` must be a mapping"):
        configs.resolve("models", "r", ["r", "x", "m"], {}, {})


def test_unused_paths(tmp_path: Path) -> None:
    configs = of(
        tmp_path,
        """name: r
models:
  +tags: [fine]
  r:
    zzz: {+tags: [a], yyy: {+tags: [b]}}
    only: {deeper: {+tags: [b]}}
    n1: {+tags: [ok]}
    empty: {}
    n2: {meta: {x: 1}}
  nope: {+tags: [b]}
data_tests: {r: {foo: {+severity: warn}}}
seeds: {+tags: [x]}
""",
    )
    nodes = [("models", "r", ["r", "n1"]), ("models", "r", ["r", "n2"]), ("data_tests", "r", ["r", "bar"])]
    problems = configs.unused(nodes)
    assert [(problem.message.split("`")[1], str(problem.place)) for problem in problems] == [
        ("models.r.zzz", "dbt_project.yml:5:5"),
        ("models.r.zzz.yyy", "dbt_project.yml:5:23"),
        ("models.r.only.deeper", "dbt_project.yml:6:12"),
        ("models.r.n2.meta", "dbt_project.yml:9:10"),
        ("models.nope", "dbt_project.yml:10:3"),
        ("seeds", "dbt_project.yml"),
        ("data_tests.r.foo", "dbt_project.yml:11:18"),
    ]
    assert problems[3].hint == "write `+meta` if it is meant as a config"
    assert {(problem.severity, problem.name) for problem in problems} == {("warning", "UnusedResourceConfigPath")}


def test_unknown_keys_of_a_config_are_warnings() -> None:
    config = load_yaml("materialized: table\nmaterialised: view\nfor_us: 1\npre-hook: x\npost_hook: x\n", "a.yml")
    problems = check_keys("models", config, Place("models/a.yml", 1))
    assert [(str(problem.place), problem.severity, problem.hint) for problem in problems] == [
        ("models/a.yml:2:1", "warning", "did you mean `materialized`?"),
        ("models/a.yml:3:1", "warning", "put what is yours under `meta`"),
    ]
    assert check_keys("models", {"for_us": 1}, None)[0].place is None
    assert check_keys("unheard", {"for_us": 1}, None) == []


def test_unknown_keys_of_the_trees(tmp_path: Path) -> None:
    configs = of(tmp_path, "name: r\nmodels:\n  +materialised: table\n  r:\n    stagging: {+tags: x, alais: y}\n")
    problems = configs.unknown_keys()
    assert [(str(problem.place), problem.hint) for problem in problems] == [
        ("dbt_project.yml:3:3", "did you mean `materialized`?"),
        ("dbt_project.yml:5:26", "did you mean `alias`?"),
    ]


@pytest.mark.parametrize("section", KNOWN)
def test_every_section_knows_the_common_keys(section: str) -> None:
    assert {"enabled", "tags", "meta"} <= KNOWN[section]
