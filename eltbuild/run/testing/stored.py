"""The failing rows of a test, kept in the warehouse for whoever looks into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.plan.materialize import MATERIALIZATIONS
from eltbuild.plan.nouns import Facts, Recipe
from eltbuild.project.resources import Node
from eltbuild.quality import data_tests
from eltbuild.relation import RelationKind
from eltbuild.run.commented import Commented
from eltbuild.run.facts import facts_of, standing
from eltbuild.run.ownership.owner import admitted
from eltbuild.run.performing import perform
from eltbuild.run.work import Work, published
from eltbuild.values import replace

RUN, STARTED = "eltbuild_run_id", "eltbuild_run_started_at"
"""The columns that stand in front of rows that are kept for good: by which run they were found, and when it began."""
APPENDED: Mapping[str, Any] = {
    "materialized": "incremental", "incremental_strategy": "append", "on_schema_change": "append_new_columns",
    "full_refresh": False,
}  # fmt: skip


def store_failures(work: Work, node: Node, connection: Commented, sql: str, kind: str, none: bool = False) -> str:
    """Keep a test's failing rows: anew as a table or a view, or behind those of earlier runs; where they stand, as SQL.

    `none`: it is known that there are none, so nothing is scanned for them.
    """
    limit = 0 if none and kind != "view" else node.config.get("limit")
    text = work.writer.limited(sql, int(limit)) if limit is not None else sql
    if kind == "history":
        return _append(work, node, connection, text, none)
    kept = replace(node, config={**node.config, "store_failures_as": kind})
    recipe = MATERIALIZATIONS["test"]
    facts = admitted(work, facts_of(work, kept, connection, recipe, text), connection)
    return _carried_out(work, facts, recipe, connection, "view" if kind == "view" else "table")


def _append(work: Work, node: Node, connection: Commented, sql: str, none: bool) -> str:
    """Put failing rows behind those of earlier runs, each with the run. Columns that are new are added to the table."""
    call, writer = work.session.invocation, work.writer
    run = f"cast({writer.literal(call.invocation_id)} as {writer.type_name('varchar')})"
    marks = f"{run} as {RUN}, {writer.timestamp(call.started_at)} as {STARTED}"
    text = f"select {marks}, failing.* from {writer.lines(sql)} as failing"
    kept = replace(node, config={**node.config, **APPENDED})
    recipe = MATERIALIZATIONS["incremental"]
    stands = standing(work, connection, kept, columns=True)
    goes_on = stands is not None and any(column.name.lower() == RUN for column in stands.columns)
    if none and goes_on:
        return writer.relation(data_tests.stored_at(node))
    facts = facts_of(work, kept, connection, recipe, text, full_refresh=not goes_on)
    return _carried_out(work, admitted(work, facts, connection), recipe, connection, "table")


def found_now(work: Work, place: str, kind: str) -> str:
    """What stands after FROM for the rows that this run has kept at a place."""
    if kind != "history":
        return place
    return f"{place} where {RUN} = {work.writer.literal(work.session.invocation.invocation_id)}"


def _carried_out(work: Work, facts: Facts, recipe: Recipe, connection: Commented, left: RelationKind) -> str:
    place = (facts.node, facts.relation, left, "")
    work.ledger.announced(*place[:3])
    with published(work, facts.node, connection):
        perform(connection, (*facts.adoption, *recipe.materialize(facts, work.writer), *facts.adopted))
        perform(connection, work.ledger.recording(*place))
    work.ledger.recorded(*place)
    work.catalogue.record(facts.relation, left)
    return work.writer.relation(data_tests.stored_at(facts.node))
