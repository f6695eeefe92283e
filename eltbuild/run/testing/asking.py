"""Tests of one relation asked together: measures in one query, what is none of them alone, each with its own answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.compile.introspect import Live
from eltbuild.compile.relations import text_of
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.project.resources import Node, NodeId
from eltbuild.quality import data_tests
from eltbuild.quality.measures.measure import Measure, outcomes
from eltbuild.quality.measures.once import evaluated_once, is_costly
from eltbuild.quality.measures.recognition import measured
from eltbuild.relation import Relation
from eltbuild.run.commented import Commented
from eltbuild.run.failure.limits import Limit, limit_of, limited
from eltbuild.run.responses import response_of
from eltbuild.run.testing.alone import Asked as Asked
from eltbuild.run.testing.alone import asked_alone
from eltbuild.run.testing.expectations import Meant, meant
from eltbuild.run.testing.parting import in_parts
from eltbuild.run.testing.remembered import is_compared, measured_with_history
from eltbuild.run.testing.together import anchor_of, is_sociable
from eltbuild.run.work import Work, check_query, compiled_text
from eltbuild.values import dataclass

NOWHERE: Mapping[NodeId, Relation] = {}
MOST = 400
"""How many values one query is asked for at most: engines have a limit to the columns of a row."""
BESIDE = 20
"""So many values weigh as much as a test's own query beside: engines plan many of these in much more time than few."""
LONG = 2_500
"""So many letters weigh as much as a value: a query of a million is near what some engines take."""


@dataclass(frozen=True, slots=True)
class Written:
    """A test's text, and how it is measured, if it is."""

    node: Node
    sql: str
    relation: str = ""
    """What its measure is an aggregate of, as it stands after FROM."""
    measure: Measure | None = None
    meant: Meant | None = None
    """What it is an expectation of, if it is one."""


class Apart(DatabaseError):
    """A test, or a query for many, was refused within a transaction, which can only be rolled back after that.

    It is worth another attempt: from now on such tests are asked one by one, or not at all.
    """


Back = Callable[[], bool]
"""Takes back what was refused; whether more can be asked after that."""


def ask(
    work: Work, tests: Sequence[Node], connection: Commented, places: Mapping[NodeId, Relation] | None = None
) -> Mapping[NodeId, Asked]:
    """Ask tests on a connection, within its transaction if it has one open; one `Asked` for each, in their order.

    `places`: where the rows of a node stand for now, in place of its relation (what is to be published is staged).
    Failing rows are not stored, and nothing is tried again. Raises only what would stop a run, or the attempt that this
    is part of: a lost connection, an interrupt, what is transient; and `Apart` where a transaction is spoiled by a
    query for many tests. A test that spoils it by itself has that error, and so have those that come behind it.
    Where the engine has savepoints nothing spoils a transaction.
    """
    asked: dict[NodeId, Asked] = {}
    texts: list[Written] = []
    with connection.trial(work.writer.capabilities.savepoints) as back:
        for node in tests:
            try:
                with commented(work, connection, node):
                    texts.append(written(work, node, connection, places or NOWHERE))
            except EltbuildError as error:
                asked[node.id] = Asked("", error=_bearable(error, connection))
                back()
        for part in joined(text for text in texts if is_sociable(text.node)):
            asked |= _as_one(work, part, connection, back)
        for text in texts:
            if text.node.id not in asked:
                asked[text.node.id] = _by_itself(work, text, connection, back)
    return {node.id: asked[node.id] for node in tests}


def can_be_done_again(connection: Commented) -> bool:
    """Whether the transaction that is under way can be rolled back and done again."""
    return connection.repeats and connection.kept == "nothing"


def _as_one(work: Work, texts: Sequence[Written], connection: Commented, back: Back) -> Mapping[NodeId, Asked]:
    found: dict[NodeId, Asked] = {}

    def ask(some: Sequence[Written]) -> None:
        try:
            found.update(asked_together(work, some, connection))
        except DatabaseError as error:
            _bearable(error, connection)
            if back():
                raise
            found.update(_spoiled(work, some, connection, error))

    apart, ended = ask_in_parts(texts, ask, connection, back)
    if ended is not None:
        _bearable(ended, connection)
    work.apart.update(text.node.id for text in apart)
    return found


