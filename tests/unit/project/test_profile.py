from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eltbuild.adapter import Target
from eltbuild.errors import EltbuildError, Problem, ProjectError, UsageError
from eltbuild.project.names import target_fields
from eltbuild.project.profile import Wanted, load_target
from eltbuild.project.project import Settings

DEV = "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: data/shop.duckdb}\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def found(root: Path, named: str | None = "shop", **options: Any) -> tuple[Target, tuple[Problem, ...]]:
    given = {name: options.pop(name, {}) for name in ("environment", "vars")}
    home = options.pop("home", root.parent / "home")
    return load_target(root, Settings(name="shop", profile=named), Wanted(**options), **given, home=home)


def target(root: Path, output: str, **options: Any) -> Target:
    (root / "profiles.yml").write_text(f"shop:\n  target: dev\n  outputs:\n    dev: {output}\n")
    return found(root, **options)[0]


def failure(root: Path, text: str, **options: Any) -> EltbuildError:
    (root / "profiles.yml").write_text(text)
    with pytest.raises((ProjectError, UsageError)) as caught:
        found(root, **options)
    return caught.value


def test_without_any_profile_a_file_beside_the_project_is_built_into(root: Path) -> None:
    for profile in (None, "shop"):
        result, problems = found(root, profile)
        assert (result.type, result.database, result.schema, result.fields["path"]) == (
            "duckdb",
            "shop",
            "main",
            "shop.duckdb",
        )
        assert result.root == str(root)
        assert [problem.severity for problem in problems] == (["warning"] if profile else [])


@pytest.mark.parametrize(
    ("place", "options"),
    [
        ("named", {"profiles_dir": "named"}),
        ("variable", {"environment": {"DBT_PROFILES_DIR": "variable"}}),
        ("variable", {"environment": {"ELTBUILD_PROFILES_DIR": "variable", "DBT_PROFILES_DIR": "other"}}),
        ("home/own", {"profiles_dir": "~/own"}),
        ("project", {}),
        (".", {}),
        ("home/.eltbuild", {}),
        ("home/.dbt", {}),
    ],
)
def test_where_profiles_are_looked_for(root: Path, place: str, options: dict[str, Any]) -> None:
    folder = root.parent / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profiles.yml").write_text(DEV)
    assert found(root, **options)[0].database == "shop"
    assert found(root, **options)[0].fields["path"] == "data/shop.duckdb"


def test_the_first_file_is_taken(root: Path) -> None:
    places = ("project", ".", "home/.eltbuild", "home/.dbt")
    for index, place in enumerate(places):
        folder = root.parent / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "profiles.yml").write_text(DEV.replace("data/shop", f"data{index}"))
    paths = []
    for place in places:
        paths.append(found(root)[0].fields["path"])
        (root.parent / place / "profiles.yml").unlink()
    assert paths == [f"data{index}.duckdb" for index in range(4)]


