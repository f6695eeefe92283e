"""One unit test, run on the warehouse: its rows stand as CTEs in front of the model's query, and no table is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from eltbuild.adapter import Connection
from eltbuild.compile.compiler import is_known
from eltbuild.compile.freshness import source_text
from eltbuild.compile.introspect import BLANK, Live
from eltbuild.compile.rendering import Assumed, GivenRows
from eltbuild.errors import CompileError, DatabaseError, Problem, did_you_mean
from eltbuild.plan.rows import columns_of
from eltbuild.project.resources import Node, Source, UnitTest
from eltbuild.quality import unit_tests
from eltbuild.quality.unit_tests import Input, Inputs, Outcome
from eltbuild.relation import Column
from eltbuild.run.events import Finished
from eltbuild.run.locate import located
from eltbuild.run.work import Clock, Work, connection_for

ROWS = 100_000
"""How many rows of a model are looked at: who expects a few wants to know of more, not of all."""


def run_unit_test(work: Work, test: UnitTest, clock: Clock) -> Finished:
    """A unit test: whether the model gives the expected rows for those that are given.

    Raises `CompileError` with the place in the test, or in the model where its template or its query is wrong.
    """
    model = tested(work, test)
    connection = connection_for(work, replace(model, id=test.id))
    inputs = unit_tests.inputs_of(test, model.id, work.session.lookup)
    assumed = assumptions(work, test, model, inputs, connection)
    compiled = work.compiler.compile(model, Live(connection), assumed=assumed)
    sql = compiled.sql or ""
    clock.mark(sql)
    if not (compiled.query or "").strip():
        raise CompileError(Problem(f"model `{model.name}` has no query", model.place))
    for text in unit_tests.unused(inputs, (cte.id for cte in compiled.ctes)):
        warn(work, test, f"gives rows for {text}, which model `{model.name}` does not refer to")
    try:
        outcome = judged(work, test, model, sql, connection)
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        check_inputs(test, inputs, assumed, connection)
        raise CompileError(located(work.session, model, error, assumed)) from error
    return Finished(
        node=test.id,
        status="fail" if outcome.failures else "pass",
        message=outcome.message,
        failures=outcome.failures,
        compiled_code=sql,
        response={"_message": "OK"},
    )


def tested(work: Work, test: UnitTest) -> Node:
    """The model that is tested. Raises `CompileError` for models that are no SQL."""
    model = work.session.project.nodes[test.parents[0]]
    if model.language != "sql":
        raise CompileError(Problem(f"unit test `{test.name}` tests `{model.name}`, which is no SQL model", test.place))
    return model


def assumptions(work: Work, test: UnitTest, model: Node, inputs: Inputs, connection: Connection) -> Assumed:
    """What the model's template is to take for true. Raises `CompileError` for rows that fit nothing."""
    if model.materialized == "incremental" and model.id not in inputs and unit_tests.pretends_incremental(test):
        raise CompileError(
            Problem(
                f"unit test `{test.name}` of incremental model `{model.name}` has no input `this`",
                test.place,
                "add `- input: this` under `given`, with the rows that stand there already",
            )
        )
    macros = unit_tests.overridden(test, "macros")
    for name in macros:
        check_macro(work, test, model, name)
    environment = {name: str(value) for name, value in unit_tests.overridden(test, "env_vars").items()}
    assumed = Assumed({}, macros, unit_tests.overridden(test, "vars"), environment)
    found = [resource for id in inputs if isinstance(resource := work.session.project.resource(id), Node | Source)]
    names = unit_tests.cte_names(found, work.writer)
    plain = {name: value for name, value in macros.items() if name != "is_incremental"}
    # `this` comes last: before the model has been built, its columns are those that it gives for the other rows.
    for resource in sorted(found, key=lambda resource: resource.id == model.id):
        first = replace(assumed, macros=plain) if resource.id == model.id else None
        query = query_of(work, test, resource, inputs[resource.id], connection, first)
        assumed = replace(assumed, rows={**assumed.rows, resource.id: GivenRows(names[resource.id], query)})
    return assumed


