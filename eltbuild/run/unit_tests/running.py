"""One unit test: its rows stand as CTEs in front of the model's query, no table is read, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from eltbuild.compile.compiled import Compiled
from eltbuild.compile.introspect import Live
from eltbuild.compile.known_names import is_known
from eltbuild.compile.rendering import Assumed, GivenRows
from eltbuild.errors import CompileError, DatabaseError, Problem, did_you_mean
from eltbuild.plan.seed import typed_columns
from eltbuild.project.resources import Node, NodeId, Source, UnitTest
from eltbuild.quality import unit_tests
from eltbuild.quality.row_comparison import Comparison
from eltbuild.quality.unit_tests import Input, Inputs, Known
from eltbuild.run.events import Finished
from eltbuild.run.loading.seeds import read_seed
from eltbuild.run.unit_tests import columns as known_columns
from eltbuild.run.unit_tests.bench import HINT, Refusing
from eltbuild.run.unit_tests.functions import make_functions
from eltbuild.run.unit_tests.nouns import ROWS, Arena, Prepared
from eltbuild.run.unit_tests.places import placed
from eltbuild.run.work import Clock, Work, connection_for
from eltbuild.sql.reading import Reading, misspelled, reading_of
from eltbuild.sql.transpile import Untranslatable
from eltbuild.values import replace


def run_unit_test(work: Work, test: UnitTest, clock: Clock) -> Finished:
    """A unit test: whether the model gives the expected rows for those that are given.

    It runs in memory where the work has a bench, else in the warehouse. Raises `CompileError` with the place in the
    test, or in the model where its template or its query is wrong.
    """
    model = tested(work, test)
    arena = arena_of(work, model, test)
    prepared = prepare(work, test, model, arena)
    for note in prepared.notes:
        warn(work, test, note)
    with locating(work, prepared):
        sql = prepared.sql()
        clock.mark(sql)
        check_letters(work, prepared)
        comparison = compared(prepared, sql)
    outcome = unit_tests.outcome(model, comparison, work.width)
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


def arena_of(work: Work, model: Node, test: UnitTest) -> Arena:
    """Where the unit test runs: in memory where the work has a bench."""
    bench = work.bench
    dialect = work.session.dialect
    if bench is None:
        connection = connection_for(work, replace(model, id=test.id))

        def standing(resource: Node | Source, assumed: Assumed | None) -> Known:
            return known_columns.standing(work, resource, connection, assumed)

        return Arena(connection, work.writer, Live(connection), standing, dialect)

    def derived(resource: Node | Source, assumed: Assumed | None) -> Known:
        return known_columns.derived(work, bench, resource, assumed)

    connection = bench.here()
    return Arena(connection, bench.writer, Refusing(bench, dialect), derived, dialect, bench)


# Before it is run


def prepare(work: Work, test: UnitTest, model: Node, arena: Arena) -> Prepared:
    """The test, ready to be run. Raises `CompileError` for what cannot be: rows that fit nothing, wrong templates."""
    inputs = unit_tests.inputs_of(test, model.id, work.session.lookup)
    check_incremental(test, model, inputs)
    macros = unit_tests.overridden(test, "macros")
    notes = [note for name in macros if (note := unknown_macro(work, model, name))]
    environment = {name: str(value) for name, value in unit_tests.overridden(test, "env_vars").items()}
    resources = {
        id: resource for id in inputs if isinstance(resource := work.session.project.resource(id), Node | Source)
    }
    names = unit_tests.cte_names(list(resources.values()), work.writer)
    rows = {id: GivenRows(name, "") for id, name in names.items()}
    assumed = Assumed(rows, macros, unit_tests.overridden(test, "vars"), environment)
    compiled = rendered(work, test, model, arena, assumed)
    if arena.bench is not None:
        make_functions(work, arena.bench, model)
    given = given_rows(work, test, model, arena, inputs, resources, assumed, compiled)
    assumed = replace(assumed, rows=given)
    unused = unit_tests.unused(inputs, (cte.id for cte in compiled.ctes))
    notes += [f"gives rows for {text}, which model `{model.name}` does not refer to" for text in unused]
    ctes = tuple((arena.cte(given[cte.id].name), given[cte.id].sql) for cte in compiled.ctes)
    return Prepared(test, model, arena, inputs, assumed, compiled, ctes, tuple(notes))


def rendered(work: Work, test: UnitTest, model: Node, arena: Arena, assumed: Assumed) -> Compiled:
    """The model's query over the names of the inputs. Raises `CompileError`, also where it asks what is not there."""
    try:
        compiled = work.compiler.compile(model, arena.introspector, assumed=assumed)
    except CompileError as error:
        if isinstance(arena.introspector, Refusing) and arena.introspector.asked:
            text = f"model `{model.name}` asks the warehouse while it is compiled, and in memory there is none"
            raise CompileError(Problem(text, error.problems[0].place or model.place, HINT)) from error
        raise
    if not (compiled.query or "").strip():
        raise CompileError(Problem(f"model `{model.name}` has no query", model.place))
    return compiled


