"""A unit test made of rows that stand in the warehouse: a few of them, and what the model gives for these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from eltbuild.compile.rendering import Assumed, GivenRows
from eltbuild.errors import CompileError, DatabaseError, Problem
from eltbuild.project.resources import Node, Source, UnitTest
from eltbuild.quality import unit_tests
from eltbuild.quality.fixture_text import Entry, as_given
from eltbuild.quality.mutations.words import words_of
from eltbuild.run.unit_tests.bench import Bench
from eltbuild.run.unit_tests.columns import is_input
from eltbuild.run.unit_tests.functions import make_functions
from eltbuild.run.unit_tests.nouns import Arena, Prepared
from eltbuild.run.unit_tests.pool import Pooled, personal, pooled, writable
from eltbuild.run.unit_tests.running import arena_of, compared, locating, prepare, rendered
from eltbuild.run.unit_tests.trials import Kept, Trials, narrowed, reduced, stand
from eltbuild.run.work import Work
from eltbuild.sql.inline import rows_query
from eltbuild.sql.reading import reading_of
from eltbuild.sql.transpile import transpiled
from eltbuild.values import dataclass, replace

EXPECTED = 200
"""How many rows of a model can be written down."""
TODAY = frozenset({
    "current_date", "today", "now", "current_timestamp", "localtimestamp", "getdate", "sysdate", "current_time",
    "current_localtimestamp", "get_current_timestamp", "transaction_timestamp", "clock_timestamp",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recorded:
    """A unit test that passes, and what its author should know of it."""

    entry: Entry
    notes: tuple[str, ...]


def record(work: Work, bench: Bench, model: Node, limit: int, masked: frozenset[str], name: str, said: str) -> Recorded:
    """A unit test of the model with at most `limit` rows of each input, as far as that can be; nothing is written.

    Raises `CompileError` where the model cannot run in memory, its inputs cannot be read, or it gives what cannot be
    written down.
    """
    refuse(model)
    project = work.session.project
    inputs = [found for id in model.parents if isinstance(found := project.resource(id), Node | Source)]
    inputs = [found for found in inputs if is_input(found)]
    names = unit_tests.cte_names(inputs, work.writer)
    test = _blank(model, name)
    arena = arena_of(replace(work, connections=bench.connections), model, test)
    assumed = Assumed({id: GivenRows(own, "") for id, own in names.items()})
    compiled = rendered(work, test, model, arena, assumed)
    make_functions(work, bench, model)
    query = compiled.query or ""
    pools = pooled(work, bench, model, inputs, reading_of(query, work.session.dialect), names, masked)
    prepared = Prepared(test, model, arena, {}, assumed, compiled)
    ctes = [arena.cte(names[found.id]) for found in inputs]
    with locating(work, prepared):
        typed = {name: pool.columns for name, pool in zip(ctes, pools, strict=True)}
        spoken = transpiled(query, arena.dialect, bench.writer.dialect, lambda: typed)
        trials = Trials(bench, bench.here(), ctes, pools, spoken)
        stand(trials)
    kept = reduced(trials, limit)
    trials.pools = tuple(narrowed(trials, kept, number) for number in range(len(trials.pools)))
    entry = written(work, model, arena, trials, kept, name, said)
    return Recorded(entry, tuple(notes_on(trials, kept, entry, masked)))


def refuse(model: Node) -> None:
    """Raise `CompileError` for a model of which no unit test can be written."""
    if model.language != "sql":
        raise CompileError(Problem(f"`{model.name}` is no SQL model", model.place))
    if model.root:
        raise CompileError(Problem(f"`{model.name}` belongs to package `{model.package}`", model.place))


def _blank(model: Node, name: str) -> UnitTest:
    return UnitTest(
        id=f"unit_test.{model.package}.{model.name}.{name}",
        name=name,
        package=model.package,
        path=model.path,
        original_path=model.original_path,
        model=model.name,
        parents=(model.id,),
        place=model.place,
    )


# Written down


def written(work: Work, model: Node, arena: Arena, trials: Trials, kept: Kept, name: str, said: str) -> Entry:
    """The unit test, its rows as mappings where these are read as what they are, else as a query with their types.

    Raises `CompileError` where neither gives what the model gives for the rows themselves.
    """
    expect, left = expected_rows(model, trials, kept)
    if not left and trials.columns:
        raise CompileError(Problem(f"model `{model.name}` gives other values each time it is run", model.place))
    macros = {"is_incremental": False} if model.materialized == "incremental" else None
    as_rows = [(pool.call, _mappings(pool, own)) for pool, own in zip(trials.pools, kept, strict=True)]
    as_queries = [(pool.call, _typed(work, pool, own)) for pool, own in zip(trials.pools, kept, strict=True)]
    entry = Entry(name, model.name, as_rows, expect, said, model.version, macros)
    problem = _refused(work, model, arena, entry)
    if problem is not None:
        entry = replace(entry, given=as_queries)
        problem = _refused(work, model, arena, entry)
    if problem is not None:
        text = f"the rows of `{model.name}` cannot be written as a unit test that passes: {problem}"
        raise CompileError(Problem(text, model.place))
    return entry


def expected_rows(model: Node, trials: Trials, kept: Kept) -> tuple[list[dict[str, Any]], list[str]]:
    """What the model gives for the rows that are kept, without the columns that differ from run to run.

    Raises `CompileError` for more rows than anybody would read.
    """
    first, second = trials.rows(trials.query, kept), trials.rows(trials.query, kept)
    if len(first) > EXPECTED:
        raise CompileError(Problem(f"model `{model.name}` gives {len(first):,} rows for these inputs", model.place))
    names = [column.name for column in trials.columns]
    steady = [
        index
        for index in range(len(names))
        if sorted(repr(row[index]) for row in first) == sorted(repr(row[index]) for row in second)
    ]
    rows = [{names[index]: writable(row[index]) for index in steady} for row in first]
    return _sorted(rows), [names[index] for index in steady]


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows by their values from the left, NULL last."""
    try:
        return sorted(rows, key=lambda row: [(value is None, "" if value is None else value) for value in row.values()])
    except TypeError:
        return sorted(rows, key=repr)


