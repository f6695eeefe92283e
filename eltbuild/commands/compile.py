"""`eltbuild compile`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from eltbuild.commands.deferral import deferred
from eltbuild.commands.inline import inline_node
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.rendered import endings, standing_alone, write_rendered
from eltbuild.commands.reporting import EXIT, CompiledFiles, Reporter, masking, write_manifest
from eltbuild.commands.selecting import choose
from eltbuild.compile.compiled import Compiled
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, EltbuildError
from eltbuild.project.resources import Node, NodeId
from eltbuild.report.text import count
from eltbuild.run.aside import foreground


def command(options: Options) -> int:
    """Render what is selected; the exit code."""
    opened = open_project(options, "compile")
    try:
        if options.inline is not None:
            opened, node = inline_node(opened, options.inline)
            opened = deferred(opened, (node.id,))
            began = datetime.now(UTC)
            done, errors = render(opened, [node])
            if errors:
                raise errors[node.id]
            write_rendered(opened, endings([node], done, errors, began), began)
            _print(opened, node, done[node.id])
            return EXIT.ok
        with Reporter(opened) as reporter:
            chosen = choose(opened, "compile")
            opened = deferred(opened, chosen.ids)
            reporter.problems((*opened.project.problems, *chosen.warnings))
            nodes = [resource for resource in chosen.resources(opened.project) if isinstance(resource, Node)]
            began = datetime.now(UTC)
            compiled, errors = render(opened, nodes)
            write(opened, compiled)
            write_rendered(opened, endings(standing_alone(nodes), compiled, errors, began), began)
            if errors:
                reporter.problems([problem.as_error() for error in errors.values() for problem in error.problems])
            if reporter.console is not None and not errors:
                reporter.console.note(
                    f"compiled {count(len(compiled), 'node')} into {opened.target_folder / 'compiled'}"
                )
            reporter.completed(not errors)
        named = {word for text in opened.options.select for word in text.replace(",", " ").split()}
        for node in nodes:
            if node.name in named and node.id in compiled:
                _print(opened, node, compiled[node.id])
        return EXIT.failed if errors else EXIT.ok
    finally:
        opened.adapter.close()


def render(opened: Opened, nodes: list[Node]) -> tuple[dict[NodeId, Compiled], dict[NodeId, EltbuildError]]:
    """The text of each node, and the errors of those that have none; the warehouse is asked where a template does."""
    compiler = Compiler(opened.session)
    done: dict[NodeId, Compiled] = {}
    errors: dict[NodeId, EltbuildError] = {}
    connection = None
    try:
        for node in nodes:
            if node.resource_type == "seed":
                continue
            try:
                text = compiler.compile(node)
                if text.query is None and opened.options.introspect is not False:
                    connection = connection or foreground(opened.adapter)
                    text = compiler.compile(node, Live(connection))
                done[node.id] = text
            except CompileError as error:
                errors[node.id] = error
    finally:
        if connection is not None:
            connection.close()
    return done, errors


def write(opened: Opened, compiled: dict[NodeId, Compiled]) -> None:
    """The texts under `target/compiled`, and the manifest."""
    files = CompiledFiles(opened)
    for id, text in compiled.items():
        if text.sql is not None:
            files.write(id, text.sql)
    if opened.options.write_json is not False:
        write_manifest(opened, compiled)


def _print(opened: Opened, node: Node, text: Compiled) -> None:
    sql = masking(opened)(text.sql if text.sql is not None else "-- only the warehouse can tell: it was not asked")
    if opened.options.output == "json":
        value = {"compiled": sql} if node.name == "inline_query" else {"node": node.name, "compiled": sql}
        sys.stdout.write(json.dumps(value, indent=2) + "\n")
    else:
        sys.stdout.write(sql.strip("\n") + "\n")
