"""`deps --add-package` edits the list and keeps the rest of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from package_makers import hub, install, package, project, snapshot, version_of, write

from eltbuild.errors import ProjectError, UsageError
from eltbuild.project.packages.add import edited, read_addition


def test_adding_keeps_comments_and_replaces_the_same_package(tmp_path: Path) -> None:
    environment = hub(tmp_path / "hub", {"org/tools": {"1.0.0": [], "2.0.0": []}, "org/dates": {"1.0.0": []}})
    root = project(tmp_path / "shop")
    (root / "packages.yml").write_text(
        "# ours\npackages:\n  # utilities\n  - package: org/tools\n    version: 1.0.0  # old\n\n  # the end\n"
    )
    assert set(install(root, environment, add="org/dates@1.0.0")) == {"tools", "dates"}
    assert (root / "packages.yml").read_text() == (
        "# ours\npackages:\n  # utilities\n  - package: org/tools\n    version: 1.0.0  # old\n"
        "  - package: org/dates\n    version: 1.0.0\n\n  # the end\n"
    )
    install(root, environment, add="org/tools@>=2.0.0,<3.0.0")
    assert version_of(root, "tools") == "2.0.0"
    assert (root / "packages.yml").read_text() == (
        "# ours\npackages:\n  # utilities\n  - package: org/tools\n    version: ['>=2.0.0', <3.0.0]\n"
        "  - package: org/dates\n    version: 1.0.0\n\n  # the end\n"
    )


def test_adding_what_cannot_be_installed_leaves_the_list(tmp_path: Path) -> None:
    environment = hub(tmp_path / "hub", {"org/tools": {"1.0.0": []}})
    root = project(tmp_path / "shop", {"package": "org/tools", "version": "1.0.0"})
    before = snapshot(root)
    with pytest.raises(ProjectError):
        install(root, environment, add="org/none@1.0.0")
    assert snapshot(root) == before


def test_adding_creates_the_file(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = write(tmp_path / "shop", {"dbt_project.yml": "name: shop\nversion: '1'\n"})
    install(root, add="../tools")
    assert (root / "packages.yml").read_text() == "packages:\n  - local: ../tools\n"


@pytest.mark.parametrize(
    "text", ["", "packages:\n", "packages: []\n", "x: 1\n", "packages: # none\n", "packages:\n- local: a"]
)
def test_edited_lists_hold_one_more(text: str) -> None:
    result = edited(text, {"package": "org/tools", "version": "1.0.0"}, "packages.yml")
    assert yaml.safe_load(result)["packages"][-1] == {"package": "org/tools", "version": "1.0.0"}


def test_lists_that_only_a_person_can_edit() -> None:
    with pytest.raises(ProjectError, match="by hand"):
        edited("packages: [{local: a}]\n", {"local": "b"}, "packages.yml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/tools@1.0.0", {"package": "org/tools", "version": "1.0.0"}),
        ("org/tools@>=1.0.0, <2", {"package": "org/tools", "version": [">=1.0.0", "<2"]}),
        ("https://host/org/tools.git@v1", {"git": "https://host/org/tools.git", "revision": "v1"}),
        ("https://token@host/org/tools.git", {"git": "https://token@host/org/tools.git"}),
        ("git@host:org/tools.git@v1.2", {"git": "git@host:org/tools.git", "revision": "v1.2"}),
        ("https://host/org/tools@main", {"git": "https://host/org/tools", "revision": "main"}),
        ("../tools", {"local": "../tools"}),
    ],
)
def test_additions(text: str, expected: Mapping[str, Any]) -> None:
    assert read_addition(text) == expected


def test_additions_whose_looks_deceive() -> None:
    assert read_addition("org/tools@v1", "local") == {"local": "org/tools@v1"}
    assert read_addition("/srv/tools", "git") == {"git": "/srv/tools"}


@pytest.mark.parametrize("text", ["org/tools", "tools", "--x"])
def test_additions_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        read_addition(text)
