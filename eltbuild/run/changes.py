"""What changes of a model do to its run: what the user is told, and when it is built anew."""

from __future__ import annotations

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.incremental import is_whole, notes
from eltbuild.plan.materialize import warnings
from eltbuild.plan.materialized_views import identified, way
from eltbuild.plan.nouns import Facts
from eltbuild.plan.reconcile import rebuilds
from eltbuild.project.resources import Node
from eltbuild.run.facts import is_redefined
from eltbuild.run.work import Work
from eltbuild.values import replace


def anew(work: Work, facts: Facts) -> Node | None:
    """The node as one that is built from nothing, where it asks for that and its columns have changed; it is told.

    Raises `CompileError` where it also refuses to be built from nothing, and where the call leaves out rows.
    """
    node = facts.node
    if node.materialized == "materialized_view":
        return _view_anew(work, facts)
    if node.materialized != "incremental" or is_whole(facts):
        return None
    changed = rebuilds(facts, work.writer)
    if not changed:
        return None
    if work.session.flag("EMPTY") or work.session.flag("SAMPLE"):
        text = f"the columns of `{node.name}` have changed, for which all of it must be built anew\n\n{changed}"
        raise CompileError(Problem(text, node.place, "run it without --empty and --sample, which would leave out rows"))
    text = f"the columns of `{node.name}` have changed: the whole table is built anew\n{changed}"
    work.session.say(text, "info", "note", node.id)
    return replace(node, config={**node.config, "full_refresh": True})


def _view_anew(work: Work, facts: Facts) -> Node | None:
    """The same for a materialized view that stands and whose text is another one than that which it was made from."""
    node, existing = facts.node, facts.existing
    stands = existing is not None and existing.kind == "materialized_view" and not facts.full_refresh
    if not stands or node.config.get("full_refresh") is False or not is_redefined(work, node):
        return None
    mode = str(node.config.get("on_configuration_change") or "apply")
    text = f"the query of the materialized view `{node.name}` has changed"
    if mode in ("fail", "continue"):
        text = f"{identified(facts, work.writer, mode)}: {text}"
    if mode == "fail":
        raise CompileError(
            Problem(text, node.place, "run with --full-refresh, or let on_configuration_change be apply")
        )
    if mode == "continue":
        work.session.say(f"{text}: it keeps the old one until --full-refresh", "warn", "warning", node.id)
        return None
    work.session.say(f"{text}: it is made anew", "info", "note", node.id)
    return replace(node, config={**node.config, "full_refresh": True})


def tell(work: Work, facts: Facts) -> None:
    """Warn of columns that are left out, of NULL that stands where there was none, and of what goes with the old."""
    if facts.node.materialized == "materialized_view" and facts.existing is not None:
        verb, place = way(facts, work.writer), work.writer.relation(facts.relation)
        if verb:
            work.session.say(f"Applying {verb} to: {place}", "debug", "note", facts.node.id)
    for problem in warnings(facts, work.writer):
        work.session.say(str(problem), "warn", "warning", facts.node.id)
    if facts.node.materialized == "incremental":
        for text in notes(facts, work.writer):
            work.session.say(text, "warn", "warning", facts.node.id)
