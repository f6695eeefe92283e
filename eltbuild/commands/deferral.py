"""`--defer`: refs to nodes that this call does not build lead to the relations of another run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from eltbuild.commands.opening import Opened, folder_of
from eltbuild.errors import Problem, UsageError
from eltbuild.graph.state import Before, load_state
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Relation
from eltbuild.run.aside import foreground
from eltbuild.sql.quoting import kept_as, quoted_parts
from eltbuild.values import replace

DEFERRED = frozenset({"model", "seed", "snapshot", "function"})


def deferred(opened: Opened, chosen: Collection[NodeId]) -> Opened:
    """The project with its unselected nodes standing where the other run's manifest says.

    A node that stands in this target keeps its own place, unless `--favor-state`. Raises `UsageError` where the
    manifest is missing or damaged.
    """
    options = opened.options
    if not options.defer:
        return opened
    given = options.defer_state or options.state
    if not given:
        raise UsageError(Problem("--defer needs the artifacts of another run", hint="name their folder with --state"))
    before = load_state(folder_of(opened.root, given)).resources
    elsewhere: dict[NodeId, Relation] = {}
    for node in opened.project.nodes.values():
        other = before.get(node.id)
        if (
            node.id not in chosen
            and node.resource_type in DEFERRED
            and other is not None
            and other.relation is not None
        ):
            elsewhere[node.id] = other.relation
    if not options.favor_state:
        here = _standing(opened, [opened.project.nodes[id] for id in elsewhere])
        elsewhere = {id: place for id, place in elsewhere.items() if id not in here}
    nodes = {
        id: _moved(opened, node, elsewhere[id]) if id in elsewhere else node
        for id, node in opened.project.nodes.items()
    }
    project = replace(opened.project, nodes=nodes)
    told = {id: _told(other) for id, other in before.items() if other.resource_type in DEFERRED and id in nodes}
    session = replace(opened.session, project=project, deferred=told)
    return replace(opened, session=session, own=opened.project)


def _told(other: Before) -> dict[str, Any]:
    """What templates see of the other run's node as `defer_relation`."""
    return {
        "database": other.database,
        "schema": other.schema,
        "alias": other.alias,
        "relation_name": other.relation_name,
        "resource_type": other.resource_type,
        "name": other.name,
        "description": other.description or "",
        "compiled_code": other.compiled_code,
        "meta": dict(other.meta or {}),
        "tags": list(other.tags or ()),
        "config": dict(other.config or {}),
    }


def _moved(opened: Opened, node: Node, place: Relation) -> Node:
    """The node standing elsewhere, where its names are as the other run wrote them."""
    kept = kept_as(place, quoted_parts(opened.project.settings.quoting), opened.adapter.dialect)
    return replace(node, relation=kept, written=place if kept != place else None)


def _standing(opened: Opened, nodes: list[Node]) -> frozenset[NodeId]:
    """Those of the nodes whose relation stands in this target."""
    places = {node.relation.key: node.id for node in nodes if node.relation is not None}
    schemas = {n.relation.key[:2]: Relation(n.relation.database, n.relation.schema, None) for n in nodes if n.relation}
    if not schemas:
        return frozenset()
    connection = foreground(opened.adapter)
    try:
        found = connection.relations(tuple(schemas.values()))
    finally:
        connection.close()
    return frozenset(places[info.relation.key] for info in found if info.relation.key in places)
