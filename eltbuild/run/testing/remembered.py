"""Tests that compare a measure with its history: what was observed before, and what is asked at their turn."""

from __future__ import annotations

from eltbuild.adapter import Answer, Connection
from eltbuild.compile.anomalies import anomaly_in
from eltbuild.compile.introspect import Introspector, Live
from eltbuild.errors import CompileError, Problem
from eltbuild.project.anomaly_tests import Anomaly
from eltbuild.project.resources import Node
from eltbuild.quality.anomaly_measures import Compared, measure_of, outcome_of
from eltbuild.quality.data_tests import Outcome
from eltbuild.quality.measures.measure import Measure
from eltbuild.run.work import Work
from eltbuild.values import replace


def is_compared(node: Node) -> bool:
    """Whether a test compares a measure with its history."""
    return node.test is not None and node.test.anomaly


def compared_with(work: Work, node: Node, live: Introspector) -> Compared:
    """The test with what was observed before. Raises `CompileError` for arguments that mean nothing."""
    anomaly: Anomaly = anomaly_in(node, work.compiler.arguments(node, live))
    assert node.test is not None
    subject = node.test.attached_to or next(iter(node.parents), node.id)
    bare = Compared(
        node,
        anomaly,
        subject,
        history=(),
        now=work.now,
        remembered=work.ledger.remembers,
        whole=not (work.session.flag("EMPTY") or work.session.flag("SAMPLE")),
    )
    return replace(bare, history=work.ledger.history(subject, bare.name))


def measured_with_history(work: Work, node: Node, live: Introspector, relation: str) -> Measure:
    """The test as a measure of its relation. Raises `CompileError`."""
    return measure_of(compared_with(work, node, live), relation, work.writer.dialect)


def asked_with_history(work: Work, node: Node, connection: Connection, sql: str) -> tuple[Outcome, Answer]:
    """The test asked by itself. Raises `EltbuildError`."""
    compared = compared_with(work, node, Live(connection))
    answer = connection.execute(sql)
    if not answer.rows:
        raise CompileError(Problem(f"test `{node.name}` gave no result", node.place))
    return outcome_of(compared, answer.rows[0]), answer
