"""A node audited before anybody sees what it builds: which tests are asked, and what is told of those that fail.

The tests are asked within the transaction that publishes the node, where its rows lie by then.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from eltbuild.adapter import Connection
from eltbuild.errors import AuditError, CompileError, DatabaseError, EltbuildError, Problem
from eltbuild.graph.graph import Graph
from eltbuild.plan.nouns import Audit, Call, Facts, Operation
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId
from eltbuild.quality.measures.shapes import is_filter
from eltbuild.relation import Relation
from eltbuild.run.audits import Refused
from eltbuild.run.commented import Commented
from eltbuild.run.events import Finished
from eltbuild.run.facts import is_audited
from eltbuild.run.failed_rows import Kept, forget_failed, keep, mended
from eltbuild.run.locate import explained, fault_of
from eltbuild.run.order import possible
from eltbuild.run.performing import perform
from eltbuild.run.stored_failures import carry
from eltbuild.run.testing.alone import Asked, finished
from eltbuild.run.testing.asking import Apart, ask, can_be_done_again, written
from eltbuild.run.testing.together import anchor_of
from eltbuild.run.work import Work
from eltbuild.values import replace

NAMED = 5
"""How many tests a message names."""
RELATED = frozenset({"relationships", "relationships_where"})
"""Tests that one row can fail, by what stands in another relation."""
SUBQUERY = re.compile(r"\bselect\b", re.IGNORECASE)
"""What may look at other rows."""
PLAIN = frozenset({"!= 0", "!=0", "> 0", ">0", "<> 0", "<>0"})
"""The ways to say that no row may fail."""


def audited(work: Work, facts: Facts, operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """The operations, each audit among them ready to be carried out.

    Raises `CompileError` where the engine cannot take back what would have been written.
    """
    found = [one for one in operations if isinstance(one, Audit)]
    if not found:
        return tuple(operations)
    if not work.writer.capabilities.transactional_ddl and not all(one.beside for one in found):
        text = f"`{facts.node.name}` cannot be audited: it is written in its place, and nothing is taken back here"
        hint = "the engine has no transactions for that: use `publish: immediate`, or the materialization `table`"
        raise CompileError(Problem(text, facts.node.place, hint))
    commits = not facts.adoption and not _has_hooks(facts.node)
    # Before the transaction begins: in some engines it never sees what others commit after that.
    ended = turn(work, facts.node)
    return tuple(_call(work, facts, one, commits, ended) if isinstance(one, Audit) else one for one in operations)


def _has_hooks(node: Node) -> bool:
    """Whether something of the user's is done in the transaction before its rows are there."""
    hooks = node.config.get("pre-hook") or ()
    return any(not isinstance(hook, Mapping) or hook.get("transaction", True) for hook in hooks)


def _call(work: Work, facts: Facts, audit: Audit, commits: bool, ended: frozenset[NodeId]) -> Call:
    def run(connection: Connection) -> None:
        assert isinstance(connection, Commented)
        _carry_out(work, facts, audit, connection, commits and audit.beside, ended)

    return Call(run, audit.label)


def _carry_out(
    work: Work, facts: Facts, audit: Audit, connection: Commented, commits: bool, ended: frozenset[NodeId]
) -> None:
    """The tests have passed. Raises `Refused` where they have not.

    `commits`: whether the transaction may end well all the same, with the rows that failed.
    """
    node = facts.node
    found, failed, total = _asked(work, node, audit, connection, ended)
    spoiled = _is_spoiled(work, connection, failed)
    if not failed:
        if not audit.delta:
            perform(connection, mended(work, node))
            work.audits.later(node.id, lambda connection: forget_failed(work, node, connection))
        return
    if spoiled:
        kept, settle = Kept(why="a test could not be asked, which has spoiled the transaction"), None
        store = carry(work, {}, connection)
    else:
        store = carry(work, failed if audit.delta else found, connection)
        kept, settle = keep(work, node, audit, connection, commits, slice=facts.batch is not None)

    def settled(connection: Connection) -> AuditError:
        lies = settle(connection) if settle is not None else kept
        store(connection)
        return refusal(work, facts, audit, failed, total, lies)

    raise Refused(commits and kept.relation is not None, settled)


# Asked


def tests_of(project: Project, graph: Graph, id: NodeId, chosen: Collection[NodeId]) -> tuple[Node, ...]:
    """The data tests of a node whose failure is an error, and that read nothing which stands on it.

    Those of the ephemeral models that it is made of are among them, but for `chosen` ones: these have their own turn.
    """
    found = [project.nodes.get(child) for child in graph.children.get(id, ())]
    within = [
        project.nodes.get(child) for parent in _ephemeral(project, id) for child in graph.children.get(parent, ())
    ]
    found += [one for one in within if one is not None and one.id not in chosen]
    tests = {one.id: one for one in found if one is not None and one.resource_type == "test" and is_error(one)}
    if not tests:
        return ()
    below = graph.descendants([id]) - {id}
    return tuple(test for test in tests.values() if not below & read_by(project, test))


