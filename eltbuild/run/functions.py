"""One user-defined function, made: its text, whose the one is that stands there, the statement.

A function is remembered like a relation, under its name with `()` behind it: a table may have the same name. It stands
the moment its statement commits, and what calls it calls the new one from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eltbuild.adapter import Connection
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, Problem
from eltbuild.plan.nouns import Call, Operation, Statement
from eltbuild.plan.user_functions import impossible, kind_of, macro_of
from eltbuild.project.resources import Node
from eltbuild.run.commented import Commented
from eltbuild.run.events import Finished
from eltbuild.run.ownership.archive_file import FOLDER, write_definition
from eltbuild.run.ownership.owner import FOREIGN, adopts, how_to_adopt, project_of, whose
from eltbuild.run.work import Clock, Work, build, compiled_text, connection_for, placed, succeeded
from eltbuild.sql.functions import (
    MACROS,
    create_table_macro,
    gives_table,
    signature_of,
    standing_functions,
)
from eltbuild.values import replace

REQUIRED = ("entry_point", "runtime_version")
"""What a function in Python must say of itself."""


def run_function(work: Work, node: Node, clock: Clock) -> Finished:
    """Make the function. Raises `CompileError` for what the engine cannot make, and for what is not the project's."""
    connection = connection_for(work, node)
    live = Live(connection)
    sql = compiled_text(work, node, live).sql or ""
    clock.mark(sql)
    operations = made(work, node, sql, live)
    adopted = taken_over(work, node, connection)
    answer = build(work, node, connection, live, (*operations, *adopted), transaction=True)
    message = answer.message if answer.message not in ("", "OK") else "CREATE FUNCTION"
    result = succeeded(work, node, replace(answer, message=message, affected=None), sql)
    overloads = [overload["defined_in"] for overload in node.extra.get("overloads") or ()]
    return replace(result, extra={**result.extra, "overload_results": {"successful": overloads, "failed": []}})


def run_table_function(work: Work, node: Node, clock: Clock) -> Finished:
    """A model that is a table with parameters: its query as a macro. Raises `CompileError` where an engine has none."""
    if work.session.dialect not in MACROS:
        text = f"`{node.name}`: this adapter has no materialization `table_function`"
        raise CompileError(Problem(text, node.place, "write a function of type `table`"))
    connection = connection_for(work, node)
    live = Live(connection)
    sql = compiled_text(work, node, live).sql or ""
    clock.mark(sql)
    adopted = taken_over(work, node, connection)
    assert node.relation is not None
    statement = create_table_macro(work.writer.relation(node.relation), parameters_of(node), sql, work.session.dialect)
    answer = build(work, node, connection, live, (Statement(statement), *adopted), transaction=True)
    return succeeded(work, node, replace(answer, affected=None), sql)


def parameters_of(node: Node) -> str:
    """The parameters of a table function, as its config writes them: a text, or a list of names."""
    given = node.config.get("parameters") or ()
    return given if isinstance(given, str) else ", ".join(map(str, given))


# What is to be done


def made(work: Work, node: Node, sql: str, live: Live) -> tuple[Operation, ...]:
    """The statements that make it, by the macros of the project where it has its own for that."""
    check(work, node)
    overloads = [
        signature_of(overload, work.compiler.render_hook(node, str(overload.get("raw_body", "")), live, {}))
        for overload in node.extra.get("overloads") or ()
    ]
    name = macro_of(node)
    found = work.session.macros.visible(name, node.package) is not None
    call = "{{ " + (name if found else f"adapter.dispatch('{name}', 'dbt')") + "(this) }}"
    names: dict[str, Any] = {"sql": sql, "compiled_code": sql}
    if work.session.dialect in MACROS:
        return (Statement(work.compiler.render_hook(node, call, live, {**names, "__overloads": tuple(overloads)})),)
    texts = [work.compiler.render_hook(node, call, live, names)]
    for form, overload in zip(overloads, node.extra.get("overloads") or (), strict=True):
        one = replace(node, extra={**node.extra, **overload, "overloads": []})
        texts.append(work.compiler.render_hook(one, call, live, {"sql": form.body, "compiled_code": form.body}))
    return tuple(Statement(text, "main" if index == 0 else "overload") for index, text in enumerate(texts))


def check(work: Work, node: Node) -> None:
    """Refuse a function that cannot be made. Raises `CompileError`."""
    kind, macros = kind_of(node), work.session.macros
    if node.language == "python":
        for key in REQUIRED:
            if not node.config.get(key):
                article = "An" if key[0] in "aeiou" else "A"
                text = f"function `{node.name}`: {article} `{key}` is required for python functions"
                raise CompileError(Problem(text, node.place, f"write `{key}:` under its `config:`"))
    name = macro_of(node)
    if macros.visible(name, node.package) or macros.overridden(name):
        return
    refused = impossible(node, work.session.dialect, lambda macro: False)
    if refused is not None:
        raise CompileError(refused)
    returns = str((node.extra.get("returns") or {}).get("data_type") or "")
    if not returns:
        text = f"function `{node.name}` does not say what it returns"
        raise CompileError(Problem(text, node.place, "describe it under `functions:` with `arguments:` and `returns:`"))
    if kind == "table" and not gives_table(returns):
        text = f"function `{node.name}` is of type table, and returns `{returns}`"
        raise CompileError(Problem(text, node.place, "write `returns: {data_type: table(id integer)}`"))


# Whose it is


def taken_over(work: Work, node: Node, connection: Commented) -> Sequence[Operation]:
    """What happens to a function that stands there and was built by others: it is written to a file, and remembered.

    Raises `CompileError` where it may not be replaced.
    """
    assert node.relation is not None
    place, kind = placed(node)
    if not work.ledger.remembers or work.ledger.owner(place) == project_of(work):
        return ()
    question = standing_functions(work.session.dialect, node.relation)
    standing = [str(row[0]) for row in connection.execute(question).rows] if question else []
    if not standing:
        return ()
    if not adopts(work, node):
        hint = f"{how_to_adopt(node)} takes it over and writes its definition below {FOLDER}"
        text = f"`{node.relation}` is a function {whose(work, place)}"
        raise CompileError(Problem(text, node.place, hint, name=FOREIGN))

    def keep(_: Connection) -> None:
        assert node.relation is not None
        path = write_definition(node.relation, standing, Path(work.session.project.root) / FOLDER, work.now)
        told = f"`{node.relation}` is taken over; its definition is in {FOLDER}/{path.name}"
        work.session.say(told, "info", "note", node.id)

    return (Call(keep, "note"), *work.ledger.noting(place, kind, "adopted", node.id))
