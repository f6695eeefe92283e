"""A microbatch model, slice by slice: each in its place; where the table is made anew, beside what stands there.

Which slices those are is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from eltbuild.adapter import Answer
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, DatabaseError, Problem
from eltbuild.plan.in_slices import begun, taken
from eltbuild.plan.incremental import increased
from eltbuild.plan.nouns import Batch, Facts, Operation, Recipe
from eltbuild.plan.publish import working_place
from eltbuild.project.resources import Node
from eltbuild.relation import Relation
from eltbuild.run.auditing import audited
from eltbuild.run.batches import as_results
from eltbuild.run.changes import anew
from eltbuild.run.commented import Commented
from eltbuild.run.events import Finished, Status
from eltbuild.run.facts import facts_of, is_audited, standing
from eltbuild.run.failure.effort import retried
from eltbuild.run.locate import explained, fault_of
from eltbuild.run.materialization import decided, own_strategy, planned_again, strategy_macro
from eltbuild.run.ownership.owner import admitted
from eltbuild.run.performing import perform
from eltbuild.run.slices import slices
from eltbuild.run.work import Clock, Work, build, connection_for, hooks, record, succeeded
from eltbuild.values import dataclass, field, replace

One = Callable[[int, Batch], "Answer | Node"]
"""Builds the slice of that number; gives the node in the stead of an answer where it is to be built from nothing."""


@dataclass(slots=True)
class Course:
    """How far a model has come."""

    done: list[Batch] = field(default_factory=list)
    failed: list[Batch] = field(default_factory=list)
    problem: Problem | None = None
    """The first one."""
    fault: str = ""
    """What it is, and of which node, in dbt's words."""
    written: int = 0
    """Rows."""
    halted: bool = False
    """Whether somebody wanted it to end."""
    anew: Node | None = None


def run_batches(work: Work, node: Node, recipe: Recipe, clock: Clock) -> Finished:
    """A microbatch model: slice after slice."""
    existing = standing(work, connection_for(work, node), node, False)
    incremental, planned = slices(work, node, existing)
    # Where nothing stands nobody reads, and a long first build that is cut short goes on where it was.
    first = existing is None and not is_audited(work, node)
    if incremental or not planned or first:
        course = followed(work, node, planned, partial(_added, work, node, recipe, clock, len(planned)))
    else:
        course = _remade(work, node, recipe, clock, planned)
    if course.anew is not None:
        return run_batches(replace(work, window=(None, None), batches={}, continues=0), course.anew, recipe, clock)
    return _finished(work, node, course, clock)


def followed(work: Work, node: Node, planned: tuple[Batch, ...], one: One, whole: bool = False) -> Course:
    """Slice after slice. Where the first fails the others would, too; `whole`: they are of no use without any one."""
    course = Course()
    for number, batch in enumerate(planned):
        try:
            answer = one(number, batch)
        except (CompileError, DatabaseError) as error:
            if course.problem is None:
                course.problem = explained(work.session, node, error)
                course.fault = fault_of(node, course.problem, error)
            course.failed.append(batch)
            course.halted = work.connections.mine().halted.is_set()
            if whole or number == 0 or course.halted:
                course.failed += planned[number + 1 :]
                break
            continue
        if isinstance(answer, Node):
            course.anew = answer
            break
        course.done.append(batch)
        course.written += answer.affected or 0
    return course


def _finished(work: Work, node: Node, course: Course, clock: Clock) -> Finished:
    status: Status = "success" if not course.failed else ("partial success" if course.done else "error")
    count, words = len(course.done), {"success": "SUCCESS", "error": "ERROR"}
    message = words.get(status) or f"PARTIAL SUCCESS ({count}/{count + len(course.failed)})"
    answer = Answer(affected=course.written, message=message)
    result = succeeded(work, node, answer, _shown(work, node, clock.sql or ""), status)
    slices = as_results({"successful": course.done, "failed": course.failed})
    result = replace(result, error=course.problem, fault=course.fault, batches=slices, failures=len(course.failed))
    return replace(result, message=str(course.problem)) if course.problem else result


def _shown(work: Work, node: Node, sql: str) -> str:
    """The text as users know it: `this` is where the model belongs, wherever it was made."""
    assert node.relation is not None
    place = working_place(node.relation, work.temporary, work.writer)
    return sql.replace(place.identifier or "", node.relation.identifier or "")


def _text(work: Work, node: Node, live: Live, batch: Batch, clock: Clock) -> str:
    sql = work.compiler.compile(node, live, (batch.start, batch.end)).sql or ""
    clock.mark(sql)
    return sql


def _hooked(node: Node, *kept: str) -> Node:
    """The node with those of its hooks alone."""
    hooks = {key: () for key in ("pre-hook", "post-hook") if key not in kept}
    return replace(node, config={**node.config, **hooks})


# In its place


