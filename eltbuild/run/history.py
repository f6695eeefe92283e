"""How the rows that a model reads are divided in time, so that its history can be played again. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from eltbuild.adapter import Connection
from eltbuild.compile.freshness import source_text
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, Problem, did_you_mean
from eltbuild.plan.keys import column_named, keys_of, listed
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId, Source
from eltbuild.relation import Column
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass

Input = Node | Source


@dataclass(frozen=True, slots=True)
class Read:
    """A relation that a model reads, directly or through ephemeral models."""

    id: NodeId
    name: str
    text: str
    """Its name in SQL, or what reads its files."""
    columns: tuple[Column, ...]
    event_time: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """The columns by which relations are divided: each row comes when its column says. All else is there from the

    beginning."""

    columns: Mapping[NodeId, str]
    """As SQL, by what is read."""
    told: str
    """What the columns are, and why these."""


def inputs(project: Project, node: Node) -> tuple[Input, ...]:
    """All that stands in a warehouse and that the model reads, without the model itself; sorted by id."""
    found: dict[NodeId, Input] = {}
    seen, ahead = {node.id}, list(node.parents)
    while ahead:
        id = ahead.pop()
        if id in seen:
            continue
        seen.add(id)
        parent = project.resource(id)
        if isinstance(parent, Node) and parent.ephemeral:
            ahead += parent.parents
        elif isinstance(parent, Source) or (isinstance(parent, Node) and parent.relation is not None):
            found[id] = parent
    return tuple(found[id] for id in sorted(found))


def read_of(session: Session, connection: Connection, writer: Writer, given: Input) -> Read:
    """What stands there. Raises `DatabaseError` where nothing does."""
    if isinstance(given, Source):
        name, text = f"{given.source_name}.{given.name}", source_text(session, given)
    else:
        assert given.relation is not None
        name, text = given.name, writer.relation(given.relation)
    columns = tuple(connection.columns(f"select * from {text}"))
    return Read(given.id, name, text, columns, str(given.config.get("event_time") or ""))


# By which column


def axis(node: Node, reads: Sequence[Read], asked: str, filtered: Iterable[str], writer: Writer) -> Axis | None:
    """The column that was asked for, else `event_time`, else one that the model's own filter names, else its key.

    None where none of them is a column of what the model reads. Raises `CompileError` where the one asked for is none.
    """
    if asked:
        found = _named(asked, reads, writer)
        if not found:
            known = sorted({column.name for read in reads for column in read.columns})
            text = f"nothing that `{node.name}` reads has a column `{asked}`"
            raise CompileError(Problem(text, node.place, did_you_mean(asked, known)))
        return Axis(found, f"`{asked}`")
    timed = {read.id: _quoted(read.event_time, read, writer) for read in reads if read.event_time}
    if timed:
        return Axis(timed, " and ".join(f"`{read.event_time}` of {read.name}" for read in reads if read.event_time))
    for name in filtered:
        found = _named(name, reads, writer)
        if found:
            return Axis(found, f"`{name}`, which its filter names")
    for key in _keys(node):
        found = _named(key, reads, writer)
        if found:
            return Axis(found, f"`{key}`, its key")
    return None


def _named(name: str, reads: Sequence[Read], writer: Writer) -> dict[NodeId, str]:
    columns = {read.id: column_named(name, read.columns) for read in reads}
    return {id: writer.quote(column) for id, column in columns.items() if column}


def _quoted(name: str, read: Read, writer: Writer) -> str:
    column = column_named(name, read.columns)
    return writer.quote(column) if column else name


def _keys(node: Node) -> tuple[str, ...]:
    given = listed(node.config.get("unique_key"))
    named = tuple(Column(part.strip()) for text in given for part in text.split(","))
    return tuple(key.text for key in keys_of(node.config.get("unique_key"), named, node))


def filtered_columns(whole: str, increment: str, dialect: str) -> tuple[str, ...]:
    """The columns that an increment's text compares with something and the whole text does not, in their order."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        trees = [sqlglot.parse_one(text, dialect=dialect) for text in (whole, increment)]
    except (SqlglotError, RecursionError):
        return ()
    plain, more = ([(one.sql(dialect), one) for one in _comparisons(tree)] for tree in trees)
    known = {text for text, _ in plain}
    return tuple(dict.fromkeys(name for text, one in more if text not in known for name in _compared(one)))


def _comparisons(tree: Any) -> Iterator[Any]:
    from sqlglot import exp

    yield from tree.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, bfs=False)


def _compared(comparison: Any) -> Iterator[str]:
    """The columns on its sides, not those within subqueries."""
    from sqlglot import exp

    for side in comparison.iter_expressions():
        for column in side.find_all(exp.Column):
            if column.find_ancestor(exp.Subquery, exp.Select) is comparison.find_ancestor(exp.Subquery, exp.Select):
                yield column.name


# Where


def boundaries(connection: Connection, axis: Axis, reads: Sequence[Read], deltas: int) -> tuple[Any, ...]:
    """The values at which the history ends and each delta but the last: the longest of the relations is halved, and

    its second half cut into as many parts. Fewer where there are not so many values.
    """
    cut = [read for read in reads if read.id in axis.columns]
    sizes = {read.id: int(connection.execute(f"select count(*) from {read.text}").scalar() or 0) for read in cut}
    longest = max(cut, key=lambda read: sizes[read.id])
    column = axis.columns[longest.id]
    parts = f"select {column} as v, ntile({2 * deltas}) over (order by {column}) as part from {longest.text}"
    known = f"select min(v) as v, part from ({parts} where {column} is not null) as parts group by part"
    found = [row[0] for row in connection.execute(f"select v from ({known}) as firsts order by part").rows]
    late = [value for value in found[len(found) // 2 :] if value != found[0]]
    return tuple(dict.fromkeys(late))


def text_of(value: Any) -> str:
    """A value as a person reads it and as an engine takes it, in the type of what it is compared with."""
    if isinstance(value, datetime):
        aware = value.astimezone(UTC) if value.tzinfo is not None else value
        return aware.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)
