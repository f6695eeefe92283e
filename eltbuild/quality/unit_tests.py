"""Unit tests: what their rows mean, as queries, and whether a model gave the rows that it should. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from eltbuild.compile.given import input_id
from eltbuild.compile.lookup import Lookup
from eltbuild.errors import CompileError, Problem, did_you_mean
from eltbuild.project.resources import Node, NodeId, Source, UnitTest
from eltbuild.quality.row_comparison import Comparison, Row, compare
from eltbuild.quality.row_difference import WIDTH, told
from eltbuild.relation import Column
from eltbuild.sql.inline import rows_query, suggested_type
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass, replace

QUOTED_WORD = re.compile(r"""['"]([^'"]*)['"]""")
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
UNTYPED = frozenset({"", "null", '"null"', "unknown"})
"""What engines call the type of a column of nothing but NULL."""

LIKENESS = 0.8
"""How like another name one must be to be taken for a slip."""
DIGITS = re.compile(r",\s*\d+\)")
PRECISION = re.compile(r"\((\d+)\s*,")
SIZED_TEXT = re.compile(r"^(character varying|varchar|nvarchar)\s*\(.*\)$", re.IGNORECASE)
"""Texts that would be cut at their size by a cast: rows of a unit test are taken as they are given."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """Rows as a unit test writes them: values under the names of columns, or a query that gives them."""

    names: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    query: str | None = None
    words: bool = False
    """Whether the values are words from CSV, whose types are still to be told."""
    absent: bool = False
    """Whether the test says nothing of rows: those of a seed are its file's."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input: the reference as the test writes it, and the rows that stand for what it means."""

    text: str
    fixture: Fixture


Inputs = Mapping[NodeId, Input]

Read = Callable[[Any, str], Any]
"""`(value, type)`: a value as it is written in the project, as the engine reads it."""


