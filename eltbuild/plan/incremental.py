"""Incremental models: how new rows come to those that are there. Nothing is run.

Unlike dbt's, keys match NULL with NULL, so that a NULL in a key makes no duplicates; and what the columns of the query
do to the table is decided before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import TypeAlias

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError, Problem, did_you_mean
from eltbuild.plan import contract
from eltbuild.plan.extras import extras
from eltbuild.plan.keys import Key, column_named, keys_of, listed
from eltbuild.plan.merge import merge_clauses
from eltbuild.plan.nouns import Facts, Load, Operation, Statement
from eltbuild.plan.publish import WORKING, reads_itself
from eltbuild.plan.reconcile import Pair, Reconciled, reconcile
from eltbuild.plan.rows import columns_of
from eltbuild.plan.whole import table, with_header
from eltbuild.project.resources import Node
from eltbuild.relation import Relation
from eltbuild.sql import spelling
from eltbuild.sql.types import is_zoned
from eltbuild.sql.writer import SOURCE, TARGET, Writer


@dataclass(frozen=True, slots=True)
class Increment:
    """New rows for a table: where they come from, which columns are written, and what identifies a row."""

    facts: Facts
    pairs: tuple[Pair, ...]
    keys: tuple[Key, ...]
    predicates: tuple[str, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that are written, as the table names them."""
        return tuple(pair.target for pair in self.pairs)


Strategy: TypeAlias = Callable[[Increment, Writer], tuple[Operation, ...]]


