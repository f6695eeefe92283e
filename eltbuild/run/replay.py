"""An incremental model built once more, from its history and then delta by delta, and compared with its full query.

It is built in a schema of its own, by the code of every run, over views that show what had come by then. What stands
where the model belongs is neither read nor written. Hooks are left out, for what they do is not undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from eltbuild.adapter import Connection
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import Live
from eltbuild.compile.relations import read_instead
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, DatabaseError, Problem
from eltbuild.plan.incremental import is_microbatch
from eltbuild.plan.keys import column_named, keys_of
from eltbuild.project.resources import Node, NodeId
from eltbuild.quality.row_comparison import Row, compare
from eltbuild.quality.row_difference import told
from eltbuild.relation import Column, Relation
from eltbuild.run.batches import batches, ceiling, floor, moment, shifted
from eltbuild.run.catalogue import Catalogue
from eltbuild.run.events import Finished, Started
from eltbuild.run.history import Axis, Read, axis, boundaries, filtered_columns, inputs, read_of, text_of
from eltbuild.run.ledger.port import Forgetful
from eltbuild.run.node import do
from eltbuild.run.work import Work
from eltbuild.sql.inline import is_json
from eltbuild.values import dataclass, replace

SHOWN = 10_000
"""So many rows that differ are looked at, and no more."""
MANY = 4
"""So many places where history is cut are told."""
LEFT_OUT = frozenset(
    {"pre-hook", "post-hook", "grants", "persist_docs", "indexes", "contract", "adopt", "full_refresh"}
)
"""Configs that mean nothing for a table that nobody else sees."""

Outcome = Literal["equal", "different", "failed"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the call asks for."""

    schema: Relation
    """Where to build: a schema that nobody else uses, and that stands."""
    deltas: int
    cut: str = ""
    """The column by which history is divided; else it is looked for."""
    ignored: tuple[str, ...] = ()
    """Columns that are not compared."""


