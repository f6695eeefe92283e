"""`eltbuild show`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from eltbuild.adapter import Connection
from eltbuild.commands.deferral import deferred
from eltbuild.commands.inline import NAME, inline_node
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.printing import print_node
from eltbuild.commands.rendered import endings, write_rendered
from eltbuild.commands.reporting import EXIT, Reporter, keep_manifest, masking
from eltbuild.commands.selecting import choose
from eltbuild.compile.compiled import Compiled
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, DatabaseError, Problem, UsageError
from eltbuild.project.resources import Node, NodeId
from eltbuild.report.show import Rows, shown
from eltbuild.report.terminal import terminal_of
from eltbuild.run.aside import foreground
from eltbuild.run.locate import located
from eltbuild.sql.writer import Writer
from eltbuild.values import replace

DEFAULT_LIMIT = 5


def command(options: Options) -> int:
    """Run the query of each selected node, or the inline one, and print its first rows; the exit code."""
    opened = open_project(options, "show")
    try:
        with Reporter(opened) as reporter:
            keep_manifest(opened)
            began = datetime.now(UTC)
            opened, nodes = _nodes(opened, reporter)
            if nodes:
                write_rendered(opened, endings(nodes, show_all(opened, reporter, nodes), {}, began), began)
            reporter.completed(True)
        return EXIT.ok
    finally:
        opened.adapter.close()


def show_all(opened: Opened, reporter: Reporter, nodes: Iterable[Node]) -> dict[NodeId, Compiled]:
    """Print the first rows of each node; the queries that were asked."""
    chosen = tuple(nodes)
    invocation = replace(opened.session.invocation, selected=tuple(node.id for node in chosen))
    opened = replace(opened, session=replace(opened.session, invocation=invocation))
    connection = foreground(opened.adapter)
    try:
        return {node.id: _show(opened, reporter, node, connection) for node in chosen}
    finally:
        connection.close()


def _nodes(opened: Opened, reporter: Reporter) -> tuple[Opened, list[Node]]:
    text = opened.options.inline
    if text is not None:
        opened, node = inline_node(opened, text)
        return deferred(opened, (node.id,)), [node]
    if not opened.options.select and not opened.options.selector:
        text = "Either --select or --inline must be passed to show: it says of what"
        raise UsageError(Problem(text, hint="name a model with --select, or give a query with --inline"))
    chosen = choose(opened, "show")
    reporter.problems(chosen.warnings)
    opened = deferred(opened, chosen.ids)
    found = chosen.resources(opened.project)
    named = [node for node in found if isinstance(node, Node)]
    # Tests come along with the models they test; who selects a model wants its rows.
    models = [node for node in named if node.resource_type != "test"]
    return opened, models or named


def _show(opened: Opened, reporter: Reporter, node: Node, connection: Connection) -> Compiled:
    options = opened.options
    limit = DEFAULT_LIMIT if options.limit is None else options.limit
    writer = Writer(opened.adapter.dialect, opened.adapter.capabilities)
    try:
        if (node.resource_type == "seed" or node.language == "python") and node.relation is not None:
            sql = f"select * from {writer.relation(node.relation)}"
        else:
            sql = Compiler(opened.session).compile(node, Live(connection)).sql or ""
        # One row more than is shown tells whether there are more.
        question = writer.limited(sql, limit + 1) if limit >= 0 else sql
        header = node.config.get("sql_header")
        answer = connection.execute(f"{header}\n{question}" if header else question)
    except DatabaseError as error:
        problem = located(opened.session, node, error)
        what = "inline query" if node.name == NAME else f"{node.resource_type} {node.name}"
        raise CompileError(replace(problem, message=f"Database Error in {what}: {problem.message}")) from error
    rows = answer.rows[:limit] if limit >= 0 else answer.rows
    terminal = terminal_of(sys.stdout, opened.project.environment, colours=options.use_colors)
    found = Rows(
        tuple(column.name for column in answer.columns), rows, None if node.name == NAME else node.name,
        more=len(answer.rows) > len(rows),
    )  # fmt: skip
    style = options.output or "text"
    text = shown(found, style=style, width=terminal.width, colour=terminal.colour, unicode=terminal.unicode)  # type: ignore[arg-type]
    print_node(reporter, node, masking(opened)(text), "Previewing", style)
    return Compiled(node=node.id, query=sql, sql=writer.limited(sql, limit) if limit >= 0 else sql)
