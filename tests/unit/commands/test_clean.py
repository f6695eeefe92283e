"""Cleaning deletes what builds left, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from eltbuild.commands.clean import clean
from eltbuild.errors import ProjectError
from eltbuild.project.project import Settings

PATHS = {"model-paths": ("models", "more/models"), "seed-paths": ("seeds",)}


def settings(*targets: str) -> Settings:
    return Settings(name="shop", file="eltbuild.yml", paths=PATHS, clean_targets=targets)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    for path in ("models/a.sql", "more/models/b.sql", "seeds/c.csv", "target/run/x.sql", "logs/eltbuild.log"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    (root / "eltbuild.yml").write_text("name: shop\n")
    (root / ".git").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious").write_text("x")
    return root


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def test_targets_go_and_the_rest_stays(root: Path) -> None:
    before = files(root)
    assert clean(root, settings("target", "logs", "dbt_packages")) == (root / "target", root / "logs")
    assert files(root) == {path for path in before if not path.startswith(("target", "logs"))}
    assert not (root / "target").exists()
    assert clean(root, settings("target", "logs")) == ()


def test_single_files_can_be_targets(root: Path) -> None:
    assert clean(root, settings("logs/eltbuild.log")) == (root / "logs/eltbuild.log",)
    assert (root / "logs").is_dir()


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (".", "holds the project itself"),
        ("", "holds the project itself"),
        ("..", "holds the project itself"),
        ("target/..", "holds the project itself"),
        ("/", "holds the project itself"),
        ("../outside", "lies outside"),
        ("/tmp", "holds the project itself|lies outside"),
        ("models", "holds the sources `models`"),
        ("more", "holds the sources `more/models`"),
        ("models/staging", "lies in the sources `models`"),
        ("link_out", "lies outside"),
        ("link_in/deep", "lies in the sources `models`"),
        (".git", "is a part of the project"),
        ("eltbuild.yml", "is a part of the project"),
    ],
)
def test_refused(root: Path, target: str, why: str) -> None:
    (root / "link_out").symlink_to("../outside")
    (root / "link_in").symlink_to("models")
    before = files(root.parent)
    with pytest.raises(ProjectError, match=why):
        clean(root, settings("target", target))
    assert files(root.parent) == before


def test_links_inside_a_target_are_not_followed(root: Path) -> None:
    (root / "target/link").symlink_to("../../outside")
    clean(root, settings("target"))
    assert (root.parent / "outside/precious").exists()


def test_target_that_is_a_link_inside_loses_only_the_link(root: Path) -> None:
    (root / "latest").symlink_to("target/run")
    assert clean(root, settings("latest")) == (root / "latest",)
    assert (root / "target/run/x.sql").exists()


def test_all_refusals_are_told_together(root: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        clean(root, settings("models", "seeds", "target"))
    assert len(caught.value.problems) == 2
    assert (root / "target").exists()


def test_what_lies_outside_goes_where_that_is_allowed(root: Path) -> None:
    outside = root.parent / "outside"
    assert clean(root, settings("../outside"), outside=True) == (root / "../outside",)
    assert not outside.exists()
    for target in ("..", "/", "models", str(Path.home())):
        with pytest.raises(ProjectError):
            clean(root, settings(target), outside=True)
