"""`manifest.json` (schema v12): the whole project, as tools read it. dbt's own macros are not in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import md5
from pathlib import Path
from typing import Any

from eltbuild.compile.compiled import Compiled
from eltbuild.disk import PRIVATE
from eltbuild.project.project import Project
from eltbuild.project.projection import (
    Fields,
    Frame,
    doc_dict,
    exposure_dict,
    frame_of,
    group_dict,
    macro_dict,
    node_dict,
    primary_keys,
    resource_dict,
    source_dict,
    unit_test_dict,
    unmanaged_dict,
)
from eltbuild.project.resources import Node, NodeId, Resource, Unmanaged
from eltbuild.relation import Relation
from eltbuild.report.artifacts import write_sections
from eltbuild.report.invocation import Invocation, metadata, stamp
from eltbuild.secrecy import Mask, unmasked
from eltbuild.values import replace

SCHEMA = "manifest/v12"

Spell = Callable[[Relation], str]


def manifest(
    project: Project,
    compiled: Mapping[NodeId, Compiled],
    *,
    invocation: Invocation,
    now: datetime,
    spell: Spell | None = None,
) -> dict[str, Any]:
    """The manifest as one value. `spell` writes relations as SQL does; by default every part in quotes."""
    sections = manifest_sections(project, compiled, invocation=invocation, now=now, spell=spell)
    return {key: dict(value) if isinstance(value, Iterator) else value for key, value in sections}


def write_manifest(
    path: str | Path,
    project: Project,
    compiled: Mapping[NodeId, Compiled],
    *,
    invocation: Invocation,
    now: datetime,
    spell: Spell | None = None,
    mask: Mask = unmasked,
    mode: int | None = PRIVATE,
) -> None:
    """The manifest stands at `path`; one node at a time was in memory. Raises `UsageError`."""
    sections = manifest_sections(project, compiled, invocation=invocation, now=now, spell=spell)
    write_sections(path, sections, mask=mask, mode=mode)


def manifest_sections(
    project: Project,
    compiled: Mapping[NodeId, Compiled],
    *,
    invocation: Invocation,
    now: datetime,
    spell: Spell | None = None,
) -> Iterator[tuple[str, Any]]:
    """The manifest key by key; the sections that grow with the project are iterators of pairs."""
    created_at = round(invocation.started_at.timestamp(), 6)
    frame = frame_of(project, spell=spell, created_at=created_at)
    yield "metadata", manifest_metadata(project, invocation, now)
    yield "nodes", _nodes(project, compiled, frame, functions=False)
    yield "sources", ((id, source_dict(source, frame)) for id, source in project.sources.items())
    yield "macros", ((id, macro_dict(macro, frame)) for id, macro in project.macros.items())
    yield "docs", ((id, doc_dict(doc)) for id, doc in project.docs.items())
    yield "exposures", ((id, exposure_dict(exposure, frame)) for id, exposure in project.exposures.items())
    yield "metrics", _unmanaged(project, "metric", frame)
    yield "groups", ((id, group_dict(group)) for id, group in project.groups.items())
    yield "selectors", {name: selector_dict(selector) for name, selector in project.selectors.items()}
    left_out = dict(_left_out(project))
    yield "disabled", disabled_dict((one for one in project.disabled if one.id not in left_out), frame)
    parents = parent_map(project) | {id: sorted(node.parents) for id, node in left_out.items()}
    yield "parent_map", parents
    yield "child_map", child_map(parents)
    yield "group_map", group_map(project)
    yield "saved_queries", _unmanaged(project, "saved_query", frame)
    yield "semantic_models", _unmanaged(project, "semantic_model", frame)
    yield "unit_tests", _unit_tests(project, frame)
    yield "functions", _nodes(project, compiled, frame, functions=True)


def manifest_metadata(project: Project, invocation: Invocation, now: datetime) -> dict[str, Any]:
    """The metadata of a manifest: those of every artifact, the project and the adapter."""
    quoting = project.settings.quoting
    return {
        **metadata(SCHEMA, invocation, now),
        "project_name": project.settings.name,
        "project_id": md5(project.settings.name.encode(), usedforsecurity=False).hexdigest(),
        "user_id": None,
        "send_anonymous_usage_stats": False,
        "adapter_type": project.target.type,
        "quoting": {
            "database": quoting.get("database", True),
            "schema": quoting.get("schema", True),
            "identifier": quoting.get("identifier", True),
            "column": None,
        },
        "run_started_at": stamp(invocation.started_at),
    }


def _nodes(
    project: Project, compiled: Mapping[NodeId, Compiled], frame: Frame, *, functions: bool
) -> Iterator[tuple[str, Fields]]:
    """The nodes that are functions, or the others."""
    keys = primary_keys(project)
    for id, node in (*project.nodes.items(), *_left_out(project)):
        if (node.resource_type == "function") != functions:
            continue
        fields = node_dict(node, frame)
        if node.resource_type == "model":
            fields["primary_key"] = list(keys.get(id, ()))
        elif node.test is not None:
            fields["group"] = group_of(node, project)
        if node.resource_type != "seed":
            fields.update(compiled_fields(compiled.get(id), project))
        yield id, fields


def compiled_fields(meaning: Compiled | None, project: Project) -> Fields:
    """What compiling adds to a node; a node that was not compiled has no path of compiled text."""
    if meaning is None:
        return {"compiled_path": None}
    return {
        "compiled": meaning.sql is not None,
        "compiled_code": meaning.sql,
        "extra_ctes_injected": meaning.sql is not None,
        "extra_ctes": [
            {"id": cte.id, "sql": f" __dbt__cte__{project.nodes[cte.id].name} as (\n{cte.sql}\n)"}
            for cte in meaning.ctes
        ],
    }


def _unmanaged(project: Project, kind: str, frame: Frame) -> Iterator[tuple[str, Fields]]:
    for id, resource in project.unmanaged.items():
        if resource.resource_type == kind:
            yield id, unmanaged_dict(resource, frame, relation=_model_relation(project, resource))


def _model_relation(project: Project, resource: Unmanaged) -> Relation | None:
    """Where the model of a semantic model stands."""
    if resource.resource_type != "semantic_model":
        return None
    found = (project.nodes.get(parent) for parent in resource.parents)
    return next((node.relation for node in found if node is not None), None)


def _left_out(project: Project) -> list[tuple[NodeId, Node]]:
    """Tests that are not run since what they refer to is missing: dbt keeps them among the nodes, as not enabled."""
    return [
        (node.id, replace(node, config={**node.config, "enabled": False}))
        for node in project.disabled
        if isinstance(node, Node) and node.resource_type == "test" and node.config.get("enabled") is not False
    ]


def _unit_tests(project: Project, frame: Frame) -> Iterator[tuple[str, Fields]]:
    for id, test in project.unit_tests.items():
        model = next((project.nodes[parent] for parent in test.parents if parent in project.nodes), None)
        relation = model.relation if model else None
        yield id, unit_test_dict(test, frame, schema=relation.schema if relation else frame.schema)


def disabled_dict(disabled: Iterable[Resource], frame: Frame) -> dict[str, list[Fields]]:
    """Disabled resources by id; several packages may disable one each under the same id."""
    found: dict[str, list[Fields]] = {}
    for resource in disabled:
        found.setdefault(resource.id, []).append(resource_dict(resource, frame))
    return found


def parent_map(project: Project) -> dict[NodeId, list[NodeId]]:
    """Each resource's parents, sorted; sources have none."""
    return {resource.id: sorted(getattr(resource, "parents", ())) for resource in project.resources()}


