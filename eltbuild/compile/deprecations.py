"""What is told of models whose time is over or comes to an end, and of those that refer to them.

It depends on the clock, so it is told anew with each call, and is no part of what is kept of a project.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from eltbuild.compile.lookup import Lookup
from eltbuild.errors import Place, Problem
from eltbuild.project.deprecation import moment_of
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, Ref
from eltbuild.values import replace


def deprecations(project: Project, now: datetime) -> tuple[Problem, ...]:
    """A warning for each model past its `deprecation_date`, and for each model that refers to one that has such a date.

    As in dbt, tests, analyses and exposures are not told of.
    """
    models = [node for node in project.nodes.values() if node.resource_type == "model"]
    dated = {node.id: over for node in models if (over := moment_of(node.deprecation_date)) is not None}
    if not dated:
        return ()
    lookup = Lookup.of(project)
    found: list[Problem] = []
    for node in models:
        over = dated.get(node.id)
        if over is not None and over < now:
            found.append(_outlived(node, over))
        if any(parent in dated for parent in node.parents):
            found += _references(node, dated, lookup, now)
    return tuple(dict.fromkeys(found))


def _outlived(node: Node, over: datetime) -> Problem:
    return Problem(
        f"model `{_name(node)}` was to be used until {_day(over)} only",
        node.patch_place or node.place,
        "disable or remove it, or move its deprecation_date",
        "warning",
        "DeprecatedModel",
    )


def _references(node: Node, dated: dict[str, datetime], lookup: Lookup, now: datetime) -> Iterator[Problem]:
    for ref in node.refs:
        target = lookup.ref(ref.name, ref.package, ref.version, node.package)
        over = dated.get(target.id) if target is not None else None
        if target is not None and over is not None:
            yield _reference(node, ref, target, over, now)


def _reference(node: Node, ref: Ref, target: Node, over: datetime, now: datetime) -> Problem:
    what = f"model `{node.name}` refers to `{_name(target)}`, which"
    place = ref.place or node.place or Place(node.project_path)
    newer = target.version is not None and str(target.version) != str(target.latest_version)
    hint = f"use the latest version: ref('{target.name}', v={target.latest_version!r})" if newer else ""
    problem = Problem(
        f"{what} will be deprecated on {_day(over)}", place, hint, "warning", "UpcomingReferenceDeprecation"
    )
    if over < now:
        return replace(problem, message=f"{what} is deprecated since {_day(over)}", name="DeprecatedReference")
    return problem


def _name(node: Node) -> str:
    return node.name if node.version is None else f"{node.name}.v{node.version}"


def _day(moment: datetime) -> str:
    text = moment.isoformat(" ", "minutes")
    return text.removesuffix(" 00:00+00:00")
