"""Data tests as judges of a changed model: its rows over real inputs lie in a temporary table while they are asked.

Nothing that is published is written, and no failing row is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, DatabaseError, Problem
from eltbuild.project.project import Project
from eltbuild.project.resources import Node
from eltbuild.relation import Relation
from eltbuild.run.commented import Commented
from eltbuild.run.testing.alone import Asked
from eltbuild.run.testing.asking import ask
from eltbuild.run.testing.remembered import is_compared
from eltbuild.run.work import Work, connection_for
from eltbuild.values import dataclass

NAME = "eltbuild_changed_{}"


@dataclass(frozen=True, slots=True)
class Judges:
    """The data tests of a model that pass as it stands, and the query that is changed."""

    work: Work
    model: Node
    connection: Commented
    query: str
    tests: tuple[Node, ...]
    failing: tuple[str, ...] = ()
    """Those that do not pass as the model stands, by their names: they say nothing of changes."""

    def noticed(self, query: str) -> tuple[str, str]:
        """The first test that does not pass with another query, and by what; empty where all do.

        Raises `DatabaseError` where the engine refuses the query.
        """
        with standing(self.work, self.model, self.connection, query) as place:
            for test in self.tests:
                asked = ask(self.work, [test], self.connection, {self.model.id: place})[test.id]
                if not is_passed(asked):
                    return test.name, "error" if asked.outcome is None else "rows"
        return "", ""


def data_tests_of(project: Project, model: Node) -> tuple[Node, ...]:
    """The data tests that read a model, but for those that compare it with how it was before."""
    tests = (node for node in project.nodes.values() if node.resource_type == "test" and model.id in node.parents)
    return tuple(sorted((test for test in tests if not is_compared(test)), key=lambda test: test.id))


def judges_of(work: Work, model: Node, tests: Sequence[Node]) -> Judges:
    """The tests, asked once of the model as it stands. Raises `CompileError` where none of them can judge it."""
    if model.ephemeral or model.language != "sql":
        what = "is ephemeral" if model.ephemeral else "is no SQL model"
        raise CompileError(Problem(f"`{model.name}` {what}: its data tests cannot judge changes of it", model.place))
    connection = connection_for(work, model)
    query = work.compiler.compile(model, Live(connection)).sql or ""
    try:
        with standing(work, model, connection, query) as place:
            asked = ask(work, tests, connection, {model.id: place})
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        hint = f"build what it reads first: eltbuild build --select +{model.name}"
        text = f"`{model.name}` cannot be run over real rows: {error.message}"
        raise CompileError(Problem(text, model.place, hint)) from error
    passing = tuple(test for test in tests if is_passed(asked[test.id]))
    failing = tuple(test.name for test in tests if not is_passed(asked[test.id]))
    if not passing:
        text = f"no data test of `{model.name}` passes as it stands: {', '.join(failing[:5])}"
        raise CompileError(Problem(text, model.place))
    return Judges(work, model, connection, query, passing, failing)


def is_passed(asked: Asked) -> bool:
    """Whether a test was asked and found nothing, not even what would be a warning."""
    return asked.outcome is not None and asked.outcome.verdict == "pass"


@contextmanager
def standing(work: Work, model: Node, connection: Commented, query: str) -> Iterator[Relation]:
    """The rows of a query, in a temporary table for as long."""
    place = Relation(None, None, work.writer.fitted(NAME.format(model.name)))
    connection.execute(work.writer.drop(place))
    connection.execute(work.writer.create_table_as(place, query, temporary=True))
    try:
        yield place
    finally:
        try:
            connection.execute(work.writer.drop(place))
        except DatabaseError as error:
            if error.lost:
                raise
