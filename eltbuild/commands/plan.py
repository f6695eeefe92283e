"""`eltbuild plan`."""

from __future__ import annotations

import sys

from eltbuild.adapter import Connection
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter
from eltbuild.commands.selecting import Chosen, choose
from eltbuild.errors import DatabaseError, Problem
from eltbuild.plan.decide import Standing, as_selected, plan
from eltbuild.plan.nouns import Plan
from eltbuild.project.resources import Node
from eltbuild.relation import Relation, RelationInfo
from eltbuild.report.labels import labels
from eltbuild.report.plan_text import plan_json, plan_text
from eltbuild.report.terminal import terminal_of
from eltbuild.run.catalogue import Catalogue


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
            sys.stdout.write(plan_json(made, lookup) + "\n")
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
    try:
        connection = opened.adapter.connect()
        try:
            standing = _standing(opened, chosen, connection)
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
    decided = plan(chosen.resources(opened.project), as_selected(standing, bool(opened.options.full_refresh), {}))
    return decided, problems


def _standing(opened: Opened, chosen: Chosen, connection: Connection) -> Standing:
    catalogue = Catalogue()
    nodes = [node for node in chosen.resources(opened.project) if isinstance(node, Node) and node.relation]
    schemas = {n.relation.key[:2]: Relation(n.relation.database, n.relation.schema, None) for n in nodes if n.relation}
    catalogue.learn(connection, schemas.values())

    def standing(node: Node) -> RelationInfo | None:
        return catalogue.kind(node.relation) if node.relation else None

    return standing
