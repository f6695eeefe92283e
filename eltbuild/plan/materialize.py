"""The table of materializations: facts in, operations out, nothing done."""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.errors import Problem
from eltbuild.plan import contract, materialized_views
from eltbuild.plan.external import external
from eltbuild.plan.extras import persists, undescribed
from eltbuild.plan.going_on import goes_on
from eltbuild.plan.incremental import incremental, is_whole
from eltbuild.plan.nouns import Facts, Operation, Recipe, Statement
from eltbuild.plan.promises import has_constraints
from eltbuild.plan.publish import Making, asks_for_columns, losses, publish
from eltbuild.plan.rows import columns_of
from eltbuild.plan.seed import seed
from eltbuild.plan.snapshot import snapshot
from eltbuild.plan.whole import materialized_view, table, view
from eltbuild.project.resources import Node
from eltbuild.relation import Column, Relation, RelationKind
from eltbuild.sql.writer import Writer

KINDS: Mapping[str, RelationKind] = {"view": "view", "materialized_view": "materialized_view", "external": "view"}
"""What a materialization leaves, where it is not a table."""


def ephemeral(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Nothing: the text of the node stands in those that refer to it."""
    return ()


def elsewhere(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Nothing: a function is no relation, and `run.functions` makes it."""
    return ()


def stored_failures(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """The rows that fail a test, as a table or a view, if the test keeps them; else nothing."""
    config = facts.node.config
    kind = str(config.get("store_failures_as") or ("table" if config.get("store_failures") else "ephemeral"))
    if kind not in ("table", "view"):
        return ()
    create = writer.create_view_as if kind == "view" else writer.create_table_as

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        return (Statement(create(place, facts.query, replace=replace), "failures"),)

    return publish(facts, writer, Making("view" if kind == "view" else "table", make, facts.columns))


MATERIALIZATIONS: Mapping[str, Recipe] = {
    "view": Recipe(view),
    "table": Recipe(table),
    "incremental": Recipe(incremental, wants_columns=True),
    "materialized_view": Recipe(materialized_view),
    "external": Recipe(external, wants_columns=True),
    "ephemeral": Recipe(ephemeral, transaction=False),
    "seed": Recipe(seed),
    "snapshot": Recipe(snapshot, wants_columns=True),
    "test": Recipe(stored_failures),
    "table_function": Recipe(elsewhere, transaction=False),
}


def kind_of(node: Node) -> RelationKind:
    """What the node's materialization leaves."""
    kept = str(node.config.get("store_failures_as")) if node.materialized == "test" else node.materialized
    return KINDS.get(kept, "table")


def warnings(facts: Facts, writer: Writer) -> tuple[Problem, ...]:
    """What to tell before a node is built: what others have made there and will not be there any more, and columns

    that are described and that it will not have.
    """
    columns = columns_of(facts.rows, writer) if facts.rows is not None else facts.columns
    kept = facts.existing.columns if facts.existing is not None and goes_on(facts) else ()
    found = undescribed(facts.node, (*columns, *kept)) if writer.capabilities.comments else ()
    return (*found, *_losses(facts, writer, columns))


def _losses(facts: Facts, writer: Writer, columns: tuple[Column, ...]) -> tuple[Problem, ...]:
    if facts.existing is None:
        return ()
    if goes_on(facts):
        return materialized_views.warnings(facts, writer) if facts.node.materialized == "materialized_view" else ()
    making = Making(kind_of(facts.node), lambda place, replace: (), columns, contract.keys(facts, writer))
    return losses(facts, writer, making)


def stays(recipe: Recipe, facts: Facts) -> bool:
    """Whether a standing table may stay and the contract has constraints, so that it matters which of them it has."""
    if not has_constraints(facts.node) or facts.rows is not None:
        return False
    return not is_whole(facts) if recipe.materialize is incremental else bool(facts.belongings.dependants)


def asks_columns(recipe: Recipe, facts: Facts) -> bool:
    """Whether `Facts.columns` must be filled before the recipe can decide; asking costs one question to the engine."""
    node = facts.node
    if facts.rows is not None:
        return False
    if not goes_on(facts) and asks_for_columns(facts, kind_of(node)):
        return True
    if contract.is_enforced(node) or (persists(node, "columns") and node.columns):
        return True
    if recipe.materialize is incremental:
        return not is_whole(facts)
    return recipe.wants_columns
