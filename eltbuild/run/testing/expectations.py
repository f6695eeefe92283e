"""Tests that are expectations: asked as measures, or judged by Great Expectations; their failing rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.compile.introspect import Live
from eltbuild.compile.relations import text_of
from eltbuild.errors import CompileError, DatabaseError
from eltbuild.project.expectations import needs_library, wrong_arguments
from eltbuild.project.resources import Node, NodeId
from eltbuild.project.suite_texts import PLAIN
from eltbuild.quality import data_tests
from eltbuild.quality.data_tests import Outcome
from eltbuild.quality.expectations.expectation import Expectation
from eltbuild.quality.expectations.judged import Judged, anonymous, exemplified, message, outcome
from eltbuild.quality.expectations.planning import Planned, planned
from eltbuild.quality.expectations.row_conditions import condition_of
from eltbuild.quality.measures.measure import Measure, fused
from eltbuild.relation import Column, Relation
from eltbuild.run.commented import Commented
from eltbuild.run.testing.library import Library
from eltbuild.run.work import Work, compiled_text
from eltbuild.sql.quoting import quote_identifier, quote_string
from eltbuild.sql.statistics import STATISTICS
from eltbuild.values import dataclass, replace

MOST_KEPT = 1000
"""How many unexpected values of an expectation are kept that was judged in Python."""


@dataclass(frozen=True, slots=True)
class Meant:
    """A test that is an expectation: what it looks at, and how it is asked."""

    node: Node
    expectation: Expectation
    planned: Planned | None
    """None: Great Expectations is asked."""

    @property
    def relation(self) -> str:
        """What its measure is an aggregate of, as it stands after FROM."""
        return self.expectation.relation

    @property
    def sql(self) -> str:
        """The query of what fails; of what is looked at, where no query can tell what fails."""
        if self.planned is not None:
            return self.planned.rows
        return f"select * from {self.relation}{self.expectation.having()}"

    @property
    def measure(self) -> Measure | None:
        """The test as a measure of its relation; None where it must be asked alone."""
        return None if self.planned is None else self.planned.measure(self.node)


def meant(
    work: Work, node: Node, connection: Commented, places: Mapping[NodeId, Relation] | None = None
) -> Meant | None:
    """What a test is an expectation of; None for any other test. Raises `EltbuildError`."""
    case = node.test
    if case is None or not case.expectation:
        return None
    live = Live(connection)
    given = work.compiler.arguments(node, live, places=places)
    relation, scope = _looked_at(work, node, given, live, places)
    own = {key: value for key, value in given.items() if key not in PLAIN}
    if case.column_name is not None:
        own["column"] = case.column_name
    wrong = tuple(wrong_arguments(case.name, own, node.place))
    if wrong:
        raise CompileError(*wrong)
    expectation = Expectation(
        type=case.name,
        title=_title(work, node),
        arguments=own,
        relation=relation,
        columns=_columns(work, relation, connection),
        dialect=work.session.dialect,
        stands=_stands(work, node, relation, places or {}),
        scope=scope,
        place=node.place,
        file=case.file,
    )
    condition = condition_of(expectation)
    if condition:
        expectation = replace(expectation, scope=f"({scope}) and ({condition})" if scope else condition)
    plan = planned(expectation)
    if plan is not None and not tells_values(work):
        plan = plan.anonymous(expectation.type)
    return Meant(node, expectation, plan)


def tells_values(work: Work) -> bool:
    """Whether messages and results may tell values of rows."""
    return work.session.flag("EXAMPLE_VALUES") is not False


def _looked_at(
    work: Work, node: Node, given: Mapping[str, Any], live: Live, places: Mapping[NodeId, Relation] | None
) -> tuple[str, str]:
    """What stands after FROM, and the condition on its rows."""
    compiled = compiled_text(work, node, live) if not places else work.compiler.compile(node, live, places=places)
    if compiled.ctes:
        return f"(\n{compiled.sql}\n) as tested", ""
    whole, narrowed = str(given["tested"]), str(given["model"])
    start, end = f"(select * from {whole} where ", ") dbt_subquery"
    if whole != narrowed and narrowed.startswith(start) and narrowed.endswith(end):
        return whole, narrowed[len(start) : -len(end)]
    where = node.config.get("where")
    if where and "get_where_subquery" not in str(node.test.kwargs.get("model") if node.test else ""):
        # A query of the user's, which nothing has narrowed.
        return narrowed, work.compiler.render_hook(node, str(where), live, {})
    return narrowed, ""


def _columns(work: Work, relation: str, connection: Commented) -> tuple[Column, ...]:
    """The columns of the rows, asked once for each relation."""
    found = work.described.get(relation)
    if found is None:
        found = work.described[relation] = tuple(connection.columns(f"select * from {relation}"))
    return found


def _title(work: Work, node: Node) -> str:
    anchor = work.session.project.nodes.get(node.parents[-1]) if node.parents else None
    source = work.session.project.sources.get(node.parents[-1]) if node.parents else None
    if source is not None:
        return f"{source.source_name}.{source.name}"
    return anchor.name if anchor is not None else node.name


def _stands(work: Work, node: Node, relation: str, places: Mapping[NodeId, Relation]) -> Relation | None:
    """The place of the rows, where they are those of a node or source and no others."""
    for id in node.parents:
        if text_of(work.session, id, places) == relation:
            resource = work.session.project.resource(id)
            return places.get(id) or getattr(resource, "relation", None)
    return None


def judged(work: Work, test: Meant, connection: Commented, whole: bool = False) -> tuple[Judged, Answer]:
    """What the expectation is found to be, asked alone; `whole`: with all that is kept. Raises `EltbuildError`."""
    if test.planned is None:
        try:
            return library_of(work).judge(test.expectation, connection, whole=whole), Answer()
        except CompileError:
            _refuse_lost(connection)
            raise
    measure = Measure(test.planned.expressions, lambda values: None, test.planned.queries)
    question = fused(test.relation, (measure,))
    answer = connection.execute(question.sql)
    found = test.planned.judge(question.values(0, answer.rows[0]))
    if test.planned.examples and not found.success:
        found = exemplified(found, connection.execute(test.planned.examples).rows)
    return found, Answer(message=answer.message)


def _refuse_lost(connection: Commented) -> None:
    """Raise `DatabaseError` where the session is lost or the run is to stop: no expectation is to blame then."""
    try:
        connection.execute("select 1")
    except DatabaseError as error:
        if error.lost or connection.halted.is_set():
            raise


def library_of(work: Work) -> Library:
    """Great Expectations, of which a run has one."""
    if not work.library:
        work.library.append(Library(Path(work.session.project.root)))
    library: Library = work.library[0]
    return library


def outcome_of(work: Work, test: Meant, found: Judged, connection: Commented) -> Outcome:
    """The outcome of the test; the engine says what limits mean that are no simple comparison."""
    found = found if tells_values(work) else anonymous(found, test.expectation.type)
    known = outcome(test.node, found)
    if known is not None:
        return known
    config, count = test.node.config, found.failures
    limits = [data_tests.condition(config, key) for key in ("warn_if", "error_if")]
    row = connection.execute(f"select {', '.join(f'{count} {limit}' for limit in limits)}").rows[0]
    severity = str(config.get("severity") or "error").lower()
    extra = outcome(replace(test.node, config={}), found)
    assert extra is not None
    if severity == "error" and row[1]:
        return replace(extra, verdict="fail", message=message(found, test.node, "error_if"))
    if row[0]:
        return replace(extra, verdict="warn", message=message(found, test.node, "warn_if"))
    return replace(extra, verdict="pass", message=None)


def kept_rows(test: Meant, found: Judged) -> str:
    """The query of the rows that are kept of a failed test; of values, where Python has judged them."""
    if test.planned is not None or test.expectation.get("column") is None:
        return test.sql
    column = test.expectation.named()
    values: Sequence[Any] = found.result.get("unexpected_list") or found.result.get("partial_unexpected_list") or ()
    name = quote_identifier(column.name, test.expectation.dialect)
    rows = ", ".join(f"({quote_string(str(value), test.expectation.dialect)})" for value in values[:MOST_KEPT])
    if not rows:
        return f"select {name} from {test.relation} where false"
    return f"select {name} from (values {rows}) as unexpected({name})"


def begin_library(work: Work, tests: Iterable[Node]) -> None:
    """Where one of the tests needs Great Expectations, its import goes on in the background from now on."""
    measured = work.session.dialect in STATISTICS
    for node in tests:
        if node.test is not None and node.test.expectation and (not measured or needs_library(node.test.name)):
            library_of(work).begin()
            return
