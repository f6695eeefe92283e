"""Functions of the project in the database in memory, for the unit tests of models that call them."""

from __future__ import annotations

from collections.abc import Iterator

from eltbuild.compile.introspect import BLANK
from eltbuild.errors import CompileError, DatabaseError, EltbuildError, Problem
from eltbuild.plan.user_functions import kind_of
from eltbuild.project.resources import Node
from eltbuild.relation import Relation
from eltbuild.run.unit_tests.bench import HINT, Bench
from eltbuild.run.work import Work
from eltbuild.sql.functions import Signature, create_functions, create_table_macro, is_possible, signature_of
from eltbuild.sql.transpile import transpiled, type_in


def make_functions(work: Work, bench: Bench, model: Node) -> None:
    """The functions that the model calls, and those that these call, stand in the database in memory.

    Raises `CompileError` for one that cannot be made there.
    """
    for node in _called(work, model, set()):
        with bench.making:
            if node.id not in bench.made:
                bench.made[node.id] = _made(work, bench, node)
            refused = bench.made[node.id]
        if refused is not None:
            text = f"function `{node.name}` cannot be made in memory: {refused.problems[0].message}"
            raise CompileError(Problem(text, refused.problems[0].place or node.place, HINT)) from refused


def _called(work: Work, node: Node, seen: set[str]) -> Iterator[Node]:
    """The functions above a node that are reached through functions alone; the first to be made come first."""
    for id in node.parents:
        parent = work.session.project.nodes.get(id)
        if parent is None or id in seen:
            continue
        if parent.resource_type == "function" or parent.materialized == "table_function":
            seen.add(id)
            yield from _called(work, parent, seen)
            yield parent


def _made(work: Work, bench: Bench, node: Node) -> EltbuildError | None:
    """Make one function; why it could not be made."""
    connection = bench.here()
    try:
        for statement in _statements(work, bench, node):
            connection.execute(statement)
    except EltbuildError as error:
        if isinstance(error, DatabaseError) and (error.transient or error.lost):
            raise
        return error
    return None


def _statements(work: Work, bench: Bench, node: Node) -> Iterator[str]:
    assert node.relation is not None
    writer, dialect = bench.writer, work.session.dialect
    if node.language != "sql" or not is_possible(writer.dialect, kind_of(node)):
        raise CompileError(Problem(f"it is a {kind_of(node)} function in {node.language}", node.place))
    body = work.compiler.compile(node, BLANK).sql or ""
    yield writer.create_schema(Relation(node.relation.database, node.relation.schema, None))
    name = writer.relation(node.relation)
    if node.materialized == "table_function":
        given = node.config.get("parameters") or ()
        parameters = given if isinstance(given, str) else ", ".join(map(str, given))
        yield create_table_macro(name, parameters, transpiled(body, dialect, writer.dialect), writer.dialect)
        return
    forms = [signature_of(node.extra, body)]
    for overload in node.extra.get("overloads") or ():
        text = work.compiler.render_hook(node, str(overload.get("raw_body", "")), BLANK, {})
        forms.append(signature_of(overload, text))
    spoken = [_spoken(form, dialect, writer.dialect) for form in forms]
    yield from create_functions(writer.dialect, name, kind_of(node), spoken)


def _spoken(form: Signature, source: str, target: str) -> Signature:
    """The form in the words of the engine in memory."""
    if source == target:
        return form
    from dataclasses import replace

    arguments = tuple(replace(one, type=type_in(one.type, source, target)) for one in form.arguments)
    query = form.body.strip().lower().startswith(("select", "with"))
    body = transpiled(form.body if query else f"select {form.body}", source, target)
    return Signature(arguments, type_in(form.returns, source, target), body)
