"""Incremental models: how new rows come to those that are there. Nothing is run.

Unlike dbt's, keys match NULL with NULL, so that a NULL in a key makes no duplicates; what the columns of the query do
to the table is decided, and what the rows themselves forbid is found, before anything is written.
"""

from __future__ import annotations

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError, Problem, did_you_mean
from eltbuild.plan import promises
from eltbuild.plan.extras import check_placed, extras
from eltbuild.plan.increment import Increment, working
from eltbuild.plan.keys import keys_of, listed
from eltbuild.plan.nouns import Audit, Facts, Operation
from eltbuild.plan.reconcile import Reconciled, difference, reconcile
from eltbuild.plan.rows import columns_of
from eltbuild.plan.strategies import STRATEGIES
from eltbuild.plan.whole import table
from eltbuild.project.resources import Node
from eltbuild.sql.writer import Writer
from eltbuild.values import replace


def incremental(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Build the table whole where there is none, or bring the query's rows into it by the node's strategy.

    Raises `CompileError` for a strategy that is unknown or that the engine does not have; where the table is built
    whole, only as `strategy_from_start` says.
    """
    if is_whole(facts):
        if writer.capabilities.strategy_from_start:
            strategy_name(facts, writer)
        return table(facts, writer)
    check_placed(facts.node, writer.capabilities)
    return (*increased(facts, writer), *extras(facts, writer, fresh=False, columns=facts.columns))


def increased(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Bring the query's rows into the table that stands there. Raises `CompileError` as `incremental` does."""
    name = strategy_name(facts, writer)
    if facts.rows is not None:
        facts = replace(facts, columns=columns_of(facts.rows, writer))
    if not facts.columns:
        raise CompileError(Problem(f"the columns of the query of `{facts.node.name}` are not known", facts.node.place))
    promised = promises.of_standing_table(facts, writer)
    found = reconcile(facts, writer, keeps_gone=name in PARTIAL)
    increment = increment_of(facts, found)
    steps = STRATEGIES[name](increment, writer)
    if not facts.audited:
        return (*found.checks, *steps.prepared, *found.operations, *steps.written, *promised)
    *written, unstaged = steps.written
    delta = working(increment, writer)
    early = (Audit(delta, delta, temporary=True, delta=True),) if takes_all(facts, writer) else ()
    merged = Audit(facts.relation, delta, beside=False, temporary=True)
    return (*found.checks, *steps.prepared, *early, *found.operations, *written, merged, unstaged, *promised)


def takes_all(facts: Facts, writer: Writer) -> bool:
    """Whether every new row comes into the table as it is, so that one which fails a test fails it there, too."""
    found = difference(facts, writer)
    return not (found.gone or found.retyped or any(facts.node.config.get(key) for key in SIFTING))


SIFTING = (
    "merge_clauses", "merge_update_columns", "merge_exclude_columns", "merge_update_condition",
    "merge_insert_condition", "merge_update_set_expressions",
)  # fmt: skip
"""Configs that let a merge leave out rows or values."""


PARTIAL = frozenset({"merge"})
"""Strategies that can write fewer columns than the table has: those of an updated row stay as they are."""


def notes(facts: Facts, writer: Writer) -> tuple[str, ...]:
    """What to tell of columns that an increment leaves out, and of NULL that it makes.

    Raises `CompileError` where the node's `on_schema_change` forbids what has changed.
    """
    if is_whole(facts) or not facts.columns:
        return ()
    name = str(facts.node.config.get("incremental_strategy") or writer.capabilities.default_incremental_strategy)
    return reconcile(facts, writer, keeps_gone=name in PARTIAL).notes


def is_whole(facts: Facts) -> bool:
    """Whether the table is built from nothing: first time, full refresh, or something else stands there."""
    return facts.existing is None or facts.existing.kind != "table" or facts.full_refresh


def is_microbatch(node: Node) -> bool:
    """Whether the node is built slice by slice: a view may have that strategy, too, from the configs of its folder."""
    return node.materialized == "incremental" and node.config.get("incremental_strategy") == "microbatch"


def strategy_name(facts: Facts, writer: Writer) -> str:
    """The strategy of the node, by default the engine's. Raises `CompileError` where it cannot be used."""
    return strategy_of(facts.node, writer.capabilities)


def strategy_of(node: Node, able: Capabilities) -> str:
    """The strategy of a node on an engine. Raises `CompileError` where it cannot be used."""
    given = node.config.get("incremental_strategy")
    name = str(given or able.default_incremental_strategy).replace("_plus_", "+")
    name = "delete+insert" if name == "delete_insert" else name
    if name == "default":
        name = able.default_incremental_strategy
    known = sorted(available(able))
    if name in known:
        return name
    hint = did_you_mean(name, known) or f"strategies of this engine: {', '.join(known)}"
    raise CompileError(Problem(f"`incremental_strategy: {given}` of `{node.name}` is not available", node.place, hint))


def available(able: Capabilities) -> frozenset[str]:
    """The strategies that the engine can carry out; what can delete and insert can replace parts of a table."""
    names = set(STRATEGIES) & set(able.incremental_strategies)
    if able.merge:
        names.add("merge")
    if "delete+insert" in names:
        names |= {"insert_overwrite", "microbatch"}
    return frozenset(names)


def increment_of(facts: Facts, found: Reconciled) -> Increment:
    """The new rows as a value. Raises `CompileError` for a key that the query does not give."""
    config = facts.node.config
    keys = keys_of(config.get("unique_key"), facts.columns, facts.node)
    written = {pair.query for pair in found.pairs}
    for key in keys:
        if key.column and key.column not in written:
            text = f"the unique_key `{key.text}` of `{facts.node.name}` is no column of its table"
            raise CompileError(Problem(text, facts.node.place, "run with --full-refresh to add it"))
    predicates = listed(config.get("predicates")) or listed(config.get("incremental_predicates"))
    return Increment(facts, found.pairs, keys, predicates)
