"""One node, done: compile, gather the facts, let the materialization decide, carry its operations out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eltbuild.adapter import Answer, Connection
from eltbuild.compile.freshness import loaded_at_query, source_text
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, DatabaseError, EltbuildError, InlinedError, Problem
from eltbuild.plan.incremental import is_microbatch
from eltbuild.plan.materialize import MATERIALIZATIONS
from eltbuild.plan.nouns import Load, Statement
from eltbuild.project.resources import Node, NodeId, Source, UnitTest
from eltbuild.quality import data_tests, freshness
from eltbuild.relation import RelationKind
from eltbuild.run.changes import anew
from eltbuild.run.clone import run_clone
from eltbuild.run.events import Finished, Started
from eltbuild.run.facts import constrained, facts_of, standing
from eltbuild.run.failure.effort import attempted
from eltbuild.run.functions import run_function, run_table_function
from eltbuild.run.locate import explained, fault_of
from eltbuild.run.locations import with_location
from eltbuild.run.materialization import asked_by, decided, run_materialization
from eltbuild.run.microbatch import run_batches
from eltbuild.run.ownership.owner import admitted, refuse_foreign
from eltbuild.run.performing import perform
from eltbuild.run.responses import response_of
from eltbuild.run.sessions import Commented
from eltbuild.run.unit_test import run_unit_test
from eltbuild.run.work import (
    Clock,
    Work,
    build,
    compiled_text,
    connection_for,
    executing,
    published,
    recipe_of,
    record,
    refreshes,
    succeeded,
)


def do(work: Work, id: NodeId, started: Started) -> Finished:
    """Do one node. What goes wrong is told in the event; nothing is raised but a request to stop."""
    resource = work.session.project.resource(id)
    clock = Clock()
    try:
        if isinstance(resource, Source):
            result = run_freshness(work, resource, clock)
        elif isinstance(resource, Node):
            refuse_unreadable(work, resource)
            run = RUNNERS[resource.resource_type] if work.clones is None else run_clone
            result = attempted(work, resource, lambda: run(work, resource, clock))
        elif isinstance(resource, UnitTest):
            result = attempted(work, resource, lambda: run_unit_test(work, resource, clock))
        else:
            result = Finished(node=id, status="no-op", message="NO-OP", failures=0)
    except EltbuildError as error:
        problem = explained(work.session, resource, error)
        result = Finished(node=id, status="error", error=problem, message=str(problem), compiled_code=clock.sql)
        blamed = work.session.project.nodes.get(error.node) if isinstance(error, InlinedError) else resource
        result = replace(result, fault=fault_of(blamed, problem, error))
    return replace(
        result,
        executed=work.executed.pop(id, None),
        seconds=clock.elapsed,
        timing=clock.timing(),
        index=started.index,
        total=started.total,
        thread=started.thread,
        at=datetime.now(UTC),
    )


def refuse_unreadable(work: Work, node: Node) -> None:
    """Raise the error of the first source of the node whose file could not be loaded."""
    for parent in node.parents if work.unreadable else ():
        if parent in work.unreadable:
            raise work.unreadable[parent]


def run_model(work: Work, node: Node, clock: Clock) -> Finished:
    """A model or a snapshot: its query, materialized."""
    if node.ephemeral:
        return Finished(node=node.id, status="success", message="ephemeral")
    connection = connection_for(work, node)
    live = Live(connection)
    own = work.session.macros.materialization(node.materialized, node.package)
    if own is not None:
        return run_materialization(work, node, own, clock)
    if node.language == "python":
        return run_python(work, node, clock)
    if node.materialized == "table_function":
        return run_table_function(work, node, clock)
    recipe = recipe_of(node)
    node = with_location(work, constrained(work, node, live), live)
    if is_microbatch(node):
        return run_batches(work, node, recipe, clock)
    sql = compiled_text(work, node, live).sql or ""
    clock.mark(sql)
    check_query(node, sql)
    facts = admitted(work, facts_of(work, node, connection, recipe, sql), connection)
    again = anew(work, facts)
    if again is not None:
        return run_model(work, again, clock)
    operations = decided(work, facts, recipe, live)
    answer = build(work, node, connection, live, operations, recipe.transaction)
    record(work, node)
    return succeeded(work, node, answer, sql)


COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def check_query(node: Node, sql: str) -> None:
    """Refuse a model without a query. Raises `CompileError`."""
    if not sql.strip() or not COMMENTS.sub("", sql).strip():
        raise CompileError(Problem(f"{node.resource_type} `{node.name}` has no query", node.place))


def run_python(work: Work, node: Node, clock: Clock) -> Finished:
    """A Python model: its rows staged, then materialized like those of a query."""
    from eltbuild.plan.rows import columns_of
    from eltbuild.run.python_models import ModelContext, run_model, to_arrow

    connection = connection_for(work, node)
    live = Live(connection)
    recipe = recipe_of(node)
    assert node.relation is not None
    existing = standing(work, connection, node, False)
    incremental = node.materialized == "incremental" and existing is not None and not refreshes(work, node)
    refuse_foreign(work, node, existing, connection)
    resolve = _resolver(work, node, connection)
    clock.mark(node.code)
    context = ModelContext(node, work.writer.relation(node.relation), resolve, incremental)
    rows = to_arrow(node, run_model(node, context, getattr(connection, "session", None)))
    staged = work.writer.session(node.relation, f"__py{work.temporary}")
    lines = tuple(work.writer.definition(column) for column in columns_of(rows, work.writer))
    drop = work.writer.drop(staged, "table")
    stage = (drop, work.writer.create_table(staged, lines, temporary=True))
    with connection.passing():
        perform(connection, (*(Statement(sql, "stage") for sql in stage), Load(staged, rows, "stage")))
    try:
        sql = f"select * from {work.writer.relation(staged)}"
        facts = admitted(work, facts_of(work, node, connection, recipe, sql), connection)
        again = anew(work, facts)
        if again is None:
            answer = build(work, node, connection, live, decided(work, facts, recipe, live), recipe.transaction)
    finally:
        connection.dismiss(drop)
    if again is not None:
        return run_python(work, again, clock)
    record(work, node)
    return succeeded(work, node, replace(answer, affected=rows.num_rows), node.code)


def _resolver(work: Work, node: Node, connection: Connection) -> Callable[[str, tuple[Any, ...], dict[str, Any]], Any]:
    def resolve(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        query = work.compiler.render_hook(node, _call_text(kind, args, kwargs), Live(connection), {})
        text = f"select * from {query}"
        table = getattr(connection, "table", None)
        return table(text) if table is not None else connection.read(text)

    return resolve


def _call_text(kind: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    parts = [repr(str(arg)) for arg in args] + [f"{key}={value!r}" for key, value in kwargs.items()]
    return "{{ " + f"{kind}({', '.join(parts)})" + " }}"


def run_seed(work: Work, node: Node, clock: Clock) -> Finished:
    """A seed: its file's rows, loaded in bulk."""
    from eltbuild.run.loading.seeds import read_seed, refused, untyped

    connection = connection_for(work, node)
    live = Live(connection)
    rows = read_seed(node, Path(work.session.project.root), work.writer.capabilities)
    for text in untyped(node, rows.column_names):
        work.session.say(text, "warn", "warning", node.id)
    clock.mark(None)
    recipe = recipe_of(node)
    facts = facts_of(work, node, connection, recipe, "", rows=rows)
    facts = admitted(work, replace(facts, existing=standing(work, connection, node, columns=True)), connection)
    try:
        answer = build(work, node, connection, live, decided(work, facts, recipe, live), recipe.transaction)
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        raise refused(node, Path(work.session.project.root), error) from error
    record(work, node)
    count = 0 if facts.empty else rows.num_rows
    verb = "CREATE" if facts.full_refresh else "INSERT"
    return succeeded(work, node, replace(answer, affected=count, message=f"{verb} {count}"), None)


