"""The table of materializations: facts in, operations out, nothing done."""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.plan import contract
from eltbuild.plan.extras import persists
from eltbuild.plan.incremental import incremental, is_whole
from eltbuild.plan.nouns import Facts, Operation, Recipe, Statement
from eltbuild.plan.publish import publish_table, publish_view
from eltbuild.plan.seed import seed
from eltbuild.plan.snapshot import snapshot
from eltbuild.plan.whole import materialized_view, table, view
from eltbuild.relation import Relation
from eltbuild.sql.writer import Writer


def ephemeral(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Nothing: the text of the node stands in those that refer to it."""
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

    return publish_view(facts, writer, make) if kind == "view" else publish_table(facts, writer, make)


MATERIALIZATIONS: Mapping[str, Recipe] = {
    "view": Recipe(view),
    "table": Recipe(table),
    "incremental": Recipe(incremental, wants_columns=True),
    "materialized_view": Recipe(materialized_view),
    "ephemeral": Recipe(ephemeral, transaction=False),
    "seed": Recipe(seed),
    "snapshot": Recipe(snapshot, wants_columns=True),
    "test": Recipe(stored_failures),
}


def asks_columns(recipe: Recipe, facts: Facts) -> bool:
    """Whether `Facts.columns` must be filled before the recipe can decide; asking costs one question to the engine."""
    node = facts.node
    if facts.rows is not None:
        return False
    if contract.is_enforced(node) or (persists(node, "columns") and node.columns):
        return True
    if recipe.materialize is incremental:
        return not is_whole(facts)
    return recipe.wants_columns
