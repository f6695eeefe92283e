"""A test asked by itself: its question, its failing rows kept where that is wished for, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, EltbuildError, Place, Problem
from eltbuild.project.resources import Macro, Node
from eltbuild.quality import data_tests
from eltbuild.quality.data_tests import Outcome
from eltbuild.run.commented import Commented
from eltbuild.run.events import Finished
from eltbuild.run.responses import response_of
from eltbuild.run.testing.expectations import Meant, judged, kept_rows, meant, outcome_of
from eltbuild.run.testing.proving import proven
from eltbuild.run.testing.remembered import asked_with_history, is_compared
from eltbuild.run.testing.stored import found_now, store_failures
from eltbuild.run.work import Clock, Work, check_query, compiled_text, connection_for, executing
from eltbuild.values import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Asked:
    """How one test went: its outcome, or why it has none."""

    sql: str
    """The test's compiled text."""
    outcome: Outcome | None = None
    error: EltbuildError | None = None
    response: Mapping[str, Any] = field(default_factory=dict)
    """What the warehouse said to the question."""
    kept_in: str | None = None
    """Where the failing rows are kept, as SQL."""
    failing: str = ""
    """The query of the failing rows, where the test's own text is not that."""
    fused: bool = False
    """Whether it was asked in one query with others."""


def run_test(work: Work, node: Node, clock: Clock) -> Finished:
    """A data test: the count of its failing rows, and the verdict. Raises `EltbuildError`."""
    connection = connection_for(work, node)
    sql = compiled_text(work, node, Live(connection)).sql or ""
    clock.mark(sql)
    check_query(node, sql)
    data_tests.check_kept(node)
    expectation = meant(work, node, connection)
    if expectation is not None:
        sql = expectation.sql
    audited = work.audits.take(node.id)
    if audited is not None and data_tests.stores_failures(node, work.session.flag("STORE_FAILURES")) is None:
        return finished(node, replace(audited, sql=sql))
    shown = proven(work, node, sql) if audited is None else None
    if shown is not None and data_tests.stores_failures(node, work.session.flag("STORE_FAILURES")) is None:
        return finished(node, Asked(sql, shown))
    known: Asked | None = work.answers.pop(node.id, audited if shown is None else Asked(sql, shown))
    if known is not None and has_none(node, known):
        kept = data_tests.stores_failures(node, work.session.flag("STORE_FAILURES")) or ""
        return finished(node, replace(known, kept_in=store_failures(work, node, connection, sql, kept, none=True)))
    return finished(node, asked_alone(work, node, connection, sql, expectation=expectation))


def has_none(node: Node, asked: Asked) -> bool:
    """Whether an answer tells that no row fails; another calculation than a count may give 0 for some rows."""
    counts = node.config.get("fail_calc") in (None, "", data_tests.DEFAULT_CALCULATION)
    return counts and asked.outcome is not None and asked.outcome.failures == 0


def asked_alone(
    work: Work, node: Node, connection: Commented, sql: str, store: bool = True, expectation: Meant | None = None
) -> Asked:
    """The answer to one test; its failing rows are kept before, if they are to be. Raises `EltbuildError`."""
    kept = data_tests.stores_failures(node, work.session.flag("STORE_FAILURES")) if store else None
    if expectation is not None:
        stored = data_tests.stores_failures(node, work.session.flag("STORE_FAILURES"))
        return _judged(work, expectation, connection, kept, whole=stored is not None)
    if is_compared(node):
        outcome, answer = asked_with_history(work, node, connection, sql)
        fine = outcome.failures == 0
        name = None if kept is None else store_failures(work, node, connection, sql, kept, none=fine)
        return Asked(sql, outcome, response=response_of(answer), kept_in=name)
    name = None if kept is None else store_failures(work, node, connection, sql, kept)
    own = work.session.macros.test_materialization()
    stored = None if name is None else found_now(work, name, kept or "")
    question = asked_as(work, node, connection, sql if stored is None else f"select * from {stored}")
    with executing(work, node, connection):
        answer = connection.execute(question) if own is None else asked_by(work, node, own, Live(connection), sql)
    return Asked(sql, data_tests.verdict(node, answer), response=response_of(answer), kept_in=name)


def _judged(work: Work, test: Meant, connection: Commented, kept: str | None, whole: bool) -> Asked:
    """The answer to an expectation; the rows that are not as expected are kept if they are to be."""
    with executing(work, test.node, connection):
        found, answer = judged(work, test, connection, whole=whole)
    told = outcome_of(work, test, found, connection)
    name = None
    if kept is not None:
        name = store_failures(work, test.node, connection, kept_rows(test, found), kept, none=found.success)
    failing = kept_rows(test, found) if whole else ""
    return Asked(test.sql, told, response=response_of(answer), kept_in=name, failing=failing)


def asks_itself(work: Work) -> bool:
    """Whether the project has its own way to ask tests."""
    return work.session.macros.test_materialization() is not None or _own_question(work) is not None


def asked_as(work: Work, node: Node, connection: Commented, sql: str) -> str:
    """The question that counts failing rows: the project's own, if it has one. Raises `EltbuildError`."""
    macro = _own_question(work)
    if macro is None:
        return data_tests.question(node, sql)
    config = node.config
    arguments = {
        "main_sql": sql,
        "fail_calc": config.get("fail_calc") or data_tests.DEFAULT_CALCULATION,
        "warn_if": data_tests.condition(config, "warn_if"),
        "error_if": data_tests.condition(config, "error_if"),
        "limit": config.get("limit"),
    }
    return str(work.compiler.call_macro(macro, Live(connection), arguments, node=node))


def _own_question(work: Work) -> Macro | None:
    """The project's macro in the place of the built-in `get_test_sql`."""
    macros = work.session.macros
    return macros.overridden("get_test_sql") or macros.by_package.get(macros.root, {}).get("get_test_sql")


def asked_by(work: Work, node: Node, macro: Macro, live: Live, sql: str) -> Answer:
    """What the statement `main` gave in the project's own materialization of a data test. Raises `CompileError`."""
    results: dict[str, Any] = {}
    work.compiler.call_macro(macro, live, {}, {"sql": sql, "compiled_code": sql}, node, results)
    main = results.get("main")
    if main is None or not main["table"].rows:
        problem = "the materialization of tests has no statement `main` that counts failures"
        hint = "call dbt.materialization_test_default(), or statement('main', fetch_result=True)"
        raise CompileError(Problem(problem, Place(macro.project_path, macro.line), hint))
    return Answer(rows=tuple(tuple(row) for row in main["table"].rows))


def finished(node: Node, asked: Asked, **more: Any) -> Finished:
    """The event of a test that has an outcome, and `more` of its fields. Raises the error of one that has none."""
    if asked.error is not None:
        raise asked.error
    outcome = asked.outcome
    if outcome is None:
        raise CompileError(data_tests.no_result(node))
    return Finished(
        node=node.id,
        status=outcome.verdict,
        message=outcome.message,
        failures=outcome.failures,
        compiled_code=asked.sql,
        relation_name=asked.kept_in,
        response=asked.response,
        extra=outcome.extra,
        observed=outcome.observed,
        **more,
    )