def incremental(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Build the table whole where there is none, or bring the query's rows into it by the node's strategy.

    Raises `CompileError` for a strategy that is unknown or that the engine does not have.
    """
    if is_whole(facts):
        return table(facts, writer)
    name = strategy_name(facts, writer)
    if facts.rows is not None:
        facts = replace(facts, columns=columns_of(facts.rows, writer))
    if not facts.columns:
        raise CompileError(Problem(f"the columns of the query of `{facts.node.name}` are not known", facts.node.place))
    if contract.is_enforced(facts.node):
        contract.checked(facts, writer)
    found = reconcile(facts, writer, keeps_gone=name == "merge")
    increment = increment_of(facts, found)
    written = STRATEGIES[name](increment, writer)
    after = extras(facts, writer, fresh=False, columns=facts.columns)
    return (*found.operations, *written, *after)


def is_whole(facts: Facts) -> bool:
    """Whether the table is built from nothing: first time, full refresh, or something else stands there."""
    return facts.existing is None or facts.existing.kind != "table" or facts.full_refresh


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


# Strategies


def append(increment: Increment, writer: Writer) -> tuple[Operation, ...]:
    """Add the rows."""
    facts = increment.facts
    if facts.rows is not None:
        if [pair.query for pair in increment.pairs] == [column.name for column in facts.columns]:
            return () if facts.empty else (Load(facts.relation, facts.rows, "main"),)
        return _staged(increment, writer, ())
    return (Statement(with_header(facts, _inserted(increment, writer))),)


def delete_insert(increment: Increment, writer: Writer) -> tuple[Operation, ...]:
    """Replace the rows whose key comes again, add the others."""
    if not increment.keys:
        return append(increment, writer)
    staged = _working(increment, writer)
    return _staged(increment, writer, (Statement(_deleted(increment, increment.keys, staged, writer), "delete"),))


def merge(increment: Increment, writer: Writer) -> tuple[Operation, ...]:
    """Update the rows whose key comes again, insert the others; two new rows of one key are the engine's to refuse."""
    facts, keys = increment.facts, increment.keys
    if not keys and not facts.node.config.get("merge_clauses"):
        return append(increment, writer)
    named = _key_pairs(increment)
    on = [writer.same(f"{TARGET}.{writer.quote(a)}", f"{SOURCE}.{writer.quote(b)}") for a, b in named] or ["false"]
    clauses = merge_clauses(facts.node, increment.pairs, [target for target, _ in named], writer)
    on = [*increment.predicates, *on]
    if facts.rows is None:
        sql = writer.merge(facts.relation, writer.lines(facts.query), on, clauses)
        return (Statement(with_header(facts, sql)),)
    staged = _working(increment, writer)
    merged = Statement(writer.merge(facts.relation, writer.relation(staged), on, clauses))
    return (*_stage(increment, writer), merged, _unstaged(increment, writer))


def insert_overwrite(increment: Increment, writer: Writer) -> tuple[Operation, ...]:
    """Replace the partitions that come again; without partitions, all rows."""
    facts = increment.facts
    if writer.capabilities.insert_overwrite and writer.dialect in spelling.SPARK and facts.rows is None:
        names = [pair.target for pair in increment.pairs]
        sql = writer.insert_columns(facts.relation, names, facts.query, overwrite=True)
        return (Statement(with_header(facts, sql)),)
    partitions = _partitions(increment, writer)
    if partitions:
        deleted = _deleted(increment, partitions, _working(increment, writer), writer)
    else:
        deleted = writer.delete_where(facts.relation, increment.predicates)
    return _staged(increment, writer, (Statement(deleted, "delete"),))


def microbatch(increment: Increment, writer: Writer) -> tuple[Operation, ...]:
    """Replace the rows of one slice of time, `[start, end)` of the node's `event_time`.

    Raises `CompileError` where no slice or no `event_time` is given.
    """
    facts = increment.facts
    given = facts.node.config.get("event_time")
    if facts.batch is None or not given:
        missing = "event_time" if not given else "batch"
        raise CompileError(Problem(f"the microbatch model `{facts.node.name}` has no {missing}", facts.node.place))
    start, end = (
        _event_literal(str(given), moment, increment, writer) for moment in (facts.batch.start, facts.batch.end)
    )
    column = column_named(str(given), facts.existing.columns if facts.existing else ())
    event = f"{TARGET}.{writer.quote(column)}" if column else str(given)
    window = [
        f"{event} >= {start}",
        f"{event} < {end}",
        *(f"({predicate})" for predicate in increment.predicates),
    ]
    deleted = Statement(writer.delete_where(facts.relation, window), "delete")
    if facts.rows is not None or reads_itself(facts):
        return _staged(increment, writer, (deleted,))
    return (deleted, Statement(with_header(facts, _inserted(increment, writer))))


STRATEGIES: Mapping[str, Strategy] = {
    "append": append,
    "delete+insert": delete_insert,
    "merge": merge,
    "insert_overwrite": insert_overwrite,
    "microbatch": microbatch,
}


# Parts of strategies


def _working(increment: Increment, writer: Writer) -> Relation:
    return writer.session(increment.facts.relation, WORKING + increment.facts.temporary)


def _stage(increment: Increment, writer: Writer) -> tuple[Operation, ...]:
    """The new rows, read once, in a table of their own."""
    facts, place = increment.facts, _working(increment, writer)
    if facts.rows is None:
        sql = writer.create_table_as(place, facts.query, temporary=True)
        return (Statement(with_header(facts, sql), "stage"),)
    lines = [writer.definition(column) for column in facts.columns]
    created = Statement(writer.create_table(place, lines, temporary=True), "stage")
    return (created,) if facts.empty else (created, Load(place, facts.rows))


def _unstaged(increment: Increment, writer: Writer) -> Operation:
    return Statement(writer.drop(_working(increment, writer), cascade=False), "drop")


def _staged(increment: Increment, writer: Writer, between: Sequence[Operation]) -> tuple[Operation, ...]:
    """Read the new rows once, do what is between, insert them."""
    names, selected = [pair.target for pair in increment.pairs], [pair.query for pair in increment.pairs]
    inserted = writer.insert_from(increment.facts.relation, names, _working(increment, writer), selected=selected)
    return (*_stage(increment, writer), *between, Statement(inserted), _unstaged(increment, writer))


def _inserted(increment: Increment, writer: Writer) -> str:
    facts, pairs = increment.facts, increment.pairs
    if len(pairs) == len(facts.columns):
        in_order = {pair.query: pair.target for pair in pairs}
        return writer.insert(facts.relation, [in_order[column.name] for column in facts.columns], facts.query)
    selected = [pair.query for pair in pairs]
    return writer.insert_columns(facts.relation, increment.targets, facts.query, selected=selected)


def _deleted(increment: Increment, keys: Sequence[Key], staged: Relation, writer: Writer) -> str:
    place, predicates = increment.facts.relation, increment.predicates
    if all(key.column for key in keys):
        pairs = _key_pairs(replace(increment, keys=tuple(keys)))
        return writer.delete_matching(place, pairs, staged, predicates)
    texts = [writer.quote(key.column) if key.column else key.text for key in keys]
    return writer.delete_matching_expressions(place, texts, staged, predicates)


def _key_pairs(increment: Increment) -> tuple[tuple[str, str], ...]:
    """Each part of the key as the table and as the query name it. Raises `CompileError` for an expression."""
    targets = {pair.query: pair.target for pair in increment.pairs}
    for key in increment.keys:
        if not key.column:
            text = f"the unique_key `{key.text}` of `{increment.facts.node.name}` is no column, which merge needs"
            raise CompileError(Problem(text, increment.facts.node.place, "give it a name in the query"))
    return tuple((targets[key.column], key.column) for key in increment.keys)


def _partitions(increment: Increment, writer: Writer) -> tuple[Key, ...]:
    config, facts = increment.facts.node.config, increment.facts
    given = config.get("partition_by") or config.get("partition_columns") or config.get("partitioned_by")
    if not isinstance(given, Mapping):
        return keys_of(given, facts.columns, facts.node, "partition column")
    (key,) = keys_of(given.get("field"), facts.columns, facts.node, "partition column") or (Key(""),)
    if str(given.get("data_type") or "date").lower() == "date" and str(given.get("granularity") or "day") == "day":
        return (key,) if key.text else ()
    field, part = writer.quote(key.column) if key.column else key.text, str(given.get("granularity") or "day")
    truncated = (
        f"timestamp_trunc({field}, {part})" if writer.dialect == "bigquery" else f"date_trunc('{part}', {field})"
    )
    return (Key(truncated),)


def _event_literal(name: str, moment: datetime, increment: Increment, writer: Writer) -> str:
    """The moment in the type of the column: with its zone for a column that has one, else the time in UTC."""
    existing = increment.facts.existing
    columns = existing.columns if existing else ()
    column = column_named(name, columns)
    type_name = next((known.type for known in columns if known.name == column), "")
    if is_zoned(type_name, writer.dialect):
        return writer.timestamp(moment)
    midnight = moment.astimezone(UTC).time() == time()
    if not type_name or (type_name.casefold() == "date" and not midnight):
        type_name = writer.type_name("timestamp")
    return writer.timestamp(moment, type_name)
