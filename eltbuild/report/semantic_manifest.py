"""`semantic_manifest.json`: semantic models, metrics and saved queries as MetricFlow and its kin read them.

What they mean is not known here: the members of the manifest, of which this file has other ones, are passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from eltbuild.disk import PRIVATE
from eltbuild.project.project import Project
from eltbuild.project.projection import Fields, Frame, frame_of, unmanaged_dict
from eltbuild.project.projection.nodes import time_spine_dict
from eltbuild.project.resources import Node, Unmanaged
from eltbuild.relation import Relation
from eltbuild.report.artifacts import write_artifact
from eltbuild.secrecy import Mask, unmasked

INTERFACES = {"major_version": "0", "minor_version": "213", "patch_version": "0"}
"""The version of the form."""

LEGACY_SPINE = "metricflow_time_spine"
"""A model of this name is a spine of days whether it says so or not."""


def is_semantic(project: Project) -> bool:
    """Whether there is anything to write."""
    return bool(project.unmanaged) or any(True for _ in _spines(project))


def write_semantic_manifest(path: Path, project: Project, *, mask: Mask = unmasked, mode: int | None = PRIVATE) -> None:
    """The file stands at `path` where the project has anything for it, and not where it has nothing.

    Raises `UsageError`.
    """
    if is_semantic(project):
        write_artifact(path, semantic_manifest(project, frame_of(project)), mask=mask, mode=mode)
    else:
        with suppress(OSError):
            path.unlink()


def semantic_manifest(project: Project, frame: Frame) -> Fields:
    """The whole of it."""
    return {
        "semantic_models": [_semantic_model(item, project, frame) for item in _of(project, "semantic_model")],
        "metrics": [_metric(item, frame) for item in _of(project, "metric")],
        "project_configuration": {
            "time_spine_table_configurations": [
                {"location": frame.name(node), "column_name": "date_day", "grain": "day"}
                for node in project.nodes.values()
                if node.resource_type == "model" and node.name == LEGACY_SPINE
            ],
            "metadata": None,
            "dsi_package_version": INTERFACES,
            "time_spines": [_spine(node, spine, frame) for node, spine in _spines(project)],
        },
        "saved_queries": [_saved_query(item, frame) for item in _of(project, "saved_query")],
    }


def _of(project: Project, kind: str) -> Iterable[Unmanaged]:
    return (item for item in project.unmanaged.values() if item.resource_type == kind)


def _only(fields: Mapping[str, Any], names: str) -> Fields:
    """Those members, none where there is none."""
    return {name: fields.get(name) for name in names.split()}


def _config(fields: Mapping[str, Any]) -> Fields:
    return {"meta": dict((fields.get("config") or {}).get("meta") or {})}


def _semantic_model(item: Unmanaged, project: Project, frame: Frame) -> Fields:
    model = next((project.nodes[id] for id in item.parents if id in project.nodes), None)
    fields = unmanaged_dict(item, frame, relation=model.relation if model else None)
    entity = "name description type role expr metadata label"
    measure = (
        "name agg description create_metric expr agg_params metadata non_additive_dimension agg_time_dimension label"
    )
    dimension = "name description type datatype is_partition type_params expr metadata label"
    parts = {"entities": entity, "measures": measure, "dimensions": dimension}
    return {
        **_only(fields, "name defaults node_relation primary_entity label metadata"),
        "description": fields["description"] or None,
        **{key: [_part(part, names) for part in fields[key]] for key, names in parts.items()},
        "config": _config(fields),
    }


def _part(fields: Mapping[str, Any], names: str) -> Fields:
    return {**_only(fields, names), "config": _config(fields)}


def _metric(item: Unmanaged, frame: Frame) -> Fields:
    fields = unmanaged_dict(item, frame)
    return {
        **_only(fields, "name description type type_params filter metadata label time_granularity"),
        "datatype": None,
        "config": _config(fields),
    }


def _saved_query(item: Unmanaged, frame: Frame) -> Fields:
    fields = unmanaged_dict(item, frame)
    exports = [
        {"name": export["name"], "config": _only(export["config"], "export_as schema_name alias")}
        for export in fields["exports"]
    ]
    return {**_only(fields, "name query_params description metadata label tags"), "exports": exports}


def _spines(project: Project) -> Iterable[tuple[Node, Fields]]:
    """The models that are time spines, each with what it says of that."""
    for node in project.nodes.values():
        spine = time_spine_dict(node.extra.get("time_spine")) if node.resource_type == "model" else None
        if spine is not None:
            yield node, spine


def _spine(node: Node, spine: Mapping[str, Any], frame: Frame) -> Fields:
    name = spine["standard_granularity_column"]
    column = next((found for found in node.columns.values() if found.name == name), None)
    place = node.relation or Relation(None, None, node.name)
    return {
        "node_relation": {
            "alias": place.identifier,
            "schema_name": place.schema,
            "database": place.database,
            "relation_name": frame.name(node),
        },
        "primary_column": {"name": name, "time_granularity": column.granularity if column else None},
        "custom_granularities": spine["custom_granularities"],
    }