def _mappings(pool: Pooled, kept: Sequence[int]) -> list[dict[str, Any]]:
    """The rows as mappings; NULL is left out where another row names the column."""
    rows = [pool.rows[index] for index in kept]
    named = [any(row[at] is not None for row in rows) for at in range(len(pool.columns))]
    return [
        {
            column.name: row[at]
            for at, column in enumerate(pool.columns)
            if row[at] is not None or not named[at] or (at == 0 and number == 0)
        }
        for number, row in enumerate(rows)
    ]


def _typed(work: Work, pool: Pooled, kept: Sequence[int]) -> str:
    return rows_query(pool.native, [pool.rows[index] for index in kept], work.writer)


def _refused(work: Work, model: Node, arena: Arena, entry: Entry) -> str | None:
    """Why the unit test does not pass; None where it does."""
    given, expect = as_given(entry)
    macros = {"macros": dict(entry.macros)} if entry.macros else {}
    test = replace(_blank(model, entry.name), given=tuple(given), expect=expect, overrides=macros)
    try:
        prepared = prepare(work, test, model, arena)
        with locating(work, prepared):
            found = compared(prepared, prepared.sql())
    except (CompileError, DatabaseError) as error:
        return error.problems[0].message
    return "its rows differ" if found.lines else None


def notes_on(trials: Trials, kept: Kept, entry: Entry, masked: frozenset[str]) -> Iterator[str]:
    """What the author should know."""
    counts = ", ".join(f"{len(own):,} of {pool.call}" for pool, own in zip(trials.pools, kept, strict=True))
    tried = list(trials.changed())
    noticed = sum(isinstance(change, str) for change in trials.noticed(kept))
    yield f"rows: {counts or 'none'}; {noticed:,} of {len(tried):,} changes of the query are noticed"
    if not entry.expect:
        yield "the model gives no row for the rows that were read: write some that it gives rows for"
    given = {name for row in entry.expect for name in row}
    left = [column.name for column in trials.columns if column.name not in given] if entry.expect else []
    if left:
        yield f"not compared, for they differ from run to run: {', '.join(left)}"
    words = {word.text for word in words_of(trials.query, trials.bench.writer.dialect).all}
    if words & TODAY:
        yield "the query asks for the time of day: the expected rows may not hold tomorrow"
    unknown = sorted(masked - {column.name.casefold() for pool in trials.pools for column in pool.columns})
    if unknown:
        yield f"--mask names columns that the model does not read: {', '.join(unknown)}"
    mails = [name for name in personal(trials.pools) if name.casefold() not in masked]
    if mails:
        yield f"mail addresses of real people may stand in {', '.join(mails)}: --mask {' '.join(mails)} replaces them"