def check_incremental(test: UnitTest, model: Node, inputs: Inputs) -> None:
    """Raise `CompileError` where the rows that stand already are missing.

    A model that leaves the question to a macro may do without them, as in dbt: the macro may ask for none.
    """
    asks = model.materialized == "incremental" and "is_incremental" in model.macro_names
    if asks and model.id not in inputs and unit_tests.pretends_incremental(test):
        raise CompileError(
            Problem(
                f"unit test `{test.name}` of incremental model `{model.name}` has no input `this`",
                test.place,
                "add `- input: this` under `given`, with the rows that stand there already",
            )
        )


def unknown_macro(work: Work, model: Node, name: str) -> str:
    """What to say of a macro that is overridden and does not exist: its override changes nothing."""
    macros = work.session.macros
    if macros.find(name, model.package) is not None or is_known(name.removeprefix("dbt.")):
        return ""
    hint = did_you_mean(name, [*macros.names(model.package), "is_incremental"])
    return f"overrides macro `{name}`, which was not found{f'; {hint}' if hint else ''}"


def given_rows(
    work: Work,
    test: UnitTest,
    model: Node,
    arena: Arena,
    inputs: Inputs,
    resources: Mapping[NodeId, Node | Source],
    assumed: Assumed,
    compiled: Compiled,
) -> dict[NodeId, GivenRows]:
    """The query for the rows of each input, typed like what stands where it points, as far as that is known."""
    given = {id: with_own_rows(work, test, resource, inputs[id]) for id, resource in resources.items()}
    known: dict[NodeId, Known] = {}
    rows = dict(assumed.rows)
    reading: Reading | None = None
    plain = {name: value for name, value in assumed.macros.items() if name != "is_incremental"}
    # `this` comes last: before the model has been built, its columns are those that it gives for the other rows.
    for id, resource in sorted(resources.items(), key=lambda item: item[0] == model.id):
        if given[id].fixture.query is None:
            # In memory, inputs are written in the words of an engine that need not be the template's.
            own = rows if arena.bench is None else assumed.rows
            first = replace(assumed, rows=own, macros=plain) if id == model.id else None
            known[id] = arena.fitted(arena.known(resource, first), given[id])
            if not known[id].columns and given[id].fixture.absent is False and isinstance(resource, Node):
                known[id] = seed_known(work, resource, arena) or known[id]
    for id in resources:
        fixture = given[id].fixture
        name = assumed.rows[id].name
        if fixture.query is not None:
            query = unit_tests.given_query(test, given[id], Known(), (), arena.writer)
            query = rendered_rows(work, test, model, arena, given[id], query)
            rows[id] = GivenRows(name, spoken_rows(test, arena, given[id], query))
            continue
        if not known[id].complete and reading is None:
            reading = reading_of(compiled.query or "", arena.dialect)
        wanted: list[str] = []
        if reading is not None and not known[id].complete:
            by_name = {assumed.rows[other].name: found for other, found in known.items()}
            written = {assumed.rows[other].name: given[other].fixture.names for other in known}
            wanted = known_columns.reads(reading, name, by_name, written)
        named = None if reading is None or name.casefold().strip('"') in reading.given else reading.names
        query = unit_tests.given_query(test, given[id], known[id], wanted, arena.writer, named, arena.read)
        rows[id] = GivenRows(name, query)
    return rows


def with_own_rows(work: Work, test: UnitTest, resource: Node | Source, given: Input) -> Input:
    """The input; with the rows of a seed's file where the test gives none for it. Raises `CompileError` for others."""
    if not given.fixture.absent:
        return given
    if not isinstance(resource, Node) or resource.resource_type != "seed":
        message = f"unit test `{test.name}` gives no rows for {given.text}"
        raise CompileError(Problem(message, test.place, "write `rows: []` for none"))
    rows = read_seed(resource, Path(work.session.project.root), work.writer.capabilities)
    return replace(given, fixture=unit_tests.table_of(rows.to_pylist()))


