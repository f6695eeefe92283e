"""The tables of the state in a target: their layout, its versions, and every statement on them as text.

Nothing is run here. Rows are only added: what is so now is what the latest row says. Only the row of a run changes,
when it ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TypeAlias, TypeVar

from eltbuild._version import __version__
from eltbuild.relation import Column, Relation
from eltbuild.sql import spelling
from eltbuild.sql.writer import Writer
from eltbuild.state.records import Built, Ended, Interval, Observed, Run
from eltbuild.state.rows import (
    BUILT,
    ENDED,
    HEARD,
    INTERVALS,
    LAYOUT,
    OBSERVED,
    RUNS,
    SINCE,
    TABLES,
    Record,
    Table,
    row,
)
from eltbuild.values import dataclass, replace

VERSION = 2
"""The layout that this code reads and writes."""
LATEST = 365
"""How many of the latest observations of a measure are read."""

Placed = TypeVar("Placed", bound="Built | Interval")

BRIEF = tuple(name for name in RUNS.columns if name not in ("arguments", "nodes"))
"""The columns of runs that claims are judged by."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The statements on the tables of one state schema."""

    writer: Writer
    schema: Relation
    layout: int = VERSION
    """The layout that stands, where it is only read."""

    def has(self, table: Table, column: str = "") -> bool:
        """Whether the layout has that table, or that column of it."""
        return SINCE.get((table.name, column), 1) <= self.layout

    def columns(self, table: Table) -> tuple[str, ...]:
        """The columns of a table that the layout has."""
        return tuple(name for name in table.columns if self.has(table, name))

    def at(self, table: Table) -> str:
        """Where a table stands, quoted."""
        return self.writer.relation(self.schema.named(table.name))

    @property
    def now(self) -> str:
        """The time, in UTC, by the clock of the database; where that is this process, by its own."""
        if self.writer.capabilities.single_process:
            return self.writer.literal(datetime.now(UTC).replace(tzinfo=None))
        return spelling.UTC_NOW.get(self.writer.dialect, "current_timestamp")

    # Layout

    def create(self) -> tuple[str, ...]:
        """Make the schema and its tables, in the newest layout."""
        return (self.writer.create_schema(self.schema), *map(self.create_table, TABLES), self.stamp(VERSION))

    def create_table(self, table: Table) -> str:
        """Make one of the tables."""
        writer = self.writer
        columns = [writer.definition(Column(name, writer.type_name(kind))) for name, kind in table.columns.items()]
        return writer.create_table(self.schema.named(table.name), columns)

    def stamp(self, version: int) -> str:
        """The layout is of that version from now on."""
        return self._insert(LAYOUT, [self._values(LAYOUT, (version, None, __version__))])

    def version(self) -> str:
        """Which version stands."""
        return f"select max({self.writer.quote('version')}) from {self.at(LAYOUT)}"

    # Runs

    def running(self) -> str:
        """The runs that have not ended: the brief columns, when each was heard of, and the time by the same clock."""
        heard = self._name("happened")
        last = f"(select max({heard}) from {self.at(HEARD)} where {self._name('run')} = {self._name('number')})"
        return self._select(BRIEF, RUNS, f"{self._name('ended')} is null", more=(last, self.now))

    def numbers(self) -> str:
        """The numbers of all runs."""
        return f"select {self._name('number')} from {self.at(RUNS)}"

    def start(self, run: Run) -> str:
        """A run begins."""
        return self._insert(RUNS, [self._values(RUNS, row(run))])

    def withdraw(self, run: Run) -> str:
        """A run did not begin after all."""
        return f"delete from {self.at(RUNS)} where {self._name('number')} = {run.number}"

    def heard(self, run: Run) -> str:
        """A run is heard of."""
        return self._insert(HEARD, [self._values(HEARD, (run.number, None))])

    def end(self, run: Run, status: str) -> str:
        """A run ends, unless it has; what only a run that was cut short needs is not kept.

        Where one of its nodes commits just now nothing happens.
        """
        changes = {"ended": self.now, "status": self.writer.literal(status)}
        if status != "lost":
            changes |= {"nodes": "'[]'", "claims": "'[]'"}
        listed = ", ".join(f"{self._name(name)} = {value}" for name, value in changes.items())
        return f"update {self.at(RUNS)} set {listed} where {self._unlocked(run)}"

    def is_running(self, run: Run) -> str:
        """One row where the run has not ended."""
        return f"select 1 from {self.at(RUNS)} where {self._alive(run)}"

    def is_quiet(self, run: Run) -> str:
        """One row where the run has not ended and none of its nodes is being committed."""
        lock = spelling.UNLOCKED.get(self.writer.dialect, "")
        return f"{self.is_running(run)}{lock}"

    def mark(self, run: Run) -> str:
        """Mark the session as one of the run's; "" where the engine has no such marks."""
        return spelling.MARK.get(self.writer.dialect, "").format(_number(run))

    def end_marked(self, run: Run) -> str:
        """End all other sessions of the run; "" where that cannot be."""
        number = _number(run)
        return spelling.END_MARKED.get(self.writer.dialect, "").format(number, number >> 32, number & 0xFFFFFFFF)

    def latest(self, project: str, home: str) -> str:
        """The runs of a project from one home, newest first."""
        literal = self.writer.literal
        where = f"{self._name('project')} = {literal(project)} and {self._name('home')} = {literal(home)}"
        return f"{self._select(tuple(RUNS.columns), RUNS, where)} order by {self._name('number')} desc"

    def named(self, prefix: str) -> str:
        """The brief columns of the runs whose invocation begins so."""
        matched = f"substring({self._name('invocation')}, 1, {len(prefix)}) = {self.writer.literal(prefix)}"
        return self._select(BRIEF, RUNS, matched)

    # What was built

    def record(self, run: Run, record: Built | Interval) -> str:
        """Add the record. No row is written where the run has ended, and none can end it before this commits."""
        table = BUILT if isinstance(record, Built) else INTERVALS
        values = self._values(table, row(self.inside(record)))
        if self.writer.capabilities.single_process:
            return self._insert(table, [values])
        lock = spelling.SHARED_LOCK.get(self.writer.dialect, "")
        return f"{self._into(table)} select {values} from {self.at(RUNS)} where {self._alive(run)}{lock}"

    def take_over(self, records: Sequence[Built | Interval]) -> str:
        """Add records that were kept elsewhere."""
        table = BUILT if isinstance(records[0], Built) else INTERVALS
        return self._insert(table, [self._values(table, row(self.inside(record))) for record in records])

    def inside(self, record: Placed) -> Placed:
        """The record with its place as it is written: the state's own database, which may be renamed, is not named."""
        own = (self.schema.database or "").lower()
        if record.relation.key[0] != own:
            return record
        return replace(record, relation=replace(record.relation, database=None))

    def outside(self, record: Placed) -> Placed:
        """The record with its place as it is meant."""
        if record.relation.database is not None:
            return record
        return replace(record, relation=replace(record.relation, database=self.schema.database))

    def latest_built(self) -> str:
        """The latest event of each relation, whoever's."""
        return self._newest(BUILT, ("relation",), ("run", "happened"))

    def latest_intervals(self) -> str:
        """The latest word on each slice of each table."""
        return self._newest(INTERVALS, ("relation", "since", "begins"), ("run", "happened"))

    def count(self, table: Table) -> str:
        """How many rows a table has."""
        return f"select count(*) from {self.at(table)}"

    def recorded(self, run: Run, node: str, start: datetime | None) -> str:
        """One row or more where a run has recorded a node, or its slice that begins then."""
        table = BUILT if start is None else INTERVALS
        where = f"{self._name('run')} = {run.number} and {self._name('node')} = {self.writer.literal(node)}"
        if start is not None:
            begins = self.writer.literal(start.astimezone(UTC).replace(tzinfo=None))
            where += f" and {self._name('begins')} = {begins}"
        return f"select 1 from {self.at(table)} where {where}"

    def of(self, table: Table, run: Run) -> str:
        """All that a run has recorded in a table."""
        return self._select(self.columns(table), table, f"{self._name('run')} = {run.number}")

    # How nodes ended

    def ending(self, endings: Sequence[Ended]) -> str:
        """Add how nodes of one run ended, as of now."""
        return self._added(ENDED, endings)

    # What was observed

    def observing(self, observed: Sequence[Observed]) -> str:
        """Add what nodes observed, as of now where no time is told."""
        return self._added(OBSERVED, observed)

    def observed(self, project: str, home: str) -> str:
        """What passing tests have observed of a project from one home, in its order: of each measure the latest

        observations, and of the time before them the last ones of each day.
        """
        literal, names, name = self.writer.literal, self.writer.names, self._name
        where = f"{name('project')} = {literal(project)} and {name('home')} = {literal(home)}"
        where += f" and {name('status')} = {literal('pass')}"
        latest = f"order by {name('happened')} desc, {name('run')} desc"
        series, day = names(("subject", "name")), f"cast({name('happened')} as {self.writer.type_name('date')})"
        places = (
            f"row_number() over (partition by {series} {latest}) as place",
            f"row_number() over (partition by {series}, {day} {latest}) as of_day",
        )
        ranked = self._select(tuple(OBSERVED.columns), OBSERVED, where, more=places)
        return (
            f"select {names(OBSERVED.columns)} from ({ranked}) as ranked "
            f"where place <= {LATEST} or of_day = 1 order by {names(('happened', 'run'))}"
        )

    # Tidying

    def superseded(self, before: int) -> tuple[str, ...]:
        """Drop what a later row of another run has made of no use, of runs with lower numbers."""
        older, run, relation = "older", self._name("run"), self._name("relation")
        built, intervals = self.at(BUILT), self.at(INTERVALS)
        alike = f"{self._folded('newer.' + relation)} = {self._folded('{0}.' + relation)}"
        same = f"{alike} and newer.{run} > {{0}}.{run}"
        anew = (
            f"{alike} and (newer.{self._name('since')} > "
            f"{{0}}.{self._name('since')} or newer.{self._name('since')} = {{0}}.{self._name('since')} and "
            f"newer.{self._name('begins')} = {{0}}.{self._name('begins')} and newer.{run} > {{0}}.{run})"
        )
        return tuple(
            f"delete from {place} as {older} where {older}.{run} < {before} "
            f"and exists (select 1 from {place} as newer where {rule.format(older)})"
            for place, rule in ((built, same), (intervals, anew))
        )

    def forget(self, table: Table, before: int) -> str:
        """Drop the runs that have ended, or what is told of runs in another table, of lower numbers."""
        if table is RUNS:
            ended = f"{self._name('ended')} is not null"
            return f"delete from {self.at(RUNS)} where {self._name('number')} < {before} and {ended}"
        return f"delete from {self.at(table)} where {self._name('run')} < {before}"

    def forget_observed(self, since: datetime) -> str:
        """Drop what was observed before that time."""
        moment = self.writer.literal(since.astimezone(UTC).replace(tzinfo=None))
        return f"delete from {self.at(OBSERVED)} where {self._name('happened')} < {moment}"

    # Pieces

    def rows(self, table: Table, records: Sequence[Record]) -> str:
        """A query for the records; there is one at least."""
        writer, kinds = self.writer, table.columns
        values = [row(record) for record in records]
        form = spelling.JSON_ROWS.get(writer.dialect)
        if form is not None:
            # Thousands of values one by one take an engine many times longer than one text.
            text = writer.literal(json.dumps(values, ensure_ascii=False, default=str, separators=(",", ":")))
            cells = [spelling.JSON_CELLS[writer.dialect].format(place) for place in range(len(kinds))]
            source = form.format(text)
        else:
            told = ", ".join(f"({', '.join(map(writer.literal, one))})" for one in values)
            cells = list(map(self._name, kinds))
            source = f"(values {told}) as told ({writer.names(kinds)})"
        # A column of NULLs alone has no type of its own.
        typed = ", ".join(
            f"cast({cell} as {writer.type_name(kind)}) as {self._name(name)}"
            for cell, (name, kind) in zip(cells, kinds.items(), strict=True)
        )
        return f"select {typed} from {source}"

    def _added(self, table: Table, records: Sequence[Ended] | Sequence[Observed]) -> str:
        if not {self.writer.dialect} & (spelling.VALUES_AS_TABLE | spelling.JSON_ROWS.keys()):
            return self._insert(table, [self._values(table, row(record)) for record in records])
        happened = self._name("happened")
        columns = ", ".join(
            f"coalesce({happened}, {self.now})" if name == "happened" else self._name(name) for name in table.columns
        )
        return f"{self._into(table)} select {columns} from ({self.rows(table, records)}) as told"

    def _folded(self, place: str) -> str:
        """The text of a relation, equal for names that mean one."""
        return place if self.writer.capabilities.exact_names else f"lower({place})"

    def _name(self, column: str) -> str:
        return self.writer.quote(column)

    def _alive(self, run: Run) -> str:
        return f"{self._name('number')} = {run.number} and {self._name('ended')} is null"

    def _unlocked(self, run: Run) -> str:
        """The condition for the row of a run that has not ended and that nobody is holding."""
        lock = spelling.UNLOCKED.get(self.writer.dialect, "")
        if not lock:
            return self._alive(run)
        number = self._name("number")
        return f"{number} in (select {number} from {self.at(RUNS)} where {self._alive(run)}{lock})"

    def _select(self, columns: Sequence[str], table: Table, where: str, more: Sequence[str] = ()) -> str:
        return f"select {', '.join((self.writer.names(columns), *more))} from {self.at(table)} where {where}"

    def _newest(self, table: Table, keys: Sequence[str], order: Sequence[str]) -> str:
        names = self.writer.names(table.columns)
        parts = ", ".join(self._folded(self._name(k)) if k == "relation" else self._name(k) for k in keys)
        by = ", ".join(f"{self._name(name)} desc" for name in order)
        ranked = (
            f"select {names}, row_number() over (partition by {parts} order by {by}) as place from {self.at(table)}"
        )
        return f"select {names} from ({ranked}) as ranked where place = 1"

    def _into(self, table: Table) -> str:
        return f"insert into {self.at(table)} ({self.writer.names(table.columns)})"

    def _insert(self, table: Table, rows: Sequence[str]) -> str:
        return f"{self._into(table)} values {', '.join(f'({values})' for values in rows)}"

    def _values(self, table: Table, values: Sequence[object]) -> str:
        """Values as literals; a time that is not given is now, but for the end of what has not ended."""
        kinds = table.columns.items()
        return ", ".join(
            self.now if value is None and kind == "timestamp" and name != "ended" else self._literal(value, kind)
            for (name, kind), value in zip(kinds, values, strict=True)
        )

    def _literal(self, value: object, kind: str) -> str:
        # A NULL in a query of its own has no type until it is told.
        return f"cast(null as {self.writer.type_name(kind)})" if value is None else self.writer.literal(value)


def _number(run: Run) -> int:
    """A number for the run's sessions: 63 bits of a digest."""
    digest = blake2b(f"eltbuild sessions {run.invocation}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


Migration: TypeAlias = Callable[[Tables], tuple[str, ...]]


def _second(tables: Tables) -> tuple[str, ...]:
    """Numbers of rows with how nodes ended, and what they observed."""
    writer, ended = tables.writer, tables.schema.named(ENDED.name)
    added = [Column(name, writer.type_name(ENDED.columns[name])) for name in ("rows", "failures")]
    return (*(writer.add_column(ended, column) for column in added), tables.create_table(OBSERVED))


MIGRATIONS: Mapping[int, Migration] = {1: _second}
"""By version: the statements that make the next version of it. All of them are done in one transaction."""


def migration(tables: Tables, version: int, steps: Mapping[int, Migration], newest: int) -> tuple[str, ...]:
    """The statements from a version to the newest. Raises `KeyError` where a step is missing."""
    out: list[str] = []
    for number in range(version, newest):
        out += steps[number](tables)
    return (*out, tables.stamp(newest)) if out or version < newest else ()
