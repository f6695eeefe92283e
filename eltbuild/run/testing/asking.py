"""Tests of one relation asked together: measures in one query, what is none of them alone, each with its own answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.compile.introspect import Live
from eltbuild.compile.relations import text_of
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.project.resources import Node, NodeId
from eltbuild.quality import data_tests
from eltbuild.quality.measures.measure import Measure, outcomes
from eltbuild.quality.measures.recognition import measured
from eltbuild.relation import Relation
from eltbuild.run.failure.limits import Limit, limit_of, limited
from eltbuild.run.responses import response_of
from eltbuild.run.sessions import Commented
from eltbuild.run.testing.alone import Asked as Asked
from eltbuild.run.testing.alone import asked_alone
from eltbuild.run.testing.expectations import Meant, meant
from eltbuild.run.testing.remembered import is_compared, measured_with_history
from eltbuild.run.testing.together import anchor_of, is_sociable
from eltbuild.run.work import Work, check_query, compiled_text
from eltbuild.values import dataclass

NOWHERE: Mapping[NodeId, Relation] = {}
MOST = 400
"""How many values one query is asked for at most: engines have a limit to the columns of a row."""


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
    """A query for many tests was refused within a transaction, which can only be rolled back after that.

    It is worth another attempt: from now on the tests are asked one by one.
    """


def ask(
    work: Work, tests: Sequence[Node], connection: Commented, places: Mapping[NodeId, Relation] | None = None
) -> Mapping[NodeId, Asked]:
    """Ask tests on a connection, within its transaction if it has one open; one `Asked` for each, in their order.

    `places`: where the rows of a node stand for now, in place of its relation (what is to be published is staged).
    Failing rows are not stored, and nothing is tried again. Raises only what would stop a run, or the attempt that this
    is part of: a lost connection, an interrupt, what is transient; and `Apart` where a transaction is spoiled by a
    query for many tests. A test that spoils it by itself has that error, and so have those that come behind it.
    """
    asked: dict[NodeId, Asked] = {}
    texts: list[Written] = []
    for node in tests:
        try:
            with commented(work, connection, node):
                texts.append(written(work, node, connection, places or NOWHERE))
        except EltbuildError as error:
            asked[node.id] = Asked("", error=_bearable(error, connection))
    for part in joined(text for text in texts if is_sociable(text.node)):
        asked |= _as_one(work, part, connection)
    for text in texts:
        if text.node.id not in asked:
            asked[text.node.id] = _by_itself(work, text, connection)
    return {node.id: asked[node.id] for node in tests}


def _as_one(work: Work, texts: Sequence[Written], connection: Commented) -> Mapping[NodeId, Asked]:
    try:
        return asked_together(work, texts, connection)
    except DatabaseError as error:
        _bearable(error, connection)
        if connection.within:
            work.apart.update(text.node.id for text in texts)
            raise Apart(error.message, sql=error.sql, transient=True) from error
        half = len(texts) // 2
        if len(texts) > 3 and is_refusal(error, connection):
            return {**_as_one(work, texts[:half], connection), **_as_one(work, texts[half:], connection)}
        work.apart.update(text.node.id for text in texts)
        return {}


def is_refusal(error: DatabaseError, connection: Commented) -> bool:
    """Whether the engine has refused what was asked and would do so again: not for the moment, nor the time it took."""
    return not (error.lost or error.transient or error.code == "timeout" or connection.halted.is_set())


def _by_itself(work: Work, text: Written, connection: Commented) -> Asked:
    try:
        with commented(work, connection, text.node), limited(work.connections, _own_limit(work, text.node)):
            return asked_alone(work, text.node, connection, text.sql, store=False, expectation=text.meant)
    except EltbuildError as error:
        return Asked(text.sql, error=_bearable(error, connection))


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
    """The measures that are asked in one query each: those of one relation, two at least, and not too many."""
    by_relation: dict[str, list[Written]] = {}
    for text in texts:
        if text.measure is not None:
            by_relation.setdefault(text.relation, []).append(text)
    for of_one in by_relation.values():
        part: list[Written] = []
        width = 0
        for text in of_one:
            more = _width(text)
            if part and width + more > MOST:
                yield tuple(part)
                part, width = [], 0
            part.append(text)
            width += more
        if len(part) > 1:
            yield tuple(part)


def _width(text: Written) -> int:
    measure = text.measure
    return 0 if measure is None else len(measure.expressions) + sum(query.columns for query in measure.queries)


def asked_together(work: Work, texts: Sequence[Written], connection: Commented) -> dict[NodeId, Asked]:
    """The answers to measures of one relation, from one query; without those that must be asked alone to be known.

    Raises `DatabaseError` where the engine refuses the query.
    """
    measures = [text.measure for text in texts if text.measure is not None]
    answers: list[Answer] = []

    def row_of(sql: str) -> tuple[Any, ...]:
        answers.append(connection.execute(sql))
        return answers[-1].rows[0]

    with commented(work, connection, *(text.node for text in texts)):
        found = outcomes(texts[0].relation, measures, row_of)
    response = response_of(answers[0])
    return {
        text.node.id: Asked(text.sql, outcome, response=response, fused=True)
        for text, outcome in zip(texts, found, strict=True)
        if outcome is not None
    }


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