def child_map(parents: Mapping[NodeId, Iterable[NodeId]]) -> dict[NodeId, list[NodeId]]:
    """Each resource's children, sorted."""
    children: dict[NodeId, list[NodeId]] = {id: [] for id in parents}
    for id in sorted(parents):
        for parent in parents[id]:
            children.setdefault(parent, []).append(id)
    return children


def group_map(project: Project) -> dict[str, list[NodeId]]:
    """The members of each group, in the project's order."""
    found: dict[str, list[NodeId]] = {group.name: [] for group in project.groups.values()}
    for node in project.nodes.values():
        if group := group_of(node, project):
            found.setdefault(group, []).append(node.id)
    for resource in project.unmanaged.values():
        if group := resource.config.get("group"):
            found.setdefault(str(group), []).append(resource.id)
    return found


def group_of(node: Node, project: Project) -> str | None:
    """The group of a node; a generic test is in the group of what it tests."""
    if node.group or node.test is None or node.test.attached_to is None:
        return node.group
    tested = project.nodes.get(node.test.attached_to)
    return tested.group if tested else None


def selector_dict(selector: Mapping[str, Any]) -> dict[str, Any]:
    """A named selector, its definition as mappings even where it was written as text."""
    written = {key: value for key, value in selector.items() if key != "definition"}
    if isinstance(written.get("description"), str):
        written["description"] = written["description"].removesuffix("\n")
    return {**written, "definition": definition_dict(selector.get("definition"))}


def definition_dict(definition: Any) -> Any:
    """A selector's definition with every text `2+tag:x+` and every `tag: x` as `{method, value, ...}`.

    What stands beside a method, such as its `exclude`, stays as it is written.
    """
    if isinstance(definition, str):
        return criterion_dict(definition)
    if isinstance(definition, Mapping):
        if "method" in definition:
            return dict(definition)
        if len(definition) == 1 and not definition.keys() & {"union", "intersection", "exclude"}:
            ((method, value),) = definition.items()
            return {"method": method, "value": value}
        return {
            key: [definition_dict(item) for item in value]
            if key in ("union", "intersection", "exclude") and isinstance(value, (list, tuple))
            else value
            for key, value in definition.items()
        }
    return definition


def criterion_dict(text: str) -> dict[str, Any]:
    """One criterion as mapping: `@tag:x`, `2+tag:x+3`."""
    import re

    match = re.fullmatch(r"(@)?(?:(\d*)(\+))?(?:([\w.]+):)?(.*?)(?:(\+)(\d*))?", text.strip(), re.DOTALL)
    if match is None:
        return {"method": "fqn", "value": text}
    around, up, parents, method, value, children, down = match.groups()
    default = "path" if "/" in value or "\\" in value else "fqn"
    fields: dict[str, Any] = {"method": method or default, "value": value}
    if around:
        fields["childrens_parents"] = True
    if parents:
        fields["parents"] = True
    if up:
        fields["parents_depth"] = int(up)
    if children:
        fields["children"] = True
    if down:
        fields["children_depth"] = int(down)
    return fields
