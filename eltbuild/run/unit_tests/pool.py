"""Rows of a model's inputs, read from the warehouse: a few hundred of each, those that meet each other first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from eltbuild.adapter import Connection
from eltbuild.compile.freshness import source_text
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, DatabaseError, Problem
from eltbuild.project.resources import Node, NodeId, Source
from eltbuild.relation import Column
from eltbuild.run.unit_tests.bench import Bench
from eltbuild.run.work import Work, connection_for
from eltbuild.sql.inline import suggested_type
from eltbuild.sql.reading import Reading
from eltbuild.sql.transpile import type_in
from eltbuild.values import dataclass, replace

POOL = 240
"""How many rows of each input are looked at."""
STRANGERS = 20
"""How many of them need not meet any row of another input."""
EACH = 8
"""How many rows are read for each side of a comparison that the model makes."""
TESTS = 16
"""How many of these comparisons are looked at."""
KEYS = 200
"""How many values of a key are asked for at once."""

KEYED = (int, str, Decimal, date, datetime)
"""Classes of values that a key is made of."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pooled:
    """Rows of one input, typed in the words of the database in memory."""

    resource: Node | Source
    call: str
    """How a unit test refers to it: `ref('orders')`."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    native: tuple[Column, ...] = ()
    """The columns as the warehouse types them."""

    def without(self, name: str) -> Pooled:
        """The rows without one column."""
        left = [index for index, column in enumerate(self.columns) if column.name != name]
        return replace(
            self,
            columns=tuple(self.columns[index] for index in left),
            rows=tuple(tuple(row[index] for index in left) for row in self.rows),
            native=tuple(self.native[index] for index in left),
        )


def pooled(
    work: Work,
    bench: Bench,
    model: Node,
    inputs: Sequence[Node | Source],
    reading: Reading,
    names: Mapping[NodeId, str],
    masked: frozenset[str],
) -> list[Pooled]:
    """Rows of each input that the model reads, its columns those that the model names; masked ones hold other values.

    `reading` is what the model's query reads of the inputs, by their CTEs' `names`. Raises `CompileError` for an input
    that cannot be read.
    """
    found: list[Pooled] = []
    pairs = equalities_of(reading)
    mask = Mask(masked)
    for resource in inputs:
        wanted = _wanted(reading, names[resource.id])
        columns, rows = _read(work, model, resource, wanted, pairs, found, reading.tested)
        found.append(Pooled(resource, call_of(resource, model), columns, rows))
    return [_spoken(work, bench, mask.applied(one)) for one in found]


def equalities_of(reading: Reading) -> list[frozenset[str]]:
    """The columns that the query sets equal, in lower case; a name alone stands for itself in several inputs."""
    return [frozenset(name.casefold() for name in pair) for pair in reading.equal]


def _wanted(reading: Reading, name: str) -> frozenset[str] | None:
    """The columns that the model reads of an input, in lower case; None for all."""
    own = name.casefold().strip('"')
    if own in reading.given or (own not in reading.columns and not reading.loose):
        return None
    loose = {word for word, among in reading.loose if own in among}
    return frozenset(column.casefold() for column in (*reading.columns.get(own, ()), *loose))


def call_of(resource: Node | Source, model: Node) -> str:
    """The reference that a unit test of the model would write."""
    if isinstance(resource, Source):
        return f"source('{resource.source_name}', '{resource.name}')"
    package = f"'{resource.package}', " if resource.package != model.package else ""
    version = "" if resource.version is None else f", v={resource.version!r}"
    return f"ref({package}'{resource.name}'{version})"


def _read(
    work: Work,
    model: Node,
    resource: Node | Source,
    wanted: frozenset[str] | None,
    pairs: Sequence[frozenset[str]],
    before: Sequence[Pooled],
    tested: Sequence[tuple[str, str]],
) -> tuple[tuple[Column, ...], tuple[Row, ...]]:
    connection = connection_for(work, model)
    place = _text(work, resource, connection)
    try:
        everything = connection.columns(f"select * from {place}")
        columns = tuple(one for one in everything if wanted is None or one.name.casefold() in wanted) or tuple(
            everything[:1]
        )
        select = f"select {work.writer.names(column.name for column in columns)} from {place}"
        rows: dict[str, Row] = {}
        for condition in _tests(work, columns, tested):
            for row in _if_it_can_be(connection, work.writer.limited(f"{select}{condition}", EACH)):
                rows.setdefault(repr(row), row)
        for condition in _conditions(work, columns, pairs, before):
            for row in connection.execute(work.writer.limited(f"{select}{condition}", POOL - STRANGERS)).rows:
                rows.setdefault(repr(row), row)
        limit = POOL if not rows else max(STRANGERS, POOL - len(rows))
        for row in connection.execute(work.writer.limited(select, limit)).rows:
            rows.setdefault(repr(row), row)
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        text = f"the rows of {call_of(resource, model)} cannot be read: {error.message}"
        raise CompileError(
            Problem(text, model.place, "build it first: eltbuild build --select +" + model.name)
        ) from error
    return columns, tuple(rows.values())[:POOL]


def _if_it_can_be(connection: Connection, query: str) -> tuple[Row, ...]:
    """The rows of a query; none where the warehouse refuses it: a column of that name may be another input's."""
    try:
        return connection.execute(query).rows
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        return ()


