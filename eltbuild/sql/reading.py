"""What a query reads and gives, as far as its text alone tells: columns by table, names and types. Nothing is run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from eltbuild.relation import Column
from eltbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Reading:
    """The columns that a query names, by the table that they are read from, as written; tables in lower case.

    What a CTE or a subquery passes on with `*` is read from the tables behind it.
    """

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loose: Sequence[tuple[str, tuple[str, ...]]] = ()
    """Names without a table in front, each with the tables that it can be of, more than one."""
    given: frozenset[str] = frozenset()
    """The tables all of whose columns are among those that the query gives."""
    names: frozenset[str] = frozenset()
    """Every name of a column that stands anywhere in the query, in lower case."""
    tested: Sequence[tuple[str, str]] = ()
    """Columns that are compared with what is written out, and with what: `("status", "= 'paid'")`."""
    equal: Sequence[tuple[str, ...]] = ()
    """Names of columns that are set equal, as in the conditions of joins; one name alone by USING."""


def reading_of(query: str, dialect: str) -> Reading:
    """What the query reads of the tables that it does not define itself; nothing where it is not understood."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.scope import traverse_scope

    try:
        tree = _tree(query, dialect)
        scopes: list[Any] = traverse_scope(tree)
        columns: dict[str, dict[str, None]] = {}
        loose: dict[tuple[str, tuple[str, ...]], None] = {}
        for scope in scopes:
            for name, tables in _read(scope):
                if len(tables) == 1:
                    columns.setdefault(tables[0], {}).setdefault(name)
                elif tables:
                    loose.setdefault((name, tables))
        given = _passed(scopes[-1]) if scopes else ()
        names = {column.name.casefold() for column in tree.find_all(exp.Column)}
        for join in tree.find_all(exp.Join):
            names.update(name.name.casefold() for name in join.args.get("using") or ())
    except (SqlglotError, ValueError, RecursionError, AttributeError):
        return Reading()
    read = {table: tuple(found) for table, found in columns.items()}
    tested = tuple(dict.fromkeys(_tested(tree, dialect)))
    return Reading(read, tuple(loose), frozenset(given), frozenset(names), tested, tuple(_equal(scopes)))


def reads_nothing(query: str, dialect: str) -> bool:
    """Whether it is a query that reads no table, so that its answer is the same in any database."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = _tree(query, dialect)
    except (SqlglotError, ValueError, RecursionError):
        return False
    own = {cte.alias.casefold() for cte in tree.find_all(exp.CTE)}
    named = (table for table in tree.find_all(exp.Table) if isinstance(table.this, exp.Identifier))
    return isinstance(tree, exp.Query) and all(not table.db and table.name.casefold() in own for table in named)


def _read(scope: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The columns that a scope names, each with the tables that it can be of."""
    from sqlglot import exp

    aliases = {select.alias.casefold() for select in getattr(scope.expression, "selects", ()) if select.alias}
    for column in scope.columns:
        name = column.name
        if isinstance(column.this, exp.Star):
            continue
        if column.table:
            source = _sources(scope).get(column.table)
            yield name, _owners([source] if source is not None else [], name)
        elif name.casefold() not in aliases or _is_own(column):
            yield name, _owners(list(_sources(scope).values()), name)
    for join in scope.find_all(exp.Join):
        for key in join.args.get("using") or ():
            for source in _sources(scope).values():
                yield key.name, _owners([source], key.name)


def _sources(scope: Any) -> dict[str, Any]:
    """What stands in FROM, by its alias; not all that a scope could name."""
    return {alias: source for alias, (_, source) in scope.selected_sources.items()}


def _owners(sources: Sequence[Any], name: str) -> tuple[str, ...]:
    """The tables from which some sources can have a column; none where one of them defines it."""
    found: dict[str, None] = {}
    for source in sources:
        tables = _owners_of(source, name)
        if tables is None:
            return ()
        found.update(dict.fromkeys(tables))
    return tuple(found)


