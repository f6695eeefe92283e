"""`eltbuild run-operation`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eltbuild.adapter import Connection
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, masking
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, DatabaseError, Problem, ProjectError, UsageError, did_you_mean
from eltbuild.project.resources import Macro, Node
from eltbuild.run.events import Message


def command(options: Options, macro: str | None) -> int:
    """Call a macro, or run SQL, against the target; the exit code."""
    if (macro is None) == (options.sql is None):
        raise UsageError(Problem("name a macro, or give SQL with --sql", hint="eltbuild run-operation my_macro"))
    opened = open_project(options, "run-operation")
    try:
        with Reporter(opened) as reporter:
            session = replace(
                opened.session,
                say=lambda text, level, kind, node: reporter.handle(Message(text, level, node, kind)),  # type: ignore[arg-type]
            )
            opened = replace(opened, session=session)
            connection = opened.adapter.connect()
            try:
                with connection.transaction():
                    _operate(opened, connection, macro)
            except DatabaseError as error:
                raise DatabaseError(masking(opened)(error.message), sql=error.sql) from error
            except CompileError as error:
                mask = masking(opened)
                told = [replace(p, message=mask(p.message), hint=mask(p.hint)) for p in error.problems]
                raise CompileError(*told) from error
            finally:
                connection.close()
            reporter.completed(True)
        return EXIT.ok
    finally:
        opened.adapter.close()


def _operate(opened: Opened, connection: Connection, name: str | None) -> None:
    compiler = Compiler(opened.session)
    if name is None:
        node = _node(opened)
        sql = compiler.render_hook(node, opened.options.sql or "", Live(connection), {})
        answer = connection.execute(sql)
        # What changes rows or makes something answers with a count, which is nobody's data.
        for row in answer.rows if answer.affected is None else ():
            sys.stdout.write("\t".join("" if value is None else str(value) for value in row) + "\n")
        return
    found = macro_named(opened, name)
    compiler.call_macro(found, Live(connection), _arguments(opened.options.args))


def _node(opened: Opened) -> Node:
    package = opened.project.settings.name
    return Node(
        id=f"operation.{package}.inline", resource_type="operation", name="inline", package=package, path="inline",
        original_path="inline",
    )  # fmt: skip


def _arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in given.items()}


def macro_named(opened: Opened, name: str) -> Macro:
    """The macro that a name means, `package.name` included. Raises `ProjectError`."""
    macros = opened.session.macros
    package, _, rest = name.rpartition(".")
    found = macros.by_package.get(package, {}).get(rest) if package else macros.find(name, macros.root)
    if found is None:
        found = next((m[name] for m in macros.by_package.values() if name in m), None) if not package else None
    if found is None:
        hint = did_you_mean(name, macros.names(macros.root))
        raise ProjectError(Problem(f"there is no macro `{name}`", hint=hint))
    return found
