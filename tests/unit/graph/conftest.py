"""Projects for the tests of this room: read from manifests, so that no loader is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from eltbuild.adapter import Target
from eltbuild.project.project import Project, Settings
from eltbuild.project.resources import ColumnSpec, Exposure, Macro, Node, Source, TestCase, UnitTest, Unmanaged

FIXTURES = Path(__file__).parents[2] / "fixtures" / "select"


def common(entry: Mapping[str, Any], root: str) -> dict[str, Any]:
    """The fields that every resource has."""
    return {
        "id": entry["unique_id"],
        "name": entry["name"],
        "package": entry["package_name"],
        "path": entry["original_file_path"],
        "original_path": entry["original_file_path"],
        "root": "" if entry["package_name"] == root else f"dbt_packages/{entry['package_name']}",
        "fqn": tuple(entry["fqn"]),
        "config": entry.get("config") or {},
        "description": entry.get("description") or "",
    }


def parents(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple((entry.get("depends_on") or {}).get("nodes") or ())


def columns(entry: Mapping[str, Any]) -> dict[str, ColumnSpec]:
    return {
        name: ColumnSpec(
            name,
            column.get("description") or "",
            column.get("data_type"),
            constraints=tuple(column.get("constraints") or ()),
        )
        for name, column in (entry.get("columns") or {}).items()
    }


def node(entry: Mapping[str, Any], root: str) -> Node:
    test = entry.get("test_metadata")
    return Node(
        **common(entry, root),
        resource_type=entry["resource_type"],
        code=entry.get("raw_code") or "",
        checksum=(entry.get("checksum") or {}).get("checksum", ""),
        unrendered_config=entry.get("unrendered_config") or {},
        columns=columns(entry),
        patch_path=entry.get("patch_path"),
        parents=parents(entry),
        macros=tuple((entry.get("depends_on") or {}).get("macros") or ()),
        test=TestCase(test["name"]) if test else None,
        access=entry.get("access") or "protected",
        group=entry.get("group"),
        version=entry.get("version"),
        latest_version=entry.get("latest_version"),
        deprecation_date=entry.get("deprecation_date"),
        constraints=tuple(entry.get("constraints") or ()),
    )


def source(entry: Mapping[str, Any], root: str) -> Source:
    same = ("source_name", "identifier", "quoting", "loaded_at_field", "loaded_at_query", "freshness", "external")
    kept = ("unrendered_config", "unrendered_database", "unrendered_schema")
    return Source(**common(entry, root), **{key: entry.get(key) for key in same + kept})


def exposure(entry: Mapping[str, Any], root: str) -> Exposure:
    same = ("type", "owner", "label", "maturity", "url")
    return Exposure(
        **common(entry, root),
        **{key: entry.get(key) for key in same},
        unrendered_config=entry.get("unrendered_config") or {},
        parents=parents(entry),
    )


def unit_test(entry: Mapping[str, Any], root: str) -> UnitTest:
    """The checksum is left out: another tool's would differ too."""
    return UnitTest(
        **common(entry, root),
        model=entry["model"],
        given=tuple(entry["given"]),
        expect=entry["expect"],
        overrides=entry.get("overrides") or {},
        version=entry.get("version"),
        parents=parents(entry),
    )


def unmanaged(entry: Mapping[str, Any], root: str) -> Unmanaged:
    return Unmanaged(**common(entry, root), resource_type=entry["resource_type"], body=entry, parents=parents(entry))


def macro(id: str, entry: Mapping[str, Any]) -> Macro:
    return Macro(
        id=id,
        name=id.rpartition(".")[2],
        key=id.rpartition(".")[2],
        kind="macro",
        package=id.split(".")[1],
        path="",
        original_path="",
        text=entry["macro_sql"],
        macros=tuple(entry["depends_on"]["macros"]),
    )


def project_from(manifest: Mapping[str, Any], selectors: Mapping[str, Any] | None = None) -> Project:
    """The project that a manifest describes."""
    root = manifest["metadata"]["project_name"]
    packages = {entry["package_name"] for entry in manifest["nodes"].values()}

    def all_of(section: str, make: Callable[[Mapping[str, Any], str], Any]) -> dict[str, Any]:
        return {id: make(entry, root) for id, entry in (manifest.get(section) or {}).items()}

    return Project(
        root="/project",
        settings=Settings(name=root),
        packages={name: Settings(name=name) for name in sorted(packages, key=lambda name: name != root)},
        target=Target("p", "dev", "duckdb", "db", "main"),
        nodes=all_of("nodes", node),
        sources=all_of("sources", source),
        exposures=all_of("exposures", exposure),
        unit_tests=all_of("unit_tests", unit_test),
        unmanaged={
            id: resource
            for section in ("metrics", "semantic_models", "saved_queries", "functions")
            for id, resource in all_of(section, unmanaged).items()
        },
        macros={id: macro(id, entry) for id, entry in (manifest.get("macros") or {}).items()},
        selectors=selectors or {},
    )


@pytest.fixture(scope="session", name="project_from")
def _project_from() -> Callable[..., Project]:
    return project_from


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of this room's text fixtures."""
    return FIXTURES