def test_a_named_folder_must_hold_profiles(root: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no profiles\.yml"):
        found(root, profiles_dir="nowhere")
    (root / "profiles.yml").write_text(DEV)
    with pytest.raises(UsageError, match=r"`nowhere` holds no profiles\.yml\n    hint: DBT_PROFILES_DIR"):
        found(root, environment={"DBT_PROFILES_DIR": "nowhere"})
    (root / "profiles.yml").unlink()
    with pytest.raises(UsageError, match="profile `other`"):
        found(root, profile="other")


@pytest.mark.parametrize(
    ("path", "database"),
    [
        ("shop.duckdb", "shop"),
        ("data/a.b.db", "a"),
        ("C:\\data\\x.db", "x"),
        (":memory:", "memory"),
        ("", "memory"),
        ("md:my_db?token=x", "my_db"),
        ("motherduck:other", "other"),
        ("main.db", "main_db"),
        ("temp", "temp_db"),
    ],
)
def test_the_name_of_a_duckdb_database_is_that_of_its_file(root: Path, path: str, database: str) -> None:
    result = target(root, f"{{type: duckdb, path: '{path}'}}")
    assert (result.database, result.schema) == (database, "main")


def test_duckdb_without_a_path_is_in_memory(root: Path) -> None:
    result = target(root, "{type: duckdb}")
    assert (result.database, result.fields["path"], result.threads) == ("memory", ":memory:", 4)


def test_a_database_that_is_not_that_of_the_path(root: Path) -> None:
    assert target(root, "{type: duckdb, path: a.db, database: a}").database == "a"
    with pytest.raises(ProjectError, match="write `database: a`"):
        target(root, "{type: duckdb, path: a.db, database: b}")


POSTGRES = """{type: postgres, host: h, user: u, pass: "{{ env_var('DBT_ENV_SECRET_PASS') }}", dbname: d, schema: s,
      port: "{{ env_var('PORT') | as_number }}", threads: "{{ 2 + 6 }}"}"""


def test_only_the_chosen_output_is_rendered(root: Path) -> None:
    environment = {"DBT_ENV_SECRET_PASS": "hunter2", "PORT": "5433"}
    result = target(root, POSTGRES + "\n    prod: \"{{ env_var('NOPE') }}\"", environment=environment)
    assert (result.database, result.schema, result.threads) == ("d", "s", 8)
    assert (result.fields["port"], result.fields["password"]) == (5433, "hunter2")
    assert result.secrets == {"hunter2"}
    assert "hunter2" not in str(target_fields(result))
    assert target_fields(result)["host"] == "h"


def test_the_command_line_is_stronger(root: Path) -> None:
    text = (
        DEV
        + "    prod: {type: duckdb, path: prod.db, threads: 2}\nother:\n  outputs: {x: {type: duckdb, path: x.db}}\n"
    )
    (root / "profiles.yml").write_text(text)
    assert found(root)[0].name == "dev"
    assert found(root, target="prod")[0].threads == 2
    assert found(root, target="prod", threads=9)[0].threads == 9
    other = found(root, profile="other")[0]
    assert (other.profile, other.name) == ("other", "x")


def test_a_project_without_a_profile_takes_the_one_of_its_name(root: Path) -> None:
    (root / "profiles.yml").write_text(DEV)
    assert found(root, None)[0].fields["path"] == "data/shop.duckdb"
    (root / "profiles.yml").write_text(DEV.replace("shop:", "other:"))
    assert found(root, None)[0].fields["path"] == "shop.duckdb"


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("shopp: {}", ProjectError, "Could not find profile named 'shop'\n    hint: did you mean `shopp`?"),
        ("", ProjectError, "Could not find profile named 'shop'"),
        ("- 1", ProjectError, "is a mapping of profiles"),
        ("shop: 3", ProjectError, "profiles.yml:1:1: the profile `shop` must be a mapping"),
        ("shop: {}", ProjectError, "has no outputs"),
        ("shop:\n  outputs: {dev: 3}", ProjectError, "profiles.yml:2:13: the target `dev` must be a mapping"),
        ("shop:\n  outputs: {dev: {path: x}}", ProjectError, "the target `dev` has no type"),
        ("shop:\n  target: pord\n  outputs: {prod: {type: duckdb}}", ProjectError, "did you mean `prod`?"),
        ("shop:\n  outputs: {dev: {type: postgres, dbname: x}}", ProjectError, "the target `dev` names no schema"),
        ("shop:\n  outputs: {dev: {type: duckdb, threads: two}}", ProjectError, "profiles.yml:2:33: `threads`"),
        ("shop:\n  outputs: {dev: {type: duckdb, threads: 0}}", ProjectError, "`threads`"),
        ("shop:\n  outputs: {dev: {type: x, schema: s, database: [1]}}", ProjectError, "`database` must be a text"),
        ("shop:\n  outputs: {dev: {type: \"{{ env_var('NOPE') }}\"}}", ProjectError, "not provided: 'NOPE'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(root: Path, text: str, error: type[EltbuildError], words: str) -> None:
    caught = failure(root, text)
    assert type(caught) is error
    assert words in str(caught)


def test_a_target_that_the_command_line_asks_for_must_be_there(root: Path) -> None:
    caught = failure(root, DEV, target="prod")
    assert isinstance(caught, UsageError)
    assert "The profile 'shop' does not have a target named 'prod'.\n    hint: it has: dev" in str(caught)


@pytest.mark.parametrize("value", ["*hunter2", "!hunter2 x", "'hunter2", "{{ hunter2 }}", "@hunter2", "hunter2: x"])
def test_no_message_repeats_what_the_file_holds(root: Path, value: str) -> None:
    text = f"shop:\n  outputs:\n    dev:\n      type: postgres\n      password: {value}\n"
    assert "hunter2" not in str(failure(root, text))


def test_generic_names_of_database_and_schema(root: Path) -> None:
    result = target(root, "{type: bigquery, project: p, dataset: d, keyfile_json: {private_key: abc, client: x}}")
    assert (result.database, result.schema) == ("p", "d")
    assert result.secrets == {"abc"}


def test_secrets_of_duckdb(root: Path) -> None:
    result = target(root, "{type: duckdb, secrets: [{type: s3, key_id: AKIA, secret: s3cret}]}")
    assert result.secrets == {"s3cret"}
    assert "secrets" not in target_fields(result)