def _owners_of(source: Any, name: str) -> tuple[str, ...] | None:
    """The tables from which one source can have a column; None where it defines it itself."""
    from sqlglot import exp

    if isinstance(source, exp.Table):
        return (source.name.casefold(),) if source.name else ()
    if getattr(source, "set_operation_scopes", None):
        sides = [_owners_of(side, name) for side in source.set_operation_scopes]
        return None if None in sides else tuple(table for side in sides for table in side or ())
    selects = getattr(getattr(source, "expression", None), "selects", ())
    if any(select.alias_or_name.casefold() == name.casefold() for select in selects):
        return None
    return _owners(_starred(source), name) if selects else ()


def _starred(scope: Any) -> list[Any]:
    """The sources of which a scope gives all columns."""
    from sqlglot import exp

    found: list[Any] = []
    for select in getattr(scope.expression, "selects", ()):
        if isinstance(select, exp.Column) and isinstance(select.this, exp.Star):
            found.append(_sources(scope).get(select.table))
        elif isinstance(select, exp.Star) or select.find(exp.Columns):
            found.extend(_sources(scope).values())
    return [source for source in found if source is not None]


def _passed(source: Any) -> tuple[str, ...]:
    """The tables all of whose columns a scope gives."""
    from sqlglot import exp

    if isinstance(source, exp.Table):
        return (source.name.casefold(),) if source.name else ()
    if getattr(source, "set_operation_scopes", None):
        return tuple(table for side in source.set_operation_scopes for table in _passed(side))
    return tuple(table for inner in _starred(source) for table in _passed(inner))


def _is_own(column: Any) -> bool:
    """Whether the column stands in the list of what is selected or filtered, where aliases are not meant."""
    from sqlglot import exp

    return column.find_ancestor(exp.Order, exp.Group, exp.Having, exp.Qualify, exp.Select).__class__ is exp.Select


def _tested(tree: Any, dialect: str) -> Iterator[tuple[str, str]]:
    """The columns that are compared with literals or NULL, and the rest of each comparison."""
    from sqlglot import exp

    signs = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=", exp.Is: "is"}
    for node in tree.find_all(*signs):
        column, other = node.this, node.expression
        written = isinstance(other, (exp.Literal, exp.Null, exp.Boolean, exp.Cast)) and not other.find(exp.Column)
        if isinstance(column, exp.Column) and written:
            yield column.name, f"{signs[type(node)]} {other.sql(dialect=dialect)}"
    for node in tree.find_all(exp.In):
        values = node.expressions
        if isinstance(node.this, exp.Column) and values and all(isinstance(one, exp.Literal) for one in values):
            yield node.this.name, f"in ({', '.join(one.sql(dialect=dialect) for one in values)})"


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


def misspelled(query: str, dialect: str, given: Collection[str]) -> tuple[str, str, int, int] | None:
    """The first column that a query names in other letters than the one that it has: for engines that tell them apart.

    `given` are the columns of the tables that it reads, as they are stored. The name, the one that there is, and its
    line and column. None where there is no such, or the query is not understood.
    """
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import SqlglotError

    engine = Dialect.get_or_raise(dialect)

    def stored(name: Any) -> str:
        return str(engine.normalize_identifier(name.copy()).name)

    try:
        tree = _tree(query, dialect)
    except (SqlglotError, ValueError, RecursionError):
        return None
    own = set(given)
    for alias in tree.find_all(exp.Alias, exp.TableAlias):
        names = [alias.args.get("alias"), *(alias.args.get("columns") or ())]
        own.update(stored(name) for name in names if isinstance(name, exp.Identifier))
    folded = {name.casefold(): name for name in own}
    for column in tree.find_all(exp.Column):
        if not isinstance(column.this, exp.Identifier):
            continue
        name = stored(column.this)
        if name not in own and name.casefold() in folded:
            meta = column.this.meta
            start = int(meta.get("col", 0)) - int(meta.get("end", 0)) + int(meta.get("start", 0))
            return name, folded[name.casefold()], int(meta.get("line", 0)), start
    return None


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
