"""Which tests could be asked in one query: those that are about the rows of one relation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId


def groups_of(project: Project, ids: Iterable[NodeId]) -> Mapping[NodeId, NodeId]:
    """For each test that may be asked with others, the node or source that it is about.

    Tests of one relation become ready at once where the same of their parents are built before them; the schedule sees
    to that. Whether the text of a test lets it be asked with others is told later.
    """
    found: dict[NodeId, NodeId] = {}
    for id in ids:
        node = project.nodes.get(id)
        if node is not None and node.resource_type == "test" and is_sociable(node):
            anchor = anchor_of(node)
            model = project.nodes.get(anchor)
            if anchor and (model is None or not model.ephemeral):
                found[id] = anchor
    return found


def is_sociable(node: Node) -> bool:
    """Whether nothing in its config asks for an attempt of its own."""
    return node.language == "sql" and node.config.get("timeout") is None and node.config.get("retries") is None


def anchor_of(node: Node) -> NodeId:
    """The node or source whose rows a test is about; "" where there is none, or no telling which."""
    if node.test is not None and node.test.attached_to:
        return node.test.attached_to
    if len(node.parents) == 1:
        return node.parents[0]
    return _source_of(node) if node.test is not None and node.test.file_key.startswith("sources.") else ""


def _source_of(node: Node) -> NodeId:
    """The source that a test stands at which names other relations besides: its own is named last."""
    own = node.source_refs[-1] if node.source_refs else None
    found = [] if own is None else [id for id in node.parents if id.endswith(f".{own.source}.{own.table}")]
    return found[0] if len(found) == 1 else ""
