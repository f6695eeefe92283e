"""Our artifacts beside those of dbt itself, for one project with something of everything.

Runs where `DBT_EXECUTABLE` names a `dbt` 1.12 with the DuckDB adapter; the frozen keys in
`tests/fixtures/report/artifact_keys.txt` are checked everywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DBT = os.environ.get("DBT_EXECUTABLE", "")
PROJECT = Path(__file__).parents[1] / "fixtures" / "report" / "everything"
ELTBUILD = [sys.executable, "-c", "from eltbuild.cli import main; main()"]
COMMANDS = (["build"], ["docs", "generate"], ["source", "freshness"])

pytestmark = pytest.mark.skipif(not DBT, reason="DBT_EXECUTABLE is not set")

USERS = {"meta", "kwargs", "unrendered_config", "macros", "adapter_response", "args", "env", "vars", "docs", "stats"}
"""Keys below which names are the user's, or where the two are meant to differ."""
ABSENT = {"datatype"}
"""Keys that dbt writes and strict readers of the published schema refuse."""

Artifacts = dict[str, Any]


def artifacts(folder: Path, program: list[str]) -> Artifacts:
    """Run the commands in a copy of the project; what they left, by name."""
    shutil.copytree(PROJECT, folder)
    environ = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    found: Artifacts = {}
    for command in COMMANDS:
        subprocess.run([*program, *command], cwd=folder, env=environ, capture_output=True, timeout=300, check=False)
        if command == ["build"]:
            found["run_results"] = json.loads((folder / "target" / "run_results.json").read_text())
            found["manifest"] = json.loads((folder / "target" / "manifest.json").read_text())
    found["catalog"] = json.loads((folder / "target" / "catalog.json").read_text())
    found["sources"] = json.loads((folder / "target" / "sources.json").read_text())
    return found


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    return artifacts(tmp_path_factory.mktemp("dbt") / "shop", [DBT])


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    return artifacts(tmp_path_factory.mktemp("eltbuild") / "shop", ELTBUILD)


def missing(theirs: Any, ours: Any, path: str) -> Iterator[str]:
    """The keys that dbt has and we have not, and the other way round."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        yield from (f"{path}: without {key}" for key in sorted(theirs.keys() - ours.keys() - ABSENT))
        yield from (f"{path}: more, {key}" for key in sorted(ours.keys() - theirs.keys()))
        for key in theirs.keys() & ours.keys() - USERS:
            yield from missing(theirs[key], ours[key], f"{path}/{key}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        for one, other in zip(theirs, ours):
            yield from missing(one, other, f"{path}[]")


SECTIONS = (
    "nodes", "sources", "exposures", "metrics", "groups", "saved_queries", "semantic_models", "unit_tests",
)  # fmt: skip


@pytest.mark.parametrize("section", SECTIONS)
def test_the_manifest_has_the_same_resources_with_the_same_keys(
    theirs: Artifacts, ours: Artifacts, section: str
) -> None:
    one, other = theirs["manifest"][section], ours["manifest"][section]
    assert set(one) == set(other)
    assert list(missing(one, other, section)) == []


@pytest.mark.parametrize("section", ["parent_map", "child_map", "group_map"])
def test_the_graph_is_the_same(theirs: Artifacts, ours: Artifacts, section: str) -> None:
    assert ours["manifest"][section] == theirs["manifest"][section]


@pytest.mark.parametrize("key", ["relation_name", "alias", "schema", "database", "fqn", "path", "tags", "description"])
def test_nodes_have_the_same_names(theirs: Artifacts, ours: Artifacts, key: str) -> None:
    def values(artifacts: Artifacts) -> dict[str, Any]:
        return {
            id: node.get(key)
            for id, node in artifacts["manifest"]["nodes"].items()
            if node["resource_type"] in ("model", "seed", "snapshot", "test")
        }

    assert values(ours) == values(theirs)


def test_the_results_are_the_same(theirs: Artifacts, ours: Artifacts) -> None:
    def outcome(artifacts: Artifacts) -> dict[str, tuple[str, int | None]]:
        return {
            one["unique_id"]: (one["status"], one["failures"] if one["unique_id"].startswith("test.") else None)
            for one in artifacts["run_results"]["results"]
            if not one["unique_id"].startswith(("exposure.", "saved_query.", "operation."))
        }

    assert outcome(ours) == outcome(theirs)
    first, other = theirs["run_results"]["results"][0], ours["run_results"]["results"][0]
    assert set(first) == set(other)


def test_the_catalogs_are_the_same(theirs: Artifacts, ours: Artifacts) -> None:
    def columns(artifacts: Artifacts) -> dict[str, list[tuple[str, str, int]]]:
        catalog = artifacts["catalog"]
        return {
            id: [(column["name"], column["type"], column["index"]) for column in entry["columns"].values()]
            for id, entry in {**catalog["nodes"], **catalog["sources"]}.items()
        }

    assert columns(ours) == columns(theirs)


def test_freshness_is_the_same_where_dbt_tells_it(theirs: Artifacts, ours: Artifacts) -> None:
    """dbt leaves out a source that could not be asked; we write it with the status that the schema has for it."""

    def outcome(artifacts: Artifacts) -> dict[str, tuple[str, frozenset[str]]]:
        return {one["unique_id"]: (one["status"], frozenset(one)) for one in artifacts["sources"]["results"]}

    assert outcome(theirs).items() <= outcome(ours).items()
    assert outcome(ours)["source.shop.raw.absent"][0] == "runtime error"


def test_dbt_reads_our_files(ours: Artifacts, tmp_path: Path) -> None:
    for name, value in ours.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    script = """
import sys
from dbt.artifacts.schemas.catalog import CatalogArtifact
from dbt.artifacts.schemas.freshness import FreshnessExecutionResultArtifact
from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.artifacts.schemas.run import RunResultsArtifact
from dbt.contracts.graph.manifest import Manifest
folder = sys.argv[1]
manifest = WritableManifest.read_and_check_versions(folder + "/manifest.json")
RunResultsArtifact.read_and_check_versions(folder + "/run_results.json")
CatalogArtifact.read_and_check_versions(folder + "/catalog.json")
FreshnessExecutionResultArtifact.read_and_check_versions(folder + "/sources.json")
print(len(Manifest.from_writable_manifest(manifest).nodes))
"""
    python = Path(DBT).parent / "python"
    read = subprocess.run([python, "-c", script, tmp_path], capture_output=True, text=True, timeout=120, check=False)
    assert read.returncode == 0, read.stderr
    assert int(read.stdout) == len(ours["manifest"]["nodes"])
