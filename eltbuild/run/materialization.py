"""Materializations and incremental strategies that a project or a package brings itself: one opaque call each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.compile.building_blocks import OURS
from eltbuild.compile.introspect import Live
from eltbuild.compile.strategy import strategy_sql
from eltbuild.errors import CompileError, Problem
from eltbuild.plan.incremental import is_microbatch, is_whole
from eltbuild.plan.nouns import Audit, Facts, Operation, Recipe, Statement
from eltbuild.plan.promises import of_standing_table
from eltbuild.plan.reconcile import mode_of, reconcile
from eltbuild.plan.whole import table
from eltbuild.project.resources import Macro, Node
from eltbuild.relation import Column, Relation
from eltbuild.run.auditing import audited
from eltbuild.run.audits import Refused
from eltbuild.run.changes import tell
from eltbuild.run.events import Finished
from eltbuild.run.facts import facts_of
from eltbuild.run.ownership.owner import admitted
from eltbuild.run.performing import perform
from eltbuild.run.work import (
    Clock,
    Work,
    compiled_text,
    connection_for,
    executing,
    placed,
    published,
    record,
    succeeded,
)

OPAQUE = Recipe(lambda facts, writer: ())


def own_materialization(work: Work, node: Node) -> Macro | None:
    """The `{% materialization %}` that the node is built by, if a built-in one does not do it with operations.

    Rows of Python and batches are never built step by step by macros.
    """
    macro = work.session.macros.materialization(node.materialized, node.package)
    if macro is not None and macro.id.startswith(OURS) and (node.language != "sql" or is_microbatch(node)):
        return None
    return macro


def run_materialization(work: Work, node: Node, macro: Macro, clock: Clock) -> Finished:
    """Call a `{% materialization %}` of the project's: it does what it does, inside one transaction."""
    if node.language not in macro.supported_languages:
        raise CompileError(
            Problem(
                f"materialization `{macro.name}` only supports languages {list(macro.supported_languages)}",
                node.place,
                f"`{node.name}` is a {node.language} model: give it another materialization",
            )
        )
    connection = connection_for(work, node)
    live = Live(connection)
    sql = compiled_text(work, node, live).sql or ""
    clock.mark(sql)
    header = node.config.get("sql_header")
    names: dict[str, Any] = {"sql": sql, "compiled_code": sql, **({"sql_header": header} if header else {})}
    assert node.relation is not None
    place = (node, *placed(node), work.fingerprint(node))
    facts = admitted(work, facts_of(work, node, connection, OPAQUE, sql), connection)
    results: dict[str, Any] = {}
    work.ledger.announced(*place[:3])
    # What it writes, and where it lies meanwhile, is its own: its tests are asked of what stands in its place at last.
    audits = (Audit(node.relation, node.relation, beside=False),) if facts.audited else ()
    asked = audited(work, facts, audits)
    try:
        with published(work, node, connection):
            perform(connection, facts.adoption)
            with executing(work, node, connection), connection.awaiting(bool(asked)):
                work.compiler.call_macro(macro, live, {}, names, node, results)
            perform(connection, (*asked, *facts.adopted, *work.ledger.recording(*place)))
    except Refused as refused:
        raise refused.settle(connection) from None
    work.ledger.recorded(*place)
    work.audits.published(node.id, connection)
    work.catalogue.forget(node.relation)
    info = connection.relation(node.relation)
    if info is not None:
        record(work, node)
        work.catalogue.record(node.relation, info.kind)
    return succeeded(work, node, _main_answer(results), sql)


def _main_answer(results: Mapping[str, Any]) -> Answer:
    """What the statement `main` said, or what the materialization has stored in its place."""
    main = results.get("main")
    if main is None:
        return Answer()
    response = main["response"]
    affected = getattr(response, "rows_affected", None)
    return Answer(affected=affected if isinstance(affected, int) else None, message=str(response))


def own_strategy(work: Work, facts: Facts, live: Live) -> tuple[Operation, ...] | None:
    """The operations of an incremental strategy that the project defines as `get_incremental_<name>_sql`.

    None where the node is not incremental, or names a built-in strategy that nothing overrides.
    """
    node = facts.node
    macro = strategy_macro(work, node)
    if macro is None:
        return None
    if is_whole(facts):
        return table(facts, work.writer)
    staged = work.writer.session(facts.relation, f"__dbt_tmp{facts.temporary}")
    asked, altered, columns = _reconciled(work, facts)
    text = strategy_sql(work.compiler, macro, live, node, staged, columns)
    return (
        *asked,
        Statement(work.writer.create_table_as(staged, facts.query, temporary=True), "stage"),
        *altered,
        Statement(text, "main"),
        *((Audit(facts.relation, staged, beside=False, temporary=True),) if facts.audited else ()),
        Statement(work.writer.drop(staged, "table"), "drop"),
        *of_standing_table(facts, work.writer),
    )


def strategy_macro(work: Work, node: Node) -> Macro | None:
    """The macro of the project's that is the node's incremental strategy, if it is one."""
    name = str(node.config.get("incremental_strategy") or "")
    if node.materialized != "incremental" or not name:
        return None
    macros = work.session.macros
    key = f"get_incremental_{name.replace('+', '_')}_sql"
    return macros.visible(key, node.package) or macros.overridden(key)


def decided(work: Work, facts: Facts, recipe: Recipe, live: Live, quiet: bool = False) -> tuple[Operation, ...]:
    """The operations of a materialization, with a strategy of the project's own where it names one."""
    operations = own_strategy(work, facts, live)
    if operations is None:
        operations = recipe.materialize(facts, work.writer)
        if not quiet:
            tell(work, facts)
    return (*facts.adoption, *audited(work, facts, operations), *facts.adopted)


def planned_again(
    work: Work,
    facts: Facts,
    operations: Sequence[Operation],
    recipe: Recipe,
    live: Live,
    found: Callable[[], Facts],
) -> Callable[[], Sequence[Operation]]:
    """Gives the operations by what stands there then: those that were planned where it is what it was."""

    def planned() -> Sequence[Operation]:
        _look_again(work, facts.relation, live)
        now = found()
        same = (now.existing, now.belongings) == (facts.existing, facts.belongings)
        return operations if same else decided(work, now, recipe, live, quiet=True)

    return planned


def planned_late(
    work: Work, place: Relation, recipe: Recipe, live: Live, found: Callable[[], Facts]
) -> Callable[[], Sequence[Operation]]:
    """Gives the operations where nothing could be planned before, since the query reads what hooks make first."""

    def planned() -> Sequence[Operation]:
        _look_again(work, place, live)
        return decided(work, found(), recipe, live)

    return planned


def _look_again(work: Work, place: Relation, live: Live) -> None:
    """What the run knows of the place is what stands there now: a hook may have changed that."""
    standing = live.connection.relation(place)
    if standing is None:
        work.catalogue.forget(place)
    else:
        work.catalogue.record(place, standing.kind)


def _reconciled(work: Work, facts: Facts) -> tuple[tuple[Operation, ...], tuple[Operation, ...], tuple[Column, ...]]:
    """What to ask and to alter before the strategy writes, and the columns that it is told of.

    Under `ignore` these are the table's, whatever the query gives: what comes of that is the strategy's own.
    """
    assert facts.existing is not None
    if mode_of(facts.node) == "ignore":
        return (), (), facts.existing.columns or facts.columns
    found = reconcile(facts, work.writer)
    tell(work, facts)
    types = {column.name: column.type for column in facts.columns}
    return found.checks, found.operations, tuple(Column(pair.target, types[pair.query]) for pair in found.pairs)
