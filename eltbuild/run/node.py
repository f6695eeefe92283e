"""One node, done: compile, gather the facts, let the materialization decide, carry its operations out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eltbuild.adapter import Answer, Connection
from eltbuild.compile.introspect import Live
from eltbuild.errors import DatabaseError, EltbuildError, InlinedError
from eltbuild.plan.incremental import is_microbatch
from eltbuild.plan.nouns import Facts, Load, Statement
from eltbuild.project.resources import Node, NodeId, Source, UnitTest
from eltbuild.run.broken_contract import telling
from eltbuild.run.changes import anew
from eltbuild.run.clone import run_clone
from eltbuild.run.events import Finished, Started
from eltbuild.run.facts import constrained, facts_of, standing, with_columns
from eltbuild.run.failure.effort import attempted
from eltbuild.run.freshness import run_freshness
from eltbuild.run.functions import run_function, run_table_function
from eltbuild.run.locate import explained, fault_of
from eltbuild.run.locations import with_location
from eltbuild.run.materialization import decided, own_materialization, planned_again, planned_late, run_materialization
from eltbuild.run.microbatch import run_batches
from eltbuild.run.ownership.owner import admitted, refuse_foreign
from eltbuild.run.performing import perform
from eltbuild.run.testing.alone import run_test
from eltbuild.run.unit_tests.bench import runs_on_target
from eltbuild.run.unit_tests.running import run_unit_test
from eltbuild.run.work import (
    Clock,
    Work,
    build,
    check_query,
    compiled_text,
    connection_for,
    recipe_of,
    record,
    refreshes,
    succeeded,
)
from eltbuild.values import replace


def do(work: Work, id: NodeId, started: Started) -> Finished:
    """Do one node. What goes wrong is told in the event; nothing is raised but a request to stop."""
    resource = work.session.project.resource(id)
    clock = Clock()
    try:
        if isinstance(resource, Source) or (isinstance(resource, Node) and is_watched(work, resource)):
            result = run_freshness(work, resource, clock)
        elif isinstance(resource, Node):
            refuse_unreadable(work, resource)
            run = RUNNERS[resource.resource_type] if work.clones is None else run_clone
            result = attempted(work, resource, lambda: run(work, resource, clock))
        elif isinstance(resource, UnitTest):
            place = at_bench(work, resource)
            result = attempted(place, resource, lambda: run_unit_test(place, resource, clock))
        else:
            result = Finished(node=id, status="no-op", message="NO-OP", failures=0)
    except EltbuildError as error:
        problem = explained(work.session, resource, error)
        result = Finished(node=id, status="error", error=problem, message=str(problem), compiled_code=clock.sql)
        blamed = work.session.project.nodes.get(error.node) if isinstance(error, InlinedError) else resource
        result = replace(result, fault=fault_of(blamed, problem, error))
    finally:
        work.audits.ended(id)
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


def is_watched(work: Work, node: Node) -> bool:
    """Whether the run looks how fresh the node is, and does not build it."""
    return work.built_at is not None and node.resource_type != "operation"


def at_bench(work: Work, test: UnitTest) -> Work:
    """The work as a unit test does it: with the database in memory for the warehouse, unless it runs on the target."""
    if work.bench is None or runs_on_target(test, work.session.flag("ON_TARGET")):
        return replace(work, bench=None)
    return replace(work, connections=work.bench.connections)


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
    own = own_materialization(work, node)
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

    def found() -> Facts:
        return admitted(work, facts_of(work, node, connection, recipe, sql), connection)

    try:
        facts = found()
    except DatabaseError as error:
        if error.transient or error.lost or work.whole is not None or not node.config.get("pre-hook"):
            raise
        assert node.relation is not None
        refuse_foreign(work, node, standing(work, connection, node, False), connection)
        late = planned_late(work, node.relation, recipe, live, found)
        answer = build(work, node, connection, live, (), recipe.transaction, planned=late)
    else:
        again = anew(work, facts)
        if again is not None:
            return run_model(work, again, clock)
        operations = decided(work, facts, recipe, live)
        planned = planned_again(work, facts, operations, recipe, live, found)
        with telling(facts, connection, work.writer):
            answer = build(work, node, connection, live, operations, recipe.transaction, planned=planned)
    record(work, node)
    return succeeded(work, node, answer, sql)


def run_python(work: Work, node: Node, clock: Clock) -> Finished:
    """A Python model: its rows staged, then materialized like those of a query."""
    from eltbuild.plan.rows import columns_of
    from eltbuild.run.python_models import ModelContext, run_model, to_arrow

    connection = connection_for(work, node)
    live = Live(connection)
    recipe = recipe_of(node)
    node = constrained(work, node, live)
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

        def found() -> Facts:
            return admitted(work, facts_of(work, node, connection, recipe, sql), connection)

        facts = found()
        again = anew(work, facts)
        if again is None:
            operations = decided(work, facts, recipe, live)
            planned = planned_again(work, facts, operations, recipe, live, found)
            with telling(facts, connection, work.writer):
                answer = build(work, node, connection, live, operations, recipe.transaction, planned=planned)
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
    from eltbuild.run.loading.seeds import read_seed, refused, remarks

    connection = connection_for(work, node)
    live = Live(connection)
    root, able = Path(work.session.project.root), work.writer.capabilities
    rows = read_seed(node, root, able)
    for text in remarks(node, root, rows.column_names, able):
        work.session.say(text, "warn", "warning", node.id)
    clock.mark(None)
    recipe = recipe_of(node)

    def found() -> Facts:
        facts = facts_of(work, node, connection, recipe, "", rows=rows)
        return admitted(work, replace(facts, existing=with_columns(work, connection, node, facts.existing)), connection)

    facts = found()
    operations = decided(work, facts, recipe, live)
    planned = planned_again(work, facts, operations, recipe, live, found)
    try:
        answer = build(work, node, connection, live, operations, recipe.transaction, planned=planned)
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        raise refused(node, Path(work.session.project.root), error) from error
    record(work, node)
    count = 0 if facts.empty else rows.num_rows
    verb = "CREATE" if facts.full_refresh else "INSERT"
    return succeeded(work, node, replace(answer, affected=count, message=f"{verb} {count}"), None)


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


RUNNERS: Mapping[str, Callable[[Work, Node, Clock], Finished]] = {
    "model": run_model,
    "snapshot": run_model,
    "seed": run_seed,
    "test": run_test,
    "operation": run_operation,
    "analysis": run_test,
    "function": run_function,
}
