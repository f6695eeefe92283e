"""Relations that are made whole each time: views, tables, materialized views. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.errors import CompileError, Problem
from eltbuild.plan import contract, promises
from eltbuild.plan.extras import check_placed, extras
from eltbuild.plan.materialized_views import refreshed
from eltbuild.plan.nouns import Facts, Load, Operation, Statement
from eltbuild.plan.publish import WORKING, Make, Making, publish
from eltbuild.plan.rows import columns_of
from eltbuild.relation import Column, Relation, RelationKind
from eltbuild.sql.writer import Writer

MODIFIERS: Mapping[str, tuple[str, str, bool]] = {
    "postgres": ("unlogged", "unlogged", False),
    "snowflake": ("transient", "transient", True),
}
"""By dialect: the config that changes the kind of a new table, the word it puts before TABLE, and its default."""


def view(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """A view of the query."""
    promised = promises.of_query(facts, writer)
    if facts.steady and facts.unaltered and _has_same_columns(facts):
        return (*promised, *extras(facts, writer, fresh=False, kind="view", columns=facts.columns))
    return (*promised, *publish(facts, writer, Making("view", _by_view(facts, writer, "view"), facts.columns)))


def _has_same_columns(facts: Facts) -> bool:
    """Whether the view that stands there gives what its query gives now."""
    standing = facts.existing.columns if facts.existing is not None and facts.existing.kind == "view" else ()
    return bool(standing) and [(c.name, c.type) for c in standing] == [(c.name, c.type) for c in facts.columns]


def table(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """A table of the query, or of the rows where there are some.

    Raises `CompileError` for configs that do not say what they must.
    """
    check_placed(facts.node, writer.capabilities)
    if facts.rows is not None:
        return rows_table(facts, writer, columns_of(facts.rows, writer))
    return publish(facts, writer, of_query(facts, writer))


def rows_table(facts: Facts, writer: Writer, columns: tuple[Column, ...]) -> tuple[Operation, ...]:
    """A table with those columns, holding the rows of `facts.rows`, or none if the run is to be empty."""
    return publish(facts, writer, _of_rows(facts, writer, columns))


def materialized_view(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """A materialized view of the query: refreshed where it stands, made anew under full refresh.

    Raises `CompileError` where the engine has none, and where its indexes are to change and `on_configuration_change`
    is `fail`.
    """
    if not writer.capabilities.materialized_views:
        hint = "use `table` or `view`"
        raise CompileError(
            Problem(f"`{facts.node.name}`: this engine has no materialized views", facts.node.place, hint)
        )
    kind: RelationKind = "materialized_view"
    if facts.existing is not None and facts.existing.kind == kind and not facts.full_refresh:
        operations = refreshed(facts, writer)
        # Refreshed in its place it would keep all readers waiting while its tests are asked.
        if not facts.audited or not operations:
            return (*promises.of_query(facts, writer), *operations) if operations else ()
    making = Making(kind, _by_view(facts, writer, kind), facts.columns)
    return (*promises.of_query(facts, writer), *publish(facts, writer, making))


def with_header(facts: Facts, sql: str) -> str:
    """The statement behind the node's `sql_header`, if it has one."""
    header = facts.node.config.get("sql_header")
    return f"{header}\n{sql}" if header else sql


def modifier(facts: Facts, writer: Writer) -> str:
    """The word that the node's config puts before TABLE."""
    key, word, default = MODIFIERS.get(writer.dialect, ("", "", False))
    return word if key and facts.node.config.get(key, default) else ""


def _standing_options(facts: Facts, kind: str) -> str:
    """What stands in WITH ( ... ) of a relation of that kind, for the one that comes in its place."""
    same = facts.existing is not None and facts.existing.kind == kind
    return f"with ({facts.belongings.options})" if same and facts.belongings.options else ""


def _by_view(facts: Facts, writer: Writer, kind: RelationKind) -> Make:
    options = _standing_options(facts, kind)

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        sql = writer.create_view_as(place, facts.query, replace=replace, kind=kind, options=options)
        return (Statement(with_header(facts, sql)),)

    return make


def of_query(facts: Facts, writer: Writer) -> Making:
    """A table of the query that is to be made, by its contract where it has one."""
    options, word = _standing_options(facts, "table"), modifier(facts, writer)
    if contract.is_enforced(facts.node):
        return _of_contract(facts, writer)

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        sql = writer.create_table_as(place, facts.query, replace=replace, modifier=word, options=options)
        return (Statement(with_header(facts, sql)),)

    return Making("table", make, facts.columns)


def _of_contract(facts: Facts, writer: Writer) -> Making:
    names = [column.name for _, column in contract.checked(facts, writer)]
    options, word = _standing_options(facts, "table"), modifier(facts, writer)

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        suffix = "" if place == facts.relation else WORKING + facts.temporary
        lines = contract.definitions(facts, writer, suffix)
        replaces = replace and facts.existing is not None
        created = writer.create_table(place, lines, replace=replaces, modifier=word, options=options)
        filled = writer.fill(place, names, facts.query)
        asked = promises.of_new_table(facts, writer, place)
        return (Statement(created, "create"), Statement(with_header(facts, filled)), *asked)

    return Making("table", make, facts.columns, contract.keys(facts, writer))


def _of_rows(facts: Facts, writer: Writer, columns: tuple[Column, ...]) -> Making:
    lines = tuple(writer.definition(column) for column in columns)
    options, word = _standing_options(facts, "table"), modifier(facts, writer)

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        sql = writer.create_table(place, lines, replace=replace, modifier=word, options=options)
        return (Statement(sql, "create"), *(() if facts.empty else (Load(place, facts.rows, "main"),)))

    return Making("table", make, columns)
