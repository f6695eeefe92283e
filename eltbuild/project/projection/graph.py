"""The project as templates see it under the name `graph`: every resource by id, as dictionaries."""

from __future__ import annotations

from typing import Any

from eltbuild.project.project import Project
from eltbuild.project.projection.frame import Fields, Frame, Spell, frame_of
from eltbuild.project.projection.nodes import model_dict
from eltbuild.project.projection.others import exposure_dict, group_dict, macro_dict, source_dict, unit_test_dict
from eltbuild.project.projection.semantics import unmanaged_dict


def graph_dict(project: Project, *, spell: Spell | None = None) -> dict[str, Any]:
    """`{nodes, sources, exposures, groups, metrics, ...}`: each a mapping from ids to dictionaries."""
    frame = frame_of(project, spell=spell)
    graph: dict[str, Any] = {
        "nodes": _of(project, frame, functions=False),
        "sources": {id: source_dict(source, frame) for id, source in project.sources.items()},
        "exposures": {id: exposure_dict(exposure, frame) for id, exposure in project.exposures.items()},
        "groups": {id: group_dict(group) for id, group in project.groups.items()},
        "macros": {id: macro_dict(macro, frame) for id, macro in project.macros.items()},
        "metrics": {},
        "semantic_models": {},
        "saved_queries": {},
        "functions": _of(project, frame, functions=True),
        "unit_tests": {id: unit_test_dict(test, frame) for id, test in project.unit_tests.items()},
    }
    sections = {"saved_query": "saved_queries"}
    for id, resource in project.unmanaged.items():
        section = sections.get(resource.resource_type, resource.resource_type + "s")
        graph[section][id] = unmanaged_dict(resource, frame)
    return graph


def _of(project: Project, frame: Frame, *, functions: bool) -> dict[str, Fields]:
    """The nodes that are functions, or the others."""
    return {
        id: model_dict(node, frame)
        for id, node in project.nodes.items()
        if (node.resource_type == "function") == functions
    }
