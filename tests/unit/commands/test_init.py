"""A new project: it builds, and nothing of the user's is overwritten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from eltbuild.commands.init import DEFAULT_ADAPTER, init, starter
from eltbuild.errors import UsageError


def test_files_are_those_returned(tmp_path: Path) -> None:
    written = init(tmp_path / "new/shop", "shop")
    assert {p for p in (tmp_path / "new/shop").rglob("*") if p.is_file()} == set(written)
    assert tmp_path / "new/shop/.gitignore" in written
    assert yaml.safe_load((tmp_path / "new/shop/eltbuild.yml").read_text())["name"] == "shop"
    assert not any("my_project" in path.read_text(encoding="utf-8") for path in written)


def test_new_project_builds_green(tmp_path: Path) -> None:
    init(tmp_path, "shop")
    command = [sys.executable, "-m", "eltbuild", "build", "--project-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "target/run_results.json").read_text(encoding="utf-8"))["results"]
    assert {result["status"] for result in results} == {"success", "pass"}
    kinds = {result["unique_id"].split(".")[0] for result in results}
    assert kinds == {"seed", "model", "test"}


def test_other_adapters_get_seeds_and_a_profile() -> None:
    files = starter("shop", "postgres")
    assert "profiles.yml" in files
    assert yaml.safe_load(files["profiles.yml"])["shop"]["outputs"]["dev"]["type"] == "postgres"
    assert "seeds/raw_orders.csv" in files
    assert "ref('raw_orders')" in files["models/staging/stg_orders.sql"]
    assert not any("source(" in text or "external_location" in text for text in files.values())
    assert "profiles.yml" not in starter("shop", DEFAULT_ADAPTER)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "models/marts").mkdir(parents=True)
    (tmp_path / "models/marts/customers.sql").write_text("select 1")
    (tmp_path / "README.md").symlink_to("gone")
    with pytest.raises(UsageError, match=r"README\.md, models/marts/customers\.sql would be overwritten"):
        init(tmp_path, "shop")
    assert {p.name for p in tmp_path.rglob("*")} == {"models", "marts", "customers.sql", "README.md"}


def test_other_files_may_stand_there(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    init(tmp_path, "shop")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        init(tmp_path / "shop", "shop")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my-shop", "`my_shop` would do"),
        ("my shop", "`my_shop` would do"),
        ("Crème brûlée", "`creme_brulee` would do"),
        ("1shop", "letters, digits"),
        ("", "letters, digits"),
        ("../shop", "`shop` would do"),
        ("shop\n", "`shop` would do"),
        ("größe", "letters, digits"),
        ("x" * 64, "letters, digits"),
        ("DBT", "is taken"),
    ],
)
def test_names_that_are_none(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        init(tmp_path, name)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_unknown_adapter(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no adapter is called `duckbd`"):
        init(tmp_path, "shop", "duckbd")
