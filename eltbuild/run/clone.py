"""One node, cloned: a view in this target that reads what another run built. Nothing is computed, nothing copied.

A table cannot be cloned without a copy by the engines that there are adapters for, so a clone is always a view. What
stands is left as it is; with `--full-refresh` the view takes its place, as any view would.
"""

from __future__ import annotations

from eltbuild.adapter import Answer
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, Problem
from eltbuild.plan.materialize import MATERIALIZATIONS
from eltbuild.project.resources import Node
from eltbuild.relation import Relation
from eltbuild.run.events import Finished
from eltbuild.run.facts import facts_of, standing
from eltbuild.run.materialization import decided
from eltbuild.run.ownership.owner import admitted
from eltbuild.run.work import Clock, Work, build, connection_for, record, succeeded
from eltbuild.values import replace

OWN = ("materialized", "pre-hook", "post-hook", "contract", "persist_docs", "indexes", "sql_header", "full_refresh")
"""Configs of a node that shape what it builds, and not a view on what another run built."""


def run_clone(work: Work, node: Node, clock: Clock) -> Finished:
    """Make the view, or leave what stands there. Raises `CompileError` for what is not the project's."""
    clock.mark(None)
    assert node.relation is not None
    connection = connection_for(work, node)
    there = work.clones.get(node.id) if work.clones is not None else None
    existing = standing(work, connection, node, columns=False)
    if there is not None and there.key == node.relation.key and existing is None:
        raise CompileError(Problem(f"`{there}` is to be cloned, and nothing stands there", node.place))
    why = skipped(node.relation, there, existing is not None and not work.session.flag("FULL_REFRESH"))
    if why or there is None:
        work.session.say(f"{node.name}: {why}", "info", "note", node.id)
        return replace(succeeded(work, node, Answer(message="No-op"), None), response={})
    pointer = pointing(node)
    recipe = MATERIALIZATIONS["view"]
    sql = f"select * from {work.writer.relation(there)}"
    facts = admitted(work, facts_of(work, pointer, connection, recipe, sql, full_refresh=False), connection)
    operations = decided(work, facts, recipe, Live(connection), quiet=True)
    answer = build(work, pointer, connection, Live(connection), operations, recipe.transaction)
    record(work, pointer)
    return succeeded(work, node, replace(answer, affected=None), None)


def skipped(place: Relation, there: Relation | None, stands: bool) -> str:
    """Why nothing is done; "" where something is."""
    if there is None:
        return "the other run has no relation of it"
    if there.key == place.key:
        return f"skipping clone for relation {place}, which is the other run's own"
    return f"{place} stands already" if stands else ""


def pointing(node: Node) -> Node:
    """The node as a view, with nothing of its own but its name, its rights and its tags."""
    config = {key: value for key, value in node.config.items() if key not in OWN}
    return replace(node, config={**config, "materialized": "view"}, columns={}, constraints=())
