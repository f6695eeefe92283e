"""How relations of nodes and sources print in a rendering: a name, a file, a CTE, a filtered subquery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.compile.dbt.relation import TemplateRelation
from eltbuild.compile.rendering import Assumed, Rendering
from eltbuild.compile.session import Session
from eltbuild.jinja.errors import TemplateError
from eltbuild.project.external import external_location
from eltbuild.project.resources import Node, NodeId, Source
from eltbuild.relation import Relation
from eltbuild.sql.quoting import Quoted, quoted_parts


def cte_name(node: Node) -> str:
    """The name under which an ephemeral model stands in front of a query."""
    return f"__dbt__cte__{node.name}"


def check_parent(rendering: Rendering, id: NodeId, call: str) -> None:
    """A template may only refer to what settling found, so that the order of the run is right."""
    node = rendering.node
    if node is None or node.resource_type == "operation" or id in node.parents:
        return
    raise TemplateError(
        f"{call} was not seen when the dependencies were read",
        hint=f"write `-- depends_on: {{{{ {call} }}}}` at the top of the file, outside of any condition",
    )


def stand_in(rendering: Rendering, assumed: Assumed, id: NodeId, call: str) -> TemplateRelation:
    """The CTE of the rows that are assumed for a relation. Raises `TemplateError` where none are."""
    rows = assumed.rows.get(id)
    if rows is None:
        raise TemplateError(f"{call} has no rows in the unit test", hint=f"add `- input: {call}` under `given`")
    if id not in rendering.ctes:
        rendering.ctes.append(id)
    return TemplateRelation(None, None, rows.name, type="cte", dialect=rendering.session.dialect, plain=rows.name)


def call_of(name: str, args: tuple[Any, ...], version: str | None = None) -> str:
    """The call as a template would write it, for messages."""
    words = [repr(str(arg)) for arg in args] + ([] if version is None else [f"v={version}"])
    return f"{name}({', '.join(words)})"


def guess(rendering: Rendering, name: str) -> TemplateRelation:
    """A stand-in for a relation whose name is not settled."""
    target = rendering.session.project.target
    return TemplateRelation(target.database, target.schema, name, dialect=rendering.session.dialect)


def node_relation(rendering: Rendering, target: Node) -> TemplateRelation:
    """The relation of a node as this rendering prints it: a CTE's name, a filtered subquery, or the plain name."""
    if target.ephemeral:
        if target.id not in rendering.ctes:
            rendering.ctes.append(target.id)
        name = cte_name(target)
        inlined = TemplateRelation(None, None, name, type="cte", dialect=rendering.session.dialect, plain=name)
        return narrowed(rendering, inlined, target.config.get("event_time"))
    place = rendering.places.get(target.id)
    if place is not None:
        quoted = quoting(rendering)
        return narrowed(
            rendering,
            TemplateRelation.of(place, rendering.session.dialect, quoted=quoted),
            target.config.get("event_time"),
        )
    cache = rendering.session.relations
    relation = cache.get(target.id)
    if relation is None:
        assert target.relation is not None
        relation = cache[target.id] = TemplateRelation.of(
            target.named or target.relation,
            rendering.session.dialect,
            type="function" if target.resource_type == "function" else None,
            quoted=quoting(rendering),
        )
    if target.resource_type == "function":
        return relation
    return narrowed(rendering, relation, target.config.get("event_time"))


def quoting(rendering: Rendering) -> Quoted:
    """Which parts of a node's relation are quoted: as the project says, else all of them."""
    return quoted_parts(rendering.session.project.settings.quoting)


