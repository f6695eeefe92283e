"""`eltbuild compile`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from eltbuild.commands.deferral import deferred
from eltbuild.commands.inline import NAME, inline_node
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.printing import print_node
from eltbuild.commands.rendered import endings, standing_alone, write_rendered
from eltbuild.commands.reporting import EXIT, CompiledFiles, Reporter, masking, write_manifest
from eltbuild.commands.selecting import choose
from eltbuild.compile.compiled import Compiled
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, EltbuildError, Problem
from eltbuild.project.resources import Node, NodeId
from eltbuild.report.text import count
from eltbuild.run.aside import foreground
from eltbuild.values import replace


def command(options: Options) -> int:
    """Render what is selected; the exit code."""
    opened = open_project(options, "compile")
    try:
        if options.inline is not None:
            opened, node = inline_node(opened, options.inline)
            opened = deferred(opened, (node.id,))
            began = datetime.now(UTC)
            done, errors, _ = render(opened, [node])
            if errors:
                raise errors[node.id]
            write_rendered(opened, endings([node], done, errors, began), began)
            with Reporter(opened) as reporter:
                _print(opened, reporter, node, done[node.id])
                reporter.completed(True)
            return EXIT.ok
        with Reporter(opened) as reporter:
            chosen = choose(opened, "compile")
            opened = deferred(opened, chosen.ids)
            reporter.problems((*opened.project.problems, *chosen.warnings))
            nodes = [resource for resource in chosen.resources(opened.project) if isinstance(resource, Node)]
            began = datetime.now(UTC)
            compiled, errors, inlined = render(opened, nodes)
            write(opened, {**inlined, **compiled})
            write_rendered(opened, endings(standing_alone(nodes), compiled, errors, began), began)
            if errors:
                reporter.problems([problem.as_error() for error in errors.values() for problem in error.problems])
            if reporter.console is not None and not errors:
                reporter.console.note(
                    f"compiled {count(len(compiled), 'node')} into {opened.target_folder / 'compiled'}"
                )
            named = {word for text in opened.options.select for word in text.replace(",", " ").split()}
            for node in nodes:
                if node.name in named and node.id in compiled:
                    _print(opened, reporter, node, compiled[node.id])
            reporter.completed(not errors)
        return EXIT.wrong if errors else EXIT.ok
    finally:
        opened.adapter.close()


Texts = Mapping[NodeId, Compiled]


def render(opened: Opened, nodes: list[Node]) -> tuple[Texts, dict[NodeId, EltbuildError], Texts]:
    """The text of each node, the errors of those that have none, and the texts of ephemeral models within the texts.

    The warehouse is asked where a template does.
    """
    invocation = replace(opened.session.invocation, selected=tuple(node.id for node in nodes))
    compiler = Compiler(replace(opened.session, invocation=invocation))
    done: dict[NodeId, Compiled] = {}
    errors: dict[NodeId, EltbuildError] = {}
    connection = None
    try:
        for node in nodes:
            if node.resource_type == "seed":
                continue
            try:
                text = compiler.compile(node)
                if text.query is None:
                    if opened.options.introspect is False:
                        raise CompileError(_not_asked(node))
                    connection = connection or foreground(opened.adapter)
                    text = compiler.compile(node, Live(connection))
                done[node.id] = text
            except CompileError as error:
                errors[node.id] = error
    finally:
        if connection is not None:
            connection.close()
    return done, errors, compiler.inlined


def _not_asked(node: Node) -> Problem:
    text = f"the text of `{node.name}` follows from what the warehouse answers, and --no-introspect lets nothing ask it"
    return Problem(text, node.place, "compile it without --no-introspect, or leave it out with --exclude")


def write(opened: Opened, compiled: Texts) -> None:
    """The texts under `target/compiled`, and the manifest."""
    files = CompiledFiles(opened)
    for id, text in compiled.items():
        if text.sql is not None:
            files.write(id, text.sql)
    if opened.options.write_json is not False:
        write_manifest(opened, compiled)


def _print(opened: Opened, reporter: Reporter, node: Node, text: Compiled) -> None:
    sql = masking(opened)(text.sql or "")
    style = opened.options.output or "text"
    if style == "json":
        value = {"compiled": sql} if node.name == NAME else {"node": node.name, "compiled": sql}
        sql = json.dumps(value, indent=2)
    print_node(reporter, node, sql.strip("\n"), "Compiled", style)
