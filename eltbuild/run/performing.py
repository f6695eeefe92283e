"""Carrying operations out, in order. What they are is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from eltbuild.adapter import Answer, Connection
from eltbuild.errors import CompileError, DatabaseError, Problem
from eltbuild.plan.hooked import stands
from eltbuild.plan.nouns import Audit, Call, Check, Inquiry, Load, Operation, Restore, Seize, Statement
from eltbuild.values import replace

Warn = Callable[[Problem], None]
"""Tells a problem that refuses nothing."""


def perform(connection: Connection, operations: Iterable[Operation], warn: Warn = lambda problem: None) -> Answer:
    """Carry operations out in order; the answer of those labelled `main`, else of the last that wrote."""
    main: Answer | None = None
    last = Answer()
    for operation in operations:
        match operation:
            case Statement(sql, label, doubt):
                last = execute(connection, sql, doubt)
            case Load(relation, rows, label):
                count = connection.load(relation, rows)
                last = Answer(affected=count, message=f"INSERT {count}")
                main = last if main is None else main
            case Call(run, label):
                last = run(connection) or Answer()
            case Check(label=label):
                check(connection, operation, warn)
            case Inquiry(label=label):
                inquire(connection, operation)
            case Audit():
                raise AssertionError("an audit is no operation of its own: `run.auditing` makes calls of them")
            case Seize(label=label):
                last = seize(connection, operation)
                main = last if main is None else main
            case Restore(label=label):
                restore(connection, operation)
        if label == "main":
            main = last if main is None or main is last else _together(main, last)
    return main or last


def _together(one: Answer, other: Answer) -> Answer:
    """The answer of two statements that did one thing: the rows that either wrote."""
    if one.affected is None or other.affected is None:
        return other
    return replace(other, affected=one.affected + other.affected)


def seize(connection: Connection, asked: Seize) -> Answer:
    """Take the locks and go on with them, or do otherwise without.

    Raises `DatabaseError`, a transient one where the locks are not to be had or something else hangs there by now.
    """
    connection.execute(asked.sql)
    if not connection.execute(asked.held).scalar():
        if asked.otherwise:
            return perform(connection, asked.otherwise)
        text = f"`{asked.relation}`, or what stands on it, is always in use by others and cannot be replaced"
        raise DatabaseError(text, transient=True, hint="run it when long queries and open transactions are over")
    if connection.belongings(asked.relation) != asked.belongings:
        raise DatabaseError(f"what hangs on `{asked.relation}` was changed while it was rebuilt", transient=True)
    return perform(connection, asked.then)


def restore(connection: Connection, asked: Restore) -> None:
    """What is to come along and does not stand yet is made. Raises `CompileError` where hooks left something out."""
    standing = connection.belongings(asked.relation)
    lost = [what for what in asked.bound if what not in standing.bound]
    if lost:
        text = f"the old `{asked.relation}` had {', '.join(lost)}: no hook has made that on the new one"
        raise CompileError(Problem(text, hint="drop it first if it is not meant any more"))
    for thing, operations in asked.things:
        if not stands(thing, standing):
            perform(connection, operations)


def check(connection: Connection, asked: Check, warn: Warn) -> None:
    """Ask. Raises `CompileError` where the answer is an error, or where the engine finds no sense in the question."""
    answer = execute(connection, asked.sql, asked.doubt)
    if not answer.rows:
        return
    problem = asked.problem(answer)
    if problem.severity == "error":
        raise CompileError(problem)
    warn(problem)


def inquire(connection: Connection, asked: Inquiry) -> None:
    """Ask all. Raises `CompileError` where any has an answer, or where the engine finds no sense in one."""
    answers: list[Answer] = []
    senseless: CompileError | None = None
    for question in asked.questions:
        try:
            answers.append(execute(connection, question, asked.doubt))
        except CompileError as error:
            # What was found before says more, and a transaction may be over now.
            senseless = error
            break
    if any(answer.rows for answer in answers):
        raise CompileError(asked.problem(answers))
    if senseless is not None:
        raise senseless


def execute(connection: Connection, sql: str, doubt: str) -> Answer:
    """The answer to a statement. Raises `CompileError` with the doubt, if there is one, where the engine refuses it."""
    try:
        return connection.execute(sql)
    except DatabaseError as error:
        if not doubt or error.transient or error.lost:
            raise
        raise CompileError(Problem(f"{doubt}: {error.message}")) from error
