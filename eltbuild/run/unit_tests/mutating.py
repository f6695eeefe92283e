"""A model's unit tests put to the test: its query with one change at a time, and whether any of them notices."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from eltbuild.compile.rendering import Assumed
from eltbuild.compile.source_map import origins
from eltbuild.errors import CompileError, DatabaseError, EltbuildError, Place, Problem
from eltbuild.project.resources import Node, NodeId, UnitTest
from eltbuild.quality import unit_tests
from eltbuild.quality.mutations.changes import Mutant, changed, mutants
from eltbuild.quality.mutations.words import words_of
from eltbuild.quality.row_comparison import Row
from eltbuild.quality.unit_tests import Questions
from eltbuild.run.locate import explained
from eltbuild.run.node import at_bench
from eltbuild.run.unit_tests.judging import Judges, judges_of
from eltbuild.run.unit_tests.nouns import ROWS, Prepared
from eltbuild.run.unit_tests.running import (
    arena_of,
    check_letters,
    expected_query,
    locating,
    prepare,
    tested,
)
from eltbuild.run.work import Work
from eltbuild.values import dataclass, replace

SECONDS = 5.0
"""How long a changed query may take: a recursion can lose its end."""
SHOWN = 4
"""How many lines of a change are shown."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a model's query, and what came of it."""

    kind: str
    place: Place | None
    before: str
    """The lines that are changed, as they were compiled."""
    after: str
    noticed: str = ""
    """The unit test that fails with it, by its name; empty where none does."""
    how: str = ""
    """`rows`, `error` or `time`: by what it was noticed."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of a model: every change, or why there is none."""

    node: NodeId
    tests: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    """The unit tests that do not pass as the model stands."""
    data_tests: tuple[str, ...] = ()
    """The data tests that were asked, too, of the rows that a changed query gives for real inputs."""
    failing: tuple[str, ...] = ()
    """Those that were not, as they do not pass as the model stands."""

    @property
    def noticed(self) -> int:
        """How many changes a unit test notices."""
        return sum(1 for change in self.changes if change.noticed)

    @property
    def score(self) -> float | None:
        """The share of the changes that are noticed, in percent; None where there are none."""
        return 100 * self.noticed / len(self.changes) if self.changes else None


@dataclass(frozen=True, slots=True)
class Trial:
    """A unit test that passes, with all that is needed to see whether it still does with another query."""

    prepared: Prepared
    asked: Questions
    expected: tuple[Row, ...]
    columns: str
    """The columns that are compared, as SQL."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tests of one and the same query: what they are, and which of them notices another one, and by what."""

    query: str
    assumed: Assumed | None
    noticed: Callable[[str], tuple[str, str]]


def examine(work: Work, model: Node, tests: Sequence[UnitTest], data_tests: Sequence[Node] = ()) -> Examined:
    """Every change of the model's query, tried on its unit tests, in memory where they run there, and on data tests.

    The query is that of each test: where variables or macros are overridden it differs, and a change counts once for
    the place in the template that it stands for. Data tests are asked of the rows for what stands in the warehouse.
    """
    names = tuple(test.name for test in tests)
    trials: list[Trial] = []
    problems: list[Problem] = []
    judges: Judges | None = None
    for test in tests:
        try:
            trials.append(trial_of(work, test))
        except EltbuildError as error:
            problems.append(explained(work.session, test, error))
    try:
        judges = judges_of(work, model, data_tests) if data_tests else None
    except EltbuildError as error:
        problems.append(explained(work.session, model, error))
    if problems:
        return Examined(model.id, names, (), tuple(problems))
    groups = [*_of_trials(trials), *([_of_judges(judges)] if judges is not None else ())]
    asked = tuple(test.name for test in judges.tests) if judges is not None else ()
    failing = judges.failing if judges is not None else ()
    return Examined(model.id, names, tuple(_tried(work, model, groups)), (), asked, failing)


def _of_trials(trials: Sequence[Trial]) -> Iterator[Group]:
    by_query: dict[str, list[Trial]] = {}
    for trial in trials:
        by_query.setdefault(trial.prepared.compiled.query or "", []).append(trial)
    for query, own in by_query.items():
        yield Group(query, own[0].prepared.assumed, partial(_noticed, own))


def _of_judges(judges: Judges) -> Group:
    def noticed(query: str) -> tuple[str, str]:
        with limited(judges.connection.cancel) as over:
            try:
                return judges.noticed(query)
            except DatabaseError as error:
                if error.lost or (error.transient and not over.is_set()):
                    raise
                return judges.tests[0].name, "time" if over.is_set() else "error"

    return Group(judges.query, None, noticed)