def _spoiled(
    work: Work, texts: Sequence[Written], connection: Commented, error: DatabaseError
) -> Mapping[NodeId, Asked]:
    """What is known of tests whose query was refused in a transaction that cannot be done again. Raises `Apart`."""
    work.apart.update(text.node.id for text in texts)
    if can_be_done_again(connection):
        told = f"its tests are asked one by one from now on: {error.message}"
        raise Apart(told, sql=error.sql, transient=True) from error
    why = DatabaseError(f"it, or another one of {len(texts)} tests in one query: {error.message}", sql=error.sql)
    return {text.node.id: Asked(text.sql, error=why) for text in texts}


def ask_in_parts(
    texts: Sequence[Written],
    ask: Callable[[Sequence[Written]], None],
    connection: Commented,
    back: Back = lambda: True,
) -> tuple[Sequence[Written], DatabaseError | None]:
    """Ask many in one query, and where the engine refuses that, in parts. Gives those that are to be asked apart, and

    the error that was no refusal, if there was one: with it, nothing more was asked.
    """
    answered: set[NodeId] = set()

    def is_asked(some: Sequence[Written]) -> bool:
        try:
            ask(some)
        except DatabaseError as error:
            if not is_refusal(error, connection):
                raise
            return False
        answered.update(text.node.id for text in some)
        return True

    try:
        if not is_asked(texts):
            return in_parts(texts, is_asked, lambda text: _is_sound(text, connection, back)), None
    except DatabaseError as error:
        return [text for text in texts if text.node.id not in answered], error
    return (), None


def _is_sound(text: Written, connection: Commented, back: Back) -> bool:
    """Whether the engine takes the test's question, which is not run. Raises what is no refusal."""
    if text.meant is not None:
        return True
    try:
        connection.columns(data_tests.question(text.node, text.sql))
    except DatabaseError as error:
        if not is_refusal(error, connection) or not back():
            raise
        return False
    return True


def is_refusal(error: DatabaseError, connection: Commented) -> bool:
    """Whether the engine has refused what was asked and would do so again: not for the moment, nor the time it took."""
    return not (error.lost or error.transient or error.code == "timeout" or connection.halted.is_set())


def _by_itself(work: Work, text: Written, connection: Commented, back: Back) -> Asked:
    try:
        with commented(work, connection, text.node), limited(work.connections, _own_limit(work, text.node)):
            return asked_alone(work, text.node, connection, text.sql, store=False, expectation=text.meant)
    except EltbuildError as error:
        told = Asked(text.sql, error=_bearable(error, connection))
        back()
        return told


def _own_limit(work: Work, test: Node) -> Limit | None:
    """How long this test may take, where it says so: what it is a part of has a limit, too."""
    return None if test.config.get("timeout") is None else limit_of(test, work.session.project.target)


def _bearable(error: EltbuildError, connection: Commented) -> EltbuildError:
    """The error as one of a test. Raises it where it is one of the connection, or ends what is under way."""
    ends = isinstance(error, DatabaseError) and (error.lost or error.transient)
    if ends or connection.halted.is_set():
        raise error
    return error


def written(work: Work, node: Node, connection: Commented, places: Mapping[NodeId, Relation] = NOWHERE) -> Written:
    """The test compiled, with its measure. Raises `EltbuildError`."""
    live = Live(connection)
    compiled = work.compiler.compile(node, live, places=places) if places else compiled_text(work, node, live)
    sql = compiled.sql or ""
    check_query(node, sql)
    data_tests.check_kept(node)
    expectation = meant(work, node, connection, places)
    if expectation is not None:
        return Written(node, expectation.sql, expectation.relation, _joins(work, node, expectation), expectation)
    relation = text_of(work.session, anchor_of(node), places)
    if not relation or node.id in work.apart or work.session.macros.test_materialization() is not None:
        return Written(node, sql)
    if is_compared(node):
        return Written(node, sql, relation, measured_with_history(work, node, live, relation))
    return Written(node, sql, relation, measured(node, sql, relation, work.writer, _rows(work, node, places)))


