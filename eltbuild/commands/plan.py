"""`eltbuild plan`."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from eltbuild.adapter import Connection
from eltbuild.commands.claiming import books_of, writes
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, masking
from eltbuild.commands.selecting import Chosen, choose
from eltbuild.errors import DatabaseError, Problem
from eltbuild.plan.decide import Standing, as_selected, plan
from eltbuild.plan.nouns import Plan
from eltbuild.plan.showing import SHOWN, is_whole, mode_of
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Relation, RelationInfo
from eltbuild.report.labels import labels
from eltbuild.report.plan_text import plan_json, plan_text
from eltbuild.report.terminal import terminal_of
from eltbuild.run.aside import foreground
from eltbuild.run.auditing import tests_of
from eltbuild.run.catalogue import Catalogue
from eltbuild.run.ledger.opening import reading
from eltbuild.run.ledger.port import Memory


def command(options: Options) -> int:
    """Print what a build of the same selection would do, with reasons; the exit code."""
    opened = open_project(options, "plan")
    try:
        with Reporter(opened) as reporter:
            chosen = choose(opened, "plan")
            made, problems = plan_of(opened, chosen)
            reporter.problems((*opened.project.problems, *chosen.warnings, *problems))
        lookup = labels(opened.project)
        if opened.options.output == "json":
            sys.stdout.write(masking(opened)(plan_json(made, lookup)) + "\n")
        else:
            terminal = terminal_of(sys.stdout, opened.project.environment, colours=opened.options.use_colors)
            sys.stdout.write(
                plan_text(made, lookup, width=terminal.width, colour=terminal.colour, unicode=terminal.unicode) + "\n"
            )
        return EXIT.ok
    finally:
        opened.adapter.close()


def plan_of(opened: Opened, chosen: Chosen) -> tuple[Plan, tuple[Problem, ...]]:
    """The decisions on what is chosen; a warning where the warehouse could not be asked what stands."""
    problems: tuple[Problem, ...] = ()
    standing: Standing | None = None
    why: Mapping[NodeId, str] = {}
    try:
        connection = foreground(opened.adapter)
        try:
            standing = _standing(opened, chosen, connection)
            why = _foreign(opened, chosen, standing, reading(books_of(opened), connection))
        finally:
            connection.close()
    except DatabaseError as error:
        problems = (
            Problem(
                f"the warehouse was not asked what stands: {error.message}",
                severity="warning",
                name="PlanWithoutWarehouse",
            ),
        )
    told = joined(why, published(opened, chosen))
    decided = plan(chosen.resources(opened.project), as_selected(standing, bool(opened.options.full_refresh), told))
    return decided, problems


def _standing(opened: Opened, chosen: Chosen, connection: Connection) -> Standing:
    catalogue = Catalogue(opened.adapter.capabilities.exact_names)
    nodes = [node for node in chosen.resources(opened.project) if isinstance(node, Node) and node.relation]
    schemas = [Relation(n.relation.database, n.relation.schema, None) for n in nodes if n.relation]
    catalogue.learn(connection, schemas)

    def standing(node: Node) -> RelationInfo | None:
        return catalogue.kind(node.relation) if node.relation else None

    return standing


def published(opened: Opened, chosen: Chosen) -> Mapping[NodeId, str]:
    """What to say of nodes that are not seen at once."""
    flag = opened.options.publish
    ids = frozenset(chosen.ids)
    nodes = [node for node in chosen.resources(opened.project) if isinstance(node, Node) and not node.ephemeral]
    if is_whole(nodes, flag):
        return {node.id: TOGETHER for node in nodes if node.resource_type in SHOWN}
    return {
        node.id: AUDITED if tests_of(opened.project, chosen.graph, node.id, ids) else UNTESTED
        for node in nodes
        if mode_of(node, flag) == "audited"
    }


def joined(*many: Mapping[NodeId, str]) -> Mapping[NodeId, str]:
    """All that is said of each node."""
    ids = {id for one in many for id in one}
    return {id: "; ".join(one[id] for one in many if id in one) for id in ids}


TOGETHER = "published together with all else, or not at all"
AUDITED = "published once its tests have passed"
UNTESTED = "to be audited, and has no test that could be asked: published at once"
FOREIGN = "not built by this project, so refused without --adopt"


def _foreign(opened: Opened, chosen: Chosen, standing: Standing, memory: Memory) -> Mapping[NodeId, str]:
    """What to say of nodes in whose place something stands that the project has not built."""
    store, own = opened.options.store_failures, opened.project.settings.name
    nodes = [node for node in chosen.resources(opened.project) if isinstance(node, Node) and writes(node, store)]
    stands = {node.id: standing(node) for node in nodes if not node.config.get("adopt")}
    return {id: FOREIGN for id, info in stands.items() if info is not None and memory.owner(info.relation) != own}
