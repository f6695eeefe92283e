"""`packages.yml` and `dependencies.yml`: what is wrong in them is said, all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from package_makers import install, package, project, snapshot, write

from eltbuild.errors import ProjectError, UsageError
from eltbuild.project.packages.present import installed_packages


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([{"private": "org/repo", "provider": "githup"}], "did you mean `github`"),
        ([{"private": "org/repo", "provider": "ado"}], "org/project/repo"),
        ([{"private": "org/../repo", "provider": "gitlab"}], "group/repo"),
        ([{"private": "-o/repo"}], "org/repo"),
        ([{"private": "org/repo --upload-pack=x"}], "org/repo"),
        ([{"private": "org/repo", "revision": ["v1"]}], "one tag"),
        ([{"packge": "org/tools", "version": "1.0.0"}], "did you mean `package`"),
        ([{"package": "tools", "version": "1.0.0"}], "organization/name"),
        ([{"package": "../../x/y", "version": "1.0.0"}], "organization/name"),
        ([{"package": "org/tools"}], "has no version"),
        ([{"package": "org/tools", "version": "newest"}], "newest"),
        ([{"git": "x", "revision": 1.0}], "in quotes"),
        ([{"git": "x", "subdirectory": "../.."}], "not a folder inside"),
        ([{"git": "x", "local": "y"}], "git and local"),
        ([{"tarball": "ftp://x/y.tgz", "name": "y"}], "https://"),
        ([{"tarball": "https://x/y.tgz"}], "`name:` has no value"),
        (["org/tools"], "must be a mapping"),
        ([{"private": "a"}, {"git": "-x"}], "package 2"),
    ],
)
def test_wishes_that_are_wrong(tmp_path: Path, entries: list[Any], said: str) -> None:
    with pytest.raises(ProjectError, match=r"packages\.yml.*: package 1") as caught:
        install(project(tmp_path / "shop", *entries))
    assert said in str(caught.value)


def test_packages_in_both_files(tmp_path: Path) -> None:
    root = project(tmp_path / "shop")
    project(root, file="dependencies.yml")
    with pytest.raises(ProjectError, match="in both"):
        install(root)


def test_dependencies_file_is_not_rendered(tmp_path: Path) -> None:
    root = project(tmp_path / "shop", {"local": "{{ env_var('PLACE') }}"}, file="dependencies.yml")
    with pytest.raises(ProjectError, match=r"no folder .*env_var"):
        install(root, {"PLACE": "../tools"})
    package(tmp_path / "tools", "tools")
    project(root, {"local": "../tools"}, file="dependencies.yml")
    assert list(install(root)) == ["tools"]


def test_no_list_touches_nothing_and_an_empty_list_empties(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    install(root)
    (root / "packages.yml").write_text("# nothing\n")
    assert install(root) == {}
    assert installed_packages(root, "dbt_packages") == ("dbt_packages/tools",)
    (root / "packages.yml").write_text("packages: []\n")
    assert install(root) == {}
    assert installed_packages(root, "dbt_packages") == ()


def test_installed_packages_are_what_lies_there(tmp_path: Path) -> None:
    assert installed_packages(tmp_path, "dbt_packages") == ()
    package(tmp_path / "dbt_packages/b", "b")
    package(tmp_path / "dbt_packages/a", "a")
    write(tmp_path / "dbt_packages", {"README": "", "not_a_package/x": "", ".hidden/dbt_project.yml": "name: x"})
    (tmp_path / "dbt_packages/gone").symlink_to("nowhere")
    assert installed_packages(tmp_path, "dbt_packages") == ("dbt_packages/a", "dbt_packages/b")


@pytest.mark.parametrize("path", [".", "..", "models"])
def test_packages_never_replace_other_folders(tmp_path: Path, path: str) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    write(root, {"models/a.sql": "select 1", "dbt_project.yml": f"name: shop\npackages-install-path: {path}\n"})
    before = snapshot(root)
    with pytest.raises((UsageError, ProjectError)):
        install(root)
    assert snapshot(root) == before
