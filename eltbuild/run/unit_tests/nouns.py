"""What a unit test is run with: a place, and a statement ready to be sent. Nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eltbuild.compile.compiled import Compiled
from eltbuild.compile.introspect import Introspector
from eltbuild.compile.rendering import Assumed
from eltbuild.project.resources import Node, Source, UnitTest
from eltbuild.quality import unit_tests
from eltbuild.quality.unit_tests import Input, Inputs, Known
from eltbuild.relation import Column
from eltbuild.run.commented import Commented
from eltbuild.run.unit_tests.bench import Bench
from eltbuild.sql.ctes import with_ctes
from eltbuild.sql.transpile import bare_decimal, transpiled, value_in
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass, field

ROWS = 100_000
"""How many rows of a model are looked at: who expects a few wants to know of more, not of all."""


@dataclass(frozen=True, slots=True)
class Arena:
    """Where a unit test runs: a session, how the engine writes, and who knows the columns of what is not there."""

    connection: Commented
    writer: Writer
    introspector: Introspector
    known: Callable[[Node | Source, Assumed | None], Known]
    dialect: str
    """That of the project's texts."""
    bench: Bench | None = None
    """The database in memory; None in the warehouse."""
    known_columns: dict[str, Sequence[Column]] = field(default_factory=dict)
    """The columns of queries that were asked for."""

    def spoken(self, query: str, ctes: Sequence[tuple[str, str]] = ()) -> str:
        """The project's SQL as the engine takes it; `ctes` are the rows that it reads. Raises `Untranslatable`."""
        if self.dialect == self.writer.dialect:
            return query

        def tables() -> Mapping[str, Sequence[Column]]:
            return {name: self.described(sql) for name, sql in ctes}

        return transpiled(query, self.dialect, self.writer.dialect, tables)

    def described(self, sql: str) -> Sequence[Column]:
        """The columns of a query; asked for once. Raises `DatabaseError`."""
        if sql not in self.known_columns:
            self.known_columns[sql] = self.connection.columns(sql)
        return self.known_columns[sql]

    def read(self, value: Any, type_name: str) -> Any:
        """A value of a test as the engine reads it."""
        return value_in(value, type_name, self.dialect, self.writer.dialect)

    def fitted(self, known: Known, given: Input) -> Known:
        """The columns of an input, those with its values' digits whose type says nothing of digits."""
        unsized = "" if self.dialect == self.writer.dialect else bare_decimal(self.dialect)
        return unit_tests.fitted(known, given.fixture, unsized) if unsized else known

    def cte(self, name: str) -> str:
        """The name of a CTE, as the project's dialect spells it, in the engine's words."""
        if self.dialect == self.writer.dialect or unit_tests.PLAIN_NAME.fullmatch(name):
            return name
        return self.writer.quote(name[1:-1])


@dataclass(frozen=True, slots=True)
class Prepared:
    """A unit test that is ready to be run: what its model's query is, and which rows stand for what it reads."""

    test: UnitTest
    model: Node
    arena: Arena
    inputs: Inputs
    assumed: Assumed
    compiled: Compiled
    ctes: tuple[tuple[str, str], ...] = ()
    """The names and queries of the rows, in the engine's words."""
    notes: tuple[str, ...] = field(default=())
    """What is of no effect in the test."""

    def sql(self, query: str | None = None) -> str:
        """The whole statement for the model's query, or for another in its place. Raises `Untranslatable`."""
        own = self.compiled.query or ""
        text = self.arena.spoken(own if query is None else query, self.ctes)
        return with_ctes(text, self.ctes, self.arena.writer.dialect)
