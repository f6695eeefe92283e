"""The shape of every artifact against the keys that dbt 1.12 writes: tools read them strictly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from eltbuild.compile.compiled import Compiled
from eltbuild.project.project import Project
from eltbuild.relation import Column, RelationInfo
from eltbuild.report.catalog import catalog
from eltbuild.report.invocation import Invocation
from eltbuild.report.manifest import manifest
from eltbuild.report.run_results import run_results
from eltbuild.report.sources import sources
from eltbuild.run.events import Results

FIXTURE = Path(__file__).parents[2] / "fixtures" / "report" / "artifact_keys.txt"
Shapes = Mapping[str, tuple[frozenset[str], frozenset[str]]]


def shapes() -> Shapes:
    found = {}
    for line in FIXTURE.read_text().splitlines():
        if line and not line.startswith("#"):
            path, _, keys = line.partition(":")
            always, _, maybe = keys.partition(";")
            found[path] = (frozenset(always.split()), frozenset(maybe.split()))
    return found


def objects(value: Any, path: str, known: Shapes) -> Iterator[tuple[str, frozenset[str]]]:
    """Every object whose keys are the format's, with its path; the user's own mappings are passed by."""
    if isinstance(value, Mapping):
        starred = f"{path} *"
        if path in known:
            yield path, frozenset(value)
            for key, item in value.items():
                yield from objects(item, f"{path} {key}", known)
        elif any(other.startswith(starred) for other in known):
            for item in value.values():
                yield from objects(item, starred, known)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from objects(item, f"{path} []", known)


def check(found: Iterator[tuple[str, frozenset[str]]], known: Shapes, seen: set[str]) -> None:
    for path, keys in found:
        always, maybe = known[path]
        assert always <= keys, f"{path} lacks {sorted(always - keys)}"
        assert keys <= always | maybe, f"{path} has more: {sorted(keys - always - maybe)}"
        seen.add(path)


def manifest_objects(value: Mapping[str, Any], known: Shapes) -> Iterator[tuple[str, frozenset[str]]]:
    yield "manifest", frozenset(value)
    for section, entries in value.items():
        if section == "metadata":
            yield from objects(entries, "manifest metadata", known)
        elif section == "nodes":
            for node in entries.values():
                kind = node["resource_type"]
                if kind == "test":
                    kind = "generic_test" if "test_metadata" in node else "singular_test"
                yield from objects(node, f"manifest nodes {kind}", known)
        elif section not in ("parent_map", "child_map", "group_map", "disabled"):
            for entry in entries.values():
                yield from objects(entry, f"manifest {section}", known)


def test_keys_of_the_manifest(
    project: Project, compiled: dict[str, Compiled], invocation: Invocation, noon: datetime
) -> None:
    known, seen = shapes(), set[str]()
    value = manifest(project, compiled, invocation=invocation, now=noon)
    check(manifest_objects(value, known), known, seen)
    assert {path for path in known if path.startswith("manifest")} - seen == set()


def test_keys_of_the_other_artifacts(
    project: Project, results: Results, invocation: Invocation, noon: datetime
) -> None:
    known, seen = shapes(), set[str]()
    info = RelationInfo(project.nodes["seed.shop.countries"].relation, "table", (Column("id", "INTEGER"),))  # type: ignore[arg-type]
    raw = RelationInfo(project.sources["source.shop.raw.events"].relation, "view", (Column("id", "INTEGER"),))  # type: ignore[arg-type]
    made = {
        "run_results": run_results(results, project=project, invocation=invocation, now=noon),
        "sources": sources(results, project=project, invocation=invocation, now=noon),
        "catalog": catalog(project, [info, raw], invocation=invocation, now=noon),
    }
    for name, value in made.items():
        check(objects(value, name, known), known, seen)
    batches = "run_results results [] batch_results"
    assert {path for path in known if not path.startswith("manifest")} - seen == {batches}
