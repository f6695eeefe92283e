"""Names that nodes refer to, found: the parents of each by id, and what is wrong with a reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.compile.access import REFUSED, refusal
from eltbuild.compile.given import input_id
from eltbuild.compile.lookup import Lookup
from eltbuild.compile.macro_index import MacroIndex
from eltbuild.compile.macro_links import used_by
from eltbuild.compile.semantic_links import metrics_of, semantic_links, semantic_problems
from eltbuild.errors import Place, Problem
from eltbuild.project.linked import linked_node
from eltbuild.project.project import Project
from eltbuild.project.resources import Exposure, Node, NodeId, Resource, UnitTest, Unmanaged
from eltbuild.relation import Relation
from eltbuild.sql.quoting import kept_as, quoted_parts
from eltbuild.values import dataclass, replace


@dataclass(slots=True)
class Found:
    """What settling collects on its way."""

    problems: list[Problem]
    disabled: list[Resource]


def linked(
    project: Project, places: Mapping[NodeId, Relation | None], macros: MacroIndex, found: Found, dialect: str
) -> Project:
    """Parents by id, for nodes, exposures, unit tests and the rest."""
    lookup = Lookup.of(project)
    quoted = quoted_parts(project.settings.quoting)
    nodes: dict[NodeId, Node] = {}
    for id, node in project.nodes.items():
        parents, problems = parents_of(node, lookup, project)
        if node.resource_type == "test" and any(problem.name != REFUSED for problem in problems):
            found.disabled.append(linked_node(node, places[id], parents, used_by(node, macros)))
            found.problems += [replace(p, severity="warning", name="NodeNotFoundOrDisabled") for p in problems]
            continue
        found.problems += problems
        place = places[id]
        kept = kept_as(place, quoted, dialect) if place is not None else None
        written = place if kept != place else None
        nodes[id] = linked_node(node, kept, parents, used_by(node, macros), written)
    project = replace(project, nodes=nodes)
    # A test of something that is not there has been put aside by the loader; what else it refers to is told.
    found.disabled[:] = [
        linked_node(item, item.relation, parents_of(item, lookup, project)[0], used_by(item, macros))
        if isinstance(item, Node) and item.test is not None and not item.parents
        else item
        for item in found.disabled
    ]
    found.problems.extend(semantic_problems(project.unmanaged))
    return replace(
        project,
        exposures={id: _with_parents(item, lookup, project, found) for id, item in project.exposures.items()},
        unmanaged=semantic_links(
            {id: _with_parents(item, lookup, project, found) for id, item in project.unmanaged.items()}
        ),
        unit_tests={id: _unit_test(item, lookup, found) for id, item in project.unit_tests.items()},
    )


def parents_of(node: Node, lookup: Lookup, project: Project) -> tuple[tuple[NodeId, ...], list[Problem]]:
    """The ids of all that a node refers to, in order, and what is wrong with these references."""
    ids: dict[NodeId, None] = {}
    problems: list[Problem] = []
    for source_ref in node.source_refs:
        source = lookup.source(source_ref.source, source_ref.table)
        if source is None:
            what, hint = lookup.missing_source(source_ref.source, source_ref.table)
            problems.append(Problem(f"{_who(node)} refers to {what}", _place(node, source_ref.place), hint))
            continue
        ids[source.id] = None
    for ref in node.refs:
        target = lookup.ref(ref.name, ref.package, ref.version, node.package)
        if target is None:
            what, hint = lookup.missing_ref(ref.name, ref.package, ref.version)
            problems.append(Problem(f"{_who(node)} refers to {what}", _place(node, ref.place), hint))
            continue
        refused = refusal(node, target, project)
        if refused:
            problems.append(Problem(refused[0], _place(node, ref.place), refused[1], name=REFUSED))
        ids[target.id] = None
    for call in node.functions:
        function = lookup.function(call.name, call.package, node.package)
        if function is None:
            what, hint = lookup.missing_function(call.name, call.package)
            problems.append(Problem(f"{_who(node)} refers to {what}", _place(node, call.place), hint))
            continue
        ids[function.id] = None
    return tuple(ids), problems


def _who(node: Node) -> str:
    return f"{node.resource_type} `{node.name}`"


def _place(node: Node, place: Place | None) -> Place | None:
    return place or node.place or Place(node.project_path)


def _with_parents(item: Any, lookup: Lookup, project: Project, found: Found) -> Any:
    ids: dict[NodeId, None] = {}
    for source_ref in getattr(item, "source_refs", ()):
        source = lookup.source(source_ref.source, source_ref.table)
        if source is None:
            what, hint = lookup.missing_source(source_ref.source, source_ref.table)
            found.problems.append(
                Problem(f"exposure `{item.name}` depends on {what}", source_ref.place or item.place, hint)
            )
        else:
            ids[source.id] = None
    for ref in item.refs:
        target = lookup.ref(ref.name, ref.package, ref.version, item.package)
        if target is None:
            what, hint = lookup.missing_ref(ref.name, ref.package, ref.version)
            found.problems.append(
                Problem(
                    f"{item.resource_type.replace('_', ' ')} `{item.name}` depends on {what}",
                    ref.place or item.place,
                    hint,
                )
            )
        else:
            ids[target.id] = None
            refused = refusal(item, target, project)
            if refused:
                found.problems.append(Problem(refused[0], ref.place or item.place, refused[1], name=REFUSED))
    assert isinstance(item, (Exposure, Unmanaged))
    if isinstance(item, Exposure) and item.metrics:
        named, problems = metrics_of(item, project.unmanaged)
        ids.update(dict.fromkeys(named))
        found.problems += problems
    return replace(item, parents=tuple(ids)) if ids else item


def _unit_test(test: UnitTest, lookup: Lookup, found: Found) -> UnitTest:
    target = lookup.ref(test.model, None, None if test.version is None else str(test.version), test.package)
    if target is None:
        what, hint = lookup.missing_ref(test.model, None, None)
        found.problems.append(Problem(f"unit test `{test.name}` tests {what}", test.place, hint))
        return test
    for given in test.given:
        id = input_id(given.get("input"), test, target.id, lookup)
        if isinstance(id, Problem):
            found.problems.append(id)
    return replace(test, parents=(target.id,))
