"""Paths in the project file stay inside of the project; the command line and the variables of a call may lead anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from security.shop import Shop

READ = ["model-paths", "seed-paths", "macro-paths", "test-paths", "snapshot-paths", "analysis-paths", "docs-paths"]
WRITTEN = ["target-path", "log-path", "packages-install-path"]
OUT = ["..", "../other", "a/../../b", "/etc", "/", "~/x", "~", "models/../../x"]


@pytest.mark.parametrize("key", READ)
@pytest.mark.parametrize("path", OUT)
def test_folders_that_are_read_lie_inside(shop: Shop, key: str, path: str) -> None:
    shop.write({"dbt_project.yml": f"name: shop\n{key}: ['{path}']\n"})
    done = shop.call("parse")
    assert done.code == 2
    assert f"dbt_project.yml:2:1: `{key}: " in done.err
    assert "leads out of the project" in done.err


@pytest.mark.parametrize("key", WRITTEN)
@pytest.mark.parametrize("path", OUT)
def test_folders_that_are_written_lie_inside(shop: Shop, key: str, path: str) -> None:
    shop.write({"dbt_project.yml": f"name: shop\n{key}: '{path}'\n"})
    done = shop.call("parse")
    assert done.code == 2
    assert "leads out of the project" in done.err


@pytest.mark.parametrize("key", WRITTEN)
def test_a_link_in_the_place_of_a_folder_that_is_written_may_not_lead_out(
    shop: Shop, key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (shop.root / "place").symlink_to(outside)
    shop.write({"dbt_project.yml": f"name: shop\n{key}: place\n", "models/a.sql": "select 1 as x"})
    done = shop.call("build")
    assert done.code == 2
    assert "is a link that leads out of the project" in done.err
    assert [*outside.iterdir()] == []


@pytest.mark.parametrize("path", ["models", "./models", "models/", "areas/*/models", "a/../models", "models/**"])
def test_paths_inside_are_fine(shop: Shop, path: str) -> None:
    shop.write({"dbt_project.yml": f"name: shop\nmodel-paths: ['{path}']\n", "models/a.sql": "select 1 as x"})
    assert shop.call("parse").code == 0


def test_the_users_own_links_to_sources_are_followed(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "a.sql").write_text("select 1 as x")
    (shop.root / "models").symlink_to(outside)
    assert "shop.a" in shop.call("ls").out


def test_what_a_call_names_may_lie_anywhere(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    shop.write({"models/a.sql": "select 1 as x"})
    assert shop.call("build", "--target-path", str(outside / "flag"), "--log-path", str(outside / "logs")).code == 0
    text = "name: shop\ntarget-path: \"{{ env_var('DBT_TARGET_PATH_OF_MINE', 'target') }}\"\n"
    shop.write({"dbt_project.yml": text})
    shop.monkeypatch.setenv("DBT_TARGET_PATH_OF_MINE", str(outside / "variable"))
    assert shop.call("build").code == 0
    for name in ("flag/manifest.json", "logs/eltbuild.log", "variable/manifest.json"):
        assert (outside / name).is_file()


@pytest.mark.parametrize(
    "text",
    ["{{ env_var('HOME') }}", "{{ env_var('HOME') }}/x", "{{ env_var('DBT_X') }}/../..", "{{ '/tmp' }}",
     "{{ env_var('DBT_X') ~ '/..' }}"],
)  # fmt: skip
def test_a_template_that_is_more_than_a_variable_of_the_call_is_no_word_of_the_user(shop: Shop, text: str) -> None:
    shop.monkeypatch.setenv("DBT_X", str(shop.root.parent))
    shop.write({"dbt_project.yml": f'name: shop\ntarget-path: "{text}"\n'})
    assert "leads out of the project" in shop.call("parse").err


@pytest.mark.parametrize("path", ["..", "/", "../other", "models", "dbt_project.yml", ".", "link", "models/.."])
def test_clean_deletes_nothing_outside_and_no_sources(
    shop: Shop, path: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside: Path = tmp_path_factory.mktemp("outside")
    (outside / "mine").write_text("x")
    (shop.root / "link").symlink_to(outside)
    shop.write({"dbt_project.yml": f"name: shop\nclean-targets: ['{path}']\n", "models/a.sql": "select 1 as x"})
    assert shop.call("clean").code == 2
    assert (outside / "mine").is_file()
    assert (shop.root / "models/a.sql").is_file()
    assert (shop.root / "dbt_project.yml").is_file()