def run_test(work: Work, node: Node, clock: Clock) -> Finished:
    """A data test: the count of its failing rows, and the verdict."""
    connection = connection_for(work, node)
    sql = compiled_text(work, node, Live(connection)).sql or ""
    clock.mark(sql)
    check_query(node, sql)
    data_tests.check_kept(node)
    kept = data_tests.stores_failures(node, work.session.flag("STORE_FAILURES"))
    name = None if kept is None else store_failures(work, node, connection, sql, kept)
    own = work.session.macros.test_materialization()
    question = data_tests.question(node, sql) if name is None else data_tests.question_of_stored(node, name)
    with executing(work, node, connection):
        answer = connection.execute(question) if own is None else asked_by(work, node, own, Live(connection), sql)
    outcome = data_tests.verdict(node, answer)
    return Finished(
        node=node.id,
        status=outcome.verdict,
        message=outcome.message,
        failures=outcome.failures,
        compiled_code=sql,
        relation_name=name,
        response=response_of(answer),
    )


def store_failures(work: Work, node: Node, connection: Commented, sql: str, kind: str) -> str:
    """Keep a test's failing rows as a table or a view; the name under which they stand."""
    kept = replace(node, config={**node.config, "store_failures_as": kind})
    limit = node.config.get("limit")
    text = work.writer.limited(sql, int(limit)) if limit is not None else sql
    recipe = MATERIALIZATIONS["test"]
    facts = admitted(work, facts_of(work, kept, connection, recipe, text), connection)
    left: RelationKind = "view" if kind == "view" else "table"
    place = (kept, facts.relation, left, "")
    work.ledger.announced(*place[:3])
    with published(work, kept, connection):
        perform(connection, (*facts.adoption, *recipe.materialize(facts, work.writer), *facts.adopted))
        perform(connection, work.ledger.recording(*place))
    work.ledger.recorded(*place)
    work.catalogue.record(facts.relation, left)
    return work.writer.relation(data_tests.stored_at(node))


