"""`eltbuild run-operation`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eltbuild.adapter import Connection
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.rendered import RESULTS, keep_last_run
from eltbuild.commands.reporting import EXIT, Reporter, invocation_of, keep_artifact, keep_manifest, masking
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import Live
from eltbuild.compile.known_names import is_own_macro
from eltbuild.errors import CompileError, DatabaseError, Problem, ProjectError, UsageError, did_you_mean
from eltbuild.project.resources import Macro, Node
from eltbuild.report.problems import tell
from eltbuild.run.aside import foreground
from eltbuild.run.events import Finished, Message, Results, Timing
from eltbuild.values import replace


def command(options: Options, macro: str | None) -> int:
    """Call a macro, or run SQL, against the target; the exit code."""
    if (macro is None) == (options.sql is None):
        raise UsageError(Problem("name a macro, or give SQL with --sql", hint="eltbuild run-operation my_macro"))
    opened = open_project(options, "run-operation")
    try:
        keep_manifest(opened)
        with Reporter(opened, progress_is_output=True) as reporter:
            session = replace(
                opened.session,
                say=lambda text, level, kind, node: reporter.handle(Message(text, level, node, kind)),  # type: ignore[arg-type]
            )
            opened = replace(opened, session=session)
            package = opened.project.settings.name
            called = macro_named(opened, macro) if macro is not None else None
            id = _id(called) if called is not None else f"sql_operation.{package}.inline_query"
            connection = foreground(opened.adapter)
            began = datetime.now(UTC)
            try:
                _operated(opened, connection, called)
            except DatabaseError as error:
                masked = DatabaseError(masking(opened)(error.message), sql=error.sql)
                _write(opened, id, began, Problem(masked.message))
                raise masked from error
            except CompileError as error:
                mask = masking(opened)
                told = [replace(p, message=mask(p.message), hint=mask(p.hint)) for p in error.problems]
                _write(opened, id, began, told[0])
                raise CompileError(*told) from error
            finally:
                connection.close()
            _write(opened, id, began, None)
            reporter.completed(True)
        return EXIT.ok
    except (CompileError, DatabaseError) as error:
        # The call was right, and what it called has failed.
        tell(error, sys.stderr)
        return EXIT.failed
    finally:
        opened.adapter.close()


def _write(opened: Opened, id: str, began: datetime, problem: Problem | None) -> None:
    """`run_results.json`, with the operation as its one result."""
    if opened.options.write_json is False:
        return
    from eltbuild.report.run_results import run_results

    now = datetime.now(UTC)
    seconds = (now - began).total_seconds()
    finished = Finished(
        node=id,
        status="error" if problem else "success",
        seconds=seconds,
        thread="MainThread",
        error=problem,
        failures=1 if problem else 0,
        timing=(Timing("compile", began, began), Timing("execute", began, now)),
        at=now,
    )
    value = run_results(
        Results((finished,), seconds), project=opened.project, invocation=invocation_of(opened), now=now
    )
    keep_last_run(opened.target_folder)
    keep_artifact(opened, opened.target_folder / RESULTS, value)


def _id(called: Macro | str) -> str:
    return f"macro.dbt.{called}" if isinstance(called, str) else called.id


ALONE = "25001"
"""The SQLSTATE of a statement that no transaction may hold, such as `vacuum` or `create database`."""


def _operated(opened: Opened, connection: Connection, called: Macro | str | None) -> None:
    """All in one transaction; where a statement stands in none, all anew, each statement by itself, as with dbt."""
    try:
        with connection.transaction():
            _operate(opened, connection, called)
    except (CompileError, DatabaseError) as error:
        if not _stands_alone(error):
            raise
        _operate(opened, connection, called)


def _stands_alone(error: BaseException | None) -> bool:
    """Whether that came of a statement that no transaction may hold: then nothing of it is left."""
    while error is not None and not isinstance(error, DatabaseError):
        error = error.__cause__
    return error is not None and error.code == ALONE


def _operate(opened: Opened, connection: Connection, called: Macro | str | None) -> None:
    compiler = Compiler(opened.session)
    if called is None:
        node = _node(opened)
        sql = compiler.render_hook(node, opened.options.sql or "", Live(connection), {})
        answer = connection.execute(sql)
        # What changes rows or makes something answers with a count, which is nobody's data.
        mask = masking(opened)
        for row in answer.rows if answer.affected is None else ():
            sys.stdout.write(mask("\t".join("" if value is None else str(value) for value in row)) + "\n")
        return
    if isinstance(called, str):
        names = {"operation_arguments": _arguments(opened.options.args)}
        text = "{% do dbt." + called + "(**operation_arguments) %}"
        compiler.render_hook(_node(opened), text, Live(connection), names)
        return
    compiler.call_macro(called, Live(connection), _arguments(opened.options.args))


def _node(opened: Opened) -> Node:
    package = opened.project.settings.name
    return Node(
        id=f"operation.{package}.inline", resource_type="operation", name="inline", package=package, path="inline",
        original_path="inline",
    )  # fmt: skip


def _arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in given.items()}


def macro_named(opened: Opened, name: str) -> Macro | str:
    """The macro that a name means, `package.name` included; for one of dbt's own its name alone.

    Raises `ProjectError`.
    """
    macros = opened.session.macros
    package, _, rest = name.rpartition(".")
    found = macros.by_package.get(package, {}).get(rest) if package else macros.find(name, macros.root)
    if found is None:
        found = next((m[name] for m in macros.by_package.values() if name in m), None) if not package else None
    if found is None and package in ("", "dbt") and is_own_macro(rest):
        return rest
    if found is None:
        hint = did_you_mean(name, macros.names(macros.root))
        raise ProjectError(Problem(f"there is no macro `{name}`", hint=hint))
    return found