def narrowed(rendering: Rendering, relation: TemplateRelation, event_time: Any) -> TemplateRelation:
    """The relation under `--empty` or `--sample`, or within a microbatch: a subquery that gives only those rows."""
    session = rendering.session
    if session.flag("EMPTY") and rendering.node is not None and rendering.node.resource_type in ("model", "snapshot"):
        return relation._copy(
            text=f"(select * from {relation.render()} where false limit 0){_alias(relation, 'limit')}",
            plain=relation.render(),
        )
    window = rendering.batch or session.flag("SAMPLE_WINDOW")
    if window and event_time and rendering.node is not None and rendering.node.resource_type in ("model", "snapshot"):
        start, end = (moment.strftime("%Y-%m-%d %H:%M:%S+00:00") for moment in window)
        return relation._copy(
            text=f"(select * from {relation.render()} where {event_time} >= '{start}' and {event_time} < '{end}')"
            f"{_alias(relation, 'et_filter')}",
            plain=relation.render(),
        )
    return relation


ALIASED = frozenset({"postgres", "mysql", "tsql", "fabric", "oracle", "doris", "starrocks", "singlestore"})
"""Dialects that ask for a name behind a subquery; elsewhere it would be in the way of the user's own."""


def _alias(relation: TemplateRelation, what: str) -> str:
    """The name that stands behind the subquery."""
    return f" _dbt_{what}_subq_{relation.identifier}" if relation.dialect in ALIASED else ""


def read_instead(session: Session, id: NodeId, relation: Relation) -> None:
    """What the templates of this session read from now on, where they refer to that node or source."""
    session.relations[id] = TemplateRelation.of(relation, session.dialect, type="view")


def text_of(session: Session, id: NodeId, places: Mapping[NodeId, Relation]) -> str:
    """What stands after FROM where templates of this session have referred to that node or source; "" where none has,

    and for what is put into the text as a query of its own. `places`: where the rows of nodes stand for now.
    """
    place = places.get(id)
    if place is not None:
        return str(TemplateRelation.of(place, session.dialect, quoted=quoted_parts(session.project.settings.quoting)))
    return str(session.relations.get(id, ""))


def source_relation(rendering: Rendering, source: Source) -> TemplateRelation:
    """The relation of a source as this rendering prints it: its name, or the file it lies in."""
    cache = rendering.session.relations
    relation = cache.get(source.id)
    if relation is None:
        place = source.named or Relation(None, None, source.name)
        text = external_text(rendering, source)
        relation = cache[source.id] = TemplateRelation.of(
            place, rendering.session.dialect, type="external" if text else None,
            quoted=quoted_parts(source.quoting), plain=text,
        )  # fmt: skip
    return narrowed(rendering, relation, source.config.get("event_time"))


def external_text(rendering: Rendering, source: Source) -> str | None:
    """What reads a source straight from its files; None for a source that is a table.

    `external_location` may hold `{name}`, `{identifier}` and `{schema}`; a relative path is meant against the
    project's folder; text with a parenthesis is taken as SQL as it stands.
    """
    from eltbuild.sql.files import reader

    location = external_location(source)
    return reader(location, rendering.session.project.root, rendering.session.dialect) if location else None


def this_relation(rendering: Rendering) -> TemplateRelation | None:
    """`this`: where the node's result stands."""
    node = rendering.node
    if node is None:
        return None
    if rendering.assumed is not None:
        return _own_stand_in(rendering, rendering.assumed, node)
    if node.relation is None:
        if node.ephemeral:
            name = cte_name(node)
            target = rendering.session.project.target
            return TemplateRelation(target.database, target.schema, name, dialect=rendering.session.dialect)
        return guess(rendering, str(node.config.get("alias") or node.name))
    return TemplateRelation.of(
        node.named or node.relation, rendering.session.dialect, quoted=quoting(rendering),
        type="function" if node.resource_type == "function" else None,
    )  # fmt: skip


def _own_stand_in(rendering: Rendering, assumed: Assumed, node: Node) -> TemplateRelation:
    """`this` in a unit test: the rows given for it; else a name with nothing behind it, so that no table is read."""
    if node.id in assumed.rows:
        return stand_in(rendering, assumed, node.id, "this")
    place = node.relation or Relation(None, None, node.name)
    return TemplateRelation.of(place, rendering.session.dialect, type="cte", plain=cte_name(node))
