"""Who may refer to a model: `access` and `group`, checked as dbt checks them. Nothing is looked up here."""

from __future__ import annotations

from eltbuild.project.project import Project
from eltbuild.project.resources import Exposure, Node, Unmanaged

Asker = Node | Exposure | Unmanaged


def refusal(asker: Asker, target: Node, project: Project) -> tuple[str, str] | None:
    """Why a resource may not refer to a node, and a hint; None when it may.

    A private model is for its group, within its package where that restricts access; a protected one for its package
    then. A generic test has the group of the model that it hangs on; an exposure has none.
    """
    if target.resource_type != "model" or target.access == "public" or _is_typed(asker):
        return None
    restricted = _is_restricted(target, project) and asker.package != target.package
    what = f"{asker.resource_type.replace('_', ' ')} `{asker.name}` refers to model `{target.name}`"
    if target.access == "private" and (target.group is None or _group(asker, project) != target.group or restricted):
        owner = f"group `{target.group}`" if target.group else "a group, and has none"
        if restricted:
            return f"{what}, which is private in package `{target.package}`", RESTRICTED
        return f"{what}, which is private to {owner}", _way_in(asker, target)
    if target.access == "protected" and restricted:
        return f"{what}, which is protected in package `{target.package}`", RESTRICTED
    return None


def _is_typed(asker: Asker) -> bool:
    """Whether it is a query of the command line: nothing is built on it, and who asks may read the target anyhow."""
    return isinstance(asker, Node) and asker.resource_type == "analysis" and asker.path == "inline"


REFUSED = "AccessRefused"
"""The name of problems of access, which are errors for tests too, unlike what is missing."""
RESTRICTED = "only public models of that package can be referred to"


def _way_in(asker: Asker, target: Node) -> str:
    if target.group is None:
        return f"give `{target.name}` a group, or make it protected or public"
    if isinstance(asker, Exposure):
        return f"make `{target.name}` protected or public: an exposure is in no group"
    what = "what it tests" if isinstance(asker, Node) and asker.test is not None else f"`{asker.name}`"
    return f"put {what} into that group, or make `{target.name}` protected or public"


def _group(asker: Asker, project: Project) -> str | None:
    if isinstance(asker, Exposure):
        return None
    if isinstance(asker, Unmanaged):
        group = asker.config.get("group")
        return str(group) if group else None
    if asker.test is None:
        return asker.group
    tested = project.nodes.get(asker.test.attached_to or "")
    return tested.group if tested is not None else None


def _is_restricted(target: Node, project: Project) -> bool:
    settings = project.packages.get(target.package)
    return settings is not None and settings.restrict_access