def query_of(
    work: Work, test: UnitTest, resource: Node | Source, given: Input, connection: Connection, assumed: Assumed | None
) -> str:
    """The query that gives the rows of one input, typed like what stands where it points, as far as that is known."""
    known: Sequence[Column] = ()
    if given.fixture.absent:
        given, known = own_rows(work, test, resource, given)
    if given.fixture.query is None:
        known = standing_columns(work, resource, connection, assumed) or known
    declared = {name: column.data_type for name, column in resource.columns.items() if column.data_type is not None}
    return unit_tests.given_query(test, given, known, declared, work.writer)


def own_rows(work: Work, test: UnitTest, resource: Node | Source, given: Input) -> tuple[Input, tuple[Column, ...]]:
    """The rows of a seed, for which a test need not give any. Raises `CompileError` for anything else."""
    if not isinstance(resource, Node) or resource.resource_type != "seed":
        message = f"unit test `{test.name}` gives no rows for {given.text}"
        raise CompileError(Problem(message, test.place, "write `rows: []` for none"))
    from eltbuild.run.loading.seeds import read_seed

    rows = read_seed(resource, Path(work.session.project.root), work.writer.capabilities)
    return replace(given, fixture=unit_tests.table_of(rows.to_pylist())), columns_of(rows, work.writer)


def standing_columns(
    work: Work, resource: Node | Source, connection: Connection, assumed: Assumed | None
) -> Sequence[Column]:
    """The columns of what stands where the input points, or of what would stand there; none where nobody can tell."""
    if isinstance(resource, Source):
        return described(connection, f"select * from {source_text(work.session, resource)}")
    if resource.relation is not None:
        found = described(connection, f"select * from {work.writer.relation(resource.relation)}")
        if found:
            return found
    if resource.resource_type == "seed" or resource.language != "sql":
        return ()
    try:
        sql = work.compiler.compile(resource, BLANK, assumed=assumed).sql
    except CompileError:
        return ()
    return described(connection, sql) if sql else ()


def described(connection: Connection, query: str) -> Sequence[Column]:
    """The columns of a query; none where the warehouse refuses it."""
    try:
        return connection.columns(query)
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        return ()


def check_macro(work: Work, test: UnitTest, model: Node, name: str) -> None:
    """Warn of a macro that is overridden and does not exist: its override changes nothing."""
    macros = work.session.macros
    own = name.removeprefix("dbt.")
    if macros.find(name, model.package) is None and not is_known(own):
        known = [*macros.names(model.package), "is_incremental"]
        hint = did_you_mean(name, known)
        warn(work, test, f"overrides macro `{name}`, which does not exist{f'; {hint}' if hint else ''}")


def warn(work: Work, test: UnitTest, what: str) -> None:
    """Tell the user of something in the test that is of no effect."""
    place = f"{test.place}: " if test.place else ""
    work.session.say(f"{place}unit test `{test.name}` {what}", "warn", "warning", test.id)


def judged(work: Work, test: UnitTest, model: Node, sql: str, connection: Connection) -> Outcome:
    """The verdict. Raises `DatabaseError` where the warehouse refuses the model's query."""
    given = connection.columns(sql)
    query = unit_tests.fixture_of(test.expect).query
    with blaming(test, "the expected rows"):
        named = connection.columns(query) if query else ()
    asked = unit_tests.questions(test, model, sql, given, named, work.writer)
    actual = connection.execute(work.writer.limited(asked.actual, ROWS + 1)).rows
    if len(actual) > ROWS:
        raise CompileError(Problem(f"model `{model.name}` gives more than {ROWS:,} rows", test.place))
    with blaming(test, "the expected rows"):
        expected = connection.execute(asked.expected).rows
    return unit_tests.verdict(model, asked, expected, actual, work.session.dialect)


def check_inputs(test: UnitTest, inputs: Inputs, assumed: Assumed, connection: Connection) -> None:
    """Ask for the rows of each input alone. Raises `CompileError` for those that the warehouse does not take."""
    for id, rows in assumed.rows.items():
        with blaming(test, f"the rows given for {inputs[id].text}"):
            connection.execute(rows.sql)


@contextmanager
def blaming(test: UnitTest, rows: str) -> Iterator[None]:
    """What the warehouse refuses inside is the fault of those rows: it becomes a `CompileError` placed in the test."""
    try:
        yield
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        problem = error.problems[0]
        message = f"{rows} cannot be used: {problem.message}"
        raise CompileError(replace(problem, message=message, place=test.place)) from error
