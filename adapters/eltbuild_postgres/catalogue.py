"""Questions to PostgreSQL's catalogue, as SQL, and what its answers mean. Nothing is run.

Names are compared as they are stored: PostgreSQL knows `Orders` and `orders` apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eltbuild.relation import Column, Relation, RelationInfo, RelationKind
from eltbuild.sql.quoting import quote_identifier, quote_string

KINDS: Mapping[str, RelationKind] = {
    "r": "table", "p": "table", "v": "view", "m": "materialized_view", "f": "external",
}  # fmt: skip
"""Kinds by the letters of `pg_class.relkind`; a partitioned table is a table, a foreign one lies elsewhere."""
_LETTERS = ", ".join(f"'{letter}'" for letter in KINDS)

TEMPORARY = "pg_temp"
"""The schema of a session's own tables, whatever it is really called."""


def relations_query(schemas: Iterable[str]) -> str:
    """Rows `(schema, name, kind, comment, owner)` of what stands in the schemas, sorted."""
    return f"""
select n.nspname, c.relname, c.relkind::text, coalesce(d.description, ''), pg_catalog.pg_get_userbyid(c.relowner)
from pg_catalog.pg_namespace as n
join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relkind in ({_LETTERS})
left join pg_catalog.pg_description as d
  on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
where {_within(schemas)}
order by n.nspname, c.relname"""


def columns_query(schemas: Iterable[str], identifier: str | None = None) -> str:
    """Rows as those of `relations_query`, one for each column, with its `name, type, nullable, comment`.

    A relation without columns gives one row whose last four are NULL. In order of schemas as given, names, columns.
    """
    places = tuple(schemas)
    named = "" if identifier is None else f" and c.relname = {text(identifier)}"
    order = ", ".join(f"{_is_schema(schema)} desc" for schema in places)
    return f"""
select n.nspname, c.relname, c.relkind::text, coalesce(d.description, ''), pg_catalog.pg_get_userbyid(c.relowner),
  a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), not a.attnotnull, coalesce(s.description, '')
from pg_catalog.pg_namespace as n
join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relkind in ({_LETTERS})
left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_catalog.pg_description as d
  on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
left join pg_catalog.pg_description as s
  on s.objoid = c.oid and s.classoid = 'pg_catalog.pg_class'::regclass and s.objsubid = a.attnum
where {_within(places)}{named}
order by {order}, c.relname, a.attnum"""


def loadable_query(relation: Relation) -> str:
    """Rows `(name, type, category)` of the columns of a table, by the place as it is spelled."""
    return f"""
select a.attname, pg_catalog.format_type(t.oid, null), t.typcategory::text
from pg_catalog.pg_attribute as a
join pg_catalog.pg_type as t on t.oid = a.atttypid
where a.attrelid = {text(spelled(relation))}::pg_catalog.regclass and a.attnum > 0 and not a.attisdropped"""


def types_query(kinds: Iterable[tuple[int, int]]) -> str:
    """One row with the names of types, by their numbers and modifiers."""
    return "select " + ", ".join(f"pg_catalog.format_type({oid}, {modifier})" for oid, modifier in kinds)


def spelled(relation: Relation) -> str:
    """The place, quoted, without the parts that it leaves out."""
    parts = (relation.database, relation.schema, relation.identifier)
    return ".".join(quote_identifier(part, "postgres") for part in parts if part)


def names(columns: Iterable[str]) -> str:
    """The names as identifiers, separated by commas."""
    return ", ".join(quote_identifier(name, "postgres") for name in columns)


def text(value: str) -> str:
    """The text as a literal."""
    return quote_string(value, "postgres")


def column_of(row: Sequence[Any]) -> Column:
    """What the last four values of a row of `columns_query` tell."""
    name, kind, nullable, comment = row
    return Column(name, kind, nullable, comment)


def relation_of(row: Sequence[Any], place: Relation, columns: Iterable[Column] = ()) -> RelationInfo:
    """What the first five values of a row tell; `place` names database and schema as they were asked for."""
    _, name, kind, comment, owner = row[:5]
    return RelationInfo(place.named(name), KINDS[kind], tuple(columns), comment, owner)


def _within(schemas: Iterable[str]) -> str:
    return "(" + " or ".join(map(_is_schema, schemas)) + ")"


def _is_schema(schema: str) -> str:
    return "n.oid = pg_catalog.pg_my_temp_schema()" if schema == TEMPORARY else f"n.nspname = {text(schema)}"