def trial_of(work: Work, test: UnitTest) -> Trial:
    """The test, run once. Raises `CompileError` where it does not pass."""
    own = at_bench(work, test)
    model = tested(own, test)
    prepared = prepare(own, test, model, arena_of(own, model, test))
    arena = prepared.arena
    with locating(own, prepared):
        sql = prepared.sql()
        check_letters(own, prepared)
        query = expected_query(test, arena)
        named = arena.connection.columns(query) if query else ()
        given = arena.connection.columns(sql)
        asked = unit_tests.questions(test, model, sql, given, named, arena.writer, query, arena.read)
        expected = arena.connection.execute(asked.expected).rows
        actual = arena.connection.execute(arena.writer.limited(asked.actual, ROWS)).rows
    if unit_tests.comparison(asked, expected, actual, arena.writer.dialect).lines:
        text = f"unit test `{test.name}` fails as the model stands: see eltbuild unit-test {model.name}"
        raise CompileError(Problem(text, test.place))
    names = arena.writer.names(column.name for column in asked.columns)
    return Trial(prepared, asked, expected, names)


def _tried(work: Work, model: Node, groups: Sequence[Group]) -> Iterator[Change]:
    """Each change with its fate; one that several queries have in common is noticed where any test notices it."""
    found: dict[object, Change] = {}
    for group in groups:
        place_of = origins(work.session, model, group.query, group.assumed)
        seen: Counter[object] = Counter()
        for mutant in mutants(words_of(group.query, work.session.dialect)):
            change = _placed(model, group.query, mutant, place_of)
            same = (str(change.place), mutant.kind, mutant.before, mutant.after)
            # Where no column is known, changes of one line are told apart by their turn: names differ between queries.
            key = (*same, 0 if change.place is not None and change.place.column else seen[same])
            seen[same] += 1
            before = found.get(key)
            if before is None or not before.noticed:
                test, how = group.noticed(changed(group.query, mutant))
                found[key] = replace(change, noticed=test, how=how)
    yield from sorted(found.values(), key=_order)


def _order(change: Change) -> tuple[str, int, int]:
    place = change.place or Place("")
    return place.path, place.line, place.column


def _placed(model: Node, query: str, mutant: Mutant, place_of: Callable[[int, int], Place | None]) -> Change:
    line = query.count("\n", 0, mutant.start) + 1
    begin = query.rfind("\n", 0, mutant.start) + 1
    stop = query.find("\n", mutant.end)
    stop = len(query) if stop < 0 else stop
    before = query[begin:stop]
    after = query[begin : mutant.start] + mutant.after + query[mutant.end : stop]
    place = place_of(line, mutant.start - begin + 1)
    if place is not None and not place.column and place.path == model.project_path:
        written = _in_template(model, place, before, mutant, mutant.start - begin)
        if written is not None:
            column, before, after = written
            place = replace(place, column=column)
    return Change(mutant.kind, place, _short(before), _short(after))


def _in_template(model: Node, place: Place, line: str, mutant: Mutant, at: int) -> tuple[int, str, str] | None:
    """The change in the line of the template: its column, that line, and how it would read.

    Found by as much of its surroundings as makes it the only one in the line; None where it does not stand there.
    """
    rows = model.code.split("\n")
    number = place.line - model.line
    if not 0 <= number < len(rows) or "\n" in mutant.before:
        return None
    row, end = rows[number], at + len(mutant.before)
    for wider in range(24):
        first, last = max(at - wider, 0), min(end + wider, len(line))
        piece = line[first:last]
        if not piece or row.count(piece) > 1:
            continue
        start = row.find(piece) + at - first
        if row.find(piece) < 0:
            return None
        return start + 1, row, row[:start] + mutant.after + row[start + len(mutant.before) :]
    return None


def _short(text: str) -> str:
    """Lines without what they have in common on the left, and not too many of them."""
    lines = [line for line in text.split("\n") if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    shown = [line[margin:].rstrip() for line in lines[:SHOWN]]
    return "\n".join([*shown, "..."] if len(lines) > SHOWN else shown)


def _noticed(trials: Sequence[Trial], query: str) -> tuple[str, str]:
    """The first unit test that fails with the query, and by what."""
    for trial in trials:
        how = _fails(trial, query)
        if how:
            return trial.prepared.test.name, how
    return "", ""


def _fails(trial: Trial, query: str) -> str:
    """By what the unit test notices the query: `rows`, `error` or `time`; empty where it does not."""
    arena = trial.prepared.arena
    with limited(arena.connection.cancel) as over:
        try:
            sql = trial.prepared.sql(query)
            asked = f"select {trial.columns} from {arena.writer.lines(sql)} as actual"
            actual = arena.connection.execute(arena.writer.limited(asked, ROWS)).rows
        except DatabaseError as error:
            if error.lost or (error.transient and not over.is_set()):
                raise
            return "time" if over.is_set() else "error"
    found = unit_tests.comparison(trial.asked, trial.expected, actual, arena.writer.dialect)
    return "rows" if found.lines else ""


@contextmanager
def limited(cancel: Callable[[], None]) -> Iterator[threading.Event]:
    """What is done inside is cancelled when its time is over; the event tells whether it was."""
    over, ended = threading.Event(), threading.Event()

    def end() -> None:
        over.set()
        if not ended.is_set():
            cancel()

    timer = threading.Timer(SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        ended.set()
        timer.cancel()
