"""What messages call a node, and how they say that it ended."""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.project.resources import NodeId

_VERBS: Mapping[str, str] = {
    "skipped": "was skipped",
    "cancelled": "was cancelled",
    "partial success": "succeeded only in part",
}


def verb(status: str) -> str:
    """What a node did that ended so: `failed`, `was skipped`."""
    return _VERBS.get(status, "failed")


def name(id: NodeId) -> str:
    """What people call the node: its id without type, package and the digest of a test."""
    parts = id.split(".")
    if parts[0] == "test" and len(parts) > 3 and len(parts[-1]) == 10:
        del parts[-1]
    return ".".join(parts[2:]) or id


def title(id: NodeId) -> str:
    """The node's type and name: `model orders`, `unit test report.works`."""
    return f"{id.partition('.')[0].replace('_', ' ')} {name(id)}" if "." in id else id
