"""Packages in folders of the user's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from package_makers import install, lock, package, project, write

from eltbuild.errors import ProjectError


def test_local_package_is_linked_so_that_edits_show(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    assert install(root)["tools"].kind == "local"
    (tmp_path / "tools/macros/hello.sql").write_text("-- edited\n")
    assert (root / "dbt_packages/tools/macros/hello.sql").read_text() == "-- edited\n"
    assert lock(root)["packages"] == [{"local": "../tools", "name": "tools"}]
    assert not os.path.isabs(os.readlink(root / "dbt_packages/tools"))


def test_nested_local_packages_are_meant_from_the_package_that_asks(tmp_path: Path) -> None:
    package(tmp_path / "libs/inner", "inner")
    package(tmp_path / "libs/outer", "outer", [{"local": "../inner"}])
    root = project(tmp_path / "shop", {"local": "../libs/outer"})
    assert list(install(root)) == ["outer", "inner"]
    assert lock(root)["packages"][1] == {"local": "../libs/inner", "name": "inner"}
    assert list(install(root)) == ["outer", "inner"]


def test_local_packages_in_a_circle(tmp_path: Path) -> None:
    package(tmp_path / "a", "a", [{"local": "../b"}])
    package(tmp_path / "b", "b", [{"local": "../a"}])
    with pytest.raises(ProjectError, match=r"in a circle: (a -> b -> a|b -> a -> b)"):
        install(project(tmp_path / "shop", {"local": "../a"}))


def test_package_called_as_the_project_itself(tmp_path: Path) -> None:
    package(tmp_path / "other", "shop")
    with pytest.raises(ProjectError, match="is called `shop`, as the project itself"):
        install(project(tmp_path / "shop", {"local": "../other"}))


def test_two_packages_of_one_name_say_who_asks(tmp_path: Path) -> None:
    package(tmp_path / "one", "tools")
    package(tmp_path / "two", "tools")
    package(tmp_path / "three", "three", [{"local": "../two"}])
    with pytest.raises(ProjectError) as caught:
        install(project(tmp_path / "shop", {"local": "../one"}, {"local": "../three"}))
    text = str(caught.value)
    assert "two packages are called `tools`" in text
    assert "../one: asked for by packages.yml" in text
    assert "../two: asked for by three" in text


def test_missing_folder_and_folder_without_project(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError, match="there is no folder"):
        install(project(tmp_path / "shop", {"local": "../nowhere"}))
    with pytest.raises(ProjectError, match="holds no project"):
        install(project(tmp_path / "shop", {"local": "../empty"}))


@pytest.mark.parametrize("path", ["x" * 5000, "loop", "~nobody-of-that-name/x", "a/" * 2000])
def test_folders_that_the_system_cannot_hold(tmp_path: Path, path: str) -> None:
    root = project(tmp_path / "shop", {"local": path}, {"git": path, "revision": "v1"})
    (root / "loop").symlink_to("loop")
    with pytest.raises(ProjectError):
        install(root)


def test_disk_that_refuses(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    write(root, {"file": "", "dbt_project.yml": "name: shop\npackages-install-path: file/packages\n"})
    with pytest.raises(ProjectError, match="cannot install packages"):
        install(root)
