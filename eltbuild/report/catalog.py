"""`catalog.json` (schema v1): the columns of what stands in the warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from eltbuild.project.project import Project
from eltbuild.project.projection import stands
from eltbuild.project.resources import NodeId
from eltbuild.relation import Relation, RelationInfo
from eltbuild.report.invocation import Invocation, metadata

SCHEMA = "catalog/v1"

KINDS: Mapping[str, str] = {
    "table": "BASE TABLE",
    "view": "VIEW",
    "materialized_view": "MATERIALIZED VIEW",
    "external": "EXTERNAL TABLE",
}
"""The words of `information_schema` for the kinds of relations."""


def catalog(
    project: Project,
    relations: Iterable[RelationInfo],
    *,
    invocation: Invocation,
    now: datetime,
    rows: Mapping[Relation, int] | None = None,
    errors: Sequence[str] = (),
    exact: bool = False,
) -> dict[str, Any]:
    """What of `relations` belongs to nodes and sources of the project. `rows` are row counts, where known.

    `errors` say what could not be asked. `exact`: names that differ in letter case alone are two.
    """
    found = {info.relation.key_where(exact): info for info in relations}
    counts = {relation.key_where(exact): count for relation, count in (rows or {}).items()}
    return {
        "metadata": metadata(SCHEMA, invocation, now),
        "nodes": _entries(_places(project), found, counts, exact),
        "sources": _entries(_sources(project), found, counts, exact),
        "errors": list(errors) or None,
    }


def _places(project: Project) -> Iterable[tuple[NodeId, Relation]]:
    for id, node in project.nodes.items():
        if node.relation is not None and stands(node):
            yield id, node.relation


def _sources(project: Project) -> Iterable[tuple[NodeId, Relation]]:
    for id, source in project.sources.items():
        if source.relation is not None:
            yield id, source.relation


def _entries(
    places: Iterable[tuple[NodeId, Relation]],
    found: Mapping[tuple[str, str, str], RelationInfo],
    counts: Mapping[tuple[str, str, str], int],
    exact: bool,
) -> dict[NodeId, dict[str, Any]]:
    return {
        id: entry_dict(id, info, counts.get(key))
        for id, key in ((id, relation.key_where(exact)) for id, relation in places)
        if (info := found.get(key)) is not None
    }


def entry_dict(id: NodeId, info: RelationInfo, rows: int | None = None) -> dict[str, Any]:
    """One relation with its columns, numbered from 1."""
    relation = info.relation
    return {
        "metadata": {
            "type": KINDS.get(info.kind, info.kind.upper()),
            "schema": relation.schema or "",
            "name": relation.identifier or "",
            "database": relation.database,
            "comment": info.comment or None,
            "owner": info.owner or None,
        },
        "columns": {
            column.name: {
                "type": column.type,
                "index": index,
                "name": column.name,
                "comment": column.comment or None,
            }
            for index, column in enumerate(info.columns, start=1)
        },
        "stats": stats_dict(rows),
        "unique_id": id,
    }


def stats_dict(rows: int | None) -> dict[str, Any]:
    """`has_stats`, and the row count where it is known, under both names that readers look for."""
    stats: dict[str, Any] = {
        "has_stats": {
            "id": "has_stats",
            "label": "Has Stats?",
            "value": rows is not None,
            "include": False,
            "description": "Indicates whether there are statistics for this table",
        }
    }
    if rows is not None:
        for id, shown in (("row_count", True), ("num_rows", False)):
            stats[id] = {
                "id": id,
                "label": "Row Count",
                "value": rows,
                "include": shown,
                "description": "Number of rows in the table",
            }
    return stats