def run_operation(work: Work, node: Node, clock: Clock) -> Finished:
    """A hook of the whole run."""
    connection = connection_for(work, node)
    sql = work.compiler.render_hook(node, node.code, Live(connection), work.hook_names)
    clock.mark(sql)
    with connection.unjudged():
        answer = connection.execute(sql) if sql.strip() else Answer()
    result = succeeded(work, replace(node, relation=None), answer, sql)
    return replace(result, message=f"{hook_name(node)} passed", response={})


def hook_name(node: Node) -> str:
    """The hook of a whole run as results name it: `shop.on-run-start.0`."""
    when = next((tag for tag in node.tags if tag in WHOLE_RUN), "hook")
    return f"{node.package}.{when}.{node.name.rpartition('-')[2]}"


WHOLE_RUN = ("on-run-start", "on-run-end")
"""When the hooks of a whole run are called; each has it for its tag."""


def run_freshness(work: Work, source: Source, clock: Clock) -> Finished:
    """How fresh a source is; an error has a status of its own."""
    try:
        return attempted(work, source, lambda: measure_freshness(work, source, clock))
    except (DatabaseError, CompileError) as error:
        problem = error.problems[0]
        problem = replace(problem, place=problem.place or source.place)
        return Finished(
            node=source.id, status="runtime error", error=problem, message=str(problem), compiled_code=clock.sql
        )


def measure_freshness(work: Work, source: Source, clock: Clock) -> Finished:
    """When a source was last loaded, and whether that is recent enough."""
    connection = work.connections.here()
    connection.comment = connection.after = ""
    relation = source_text(work.session, source)
    query = loaded_at_query(work.session, source, Live(connection))
    sql = freshness.question(source, relation, query)
    clock.mark(sql)
    answer = connection.execute(sql)
    age = freshness.verdict(source, answer.rows[0], work.now)
    rules = source.freshness or {}
    return Finished(
        node=source.id,
        status=age.status,
        compiled_code=sql,
        response=response_of(answer),
        extra={
            "max_loaded_at": age.loaded_at,
            "snapshotted_at": age.at,
            "age": age.seconds,
            "criteria": {key: rules.get(key) for key in ("warn_after", "error_after", "filter")},
        },
    )


RUNNERS: Mapping[str, Callable[[Work, Node, Clock], Finished]] = {
    "model": run_model,
    "snapshot": run_model,
    "seed": run_seed,
    "test": run_test,
    "operation": run_operation,
    "analysis": run_test,
    "function": run_function,
}
