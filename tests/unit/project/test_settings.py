from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eltbuild.errors import Problem, ProjectError
from eltbuild.project.names import base_names
from eltbuild.project.project import Settings
from eltbuild.project.settings import load_head, load_selectors, load_settings

NAMES: Mapping[str, Any] = {
    **base_names({"STAGE": "prod"}, {"given": 7}, secrets_allowed=False),
    "target": {"name": "dev"},
}


def loaded(root: Path, text: str, file: str = "dbt_project.yml") -> tuple[Settings, tuple[Problem, ...]]:
    (root / file).write_text(text)
    return load_settings(root, names=NAMES)


def failures(root: Path, text: str) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        loaded(root, text)
    return [str(problem) for problem in caught.value.problems]


def test_defaults(tmp_path: Path) -> None:
    settings, problems = loaded(tmp_path, "name: shop\n")
    assert problems == ()
    assert settings.name == "shop"
    assert settings.paths["model-paths"] == ("models",)
    assert settings.paths["seed-paths"] == ("seeds",)
    assert settings.paths["docs-paths"] == ("models", "seeds", "snapshots", "analyses", "macros", "tests", "functions")
    assert (settings.target_path, settings.log_path, settings.packages_path) == ("target", "logs", "dbt_packages")
    assert settings.clean_targets == ("target",)
    assert settings.query_comment == {}
    assert (settings.profile, settings.version, settings.restrict_access) == (None, None, False)


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    settings, problems = loaded(
        tmp_path,
        """
name: shop
version: 1.0
config-version: 2
profile: warehouse
model-paths: [models/, ./areas/*/models]
docs-paths: [docs]
target-path: out
clean-targets: [out, dbt_packages]
require-dbt-version: [">=1.8.0", "<2.0.0"]
vars: {start: "{{ kept }}", shop: {x: 1}}
on-run-start: "create schema {{ target.schema }}"
on-run-end: ["{{ grants() }}", "select 1"]
dispatch: [{macro_namespace: dbt_utils, search_order: [shop, dbt_utils]}]
quoting: {database: true, schema: false}
query-comment: {comment: "by {{ target.name }}", append: true}
restrict-access: true
flags: {fail_fast: true}
models:
  +schema: "{{ target.name }}"
  shop: {+enabled: "{{ var('given') == 7 }}", +pre-hook: "x {{ this }}"}
tests: {+severity: warn}
semantic-models: {+enabled: true}
check-paths: [checks]
state: {}
""",
    )
    assert problems == ()
    assert settings.version == "1.0"
    assert settings.paths["model-paths"] == ("models", "areas/*/models")
    assert settings.paths["docs-paths"] == ("docs",)
    assert settings.vars == {"start": "{{ kept }}", "shop": {"x": 1}}
    assert settings.on_run_start == ("create schema {{ target.schema }}",)
    assert settings.on_run_end == ("{{ grants() }}", "select 1")
    assert settings.dispatch == ({"macro_namespace": "dbt_utils", "search_order": ["shop", "dbt_utils"]},)
    assert settings.quoting == {"database": True, "schema": False}
    assert settings.query_comment == {"comment": "by {{ target.name }}", "append": True, "job-label": False}
    assert settings.configs["models"] == {"+schema": "dev", "shop": {"+enabled": True, "+pre-hook": "x {{ this }}"}}
    assert settings.unrendered_configs["models"]["+schema"] == "{{ target.name }}"
    assert settings.configs["data_tests"] == {"+severity": "warn"}
    assert settings.configs["semantic_models"] == {"+enabled": True}
    assert settings.clean_targets == ("out", "dbt_packages")
    assert (settings.restrict_access, settings.target_path, settings.profile) == (True, "out", "warehouse")


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("query-comment: hello", {"comment": "hello", "append": False}),
        ("query-comment: ''", {"comment": None, "append": False}),
        ("query-comment:", {"comment": None, "append": False}),
        ("query-comment: {append: true}", {"append": True, "job-label": False}),
        ("query-comment: {comment: '', append: true}", {"comment": None, "append": True, "job-label": False}),
    ],
)
def test_query_comments(tmp_path: Path, text: str, comment: Mapping[str, Any]) -> None:
    assert loaded(tmp_path, f"name: shop\n{text}\n")[0].query_comment == comment


