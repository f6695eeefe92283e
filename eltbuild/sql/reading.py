"""What a query reads and gives, as far as its text alone tells: columns by table, names and types. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eltbuild.relation import Column
from eltbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Reading:
    """The columns that a query names, by the table that they are read from, as written; tables in lower case."""

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loose: Sequence[tuple[str, tuple[str, ...]]] = ()
    """Names without a table in front, each with the tables that it can be of, more than one."""
    stars: frozenset[str] = frozenset()
    """The tables of which all columns are read by `*`."""
    equal: Sequence[tuple[str, ...]] = ()
    """Names of columns that are set equal, as in the conditions of joins; one name alone by USING."""


def reading_of(query: str, dialect: str) -> Reading:
    """What the query reads of the tables that it does not define itself; nothing where it is not understood."""
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.scope import traverse_scope

    try:
        scopes: list[Any] = traverse_scope(_tree(query, dialect))
    except (SqlglotError, ValueError, RecursionError, AttributeError):
        return Reading()
    columns: dict[str, dict[str, None]] = {}
    loose: dict[tuple[str, tuple[str, ...]], None] = {}
    stars: set[str] = set()
    for scope in scopes:
        tables = {alias: _table_name(source) for alias, source in scope.sources.items()}
        stars.update(_starred(scope, tables))
        aliases = {select.alias.casefold() for select in getattr(scope.expression, "selects", ()) if select.alias}
        for column in scope.columns:
            name = column.name
            if column.table:
                table = tables.get(column.table)
                if table:
                    columns.setdefault(table, {}).setdefault(name)
                continue
            among = tuple(table for table in tables.values() if table)
            if name.casefold() in aliases and not _is_own(column):
                continue
            if len(tables) == 1 and among:
                columns.setdefault(among[0], {}).setdefault(name)
            elif among:
                loose.setdefault((name, among))
    read = {table: tuple(names) for table, names in columns.items()}
    return Reading(read, tuple(loose), frozenset(stars), tuple(_equal(scopes)))


def _equal(scopes: Any) -> Iterator[tuple[str, ...]]:
    from sqlglot import exp

    for scope in scopes:
        for node in scope.find_all(exp.EQ):
            sides = (node.this, node.expression)
            if all(isinstance(side, exp.Column) for side in sides):
                yield tuple(str(side.name) for side in sides)
        for join in scope.find_all(exp.Join):
            using: Any = join.args.get("using") or []
            for name in using:
                yield (str(name.name),)
        for node in scope.find_all(exp.In):
            query = node.args.get("query")
            selects: Any = getattr(getattr(query, "this", None), "selects", None) or []
            if isinstance(node.this, exp.Column) and len(selects) == 1 and isinstance(selects[0], exp.Column):
                yield node.this.name, selects[0].name


def _tree(query: str, dialect: str) -> Any:
    import sqlglot

    return sqlglot.parse_one(query, read=dialect)


def _table_name(source: Any) -> str:
    """The name of a table that is no CTE and no subquery; empty for those."""
    from sqlglot import exp

    return source.name.casefold() if isinstance(source, exp.Table) else ""


def _is_own(column: Any) -> bool:
    """Whether the column stands in the list of what is selected or filtered, where aliases are not meant."""
    from sqlglot import exp

    return column.find_ancestor(exp.Order, exp.Group, exp.Having, exp.Qualify, exp.Select).__class__ is exp.Select


def _starred(scope: Any, tables: Mapping[str, str]) -> set[str]:
    from sqlglot import exp

    found: set[str] = set()
    for select in getattr(scope.expression, "selects", ()):
        if isinstance(select, exp.Star) or select.find(exp.Columns):
            found.update(table for table in tables.values() if table)
        elif isinstance(select, exp.Column) and isinstance(select.this, exp.Star):
            found.add(tables.get(select.table, ""))
    return found - {""}


def projected(query: str, dialect: str, tables: Mapping[str, Sequence[Column]]) -> tuple[Column, ...]:
    """The columns that a query gives; a type is empty where it follows from what is not known.

    `tables` are the columns of the tables that it reads, by name, with types of the same dialect; an empty type is not
    known. Nothing where the query is not understood.
    """
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.annotate_types import annotate_types
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.schema import MappingSchema

    schema: dict[str, object] = {}
    for table, columns in tables.items():
        schema[table] = {column.name: column.type or "unknown" for column in columns}
    try:
        known = MappingSchema(schema, dialect=dialect)
        tree = qualify(
            _tree(query, dialect),
            dialect=dialect,
            schema=known,
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
        tree = annotate_types(tree, schema=known, dialect=dialect)
    except (SqlglotError, ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return ()
    selects = getattr(tree, "selects", ())
    if any(isinstance(select, exp.Star) or select.is_star for select in selects):
        return ()
    return tuple(Column(select.alias_or_name, _type_name(select.type, dialect)) for select in selects)


def _type_name(kind: Any, dialect: str) -> str:
    from sqlglot import exp

    vague = (exp.DataType.Type.UNKNOWN, exp.DataType.Type.NULL)
    if not isinstance(kind, exp.DataType) or any(part.this in vague for part in kind.find_all(exp.DataType)):
        return ""
    if kind.this == exp.DataType.Type.DECIMAL and not kind.expressions:
        # Arithmetic gives decimals of sizes that only the engine knows.
        return ""
    return str(kind.sql(dialect=dialect))