def seed_known(work: Work, resource: Node, arena: Arena) -> Known | None:
    """The columns of a seed that was not loaded yet, as its file tells them; None for all else."""
    if resource.resource_type != "seed":
        return None
    rows = read_seed(resource, Path(work.session.project.root), work.writer.capabilities)
    return Known(typed_columns(resource, rows, work.writer), True)


def rendered_rows(work: Work, test: UnitTest, model: Node, arena: Arena, given: Input, query: str) -> str:
    """The query of an input, as a template of the model's package: what is overridden is not so there.

    Raises `CompileError`.
    """
    try:
        return work.compiler.render_hook(model, query, arena.introspector, {})
    except CompileError as error:
        problem = error.problems[0]
        text = f"the rows given for {given.text} cannot be rendered: {problem.message}"
        raise CompileError(replace(problem, message=text, place=test.place)) from error


def spoken_rows(test: UnitTest, arena: Arena, given: Input, query: str) -> str:
    """The query of an input in the engine's words. Raises `CompileError`."""
    try:
        return arena.spoken(query)
    except Untranslatable as error:
        text = f"the rows given for {given.text} cannot be used in memory: {error.message}"
        raise CompileError(Problem(text, test.place, HINT)) from error


def warn(work: Work, test: UnitTest, what: str) -> None:
    """Tell the user of something in the test that is of no effect."""
    place = f"{test.place}: " if test.place else ""
    work.session.say(f"{place}unit test `{test.name}` {what}", "warn", "warning", test.id)


# The verdict


def compared(prepared: Prepared, sql: str) -> Comparison:
    """How the rows that the statement gives differ from those that are expected.

    Raises `DatabaseError` where the engine refuses the model's query, `CompileError` for expected rows that fit
    nothing.
    """
    test, model, arena = prepared.test, prepared.model, prepared.arena
    connection = arena.connection
    given = connection.columns(sql)
    query = expected_query(test, arena)
    with blaming(test, "the expected rows", arena):
        named = connection.columns(query) if query else ()
    asked = unit_tests.questions(test, model, sql, given, named, arena.writer, query, arena.read)
    actual = connection.execute(arena.writer.limited(asked.actual, ROWS + 1)).rows
    if len(actual) > ROWS:
        raise CompileError(Problem(f"model `{model.name}` gives more than {ROWS:,} rows", test.place))
    with blaming(test, "the expected rows", arena):
        expected = connection.execute(asked.expected).rows
    return unit_tests.comparison(asked, expected, actual, arena.writer.dialect)


def expected_query(test: UnitTest, arena: Arena) -> str | None:
    """The expected rows, where they are written as a query. Raises `CompileError`."""
    query = unit_tests.fixture_of(test.expect).query
    if query is None:
        return None
    try:
        return arena.spoken(query)
    except Untranslatable as error:
        text = f"the expected rows cannot be used in memory: {error.message}"
        raise CompileError(Problem(text, test.place, HINT)) from error


@contextmanager
def locating(work: Work, prepared: Prepared) -> Iterator[None]:
    """What the engine refuses inside becomes a `CompileError` placed in the rows of the test, or in the model."""
    try:
        yield
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        check_inputs(prepared)
        raise CompileError(placed(work.session, prepared, error)) from error


def check_letters(work: Work, prepared: Prepared) -> None:
    """Raise `Untranslatable` for a column whose letters differ from those it has, where only the warehouse minds."""
    arena = prepared.arena
    if not work.writer.capabilities.exact_names or arena.writer.capabilities.exact_names:
        return
    given = {column.name for _, sql in prepared.ctes for column in arena.described(sql)}
    found = misspelled(prepared.compiled.query or "", arena.dialect, given)
    if found is not None:
        name, near, line, column = found
        text = f"column `{name}` does not exist; there is `{near}`, and {arena.dialect} minds the case of letters"
        raise Untranslatable(text, line=line, column=column)


def check_inputs(prepared: Prepared) -> None:
    """Ask for the rows of each input alone. Raises `CompileError` for those that the engine does not take."""
    for id, given in prepared.inputs.items():
        with blaming(prepared.test, f"the rows given for {given.text}", prepared.arena):
            prepared.arena.connection.execute(prepared.assumed.rows[id].sql)


@contextmanager
def blaming(test: UnitTest, rows: str, arena: Arena) -> Iterator[None]:
    """What the engine refuses inside is the fault of those rows: it becomes a `CompileError` placed in the test."""
    try:
        yield
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        problem = error.problems[0]
        message = f"{rows} cannot be used: {problem.message}"
        raise CompileError(replace(problem, message=message, place=test.place)) from error