def test_the_own_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: other\n")
    settings, _ = loaded(tmp_path, "name: shop\n", "eltbuild.yml")
    assert (settings.name, settings.file) == ("shop", "eltbuild.yml")


def test_a_package(tmp_path: Path) -> None:
    (tmp_path / "dbt_packages/utils").mkdir(parents=True)
    (tmp_path / "dbt_packages/utils/dbt_project.yml").write_text("name: utils\n")
    settings, _ = load_settings(tmp_path, "dbt_packages/utils", names=NAMES)
    assert (settings.name, settings.root) == ("utils", "dbt_packages/utils")
    assert settings.file == "dbt_packages/utils/dbt_project.yml"


def test_old_names_of_paths(tmp_path: Path) -> None:
    settings, problems = loaded(tmp_path, "name: shop\nsource-paths: [m]\ndata-paths: [d]\n")
    assert (settings.paths["model-paths"], settings.paths["seed-paths"]) == (("m",), ("d",))
    assert [(problem.name, str(problem.place)) for problem in problems] == [
        ("ConfigSourcePathDeprecation", "dbt_project.yml:2:1"),
        ("ConfigDataPathDeprecation", "dbt_project.yml:3:1"),
    ]


def test_unknown_keys_are_warnings(tmp_path: Path) -> None:
    _, problems = loaded(tmp_path, "name: shop\nmodle-paths: [m]\non_run_start: x\n")
    assert [(str(problem.place), problem.hint) for problem in problems] == [
        ("dbt_project.yml:2:1", "did you mean `model-paths`?"),
        ("dbt_project.yml:3:1", "did you mean `on-run-start`?"),
    ]
    assert problems[0].message == "a project file has no key `modle-paths`; it is ignored"
    assert {problem.severity for problem in problems} == {"warning"}


def test_all_faults_are_told_with_their_places(tmp_path: Path) -> None:
    found = failures(
        tmp_path,
        """name: 1-shop
model-paths: models
vars: [1]
quoting: {schema: "yes"}
models:
  shop:
    +tags: "{{ env_var('NOPE') }}"
    +alias: "{{ env_var('DBT_ENV_SECRET_X') }}"
    +meta: {a: "{{ var('givn') }}"}
seeds: 3
tests: {}
data_tests: {}
on-run-start: {sql: x}
require-dbt-version: nonsense
""",
    )
    heads = [message.split("\n")[0] for message in found]
    assert heads == [
        "dbt_project.yml:3:1: `vars` must be a mapping",
        "dbt_project.yml:7:5: Env var required but not provided: 'NOPE'",
        "dbt_project.yml:8:5: Secret env vars are allowed only in profiles.yml or packages.yml. "
        "Found 'DBT_ENV_SECRET_X' elsewhere",
        "dbt_project.yml:9:13: Required var 'givn' not found",
        "dbt_project.yml:1:1: `1-shop` cannot be the name of a project",
        "dbt_project.yml:2:1: `model-paths` must be a list of folders",
        "dbt_project.yml:10:1: `seeds` must be a mapping of folders and configs",
        "dbt_project.yml:12:1: `tests` is the old name of `data_tests`: only one of them may be given",
        "dbt_project.yml:13:15: `on-run-start` must be a text or a list of texts",
        "dbt_project.yml:4:11: `quoting: schema` must be true or false",
        "dbt_project.yml:14:1: `nonsense` is not a version of three numbers, such as 1.2.0",
    ]
    assert "did you mean `given`?" in found[3]


@pytest.mark.parametrize("text", ["", "# nothing\n", "version: 1\n"])
def test_a_project_needs_a_name(tmp_path: Path, text: str) -> None:
    (message,) = failures(tmp_path, text)
    assert "the project has no name" in message
    assert "name: shop" in message


def test_a_project_file_is_a_mapping(tmp_path: Path) -> None:
    assert "is a mapping" in failures(tmp_path, "- name: shop\n")[0]


def test_there_must_be_a_project_file(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"neither eltbuild.yml nor dbt_project.yml"):
        load_settings(tmp_path, names=NAMES)


