"""The incremental strategies: how new rows come to those that are there. Nothing is run.

Keys match NULL with NULL, so that a NULL in a key makes no duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import TypeAlias

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.increment import Increment, Steps, deleted, inserted, key_pairs, stage, staged, unstaged, working
from eltbuild.plan.keys import Key, column_named, keys_of
from eltbuild.plan.merge import asks_by_source, merge_clauses
from eltbuild.plan.nouns import Check, Load, Operation, Statement
from eltbuild.plan.publish import reads_itself
from eltbuild.plan.repeated import EXAMPLES, repeated
from eltbuild.plan.whole import with_header
from eltbuild.sql import spelling
from eltbuild.sql.types import is_zoned
from eltbuild.sql.writer import SOURCE, TARGET, Writer

Strategy: TypeAlias = Callable[[Increment, Writer], Steps]
ONE_ROW = (
    "merge takes one row for each key: keep one in the query, or use `delete+insert`, which replaces the rows of a key"
    " as a group"
)


def append(increment: Increment, writer: Writer) -> Steps:
    """Add the rows."""
    facts = increment.facts
    if increment.converts or facts.audited:
        return staged(increment, writer)
    if facts.rows is not None:
        if [pair.query for pair in increment.pairs] == [column.name for column in facts.columns]:
            return Steps((), () if facts.empty else (Load(facts.relation, facts.rows, "main"),))
        return staged(increment, writer)
    return Steps((), (Statement(with_header(facts, inserted(increment, writer))),))


def delete_insert(increment: Increment, writer: Writer) -> Steps:
    """Replace the rows whose key comes again, as a group for each key; add the others."""
    if not increment.keys:
        return append(increment, writer)
    return staged(increment, writer, deleted(increment, increment.keys, writer))


def merge(increment: Increment, writer: Writer) -> Steps:
    """Update the rows whose key comes again, insert the others. Two new rows of one key refuse the node."""
    node = increment.facts.node
    if not increment.keys and not node.config.get("merge_clauses"):
        return append(increment, writer)
    named = key_pairs(increment)
    clauses = merge_clauses(node, increment.pairs, [target for target, _ in named], writer)
    checks = (_one_row_each(increment, named, writer),) if named else ()
    return Steps(
        (*stage(increment, writer), *checks),
        (*_merged(increment, named, clauses, writer), unstaged(increment, writer)),
    )


def insert_overwrite(increment: Increment, writer: Writer) -> Steps:
    """Replace the partitions that come again; without partitions, all rows."""
    facts, able = increment.facts, writer.capabilities
    plain = facts.rows is None and not increment.converts and not facts.audited
    if able.insert_overwrite and writer.dialect in spelling.SPARK and plain:
        names = [pair.target for pair in increment.pairs]
        sql = writer.insert_columns(facts.relation, names, facts.query, overwrite=True)
        return Steps((), (Statement(with_header(facts, sql)),))
    partitions = _partitions(increment, writer)
    if partitions:
        return staged(increment, writer, deleted(increment, partitions, writer))
    emptied = Statement(writer.delete_where(facts.relation, increment.predicates), "delete")
    return staged(increment, writer, (emptied,))


def microbatch(increment: Increment, writer: Writer) -> Steps:
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
    emptied = Statement(writer.delete_where(facts.relation, window), "delete")
    if facts.rows is not None or increment.converts or facts.audited or reads_itself(facts):
        return staged(increment, writer, (emptied,))
    return Steps((), (emptied, Statement(with_header(facts, inserted(increment, writer)))))


STRATEGIES: Mapping[str, Strategy] = {
    "append": append,
    "delete+insert": delete_insert,
    "merge": merge,
    "insert_overwrite": insert_overwrite,
    "microbatch": microbatch,
}


# Parts of strategies


def _one_row_each(increment: Increment, named: Sequence[tuple[str, str]], writer: Writer) -> Check:
    """Refuse the node where two new rows have one key; two of NULL have, too."""
    place, names = writer.relation(working(increment, writer)), [query for _, query in named]
    keys = writer.names(names)
    order = ", ".join(str(number) for number in range(1, len(names) + 1))
    rows = (
        f"select {keys}, count(*) as copies, count(*) over () as keys from {place}\n"
        f"group by {keys} having count(*) > 1\norder by count(*) desc, {order} limit {EXAMPLES}"
    )
    return repeated(increment.facts, names, rows, "the new rows", ONE_ROW)


def _merged(
    increment: Increment, named: Sequence[tuple[str, str]], clauses: Sequence[str], writer: Writer
) -> tuple[Operation, ...]:
    place, source = increment.facts.relation, writer.relation(working(increment, writer))
    left, right = (
        [f"{alias}.{writer.quote(pair[side])}" for pair in named] for side, alias in enumerate((TARGET, SOURCE))
    )
    if writer.dialect not in spelling.NULL_SAFE_UNHASHED or not named or asks_by_source(increment.facts.node):
        on = [writer.same(a, b) for a, b in zip(left, right, strict=True)] or ["false"]
        return (Statement(writer.merge(place, source, [*increment.predicates, *on], clauses)),)
    names = [writer.quote(query) for _, query in named]
    whole, partly = (
        word.join(f"{name} is {test}" for name in names) for word, test in ((" and ", "not null"), (" or ", "null"))
    )
    equal = [f"{a} = {b}" for a, b in zip(left, right, strict=True)]
    same = [writer.same(left[0], right[0]) if len(named) == 1 else writer.same_row(left, right)]
    return tuple(
        Statement(writer.merge(place, f"(select * from {source} where {rows})", [*increment.predicates, *on], clauses))
        for rows, on in ((partly, same), (whole, equal))
    )


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