@dataclass(frozen=True, slots=True)
class Known:
    """The columns of a relation as far as they are known: a type is empty where nobody could tell it."""

    columns: tuple[Column, ...] = ()
    complete: bool = False
    """Whether it has no others."""

    @property
    def typed(self) -> bool:
        """Whether all columns and their types are known."""
        return self.complete and all(column.type for column in self.columns)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a unit test found: how many rows differ, and the difference as text."""

    failures: int
    message: str | None = None


def fixture_of(given: Mapping[str, Any]) -> Fixture:
    """The rows of an input or of the expectation, as the loader gives them. A column that a row lacks is NULL there."""
    rows = given.get("rows")
    if given.get("format") == "sql":
        return Fixture(query=str(rows or ""), absent=not rows)
    return replace(table_of(rows or ()), words=given.get("format") == "csv", absent=rows is None)


def table_of(rows: Sequence[Mapping[Any, Any]]) -> Fixture:
    """Mappings as a table. Names that differ only in their case are one column."""
    names: dict[str, str] = {}
    for row in rows:
        for name in row:
            names.setdefault(str(name).casefold(), str(name))
    folded = [{str(name).casefold(): value for name, value in row.items()} for row in rows]
    return Fixture(tuple(names.values()), tuple(tuple(row.get(name) for name in names) for row in folded))


def inputs_of(test: UnitTest, tested: NodeId, lookup: Lookup) -> Inputs:
    """What the test gives, by the resource that it stands for.

    Raises `CompileError` for inputs that mean nothing, or the same thing twice.
    """
    found: dict[NodeId, Input] = {}
    problems: list[Problem] = []
    for given in test.given:
        text = str(given.get("input")).strip()
        id = input_id(text, test, tested, lookup)
        if isinstance(id, Problem):
            problems.append(id)
        elif id in found:
            problems.append(Problem(f"unit test `{test.name}` gives rows for {text} twice", test.place))
        else:
            found[id] = Input(text, fixture_of(given))
    if problems:
        raise CompileError(*problems)
    return found


def cte_names(resources: Sequence[Node | Source], writer: Writer) -> dict[NodeId, str]:
    """The names of the CTEs that hold the inputs, as SQL spells them: all different, and like those of dbt."""
    names: dict[NodeId, str] = {}
    taken: set[str] = set()
    for resource in resources:
        version = resource.version if isinstance(resource, Node) else None
        base = f"__dbt__cte__{resource.name}" + ("" if version is None else f"_v{version}")
        name = writer.fitted(base)
        number = 2
        while name.casefold() in taken:
            name = writer.fitted(base, f"__{number}")
            number += 1
        taken.add(name.casefold())
        names[resource.id] = name if PLAIN_NAME.fullmatch(name) else writer.quote(name)
    return names


def given_query(
    test: UnitTest,
    given: Input,
    known: Known,
    read: Sequence[str],
    writer: Writer,
    named: Collection[str] | None = None,
    read_value: Read | None = None,
) -> str:
    """The query that gives an input's rows, with all columns that its relation has.

    Where not all of them are known, those that the test gives are taken for its own, and those that the model reads
    (`read`) and nobody gives are NULL. A column of unknown type is typed by its values. `named` are all names that the
    model's query uses, in lower case; None where it may use any. Raises `CompileError` for a column that the relation
    lacks, or seems to lack.
    """
    fixture = given.fixture
    if fixture.query is not None:
        if not fixture.query.strip():
            raise CompileError(Problem(f"unit test `{test.name}` gives no query for {given.text}", test.place))
        return fixture.query
    columns = _of_relation(test, given, known, read, named)
    if not columns:
        hint = "build it first, declare the `data_type` of its columns, or give the rows with `format: sql`"
        raise CompileError(Problem(f"unit test `{test.name}`: no column of {given.text} is known", test.place, hint))
    return rows_query(*_typed(columns, fixture, writer, read_value), writer)


def fitted(known: Known, given: Fixture, unsized: str) -> Known:
    """The columns, those of the type `unsized` with as many digits behind the point as the values have.

    A decimal without a size keeps its digits as they are written; one that has a size is shown with all of them.
    """
    plain = unsized.replace(" ", "").casefold()
    values = dict(zip((name.casefold() for name in given.names), zip(*given.rows, strict=True), strict=False))
    return replace(
        known,
        columns=tuple(
            replace(column, type=_with_digits(column.type, values.get(column.name.casefold(), ())))
            if column.type.replace(" ", "").casefold() == plain
            else column
            for column in known.columns
        ),
    )


def _with_digits(type_name: str, values: Sequence[Any]) -> str:
    """A decimal with as many digits behind the point as the values have; one place less in all where all have as many.

    By that it is told apart from one whose values had fewer digits, and whose texts are others.
    """
    found = (re.fullmatch(r"[+-]?\d*\.?(\d*)", str(value)) for value in values if value is not None)
    digits = {len(match[1]) if "." in match[0] else 0 for match in found if match}
    sized = DIGITS.sub(f",{max(digits, default=0)})", type_name)
    return PRECISION.sub(lambda match: f"({int(match[1]) - 1},", sized) if len(digits) == 1 else sized


def _of_relation(
    test: UnitTest, given: Input, known: Known, read: Sequence[str], named: Collection[str] | None
) -> tuple[Column, ...]:
    """The columns of an input: those that are known, and where that may not be all, those that are named."""
    names = given.fixture.names
    strange = [name for name, place in zip(names, _matched(names, known.columns), strict=True) if place is None]
    if known.complete:
        _refuse(test, given, [(name, _near(name, known.columns)) for name in strange])
        return known.columns
    own = (*known.columns, *map(Column, strange))
    missing = [name for name, place in zip(read, _matched(read, own), strict=True) if place is None]
    unread = [name for name in strange if named is not None and name.casefold() not in named]
    unnamed = [column.name for column, place in zip(known.columns, _matched_columns(known.columns, names)) if not place]
    near = [(name, get_close_matches(name.casefold(), [*missing, *unnamed], 1, LIKENESS)) for name in unread]
    _refuse(test, given, [(name, f"did you mean `{found[0]}`?") for name, found in near if found])
    return (*own, *map(Column, missing))


def _refuse(test: UnitTest, given: Input, strange: Sequence[tuple[str, str]]) -> None:
    """Raise `CompileError` for columns that an input names and does not have; each with a hint."""
    problems = [
        Problem(
            f"Invalid column name: '{name}' in unit test fixture for '{_named(given.text)}'. "
            f"{given.text} has no such column",
            test.place,
            hint,
        )
        for name, hint in strange
    ]
    if problems:
        raise CompileError(*problems)


def _named(text: str) -> str:
    """The name in an input such as `ref('orders')`, as written."""
    words = QUOTED_WORD.findall(text)
    return words[-1] if words else text


def _typed(
    columns: Sequence[Column], fixture: Fixture, writer: Writer, read_value: Read | None = None
) -> tuple[tuple[Column, ...], tuple[Row, ...]]:
    """The columns, typed by their values where no type is known, and the rows brought into their order."""
    places = {place: index for index, place in enumerate(_matched(fixture.names, columns))}
    order = [places.get(index) for index in range(len(columns))]
    rows = tuple(tuple(None if at is None else row[at] for at in order) for row in fixture.rows)
    typed = tuple(
        replace(column, type=SIZED_TEXT.sub(r"\1", column.type))
        if column.type.casefold() not in UNTYPED
        else replace(column, type=suggested_type((row[index] for row in rows), writer, fixture.words))
        for index, column in enumerate(columns)
    )
    if read_value is not None:
        rows = tuple(tuple(read_value(one, typed[index].type) for index, one in enumerate(row)) for row in rows)
    return typed, rows


def _matched(names: Sequence[str], columns: Sequence[Column]) -> list[int | None]:
    """Where each name stands among the columns: spelled the same, else in another case."""
    exact = {column.name: index for index, column in reversed(tuple(enumerate(columns)))}
    folded = {column.name.casefold(): index for index, column in reversed(tuple(enumerate(columns)))}
    return [exact.get(name, folded.get(name.casefold())) for name in names]


def _matched_columns(columns: Sequence[Column], names: Sequence[str]) -> list[bool]:
    """Whether each column is among the names, in any case."""
    folded = {name.casefold() for name in names}
    return [column.name.casefold() in folded for column in columns]


def _near(name: str, columns: Sequence[Column]) -> str:
    names = [column.name for column in columns]
    return did_you_mean(name, names) or f"its columns: {', '.join(names)}"


# The expectation ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Questions:
    """The two queries whose rows are compared, and the columns that both give."""

    columns: tuple[Column, ...]
    expected: str
    actual: str


def questions(
    test: UnitTest,
    model: Node,
    sql: str,
    given: Sequence[Column],
    named: Sequence[Column],
    writer: Writer,
    query: str | None = None,
    read_value: Read | None = None,
) -> Questions:
    """What to ask for a verdict. `given` are the columns of the model's query `sql`.

    `query` is the expectation in the engine's words where it is a query, and `named` its columns. Only columns that
    the test names are compared; all of them, where it names none. Raises `CompileError` for a column that the model
    does not give.
    """
    fixture = fixture_of(test.expect)
    names = fixture.names if fixture.query is None else tuple(column.name for column in named)
    columns = _expected_columns(test, model, names, given)
    typed, rows = _typed(columns, fixture, writer, read_value)
    if fixture.query is None:
        expected = rows_query(typed, rows, writer)
    else:
        own = writer.names(names or [column.name for column in columns])
        expected = f"select {own} from {writer.lines(query or fixture.query)} as expected"
    actual = f"select {writer.names(column.name for column in typed)} from {writer.lines(sql)} as actual"
    return Questions(typed, expected, actual)


def _expected_columns(test: UnitTest, model: Node, names: Sequence[str], given: Sequence[Column]) -> tuple[Column, ...]:
    places = _matched(names, given)
    problems = [
        Problem(
            f"Invalid column name: '{name}' in unit test fixture for expected output. "
            f"Model `{model.name}` gives no such column",
            test.place,
            _near(name, given),
        )
        for name, place in zip(names, places, strict=True)
        if place is None
    ]
    if problems:
        raise CompileError(*problems)
    return tuple(given[place] for place in places if place is not None) if names else tuple(given)


def comparison(asked: Questions, expected: Sequence[Row], actual: Sequence[Row], dialect: str) -> Comparison:
    """How the rows that the model gave differ from those that were expected, in any order, each as often."""
    return compare(asked.columns, expected, actual, dialect)


def outcome(model: Node, found: Comparison, width: int = WIDTH) -> Outcome:
    """Whether the model gave the rows that were expected; how not, in lines that are not wider than that."""
    if not found.lines:
        return Outcome(0)
    return Outcome(len(found.lines), told(found, f"model `{model.name}`", width, types=True))


# What is overridden ---------------------------------------------------------------------------------------


def overridden(test: UnitTest, key: str) -> Mapping[str, Any]:
    """`macros`, `vars` or `env_vars` that the test sets."""
    found = test.overrides.get(key)
    return {str(name): value for name, value in found.items()} if isinstance(found, Mapping) else {}


def pretends_incremental(test: UnitTest) -> bool:
    """Whether the model is to be rendered as on a run after its first."""
    value = overridden(test, "macros").get("is_incremental")
    return value is True or str(value).casefold() == "true"


def unused(inputs: Inputs, used: Iterable[NodeId]) -> list[str]:
    """The inputs that the model has no use for, as written."""
    asked = frozenset(used)
    return [given.text for id, given in inputs.items() if id not in asked]