def _added(
    work: Work, node: Node, recipe: Recipe, clock: Clock, count: int, number: int, batch: Batch
) -> Answer | Node:
    """One slice, by a session that was not lost; or the node as it is to be built from nothing."""
    keys = [key for key, at in (("pre-hook", 0), ("post-hook", count - 1)) if at == number]

    def one() -> Answer | Node:
        connection = connection_for(work, node)
        live = Live(connection)
        sql = _text(work, node, live, batch, clock)

        def found() -> Facts:
            facts = facts_of(work, node, connection, recipe, sql, full_refresh=False, batch=batch)
            return admitted(work, facts, connection)

        facts = found()
        again = anew(work, facts) if number == 0 else None
        if again is not None:
            return again
        operations = decided(work, facts, recipe, live, quiet=number > 0)
        planned = planned_again(work, facts, operations, recipe, live, found)
        return build(work, _hooked(node, *keys), connection, live, operations, recipe.transaction, (batch,), planned)

    answer = retried(work, node, one)
    if isinstance(answer, Answer):
        record(work, node)
    return answer


# Beside what stands there


def _remade(work: Work, node: Node, recipe: Recipe, clock: Clock, planned: tuple[Batch, ...]) -> Course:
    """All slices in a table beside what stands there, which then takes its place in one step.

    What stands there has rows that readers shall not miss: it is all slices or none.
    """
    assert node.relation is not None
    place = working_place(node.relation, work.temporary, work.writer)
    course = followed(work, node, planned, partial(_set_beside, work, node, recipe, clock, place), whole=True)
    try:
        if course.failed or course.halted:
            return _in_vain(node, course, planned)
        retried(work, node, partial(_take_place, work, node, recipe, place, tuple(course.done)))
    except (CompileError, DatabaseError) as error:
        problem = explained(work.session, node, error)
        return _in_vain(node, Course(problem=problem, fault=fault_of(node, problem, error)), planned)
    finally:
        work.catalogue.forget(place)
        work.connections.mine().dismiss(work.writer.drop(place, cascade=False))
    record(work, node)
    return course


def _in_vain(node: Node, course: Course, planned: tuple[Batch, ...]) -> Course:
    """The course of a model of which nothing new is to be seen, and why the old one stays."""
    problem = course.problem
    if problem is not None and course.failed and not course.halted:
        failed = course.failed[0]
        text = f"the batch of {failed.start:%Y-%m-%d %H:%M} failed, and `{node.relation}` stays as it was: it is"
        problem = replace(problem, message=f"{problem.message}\n{text} replaced whole or not at all")
    return Course(failed=list(planned), problem=problem, fault=course.fault, halted=course.halted)


def _set_beside(
    work: Work, node: Node, recipe: Recipe, clock: Clock, place: Relation, number: int, batch: Batch
) -> Answer:
    """One slice in the table beside; the first makes that. All that would refuse its place is found out by then."""
    staged = replace(node, relation=place)
    before = bool(node.config.get("pre-hook")) and number == 0

    def one() -> Answer:
        connection = connection_for(work, node)
        live = Live(connection)
        if number == 0:
            with connection.passing():
                connection.execute(work.writer.drop(place, cascade=False))
        sql = _text(work, staged, live, batch, clock)
        if number == 0:
            facts = facts_of(work, node, connection, recipe, sql, full_refresh=True, batch=batch)
            facts = admitted(work, facts, connection)
            decided(work, facts, recipe, live)
            operations = begun(facts, place, work.writer)
        else:
            facts = facts_of(work, staged, connection, recipe, sql, full_refresh=False, batch=batch)
            # It is audited when all of it is there.
            facts = replace(facts, audited=False)
            operations = own_strategy(work, facts, live) or increased(facts, work.writer)
        return _committed(work, node, connection, live, operations, before)

    # A slice replaces itself, unless how that is done is the project's own.
    answer = retried(work, node, one, twice=not before and strategy_macro(work, node) is None)
    work.catalogue.record(place, "table")
    return answer


def _committed(
    work: Work, node: Node, connection: Commented, live: Live, operations: tuple[Operation, ...], before: bool
) -> Answer:
    """The operations are done in a transaction; `before`: after the hooks that come first."""
    inside, outside = hooks(work, node, "pre-hook", live) if before else ([], [])
    perform(connection, outside)
    with connection.transaction():
        perform(connection, inside)
        return perform(
            connection, operations, lambda problem: work.session.say(str(problem), "warn", "warning", node.id)
        )


def _take_place(work: Work, node: Node, recipe: Recipe, place: Relation, done: tuple[Batch, ...]) -> Answer:
    """The table beside is where it belongs, and its slices are remembered."""
    connection = connection_for(work, node)
    rows = f"select * from {work.writer.relation(place)}"
    facts = admitted(work, facts_of(work, node, connection, recipe, rows, full_refresh=True), connection)
    operations = (*facts.adoption, *audited(work, facts, taken(facts, work.writer)), *facts.adopted)
    return build(work, _hooked(node, "post-hook"), connection, Live(connection), operations, recipe.transaction, done)