def _text(work: Work, resource: Node | Source, connection: Any) -> str:
    """What stands behind FROM for an input."""
    if isinstance(resource, Source):
        return source_text(work.session, resource)
    if resource.ephemeral or resource.relation is None:
        return f"{work.writer.lines(work.compiler.compile(resource, Live(connection)).sql or '')} as given_rows"
    return work.writer.relation(resource.relation)


def _conditions(
    work: Work, columns: Sequence[Column], pairs: Sequence[frozenset[str]], before: Sequence[Pooled]
) -> Iterator[str]:
    """That a row has the key of one that was read of an earlier input: all of its columns first, then each of them."""
    for other in before:
        shared = list(_shared(columns, pairs, other))
        if len(shared) > 1:
            rows = {tuple(row[index] for _, index in shared) for row in other.rows}
            keys = [row for row in sorted(rows, key=repr) if all(isinstance(value, KEYED) for value in row)]
            if keys:
                yield f" where {' or '.join(_is_key(work, shared, key) for key in keys[:KEYS])}"
    for column in columns:
        for other in before:
            for _, index in _shared([column], pairs, other):
                values = {row[index] for row in other.rows if isinstance(row[index], KEYED)}
                if values:
                    listed = ", ".join(_literal(work, value) for value in sorted(values, key=repr)[:KEYS])
                    yield f" where {work.writer.quote(column.name)} in ({listed})"


def _shared(columns: Sequence[Column], pairs: Sequence[frozenset[str]], other: Pooled) -> Iterator[tuple[Column, int]]:
    """The columns that are set equal to one of another input, and where that stands there; one of its name first."""
    for column in columns:
        own = column.name.casefold()
        partners = {name for pair in pairs if own in pair for name in pair}
        places = [index for index, one in enumerate(other.columns) if one.name.casefold() in partners]
        places.sort(key=lambda index: other.columns[index].name.casefold() != own)
        yield from ((column, index) for index in places[:1])


def _is_key(work: Work, shared: Sequence[tuple[Column, int]], key: Row) -> str:
    parts = (
        f"{work.writer.quote(column.name)} = {_literal(work, value)}"
        for (column, _), value in zip(shared, key, strict=True)
    )
    return f"({' and '.join(parts)})"


def _tests(work: Work, columns: Sequence[Column], tested: Sequence[tuple[str, str]]) -> Iterator[str]:
    """For each comparison with what is written out in the model's query: that it is true, and that it is not."""
    names = {column.name.casefold(): column.name for column in columns}
    known = [(names[name.casefold()], rest) for name, rest in tested if name.casefold() in names]
    for name, rest in known[:TESTS]:
        yield f" where {work.writer.quote(name)} {rest}"
        yield f" where not {work.writer.quote(name)} {rest}"


def _literal(work: Work, value: Any) -> str:
    plain = isinstance(value, (bool, int))
    return work.writer.literal(value if plain else str(value))


# Values


@dataclass(slots=True)
class Mask:
    """Other values for those of some columns: the same one for the same value, so that keys still meet."""

    names: frozenset[str]
    given: dict[Any, int]

    def __init__(self, names: frozenset[str]) -> None:
        self.names = frozenset(name.casefold() for name in names)
        self.given = {}

    def applied(self, pool: Pooled) -> Pooled:
        """The rows with the masked columns' values replaced."""
        hidden = [column.name.casefold() in self.names for column in pool.columns]
        rows = tuple(
            tuple(
                self._other(value, column.name) if mask else value
                for value, mask, column in zip(row, hidden, pool.columns)
            )
            for row in pool.rows
        )
        return replace(pool, rows=rows) if any(hidden) else pool

    def _other(self, value: Any, name: str) -> Any:
        if value is None or isinstance(value, bool):
            return value
        number = self.given.setdefault(repr(value), len(self.given) + 1)
        match value:
            case int() | Decimal() | float():
                return type(value)(number)
            case datetime():
                return datetime(2000, 1, 1, tzinfo=value.tzinfo) + timedelta(days=number)
            case date():
                return date(2000, 1, 1) + timedelta(days=number)
            case str():
                return f"{name.lower()}_{number}"
            case UUID():
                return UUID(int=number)
        return None


def _spoken(work: Work, bench: Bench, pool: Pooled) -> Pooled:
    """The rows with values that can be written down, and types of the database in memory."""
    rows = tuple(tuple(map(writable, row)) for row in pool.rows)
    columns = []
    for index, column in enumerate(pool.columns):
        kind = type_in(column.type, work.session.dialect, bench.writer.dialect)
        columns.append(
            replace(column, type=kind or suggested_type((row[index] for row in rows), bench.writer) or "varchar")
        )
    return replace(pool, columns=tuple(columns), rows=rows, native=pool.columns)


def writable(value: Any) -> Any:
    """The value in a form that can be written down and read again; None for what has none."""
    match value:
        case None | bool() | int() | str() | Decimal() | datetime() | date() | time():
            return value
        case float():
            return value if value == value and abs(value) != float("inf") else None
        case list() | tuple():
            return [writable(item) for item in value]
        case dict():
            return {str(name): writable(item) for name, item in value.items()}
        case bytes() | bytearray() | memoryview():
            return None
    return str(value)


MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")


def personal(pools: Sequence[Pooled]) -> list[str]:
    """The columns among whose values are mail addresses."""
    found: dict[str, None] = {}
    for pool in pools:
        for index, column in enumerate(pool.columns):
            if any(isinstance(row[index], str) and MAIL.search(row[index]) for row in pool.rows):
                found.setdefault(column.name)
    return list(found)
