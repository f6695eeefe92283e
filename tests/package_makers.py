"""Packages to install: folders, repositories, archives and an index, made for a test."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from eltbuild.commands.deps import deps
from eltbuild.project.packages.install import Installed

GIT_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "someone",
    "GIT_AUTHOR_EMAIL": "someone@example.org",
    "GIT_COMMITTER_NAME": "someone",
    "GIT_COMMITTER_EMAIL": "someone@example.org",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=GIT_ENVIRONMENT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder


def package(folder: Path, name: str, packages: Sequence[Mapping[str, Any]] = (), **files: str) -> Path:
    """A package on disk with one macro; `packages` are what it asks for."""
    write(
        folder,
        {"dbt_project.yml": f"name: {name}\nversion: '1.0.0'\n", "macros/hello.sql": f"-- {name}\n", **files},
    )
    if packages:
        (folder / "packages.yml").write_text(yaml.safe_dump({"packages": list(packages)}), encoding="utf-8")
    return folder


def repository(folder: Path, name: str, **files: str) -> Path:
    """A git repository of one commit with the tag v1."""
    package(folder, name, **files)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    git(folder, "tag", "v1")
    return folder


def commit(folder: Path, files: Mapping[str, str] | None = None) -> str:
    write(folder, files or {})
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=change")
    return git(folder, "rev-parse", "HEAD")


def tarball(place: Path, name: str, packages: Sequence[Mapping[str, Any]] = (), top: str = "top-1.0") -> Path:
    """An archive of a package under one folder, as code hosts make them."""
    folder = package(place.parent / f"{place.name}-files", name, packages)
    with tarfile.open(place, "w:gz") as tar:
        tar.add(folder, arcname=top)
    return place


def project(folder: Path, *packages: Mapping[str, Any], file: str = "packages.yml") -> Path:
    write(folder, {"dbt_project.yml": "name: shop\nversion: '1.0.0'\nprofile: shop\n"})
    (folder / file).write_text(yaml.safe_dump({"packages": list(packages)}), encoding="utf-8")
    return folder


def install(root: Path, environment: Mapping[str, str] | None = None, **options: Any) -> dict[str, Installed]:
    given = {**GIT_ENVIRONMENT, **(environment or {})}
    return {one.name: one for one in deps(root, environment=given, vars={}, **options)}


def lock(root: Path) -> Any:
    return yaml.safe_load((root / "package-lock.yml").read_text(encoding="utf-8"))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def only_entries(root: Path) -> set[str]:
    return {entry.name for entry in root.iterdir()}


def hub(folder: Path, packages: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, str]:
    """An index in a folder (package, version, what that version asks for), and the variable naming it."""
    for name, versions in packages.items():
        listing = {}
        for version, wishes in versions.items():
            short = name.split("/")[1]
            archive = folder / f"{short}-{version}.tgz"
            folder.mkdir(exist_ok=True)
            files = package(folder / f"{archive.name}-files", short, wishes, VERSION=version)
            with tarfile.open(archive, "w:gz") as tar:
                tar.add(files, arcname=f"{short}-{version}")
            listing[version] = {
                "name": short,
                "version": version,
                "packages": list(wishes),
                "downloads": {"tarball": f"../../../{archive.name}"},
            }
        write(folder, {f"api/v1/{name}.json": json.dumps({"name": name, "versions": listing})})
    return {"ELTBUILD_PACKAGE_HUB_URL": folder.as_uri()}


def version_of(root: Path, name: str) -> str:
    return (root / "dbt_packages" / name / "VERSION").read_text()
