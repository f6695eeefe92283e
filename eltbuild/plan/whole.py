"""Relations that are made whole each time: views, tables, materialized views. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.errors import CompileError, Problem
from eltbuild.plan import contract
from eltbuild.plan.extras import extras
from eltbuild.plan.nouns import Facts, Load, Operation, Statement
from eltbuild.plan.publish import Make, publish_table, publish_view
from eltbuild.plan.rows import columns_of
from eltbuild.relation import Column, Relation
from eltbuild.sql.writer import Writer

MODIFIERS: Mapping[str, tuple[str, str, bool]] = {
    "postgres": ("unlogged", "unlogged", False),
    "snowflake": ("transient", "transient", True),
}
"""By dialect: the config that changes the kind of a new table, the word it puts before TABLE, and its default."""


def view(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """A view of the query."""
    if contract.is_enforced(facts.node):
        contract.checked(facts, writer)

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        return (Statement(with_header(facts, writer.create_view_as(place, facts.query, replace=replace))),)

    made = publish_view(facts, writer, make)
    return (*made, *extras(facts, writer, fresh=True, kind="view", columns=facts.columns))


def table(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """A table of the query, or of the rows where there are some."""
    if facts.rows is not None:
        return rows_table(facts, writer, columns_of(facts.rows, writer))
    enforced = contract.is_enforced(facts.node)
    made = publish_table(facts, writer, _by_contract(facts, writer) if enforced else _by_query(facts, writer))
    if enforced and any(operation.label == "rename" for operation in made):
        made = (*made, *contract.renamed_constraints(facts, writer, facts.temporary))
    return (*made, *extras(facts, writer, fresh=True, columns=facts.columns))


def rows_table(facts: Facts, writer: Writer, columns: tuple[Column, ...]) -> tuple[Operation, ...]:
    """A table with those columns, holding the rows of `facts.rows`, or none if the run is to be empty."""
    lines = tuple(writer.definition(column) for column in columns)

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        created = Statement(
            writer.create_table(place, lines, replace=replace, modifier=modifier(facts, writer)), "create"
        )
        return (created,) if facts.empty else (created, Load(place, facts.rows, "main"))

    return (*publish_table(facts, writer, make), *extras(facts, writer, fresh=True, columns=columns))


def materialized_view(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """A materialized view of the query: refreshed where it stands, made anew under full refresh.

    Raises `CompileError` where the engine has none.
    """
    if not writer.capabilities.materialized_views:
        hint = "use `table` or `view`"
        raise CompileError(
            Problem(f"`{facts.node.name}`: this engine has no materialized views", facts.node.place, hint)
        )
    kind, place = "materialized_view", facts.relation
    if facts.existing is not None and facts.existing.kind == kind and not facts.full_refresh:
        return (Statement(f"refresh materialized view {writer.relation(place)}"),)

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        return (Statement(with_header(facts, writer.create_view_as(place, facts.query, kind=kind))),)

    made = publish_view(facts, writer, make, kind)
    return (*made, *extras(facts, writer, fresh=True, kind=kind, columns=facts.columns))


def with_header(facts: Facts, sql: str) -> str:
    """The statement behind the node's `sql_header`, if it has one."""
    header = facts.node.config.get("sql_header")
    return f"{header}\n{sql}" if header else sql


def modifier(facts: Facts, writer: Writer) -> str:
    """The word that the node's config puts before TABLE."""
    key, word, default = MODIFIERS.get(writer.dialect, ("", "", False))
    return word if key and facts.node.config.get(key, default) else ""


def _by_query(facts: Facts, writer: Writer) -> Make:
    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        sql = writer.create_table_as(place, facts.query, replace=replace, modifier=modifier(facts, writer))
        return (Statement(with_header(facts, sql)),)

    return make


def _by_contract(facts: Facts, writer: Writer) -> Make:
    names = [column.name for _, column in contract.checked(facts, writer)]

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        lines = contract.definitions(facts, writer, "" if place == facts.relation else facts.temporary)
        created = writer.create_table(place, lines, replace=replace, modifier=modifier(facts, writer))
        filled = writer.insert_columns(place, names, facts.query)
        return (Statement(created, "create"), Statement(with_header(facts, filled)))

    return make
