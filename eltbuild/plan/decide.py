"""What happens to each selected node, and why. Nothing is built here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from eltbuild.plan.keys import listed
from eltbuild.plan.nouns import Decision, Plan
from eltbuild.project.resources import Exposure, Node, NodeId, Resource
from eltbuild.relation import RelationInfo

Rebuilder = Callable[[Resource], Decision]
"""Whether a resource must be built, with the reason."""

Standing = Callable[[Node], RelationInfo | None]
"""What stands in the warehouse where a node's result belongs."""


def plan(resources: Iterable[Resource], rebuilder: Rebuilder) -> Plan:
    """The decision on each resource, in the order given."""
    return Plan(tuple(rebuilder(resource) for resource in resources))


def as_selected(standing: Standing | None, full_refresh: bool, why: Mapping[NodeId, str]) -> Rebuilder:
    """Build whatever is selected; the reason says why it is selected and what building it comes to.

    Without `standing`, nothing is known of the warehouse, and the reason says only what the project tells.
    """

    def rebuild(resource: Resource) -> Decision:
        if isinstance(resource, Exposure):
            return Decision(resource.id, "skip", "an exposure: nothing to build")
        if not isinstance(resource, Node):
            return Decision(resource.id, "build", why.get(resource.id, "selected"))
        if resource.ephemeral:
            return Decision(resource.id, "skip", "ephemeral: becomes part of the models that refer to it")
        reason = effect(resource, standing, full_refresh)
        extra = why.get(resource.id)
        return Decision(resource.id, "build", f"{reason}; {extra}" if extra else reason)

    return rebuild


def refreshes(node: Node, flag: bool) -> bool:
    """Whether a node is built from nothing: its own `full_refresh`, else the flag."""
    own = node.config.get("full_refresh")
    return bool(own) if own is not None else flag


def effect(node: Node, standing: Standing | None, flag: bool) -> str:
    """What building a node does to what stands."""
    if node.resource_type == "test":
        return "test: counts failing rows"
    if node.resource_type == "function":
        return "function: made, in the stead of the one that stands"
    if node.resource_type == "analysis":
        return "analysis: compiled only"
    made = node.materialized
    if standing is None:
        return f"{made}: rebuilt in full" if made in ("table", "view") else made
    existing = standing(node)
    if existing is None:
        return f"{made}: does not stand yet"
    return EFFECTS.get(made, _rebuilt)(node, existing, flag)


def _rebuilt(node: Node, existing: RelationInfo, flag: bool) -> str:
    if node.materialized in ("table", "view") and existing.kind != node.materialized:
        return f"{node.materialized}: replaces the {existing.kind.replace('_', ' ')} that stands there"
    return f"{node.materialized}: rebuilt in full each time"


def _incremental(node: Node, existing: RelationInfo, flag: bool) -> str:
    if existing.kind != "table":
        return f"incremental: replaces the {existing.kind} that stands there"
    if refreshes(node, flag):
        return "incremental: rebuilt from nothing (full refresh)"
    strategy = node.config.get("incremental_strategy")
    keys = listed(node.config.get("unique_key"))
    how = str(strategy or ("by key" if keys else "append"))
    return f"incremental: adds new rows ({how}{' on ' + ', '.join(keys) if keys else ''})"


def _seed(node: Node, existing: RelationInfo, flag: bool) -> str:
    return "seed: rebuilt from nothing (full refresh)" if refreshes(node, flag) else "seed: rows replaced"


def _snapshot(node: Node, existing: RelationInfo, flag: bool) -> str:
    return f"snapshot: records changes by {node.config.get('strategy') or 'its strategy'}"


EFFECTS: Mapping[str, Callable[[Node, RelationInfo, bool], str]] = {
    "incremental": _incremental,
    "seed": _seed,
    "snapshot": _snapshot,
}