@pytest.mark.parametrize(
    ("required", "fits"),
    [
        ("'>=1.0.0'", True),
        ("['>=1.8.0', '<2.0.0']", True),
        ("'>=1.8.0,<2.0.0'", True),
        ("1.12.6", True),
        ("=1.12.6", True),
        ("[]", True),
        ("'>=2.0.0'", False),
        ("['>1.12.6']", False),
        ("1.11.0", False),
    ],
)
def test_required_versions(tmp_path: Path, required: str, fits: bool) -> None:
    text = f"name: shop\nrequire-dbt-version: {required}\n"
    if fits:
        loaded(tmp_path, text)
        return
    (message,) = failures(tmp_path, text)
    assert message.startswith("dbt_project.yml:2:1: `shop` requires dbt")
    assert "--no-version-check" in message
    load_settings(tmp_path, names=NAMES, check_version=False)


def test_variables_in_a_file_of_their_own_can_be_used_in_the_project_file(tmp_path: Path) -> None:
    (tmp_path / "vars.yml").write_text("vars: {mat: table, given: 1, shop: {own: x}}\n")
    text = """name: shop
models:
  +materialized: "{{ var('mat') }}"
  +lookback: "{{ var('given') }}"
  +alias: "{{ var('own') }}"
"""
    settings, _ = loaded(tmp_path, text)
    assert settings.configs["models"] == {"+materialized": "table", "+lookback": 7, "+alias": "x"}
    assert settings.vars["mat"] == "table"


def test_variables_have_one_file(tmp_path: Path) -> None:
    (tmp_path / "vars.yml").write_text("vars: {a: 1}\n")
    (message,) = failures(tmp_path, "name: shop\nvars: {b: 1}\n")
    assert message.startswith("dbt_project.yml:2:1: variables are defined in dbt_project.yml and in vars.yml")


def test_variables_of_the_project_file_are_not_seen_in_it(tmp_path: Path) -> None:
    settings, _ = loaded(tmp_path, "name: shop\nvars: {a: 1}\nmodels: {+alias: \"{{ var('a', 'none yet') }}\"}\n")
    assert settings.configs["models"]["+alias"] == "none yet"


def test_the_head_can_be_read_before_there_is_a_target(tmp_path: Path) -> None:
    text = """name: shop
profile: "{{ env_var('STAGE') }}"
models: {+schema: "{{ target.name }}", +x: "{{ target.a.b }}"}
"""
    (tmp_path / "dbt_project.yml").write_text(text)
    head = load_head(tmp_path, names=base_names({"STAGE": "prod"}, {}, secrets_allowed=False))
    assert (head.name, head.profile) == ("shop", "prod")


def test_what_was_asked_of_the_environment_is_known(tmp_path: Path) -> None:
    reads: set[str] = set()
    (tmp_path / "dbt_project.yml").write_text("name: shop\nmodels: {+alias: \"{{ env_var('A', '1') }}\"}\n")
    load_settings(tmp_path, names=base_names({}, {}, secrets_allowed=False, reads=reads))
    assert reads == {"A"}


def test_selectors(tmp_path: Path) -> None:
    assert load_selectors(tmp_path, NAMES) == {}
    (tmp_path / "selectors.yml").write_text("")
    assert load_selectors(tmp_path, NAMES) == {}
    (tmp_path / "selectors.yml").write_text(
        """selectors:
  - name: nightly
    description: all of it
    default: "{{ target.name == 'prod' }}"
    definition:
      union: ["tag:nightly", {method: path, value: "models/{{ var('given') }}"}]
  - {name: short, definition: "tag:x+"}
"""
    )
    assert load_selectors(tmp_path, NAMES) == {
        "nightly": {
            "name": "nightly",
            "description": "all of it",
            "default": "{{ target.name == 'prod' }}",
            "definition": {"union": ["tag:nightly", {"method": "path", "value": "models/7"}]},
        },
        "short": {"name": "short", "definition": "tag:x+"},
    }


def test_broken_selectors(tmp_path: Path) -> None:
    text = """selectors:
- {definition: x}
- {name: a}
- {name: b, definition: [1]}
- 3
- {name: c, definition: x}
- {name: c, definition: y}
"""
    (tmp_path / "selectors.yml").write_text(text)
    with pytest.raises(ProjectError) as caught:
        load_selectors(tmp_path, NAMES)
    assert [str(problem).split("\n")[0] for problem in caught.value.problems] == [
        "selectors.yml:2:3: a selector has no name",
        "selectors.yml:3:3: the selector `a` has no definition",
        "selectors.yml:4:3: the definition of the selector `b` must be a text or a mapping",
        "selectors.yml:5:3: a selector is a mapping",
        "selectors.yml:7:3: the selector `c` is defined twice",
    ]
