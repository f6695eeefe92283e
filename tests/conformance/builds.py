"""A node built on a warehouse as a run builds it: the facts are asked for, the operations done in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

from eltbuild.adapter import Answer, Connection
from eltbuild.plan.materialize import MATERIALIZATIONS, asks_columns
from eltbuild.plan.nouns import Facts
from eltbuild.project.resources import ColumnSpec, Node
from eltbuild.relation import Relation
from eltbuild.run.performing import perform
from eltbuild.sql.writer import Writer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_RUNS = count(1)


def built(
    connection: Connection,
    writer: Writer,
    relation: Relation,
    query: str,
    config: Mapping[str, Any] | None = None,
    columns: Mapping[str, Mapping[str, Any]] | None = None,
    **given: Any,
) -> Answer:
    """Materialize a model there; `config` and `columns` are those of its file, `given` are other facts."""
    name = relation.identifier or ""
    node = Node(
        id=f"model.shop.{name}", resource_type="model", name=name, package="shop", path="x.sql",
        original_path="models/x.sql", config={"materialized": "table", **(config or {})},
        columns={key: ColumnSpec(key, **spec) for key, spec in (columns or {}).items()},
        constraints=given.pop("constraints", ()),
    )  # fmt: skip
    recipe = MATERIALIZATIONS[node.materialized]
    existing = connection.relation(relation)
    facts = Facts(
        node=node, query=query, relation=relation, existing=existing, now=NOON, temporary=f"{next(_RUNS):08x}", **given
    )
    if existing is not None and writer.capabilities.belongings:
        facts = replace(facts, belongings=connection.belongings(relation))
    if asks_columns(recipe, facts):
        facts = replace(facts, columns=tuple(connection.columns(query)))
    operations = recipe.materialize(facts, writer)
    with connection.transaction():
        return perform(connection, operations)