def _rows(work: Work, node: Node, places: Mapping[NodeId, Relation]) -> int | None:
    """About how many rows are tested, where that is known."""
    project, anchor = work.session.project, anchor_of(node)
    tested = project.nodes.get(anchor) or project.sources.get(anchor)
    place = None if tested is None else places.get(anchor, tested.relation)
    return None if place is None else work.catalogue.rows(place)


def _joins(work: Work, node: Node, expectation: Meant) -> Measure | None:
    return None if node.id in work.apart else expectation.measure


def joined(texts: Iterable[Written]) -> Iterator[tuple[Written, ...]]:
    """The measures that are asked in one query each: those of one relation, two at least, and not too many.

    Those that are aggregates are taken first, so that few queries pass over the rows for them. Each in its order.
    """
    by_relation: dict[str, list[Written]] = {}
    for text in texts:
        if text.measure is not None:
            by_relation.setdefault(text.relation, []).append(text)
    for of_one in by_relation.values():
        part: list[int] = []
        width = 0
        for place in sorted(range(len(of_one)), key=lambda place: _is_beside(of_one[place])):
            more = _width(of_one[place])
            if part and width + more > MOST:
                yield tuple(of_one[one] for one in sorted(part))
                part, width = [], 0
            part.append(place)
            width += more
        if len(part) > 1:
            yield tuple(of_one[one] for one in sorted(part))


def _is_beside(text: Written) -> bool:
    return bool(text.measure and text.measure.queries)


def _width(text: Written) -> int:
    measure = text.measure
    values = 0 if measure is None else len(measure.expressions) + BESIDE * len(measure.queries)
    return values + len(text.sql) // LONG


def asked_together(work: Work, texts: Sequence[Written], connection: Commented) -> dict[NodeId, Asked]:
    """The answers to measures of one relation, from one query; without those that must be asked alone to be known.

    Raises `DatabaseError` where the engine refuses the query.
    """
    measures = [text.measure for text in texts if text.measure is not None]
    answers: list[Answer] = []
    relation = texts[0].relation
    costly = not connection.within and is_costly(work.session.project.nodes.get(anchor_of(texts[0].node)))

    def row_of(sql: str) -> tuple[Any, ...]:
        once = evaluated_once(sql, relation, work.writer.dialect) if costly else None
        answer = _tried(connection, once) if once is not None else None
        answers.append(connection.execute(sql) if answer is None else answer)
        rows = answers[-1].rows
        if len(rows) != 1:
            # A calculation that is no aggregate has no row, or several, and so has all that is asked along with it.
            raise DatabaseError(f"one row was to be found, there are {len(rows)}", sql=sql)
        return rows[0]

    with commented(work, connection, *(text.node for text in texts)):
        found = outcomes(relation, measures, row_of)
    response = response_of(answers[0])
    return {
        text.node.id: Asked(text.sql, outcome, response=response, fused=True)
        for text, outcome in zip(texts, found, strict=True)
        if outcome is not None
    }


def _tried(connection: Commented, sql: str) -> Answer | None:
    """The answer to a question that can be put in another way; None where the engine refuses this one."""
    try:
        return connection.execute(sql)
    except DatabaseError as error:
        if not is_refusal(error, connection):
            raise
        return None


@contextmanager
def commented(work: Work, connection: Commented, *nodes: Node) -> Iterator[None]:
    """What is executed inside bears the comment of these nodes."""
    before = connection.node, connection.comment, connection.after
    connection.node = nodes[0].id if len(nodes) == 1 else anchor_of(nodes[0])
    connection.comment, connection.after = work.comment(*nodes) if work.comment else ("", "")
    try:
        yield
    finally:
        connection.node, connection.comment, connection.after = before