def _ephemeral(project: Project, id: NodeId) -> tuple[NodeId, ...]:
    """The ephemeral models whose rows are a node's, which has a place of its own."""
    found: dict[NodeId, None] = {}
    node = project.nodes.get(id)
    left = list(node.parents) if node is not None and not node.ephemeral else []
    while left:
        parent = project.nodes.get(left.pop())
        if parent is not None and parent.ephemeral and parent.id not in found:
            found[parent.id] = None
            left += parent.parents
    return tuple(found)


def is_error(test: Node) -> bool:
    """Whether failing rows of a test are an error, and no warning."""
    return str(test.config.get("severity") or "error").lower() == "error"


def _asked(
    work: Work, node: Node, audit: Audit, connection: Commented, ended: frozenset[NodeId]
) -> tuple[Mapping[NodeId, Asked], Mapping[NodeId, Asked], int]:
    """How the tests went; those that failed, or could not be asked; how many there were. What they found is noted."""
    tests = askable(work, node, connection, ended)
    places = {node.id: audit.place} if audit.place != node.relation else {}
    with connection.noted():
        if audit.delta:
            tests = tuple(test for test in tests if is_by_row(work, test, node, connection, places))
        refused = {test.id: one for test in tests if (one := work.audits.refused.get(test.id)) is not None}
        found: Mapping[NodeId, Asked] = {
            **refused,
            **ask(work, [test for test in tests if test.id not in refused], connection, places),
        }
    if _is_spoiled(work, connection, found):
        found = _until_spoiled(work, connection, found)
    failed = {id: one for id, one in found.items() if is_failed(one)}
    for id, one in (failed if audit.delta else found).items():
        work.audits.note(id, one)
    return found, failed, len(tests)


def _is_spoiled(work: Work, connection: Commented, found: Mapping[NodeId, Asked]) -> bool:
    """Whether a test that could not be asked has ended the transaction."""
    lasts = work.writer.capabilities.savepoints or not connection.within
    return not lasts and bool(_guilty(work, found))


def _guilty(work: Work, found: Mapping[NodeId, Asked]) -> list[NodeId]:
    """The tests that the engine has refused just now."""
    errors = {id: one.error for id, one in found.items() if id not in work.audits.refused}
    return [id for id, one in errors.items() if isinstance(one, DatabaseError) or is_by_engine(one)]


def is_by_engine(error: EltbuildError | None) -> bool:
    """Whether an error tells in other words what the engine has refused."""
    return error is not None and isinstance(error.__cause__, DatabaseError)


def _until_spoiled(work: Work, connection: Commented, found: Mapping[NodeId, Asked]) -> Mapping[NodeId, Asked]:
    """What the first test that could not be asked has left: that ended the transaction, and none could be after it.

    Raises `Apart` where all can be done again without that test.
    """
    first, *others = _guilty(work, found)
    error = found[first].error
    late = isinstance(error, DatabaseError) and error.code == "timeout"
    if can_be_done_again(connection) and not late:
        work.audits.refused[first] = found[first]
        raise Apart(f"it is built without the test {_named(work, first, found[first])}", transient=True)
    return {id: one for id, one in found.items() if id not in others}


def is_failed(asked: Asked) -> bool:
    """Whether a test failed, or could not be asked."""
    return asked.outcome is None or asked.outcome.verdict == "fail"


def turn(work: Work, node: Node) -> frozenset[NodeId]:
    """A node's audit has its turn: those of the nodes that its tests read, of this run's, that have ended by now."""
    read = [read_by(work.session.project, test) for test in work.tests(node.id)]
    others = frozenset(id for ids in read for id in ids) - {node.id}
    chosen = frozenset(work.session.invocation.selected)
    return work.audits.begun(node.id, others & chosen, work.connections.mine().halted.is_set)


def askable(work: Work, node: Node, connection: Connection, ended: frozenset[NodeId]) -> tuple[Node, ...]:
    """The error tests of a node that can be asked now: all else that they read stands."""
    project, chosen = work.session.project, frozenset(work.session.invocation.selected)
    candidates = [(test, read_by(project, test) - {node.id}) for test in work.tests(node.id)]
    others = frozenset(id for _, ids in candidates for id in ids)
    stands = {id: _stands(work, project.nodes[id], connection) for id in others if id not in chosen or id in ended}
    return tuple(test for test, ids in candidates if all(stands.get(id, False) for id in ids))


