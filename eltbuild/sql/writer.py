"""The SQL that eltbuild writes itself: names, expressions and statements, per dialect. Nothing is run.

Statements on rights are in `rights`, on descriptions in `comments`, on functions in `functions`, on locks in `locks`.

A user's query goes into a statement untouched, on lines of its own: `line_of` finds it again. What differs
between dialects is a table in `eltbuild.sql.spelling`; the SQL parser is imported only to translate types.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from typing import Any

from eltbuild.adapter import Capabilities
from eltbuild.relation import Column, Relation
from eltbuild.sql import spelling, values
from eltbuild.sql.conversions import limits
from eltbuild.sql.quoting import bare_where_plain, quote_identifier, quote_string
from eltbuild.sql.scan import without_end
from eltbuild.values import dataclass

TARGET = "DBT_INTERNAL_DEST"
SOURCE = "DBT_INTERNAL_SOURCE"
"""Aliases that users' incremental predicates may name."""

COMMA_LINE = ",\n    "
AND_LINE = "\n  and "
KINDS: Mapping[str, str] = {"materialized_view": "materialized view", "external": "view"}


@dataclass(frozen=True, slots=True)
class Writer:
    """The spelling of one target: its dialect (sqlglot's name) and what its engine can do."""

    dialect: str
    capabilities: Capabilities

    # Names and values

    def quote(self, name: str) -> str:
        """The name as an identifier. Raises `CompileError` for a name that no engine can hold."""
        return quote_identifier(name, self.dialect)

    def names(self, names: Iterable[str], qualifier: str = "") -> str:
        """The names as identifiers, separated by commas, each behind the qualifier if there is one."""
        dialect, prefix = self.dialect, f"{qualifier}." if qualifier else ""
        return ", ".join(prefix + quote_identifier(name, dialect) for name in names)

    def plain(self, name: str) -> str:
        """The name as people write it: in quotes only where it means another one, or nothing, without them."""
        return bare_where_plain(name, self.dialect)

    def relation(self, relation: Relation) -> str:
        """The place, quoted, without the parts that it leaves out."""
        parts = (relation.database, relation.schema, relation.identifier)
        return ".".join(quote_identifier(part, self.dialect) for part in parts if part)

    def beside(self, relation: Relation, suffix: str) -> Relation:
        """The relation of that name and suffix beside this one; a name that is too long gets a stable hash."""
        return relation.named(self.fitted(relation.identifier or "", suffix))

    def session(self, relation: Relation, suffix: str) -> Relation:
        """Where a temporary table belongs: in the session where the engine has such, else beside the relation."""
        named = self.beside(relation, suffix)
        return Relation(None, None, named.identifier) if self.dialect in spelling.UNQUALIFIED_TEMPORARY else named

    def fitted(self, name: str, suffix: str = "") -> str:
        """`name + suffix`, shortened to what the engine takes; what is cut off is kept as a hash."""
        whole, limit = name + suffix, self.capabilities.identifier_length
        if not limit or len(whole.encode()) <= limit:
            return whole
        mark = "_" + md5(whole.encode(), usedforsecurity=False).hexdigest()[:10]
        tail = suffix if len(suffix.encode()) <= limit // 2 else ""
        room = limit - len((mark + tail).encode())
        return name.encode()[:room].decode(errors="ignore") + mark + tail

    def literal(self, value: Any) -> str:
        """The value in SQL. Naive and aware times differ in type; aware ones are written in UTC.

        Raises `CompileError` for values that are no None, bool, int, float, Decimal, str, date or datetime.
        """
        return values.literal(value, self.dialect)

    def timestamp(self, moment: datetime.datetime, type_name: str = "") -> str:
        """The moment as a value of the type; by default `timestamptz` if it is aware, `timestamp` if it is naive.

        An aware moment is written in UTC; given a type, without its zone, and for `date` without its time.
        """
        return values.timestamp(moment, self.dialect, type_name)

    def type_name(self, name: str) -> str:
        """A type named as in `spelling.TYPES`, or else as DuckDB names it, in this dialect's words."""
        return values.spelled_type(name, self.dialect)

    # Expressions

    def same(self, left: str, right: str) -> str:
        """Equality that takes NULL for a value."""
        return spelling.NULL_SAFE.get(self.dialect, "{0} is not distinct from {1}").format(left, right)

    def same_row(self, left: Sequence[str], right: Sequence[str]) -> str:
        """NULL-safe equality of several expressions, fit for joining large tables."""
        if self.dialect == "postgres":
            # PostgreSQL hashes no IS NOT DISTINCT FROM; the text of a row is one to one with its values.
            return f"row({', '.join(left)})::text = row({', '.join(right)})::text"
        return " and ".join(self.same(a, b) for a, b in zip(left, right, strict=True))

    def lost(self, expression: str, source: str, target: str) -> str:
        """Whether a value of the one type is not the same after a way through the other and back."""
        form = spelling.TRY_CAST.get(self.dialect, "cast({0} as {1})")
        changed = f"not ({self.same(form.format(form.format(expression, target), source), expression)})"
        bounds = limits(target, self.dialect) if self.dialect in spelling.BOUNDED_CASTS else None
        if bounds is None:
            return changed
        least, greatest, scale = bounds
        within = f"round(cast({expression} as numeric), {scale}) between {least} and {greatest}"
        return f"case when {expression} is null or {within} then {changed} else true end"

    def concatenated(self, parts: Sequence[str]) -> str:
        """The texts one after the other; NULL where one of them is, but for engines that say otherwise."""
        return f"concat({', '.join(parts)})" if self.dialect in spelling.CONCAT_FUNCTION else " || ".join(parts)

    def digest(self, expressions: Sequence[str]) -> str:
        """MD5 of the expressions as text, NULL as empty, joined by `|`: how dbt computes `dbt_scd_id`."""
        text = self.type_name("text")
        parts = [f"coalesce(cast({expression} as {text}), '')" for expression in expressions]
        spaced = [piece for part in parts for piece in ("'|'", part)][1:]
        return spelling.MD5.get(self.dialect, "md5({0})").format(self.concatenated(spaced))

    # Queries

    def lines(self, query: str) -> str:
        """The query on lines of its own, in parentheses: a comment or semicolon at its end does no harm."""
        return f"(\n{without_end(query, self.dialect)}\n)"

    def line_of(self, statement: str, query: str) -> int:
        """The line of the statement (from 1) at which the query begins; 0 where it does not stand there."""
        offset = statement.find(f"\n{without_end(query, self.dialect)}\n")
        return statement.count("\n", 0, offset) + 2 if offset >= 0 else 0

    def empty(self, query: str) -> str:
        """A query with the columns of the given one and no rows."""
        return f"select * from {self.lines(query)} as empty_rows where false limit 0"

    def limited(self, query: str, rows: int) -> str:
        """A query for the first rows of the given one."""
        return f"select * from {self.lines(query)} as limited_rows limit {int(rows)}"

    # Relations

    def create_table_as(
        self,
        relation: Relation,
        query: str,
        *,
        replace: bool = False,
        temporary: bool = False,
        modifier: str = "",
        options: str = "",
    ) -> str:
        """Create a table from a query. `modifier` goes before TABLE (`unlogged`), `options` after the name."""
        head = self._head("table", relation, replace=replace, temporary=temporary, modifier=modifier)
        return f"{head}{options and ' ' + options} as {self.lines(query)}"

    def create_table(
        self,
        relation: Relation,
        definitions: Sequence[str],
        *,
        replace: bool = False,
        temporary: bool = False,
        modifier: str = "",
        options: str = "",
    ) -> str:
        """Create an empty table from definitions of columns and constraints."""
        head = self._head("table", relation, replace=replace, temporary=temporary, modifier=modifier)
        return f"{head} (\n    {COMMA_LINE.join(definitions)}\n){options and ' ' + options}"

    def create_view_as(
        self, relation: Relation, query: str, *, replace: bool = False, kind: str = "view", options: str = ""
    ) -> str:
        """Create a view (or the kind of view given) from a query; `options` go after the name."""
        head = self._head(kind, relation, replace=replace)
        return f"{head}{options and ' ' + options} as {self.lines(query)}"

    def definition(self, column: Column) -> str:
        """A column in a CREATE TABLE: its name and its type, in the engine's words."""
        return f"{self.quote(column.name)} {column.type}"

    def _head(
        self,
        kind: str,
        relation: Relation,
        *,
        replace: bool = False,
        temporary: bool = False,
        modifier: str = "",
    ) -> str:
        words = ("create", "or replace" if replace else "", modifier)
        lasting = spelling.TEMPORARY.get(self.dialect, "") if temporary else ""
        return " ".join(word for word in (*words, lasting, KINDS.get(kind, kind), self.relation(relation)) if word)

    def drop(self, relation: Relation, kind: str = "table", *, if_exists: bool = True, cascade: bool = True) -> str:
        """Drop a relation, and what stands on it where the engine asks for a word to do so."""
        test = " if exists" if if_exists else ""
        tail = " cascade" if cascade and self.capabilities.cascade_drop else ""
        return f"drop {KINDS.get(kind, kind)}{test} {self.relation(relation)}{tail}"

    def rename(self, relation: Relation, new: Relation, kind: str = "table") -> str:
        """Give a relation another name in the same schema."""
        form = spelling.RENAME.get(self.dialect, "alter {1} {0} rename to {3}")
        name = new.identifier or ""
        text = self.quote(name) if self.dialect != "tsql" else quote_string(name, self.dialect)
        return form.format(
            self.relation(relation),
            KINDS.get(kind, kind),
            quote_string(str(relation), self.dialect),
            text,
            self.relation(new),
        )

    def swap(self, relation: Relation, other: Relation) -> str:
        """Let two tables change names in one statement; "" where the engine cannot."""
        return spelling.SWAP.get(self.dialect, "").format(self.relation(relation), self.relation(other))

    def rename_constraint(self, relation: Relation, name: str, new: str) -> str:
        """Give a constraint of a table another name."""
        return f"alter table {self.relation(relation)} rename constraint {self.quote(name)} to {self.quote(new)}"

    def add_constraint(self, relation: Relation, name: str, definition: str) -> str:
        """Give a table a constraint."""
        return f"alter table {self.relation(relation)} add constraint {self.quote(name)} {definition}"

    def drop_constraint(self, relation: Relation, name: str) -> str:
        """Take a constraint from a table."""
        return f"alter table {self.relation(relation)} drop constraint {self.quote(name)}"

    def truncate(self, relation: Relation) -> str:
        """Empty a table, inside the transaction if there is one."""
        return spelling.TRUNCATE.get(self.dialect, "truncate table {0}").format(self.relation(relation))

    def emptied(self, relation: Relation) -> str:
        """Empty a table so that whoever reads it meanwhile still finds the rows that were there."""
        return spelling.EMPTIED.get(self.dialect, "").format(self.relation(relation)) or self.truncate(relation)

    def refresh(self, relation: Relation, *, concurrently: bool = False) -> str:
        """Let a materialized view read its query again; `concurrently`: while others read it."""
        return f"refresh materialized view {'concurrently ' if concurrently else ''}{self.relation(relation)}"

    def add_column(self, relation: Relation, column: Column) -> str:
        """Add a column at the end."""
        word = "add columns" if self.dialect in ("spark", "spark2", "hive") else "add column"
        definition = self.definition(column)
        definition = f"({definition})" if word == "add columns" else definition
        return f"alter table {self.relation(relation)} {word if self.dialect != 'tsql' else 'add'} {definition}"

    def drop_column(self, relation: Relation, name: str) -> str:
        """Drop a column."""
        return f"alter table {self.relation(relation)} drop column {self.quote(name)}"

    def alter_type(self, relation: Relation, column: Column) -> str:
        """Give a column another type, keeping its values."""
        form = spelling.ALTER_TYPE.get(self.dialect, "alter table {0} alter column {1} set data type {2}")
        return form.format(self.relation(relation), self.quote(column.name), column.type)

    def create_schema(self, relation: Relation) -> str:
        """Create the schema of the relation unless it is there."""
        return f"create schema if not exists {self._schema(relation)}"

    def drop_schema(self, relation: Relation) -> str:
        """Drop the schema of the relation with all that is in it."""
        tail = " cascade" if self.capabilities.cascade_drop else ""
        return f"drop schema if exists {self._schema(relation)}{tail}"

    def _schema(self, relation: Relation) -> str:
        database = None if self.dialect in spelling.SCHEMA_ALONE else relation.database
        return self.relation(Relation(database, relation.schema, None))

    def create_index(
        self, relation: Relation, columns: Sequence[str], *, name: str, unique: bool = False, method: str = ""
    ) -> str:
        """Create an index on columns of a table."""
        definition = f"{f'using {method} ' if method else ''}({self.names(columns)})"
        return self.create_index_as(relation, definition, name=name, unique=unique)

    def create_index_as(self, relation: Relation, definition: str, *, name: str, unique: bool = False) -> str:
        """Create an index; `definition` is all that follows the table's name."""
        words = f"create {'unique ' if unique else ''}index {self.quote(name)} on {self.relation(relation)}"
        return f"{words} {definition}"

    # Rows

    def insert(self, relation: Relation, columns: Sequence[str], query: str) -> str:
        """Append the rows of a query whose columns are those named, in that order."""
        return f"insert into {self.relation(relation)} ({self.names(columns)}) {self.lines(query)}"

    def insert_columns(
        self,
        relation: Relation,
        columns: Sequence[str],
        query: str,
        *,
        selected: Sequence[str] = (),
        overwrite: bool = False,
    ) -> str:
        """Append columns of a query that may have more of them, or in another order.

        `selected` are their names in the query, where these differ from the table's.
        """
        verb = "insert overwrite table" if overwrite else "insert into"
        rows = f"select {self.names(selected or columns)} from {self.lines(query)} as {SOURCE}"
        return f"{verb} {self.relation(relation)} ({self.names(columns)})\n{rows}"

    def fill(self, relation: Relation, columns: Sequence[str], query: str) -> str:
        """Fill a new table with columns of a query that may have them in another order."""
        names = ", ".join(map(self.plain, columns))
        rows = f"select {names}\n    from {self.lines(query)} as model_subq"
        return f"insert into {self.relation(relation)} (\n    {names}\n)\n(\n    {rows}\n)"

    def insert_from(
        self,
        relation: Relation,
        columns: Sequence[str],
        source: Relation,
        *,
        selected: Sequence[str] = (),
        where: str = "",
    ) -> str:
        """Append columns of one table to another; `selected` are their names in the source."""
        rows = f"select {self.names(selected or columns)} from {self.relation(source)}"
        tail = f" where {where}" if where else ""
        return f"insert into {self.relation(relation)} ({self.names(columns)})\n{rows}{tail}"

    def delete_where(self, relation: Relation, conditions: Sequence[str]) -> str:
        """Delete the rows that fulfil all conditions; without any, all rows."""
        where = f"\nwhere {AND_LINE.join(conditions)}" if conditions else " where true"
        return f"delete from {self.relation(relation)} as {TARGET}{where}"

    def delete_matching(
        self,
        relation: Relation,
        keys: Sequence[tuple[str, str]],
        source: Relation,
        predicates: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """Delete the rows whose key is among those of the source; NULL equals NULL. One statement, or two.

        Keys are names of columns, in the relation and in the source.
        """
        left = [f"{TARGET}.{self.quote(name)}" for name, _ in keys]
        right = [f"{SOURCE}.{self.quote(name)}" for _, name in keys]
        matched = " and ".join(self.same(a, b) for a, b in zip(left, right, strict=True))
        there = f"{self.relation(source)} as {SOURCE}"
        extra = "".join(f"\n  and ({predicate})" for predicate in predicates)
        head = f"delete from {self.relation(relation)} as {TARGET}"
        # With USING, a predicate's plain column would be one of two; behind EXISTS it is the table's.
        plain = bool(predicates) and self.dialect in spelling.DELETE_EXISTS
        if self.dialect in spelling.DELETE_USING and len(keys) > 1 and not plain:
            return (f"{head}\nusing {there}\nwhere {matched}{extra}",)
        if self.dialect not in spelling.NULL_SAFE_UNHASHED:
            return (f"{head}\nwhere exists (select 1 from {there} where {matched}){extra}",)
        equal = " and ".join(f"{a} = {b}" for a, b in zip(left, right, strict=True))
        empty, none = (" or ".join(f"{key} is null" for key in side) for side in (left, right))
        same = f"({none}) and {self.same_row(left, right)}" if len(keys) > 1 else none
        return (
            f"{head}\nwhere exists (select 1 from {there} where {equal}){extra}",
            f"{head}\nwhere ({empty}) and exists (select 1 from {there} where {same}){extra}",
        )

    def delete_matching_expressions(
        self, relation: Relation, keys: Sequence[str], source: Relation, predicates: Sequence[str] = ()
    ) -> str:
        """The same for keys that are expressions over columns which both sides have.

        NULL equals NULL where the engine can compare rows so; elsewhere such a row is left alone.
        """
        form = spelling.ROW.get(self.dialect, "({0})").format(", ".join(f"({key})" for key in keys))
        extra = "".join(f"\n  and ({predicate})" for predicate in predicates)
        found = f"{form} in (select {form} from {self.relation(source)} as {SOURCE})"
        return f"delete from {self.relation(relation)} as {TARGET}\nwhere {found}{extra}"

    def update_from(self, relation: Relation, column: str, value: str, source: Relation, on: str) -> str:
        """Set one column from the rows of another table that match; `on` and `value` name both aliases."""
        target, there = self.relation(relation), f"{self.relation(source)} as {SOURCE}"
        if self.dialect in spelling.SPARK | {"snowflake"}:
            set_ = f"when matched then update set {TARGET}.{self.quote(column)} = {value}"
            return f"merge into {target} as {TARGET}\nusing {there}\non {on}\n{set_}"
        return f"update {target} as {TARGET}\nset {self.quote(column)} = {value}\nfrom {there}\nwhere {on}"

    def merge(self, relation: Relation, source: str, on: Sequence[str], clauses: Sequence[str]) -> str:
        """Merge the rows of a query (in parentheses) or a table into a table. `clauses` are the WHEN ones."""
        conditions = " and ".join(f"({condition})" for condition in on)
        when = "\n".join(clauses)
        head = f"merge into {self.relation(relation)} as {TARGET}\nusing {source} as {SOURCE}"
        return f"{head}\non {conditions}\n{when}"
