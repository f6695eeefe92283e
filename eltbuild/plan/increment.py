"""New rows for a table that stands, as a value, and the steps that all strategies share. Nothing is run."""

from __future__ import annotations

from collections.abc import Sequence

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.keys import Key
from eltbuild.plan.nouns import Facts, Load, Operation, Statement
from eltbuild.plan.publish import WORKING
from eltbuild.plan.reconcile import Pair, fits
from eltbuild.plan.whole import with_header
from eltbuild.relation import Relation
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass, replace

CONVERTED = "_cast" + WORKING
"""The suffix of the table for new rows in the types of the table that they go to."""


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

    @property
    def converts(self) -> bool:
        """Whether values must be converted to the types of the table."""
        return any(pair.kept for pair in self.pairs)


@dataclass(frozen=True, slots=True)
class Steps:
    """What a strategy does: first all that only reads the new rows and may refuse them, then what writes."""

    prepared: tuple[Operation, ...]
    written: tuple[Operation, ...]


def working(increment: Increment, writer: Writer) -> Relation:
    """Where the new rows lie once they have been read."""
    suffix = CONVERTED if increment.converts else WORKING
    return writer.session(increment.facts.relation, suffix + increment.facts.temporary)


def stage(increment: Increment, writer: Writer) -> tuple[Operation, ...]:
    """The new rows, read once, in a table of their own, in the types of the table that they go to.

    A value that this type cannot hold refuses the node.
    """
    facts = increment.facts
    place = writer.session(facts.relation, WORKING + facts.temporary)
    read = _read(facts, place, writer)
    if not increment.converts:
        return read
    checks = [
        fits(facts.node, pair, place, writer) for pair in increment.pairs if pair.kept and pair.conversion != "exact"
    ]
    kept = {pair.query: pair for pair in increment.pairs if pair.kept}
    values = [_converted(column.name, kept.get(column.name), writer) for column in facts.columns]
    query = f"select {', '.join(values)} from {writer.relation(place)}"
    converted = writer.create_table_as(working(increment, writer), query, temporary=True)
    return (*read, *checks, Statement(converted, "convert"), Statement(writer.drop(place, cascade=False), "drop"))


def _converted(name: str, pair: Pair | None, writer: Writer) -> str:
    text = writer.quote(name)
    if pair is None:
        return text
    # Between types that have nothing in common there may be no cast.
    value = "null" if pair.conversion == "none" else text
    return f"cast({value} as {pair.kept}) as {text}"


def _read(facts: Facts, place: Relation, writer: Writer) -> tuple[Operation, ...]:
    if facts.rows is None:
        sql = writer.create_table_as(place, facts.query, temporary=True)
        return (Statement(with_header(facts, sql), "stage"),)
    lines = [writer.definition(column) for column in facts.columns]
    created = Statement(writer.create_table(place, lines, temporary=True), "stage")
    return (created,) if facts.empty else (created, Load(place, facts.rows))


def unstaged(increment: Increment, writer: Writer) -> Operation:
    """The table of the new rows goes."""
    return Statement(writer.drop(working(increment, writer), cascade=False), "drop")


def staged(increment: Increment, writer: Writer, between: Sequence[Operation] = ()) -> Steps:
    """Read the new rows once, then do what is between, then insert them."""
    selected = [pair.query for pair in increment.pairs]
    place = working(increment, writer)
    inserted = writer.insert_from(increment.facts.relation, increment.targets, place, selected=selected)
    return Steps(stage(increment, writer), (*between, Statement(inserted), unstaged(increment, writer)))


def inserted(increment: Increment, writer: Writer) -> str:
    """The query's rows, straight into the table."""
    facts, pairs = increment.facts, increment.pairs
    if len(pairs) == len(facts.columns):
        in_order = {pair.query: pair.target for pair in pairs}
        return writer.insert(facts.relation, [in_order[column.name] for column in facts.columns], facts.query)
    selected = [pair.query for pair in pairs]
    return writer.insert_columns(facts.relation, increment.targets, facts.query, selected=selected)


def deleted(increment: Increment, keys: Sequence[Key], writer: Writer) -> tuple[Operation, ...]:
    """The rows of the table go whose key is among the new ones; NULL is a key like others."""
    place, predicates = increment.facts.relation, increment.predicates
    source = working(increment, writer)
    if all(key.column for key in keys):
        pairs = key_pairs(replace(increment, keys=tuple(keys)))
        return tuple(Statement(sql, "delete") for sql in writer.delete_matching(place, pairs, source, predicates))
    texts = [writer.quote(key.column) if key.column else key.text for key in keys]
    return (Statement(writer.delete_matching_expressions(place, texts, source, predicates), "delete"),)


def key_pairs(increment: Increment) -> tuple[tuple[str, str], ...]:
    """Each part of the key as the table and as the query name it. Raises `CompileError` for an expression."""
    targets = {pair.query: pair.target for pair in increment.pairs}
    for key in increment.keys:
        if not key.column:
            text = f"the unique_key `{key.text}` of `{increment.facts.node.name}` is no column, which merge needs"
            raise CompileError(Problem(text, increment.facts.node.place, "give it a name in the query"))
    return tuple((targets[key.column], key.column) for key in increment.keys)