def waits(work: Work, graph: Graph, ids: Sequence[NodeId]) -> Mapping[NodeId, Sequence[NodeId]]:
    """Audited nodes that wait for what their tests read besides, so that it stands when they are audited."""
    project, chosen = work.session.project, frozenset(ids)
    nodes = [project.nodes[id] for id in ids if id in project.nodes] if work.whole is None else []
    audited = [node.id for node in nodes if is_audited(work, node)]
    wished = {id: many for id in audited if (many := read_besides(project, work.tests(id), id) & chosen)}
    return possible(graph, wished) if wished else {}


def read_besides(project: Project, tests: Sequence[Node], id: NodeId) -> frozenset[NodeId]:
    """What the tests that hang on a node read besides it."""
    own = [test for test in tests if test.test is not None and test.test.attached_to == id]
    return frozenset(read for test in own for read in read_by(project, test)) - {id}


def read_by(project: Project, test: Node) -> frozenset[NodeId]:
    """The nodes with a place of their own that a test reads, also through ephemeral models."""
    return reached(project, test.parents)


def reached(project: Project, ids: Sequence[NodeId]) -> frozenset[NodeId]:
    """These nodes, and in the place of ephemeral models what they read: all that have a place of their own."""
    nodes, found, left = project.nodes, set(), list(ids)
    while left:
        node = nodes.get(left.pop())
        if node is None or node.id in found:
            continue
        if node.ephemeral:
            left += node.parents
        elif node.relation is not None and node.resource_type != "function":
            found.add(node.id)
    return frozenset(found)


def _stands(work: Work, node: Node, connection: Connection) -> bool:
    assert node.relation is not None
    if node.id in work.session.deferred:
        return True
    if work.catalogue.covers(node.relation) and work.catalogue.kind(node.relation) is not None:
        return True
    return connection.relation(node.named or node.relation) is not None


def is_by_row(work: Work, test: Node, node: Node, connection: Commented, places: Mapping[NodeId, Relation]) -> bool:
    """Whether a test says of each row of the node by itself that it is wrong, and one such row is enough to fail.

    `places`: where the rows are, as for `ask`.
    """
    config = test.config
    plain = config.get("error_if") is None or str(config.get("error_if")).strip() in PLAIN
    if not plain or config.get("fail_calc") or config.get("limit") is not None or anchor_of(test) != node.id:
        return False
    if test.test is not None and test.test.name in RELATED:
        others = reached(work.session.project, [id for id in test.parents if id != node.id])
        return bool(others) and node.id not in others and not SUBQUERY.search(str(config.get("where") or ""))
    try:
        text = written(work, test, connection, places)
    except CompileError:
        # The test of the whole table tells of it.
        return False
    return text.meant is None and is_filter(text.sql, text.relation, work.writer.dialect)


# Told


def audit_result(work: Work, test: Node, asked: Asked, skipped: Finished) -> Finished:
    """How a test ended that was asked of rows which were not published."""
    known = work.compiled.get(test.id)
    sql = known.sql if known is not None and known.sql else asked.sql
    try:
        result = finished(test, replace(asked, sql=sql))
    except EltbuildError as error:
        problem = explained(work.session, test, error)
        result = Finished(node=test.id, status="error", error=problem, message=str(problem), compiled_code=sql)
        result = replace(result, fault=fault_of(test, problem, error))
    return replace(result, index=skipped.index, total=skipped.total, thread=skipped.thread, at=skipped.at)


def refusal(
    work: Work, facts: Facts, audit: Audit, failed: Mapping[NodeId, Asked], total: int, kept: Kept
) -> AuditError:
    """Which tests failed, with their counts, and where the rows are."""
    node, slice = facts.node, facts.batch
    what = f"`{node.relation}`" if slice is None else f"the batch of {slice.start:%Y-%m-%d %H:%M} of `{node.relation}`"
    on = " on the new rows" if audit.delta else ("" if audit.beside else " with the new rows in it")
    where = f"the rows are kept as `{kept.relation}`" if kept.relation else f"the rows are not kept: {kept.why}"
    text = f"{what} is not published: {told(work, failed, total, on)}\n{where}"
    look = f"to look at them: select * from {work.writer.relation(kept.relation)}" if kept.relation else ""
    return AuditError(Problem(text, node.place, look, name="AuditFailed"))


def told(work: Work, failed: Mapping[NodeId, Asked], total: int, on: str = "") -> str:
    """`2 of 3 tests failed: unique_orders_id (1), not_null_orders_id (3)`."""
    names = [_named(work, id, one) for id, one in failed.items()]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    count = f"{len(failed)} of {total} tests" if total > 1 else "1 test"
    return f"{count} failed{on}: {', '.join(names[:NAMED])}{more}"


def _named(work: Work, id: NodeId, asked: Asked) -> str:
    name = work.session.project.nodes[id].name
    if asked.outcome is None:
        why = (
            str(asked.error.problems[0].message).partition("\n")[0] if asked.error is not None else "it gave no result"
        )
        return f"{name} (cannot be asked: {why})"
    return f"{name} ({asked.outcome.failures:,})"
