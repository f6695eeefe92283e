"""What a materialization may know: what stands there, what hangs on it, what its query gives. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eltbuild.adapter import Connection
from eltbuild.compile.introspect import Introspector
from eltbuild.errors import CompileError, DatabaseError
from eltbuild.plan.materialize import asks_columns, stays
from eltbuild.plan.nouns import Facts, Recipe
from eltbuild.plan.showing import mode_of
from eltbuild.project.resources import Node
from eltbuild.relation import Belongings, Column, Relation, RelationInfo
from eltbuild.run.work import Work, refreshes
from eltbuild.sql import spelling
from eltbuild.sql.scan import without_end
from eltbuild.values import replace

LOOKS = 20
"""How often the catalogue is looked at before it is given up that it stands still."""


def standing(work: Work, connection: Connection, node: Node, columns: bool) -> RelationInfo | None:
    """What stands where the node's result belongs; columns are asked for only where they matter."""
    assert node.relation is not None
    if work.catalogue.covers(node.relation):
        known = work.catalogue.kind(node.relation)
        # Where nothing stood when the run began, somebody may have put something since: that is not to be replaced.
        if not columns if known is not None else work.writer.capabilities.single_process:
            return known
    return connection.relation(node.relation)


def with_columns(work: Work, connection: Connection, node: Node, existing: RelationInfo | None) -> RelationInfo | None:
    """What stands there with its columns, which are asked for only where they have not been told yet."""
    if existing is not None and existing.columns:
        return existing
    return standing(work, connection, node, columns=True)


def facts_of(
    work: Work,
    node: Node,
    connection: Connection,
    recipe: Recipe,
    sql: str,
    full_refresh: bool | None = None,
    **more: Any,
) -> Facts:
    """All that the materialization may know; the warehouse is asked for columns only where they matter.

    Whether to build from nothing is decided here where it is not given.
    """
    assert node.relation is not None
    facts = Facts(
        node=node,
        query=sql,
        relation=node.relation,
        existing=standing(work, connection, node, columns=False),
        full_refresh=refreshes(work, node) if full_refresh is None else full_refresh,
        now=work.now,
        empty=bool(work.session.flag("EMPTY")),
        examples=work.session.flag("EXAMPLE_VALUES") is not False,
        root=work.session.project.root,
        folder=str(work.session.project.target.fields.get("external_root") or "."),
        audited=is_audited(work, node),
        temporary=work.temporary,
        **more,
    )
    if work.whole is not None and facts.existing is not None and work.writer.capabilities.binds_views:
        facts = replace(facts, steady=True, unaltered=node.materialized == "view" and is_unaltered(work, node))
    if facts.existing is not None and work.writer.capabilities.belongings:
        facts = with_belongings(work, node, connection, facts)
    if asks_columns(recipe, facts):
        facts = replace(
            facts,
            existing=with_columns(work, connection, node, facts.existing),
            columns=described(connection, sql, work.session.dialect),
        )
    if facts.existing is not None and facts.existing.kind == "table" and stays(recipe, facts):
        facts = replace(facts, constraints=tuple(connection.constraints(facts.existing.relation)))
    return facts


def is_audited(work: Work, node: Node) -> bool:
    """Whether the node is published by itself once its tests have passed, of which there must be some."""
    if work.clones is not None or work.whole is not None:
        return False
    return mode_of(node, work.session.flag("PUBLISH")) == "audited" and bool(work.tests(node.id))


def with_belongings(work: Work, node: Node, connection: Connection, facts: Facts) -> Facts:
    """The facts with what hangs on the relation that stands there; with its columns, where anything does."""
    assert facts.existing is not None
    hangs = hanging(connection, facts.existing.relation)
    # The catalogue takes names for one that differ in letter case, the engine perhaps not.
    if hangs == Belongings() and facts.existing.relation.identifier == facts.relation.identifier:
        return facts
    existing = standing(work, connection, node, columns=True)
    if existing is None:
        return replace(facts, existing=None)
    return replace(
        facts,
        existing=existing,
        belongings=hangs,
        later=made_later(work, node) if hangs.dependants else frozenset(),
    )


def hanging(connection: Connection, relation: Relation) -> Belongings:
    """What hangs on a relation. Asked again while other nodes are just making anew what the answer tells of."""
    for _ in range(LOOKS):
        try:
            return connection.belongings(relation)
        except DatabaseError as error:
            if not error.transient or error.lost:
                raise
    return connection.belongings(relation)


def made_later(work: Work, node: Node) -> frozenset[tuple[str, str, str]]:
    """Keys of the views that this run makes anew after the node, of those that come from it."""
    below = [work.session.project.nodes.get(id) for id in work.below(node.id)]
    views = [one for one in below if one is not None and one.materialized == "view"]
    stored = [one for one in below if one is not None and one.materialized == "materialized_view"]
    anew = [one for one in stored if refreshes(work, one) or is_redefined(work, one)]
    return frozenset(one.relation.key for one in (*views, *anew) if one.relation is not None)


def is_redefined(work: Work, node: Node) -> bool:
    """Whether what stands there was built from another text than the node has now, as far as that is remembered."""
    try:
        mark = work.fingerprint(node) or work.mark(node, work.compiler.compile(node).fingerprint)
    except CompileError:
        mark = ""
    if not mark or node.relation is None:
        return False
    built = work.ledger.latest(node.relation)
    if built is None or built.project != work.session.project.settings.name:
        return False
    return built.fingerprint not in ("", mark)


def is_unaltered(work: Work, node: Node) -> bool:
    """Whether what stands there is known to have been built from the text that the node has now."""
    mark = work.fingerprint(node)
    latest = work.ledger.latest(node.relation) if node.relation is not None else None
    return bool(mark) and latest is not None and latest.event == "built" and latest.fingerprint == mark


def constrained(work: Work, node: Node, live: Introspector) -> Node:
    """The node with what its foreign keys point to as SQL, where it has any."""
    if not any(c.get("to") for c in (*node.constraints, *(c for s in node.columns.values() for c in s.constraints))):
        return node

    def resolved(given: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
        return tuple({**c, "to": _pointed_at(work, node, str(c["to"]), live)} if c.get("to") else c for c in given)

    columns = {name: replace(spec, constraints=resolved(spec.constraints)) for name, spec in node.columns.items()}
    return replace(node, constraints=resolved(node.constraints), columns=columns)


def _pointed_at(work: Work, node: Node, text: str, live: Introspector) -> str:
    call = text.strip()
    if call.startswith(("ref(", "source(")):
        call = "{{ " + call + " }}"
    named = work.compiler.render_hook(node, call, live, {})
    if work.writer.dialect in spelling.LOCAL_KEYS and node.relation is not None and node.relation.database:
        return named.removeprefix(work.writer.quote(node.relation.database) + ".")
    return named


def described(connection: Connection, sql: str, dialect: str) -> tuple[Column, ...]:
    """The columns that a query gives."""
    return tuple(connection.columns(without_end(sql, dialect))) if sql else ()