@dataclass(frozen=True, slots=True)
class Step:
    """One run of the model: what it is called, and the value before which rows had come by then; None: all had."""

    name: str
    until: Any = None
    window: tuple[datetime | None, datetime | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it."""

    node: NodeId
    outcome: Outcome
    text: str
    """How history was divided, or why it was not."""
    problem: Problem | None = None
    difference: str = ""


def replay(work: Work, node: Node, asked: Asked) -> Verdict:
    """Play the history of a model, and compare. Raises `DatabaseError` for what is not the model's fault."""
    connection = work.connections.here()
    connection.comment = connection.after = ""
    try:
        stage = Stage.of(work, node, asked, connection)
        return stage.played()
    except CompileError as error:
        return Verdict(node.id, "failed", "", error.problems[0])


@dataclass(frozen=True, slots=True)
class Stage:
    """The model in the schema of its own, what it reads there, and the two tables that are compared."""

    work: Work
    node: Node
    """As it is built step by step."""
    whole: Node
    """As its full query is built."""
    reads: tuple[Read, ...]
    views: Mapping[NodeId, Relation]
    asked: Asked
    connection: Connection
    hooks: str = ""
    """What is told of hooks."""

    @classmethod
    def of(cls, work: Work, node: Node, asked: Asked, connection: Connection) -> Stage:
        """The stage, set. Raises `CompileError` where something that the model reads does not stand."""
        assert node.relation is not None
        reads = tuple(_reads(work, node, connection))
        config = {key: value for key, value in node.config.items() if key not in LEFT_OUT}
        name = node.relation.identifier or node.name
        taken = {name.casefold(), f"{name}__full".casefold()}
        views = {}
        for read in reads:
            views[read.id] = asked.schema.named(_free(_identifier(work, read), taken))
        own = replace(node, config=config, relation=asked.schema.named(name))
        full = replace(
            node,
            config={**config, "materialized": "table", "full_refresh": True},
            relation=asked.schema.named(work.writer.fitted(name, "__full")),
        )
        hooks = "; without its hooks" if node.config.get("pre-hook") or node.config.get("post-hook") else ""
        return cls(work, own, full, reads, views, asked, connection, hooks)

    # Played

    def played(self) -> Verdict:
        """Step by step, then compared; then once more over the same rows, and compared again."""
        is_batched = is_microbatch(self.node)
        self.show(None, None)
        if is_batched:
            found, steps = self.batched()
        else:
            self.build(self.whole, Step("the full query"))
            found = self.axis()
            steps = self.steps(found)
        text = self.told(found, steps)
        for step in steps:
            self.show(found, step.until)
            self.build(self.node, step)
        after = f"`{self.node.name}`, built in {len(steps)} runs," if len(steps) > 1 else f"`{self.node.name}`"
        difference = self.difference(after)
        if difference:
            return Verdict(self.node.id, "different", text, difference=difference)
        self.build(self.node, replace(steps[-1], name="the same run again"))
        difference = self.difference(f"`{self.node.name}`, run again over the same rows,")
        return Verdict(self.node.id, "different" if difference else "equal", text, difference=difference)

    def build(self, node: Node, step: Step, compiled: Mapping[NodeId, Any] | None = None) -> Finished:
        """One run of the model. Raises `CompileError` where it fails."""
        session = self.session(node)
        work = replace(
            self.work,
            session=session,
            compiler=Compiler(session),
            catalogue=Catalogue(self.work.writer.capabilities.exact_names),
            compiled=compiled or {},
            window=step.window,
            now=step.window[1] or self.work.now,
            ledger=Forgetful(),
            batches={},
            continues=0,
            comment=None,
        )
        finished = do(work, node.id, Started(node.id, 1, 1, "MainThread", datetime.now(UTC)))
        if finished.status == "success":
            return finished
        problem = finished.error or Problem(finished.message or "it failed")
        raise CompileError(replace(problem, message=f"{step.name}: {problem.message}"))

    def session(self, node: Node) -> Session:
        """The project with the node in its place, over the views."""
        project = self.work.session.project
        session = replace(self.work.session, project=replace(project, nodes={**project.nodes, node.id: node}))
        for id, view in self.views.items():
            read_instead(session, id, view)
        return session

    def show(self, found: Axis | None, until: Any) -> None:
        """The views show what had come before that value, or all."""
        writer = self.work.writer
        for read in self.reads:
            column = found.columns.get(read.id) if found is not None and until is not None else None
            where = f" where {column} < {writer.literal(text_of(until))}" if column else ""
            view, query = self.views[read.id], f"select * from {read.text}{where}"
            replace_ = writer.capabilities.create_or_replace_view
            if not replace_:
                self.connection.execute(writer.drop(view, "view"))
            self.connection.execute(writer.create_view_as(view, query, replace=replace_))

    # Divided

    def axis(self) -> Axis | None:
        """By which columns history is divided."""
        filtered: Sequence[str] = ()
        if not self.asked.cut and not any(read.event_time for read in self.reads) and self.node.language == "sql":
            filtered = filtered_columns(*self.texts(), self.work.session.dialect)
        return axis(self.node, self.reads, self.asked.cut, filtered, self.work.writer)

    def texts(self) -> tuple[str, str]:
        """The model's full query, and the one with which it goes on from there."""
        live = Live(self.connection)
        first, later = (
            Compiler(self.session(node)).compile(node, live).sql or ""
            for node in (self.node, replace(self.node, relation=self.whole.relation))
        )
        return first, later

    def steps(self, found: Axis | None) -> tuple[Step, ...]:
        """The runs: over the history, then with each delta; one alone where nothing divides them."""
        at = boundaries(self.connection, found, self.reads, self.asked.deltas) if found is not None else ()
        if not at:
            return (Step("the first run"),)
        deltas = [Step(f"delta {number}", until) for number, until in enumerate((*at[1:], None), 1)]
        return (Step("the history", at[0]), *deltas)

    def batched(self) -> tuple[Axis | None, tuple[Step, ...]]:
        """The same for a microbatch model: the last slices, one a run. Its full query is one slice over all.

        Raises `CompileError` where none of what it reads has an `event_time`.
        """
        node, size = self.node, str(self.node.config.get("batch_size") or "")
        batches(node, now=self.work.now, incremental=True)
        found = axis(node, [read for read in self.reads if read.event_time], "", (), self.work.writer)
        if found is None or not any(read.event_time for read in self.reads):
            text = f"nothing that `{node.name}` reads has an `event_time`: each slice would read all of it"
            raise CompileError(Problem(text, node.place, "set `event_time` where it is described"))
        first, last = self.spanned(found)
        start, end = self.work.window
        start = start or max(floor(first, size), floor(moment(node.config["begin"], node), size))
        end = end or shifted(floor(last, size), size, 1)
        start, end = floor(start, size), ceiling(end, size)
        ends = [end]
        while len(ends) <= self.asked.deltas and shifted(ends[0], size, -1) > start:
            ends.insert(0, shifted(ends[0], size, -1))
        compiled = Compiler(self.session(node)).compile(node, Live(self.connection), (start, end))
        self.build(self.whole, Step("the full query"), {node.id: compiled})
        history = Step("the history", ends[0], (start, ends[0]))
        return found, (history, *(Step(f"delta {n}", at, (None, at)) for n, at in enumerate(ends[1:], 1)))

    def spanned(self, found: Axis) -> tuple[datetime, datetime]:
        """The first and the last time of what is read, UTC. Raises `CompileError` where there is no row."""
        times: list[datetime] = []
        for read in self.reads:
            if read.id in found.columns:
                column = found.columns[read.id]
                row = self.connection.execute(f"select min({column}), max({column}) from {read.text}").rows[0]
                times += (moment(value, self.node) for value in row if value is not None)
        if not times:
            raise CompileError(Problem(f"there are no rows that `{self.node.name}` would read", self.node.place))
        return min(times), max(times)

    def told(self, found: Axis | None, steps: Sequence[Step]) -> str:
        """How history was divided."""
        if len(steps) == 1:
            why = f"all rows have one {found.told}" if found else "nothing that it reads has a column to divide it by"
            return f"built once, and again over the same rows ({why}; --cut names a column){self.hooks}"
        at = [text_of(step.until) for step in steps if step.until is not None]
        shown = ", ".join(at if len(at) <= MANY else (*at[: MANY - 1], "...", at[-1]))
        whole = [read.name for read in self.reads if found is not None and read.id not in found.columns]
        rest = f"; {', '.join(whole)} whole from the beginning" if whole else ""
        deltas = "1 delta" if len(steps) == 2 else f"{len(steps) - 1} deltas"
        unused = "; --cut is of no use here" if self.asked.cut and steps[0].window[1] is not None else ""
        return f"history and {deltas} by {found.told if found else ''}, cut at {shown}{rest}{unused}{self.hooks}"

    # Compared

    def difference(self, what: str) -> str:
        """How the table differs from that of the full query, in words; nothing where it does not."""
        writer, ignored = self.work.writer, self.asked.ignored
        assert self.node.relation is not None
        assert self.whole.relation is not None
        sides = [
            list(self.connection.columns(f"select * from {writer.relation(place)}"))
            for place in (self.whole.relation, self.node.relation)
        ]
        full, own = ([c for c in side if c.name.casefold() not in map(str.casefold, ignored)] for side in sides)
        lacking = [column.name for column in full if not column_named(column.name, own)]
        lacking += [column.name for column in own if not column_named(column.name, full)]
        if lacking:
            names = ", ".join(f"`{name}`" for name in lacking)
            return f"{what} has other columns than its full query: {names}"
        expected, actual, complete = self.rows_apart(full, own)
        found = compare(full, expected, actual, self.work.session.dialect)
        if not found.lines:
            return ""
        more = "" if complete else f"\n(only {SHOWN:,} rows that differ were looked at)"
        return told(found, what) + more

    def rows_apart(self, full: Sequence[Column], own: Sequence[Column]) -> tuple[list[Row], list[Row], bool]:
        """The rows that either has more often than the other, the full query's first; whether these are all."""
        writer = self.work.writer
        names = [column.name for column in full]

        def side(place: Relation | None, columns: Sequence[Column], sign: int) -> str:
            assert place is not None
            values = (_comparable(column_named(name, columns), columns, writer) for name in names)
            cells = ", ".join(f"{value} as v{index}" for index, value in enumerate(values))
            return f"select {cells}, {sign} as side from {writer.relation(place)}"

        numbered = ", ".join(f"v{index}" for index in range(len(names)))
        both = f"{side(self.whole.relation, full, 1)} union all {side(self.node.relation, own, -1)}"
        keys = [names.index(key) for key in self.keyed(full)]
        order = ", ".join([*(f"v{index}" for index in keys), numbered])
        sql = (
            f"select {numbered}, sum(side) as copies from ({both}) as sides\ngroup by {numbered}"
            f" having sum(side) <> 0\norder by {order} limit {SHOWN}"
        )
        rows = self.connection.execute(sql).rows
        expected = [row[:-1] for row in rows for _ in range(int(row[-1]))]
        actual = [row[:-1] for row in rows for _ in range(-int(row[-1]))]
        return expected, actual, len(rows) < SHOWN

    def keyed(self, columns: Sequence[Column]) -> Iterator[str]:
        """The key's columns, by which rows that belong together come beside each other."""
        try:
            found = keys_of(self.node.config.get("unique_key"), columns, self.node)
        except CompileError:
            return
        yield from (key.column for key in found if key.column)


def _reads(work: Work, node: Node, connection: Connection) -> Iterator[Read]:
    """What the model reads. Raises `CompileError` where something of it does not stand."""
    for given in inputs(work.session.project, node):
        try:
            yield read_of(work.session, connection, work.writer, given)
        except DatabaseError as error:
            if error.transient or error.lost:
                raise
            text = f"`{given.name}`, which `{node.name}` reads, cannot be read: {error.message}"
            raise CompileError(Problem(text, node.place, "build it first")) from error


def _identifier(work: Work, read: Read) -> str:
    """The name of what is read: templates may put it in front of columns."""
    resource = work.session.project.resource(read.id)
    place = getattr(resource, "relation", None)
    return str(place.identifier if place is not None and place.identifier else read.name.rpartition(".")[2])


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.casefold())
    return free


def _comparable(name: str, columns: Sequence[Column], writer: Any) -> str:
    """The column in a form that can be grouped by: JSON as its text."""
    type_name = next(column.type for column in columns if column.name == name)
    text = writer.quote(name)
    return f"cast({text} as {writer.type_name('text')})" if is_json(type_name) else text
