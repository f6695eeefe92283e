"""Questions to DuckDB's catalogue, as SQL, and what its answers mean. Nothing is run.

DuckDB describes every table it has, whatever the `where` asks for: 10 ms for 1,000 tables of ten columns. `DESCRIBE`
looks up one of them only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from eltbuild.relation import Column, Relation, RelationInfo, RelationKind
from eltbuild.sql.quoting import quote_identifier, quote_string

TEMPORARY = ("temp", "main")
"""Where the temporary tables of a session stand."""

COMMENTED = (
    "select exists (from duckdb_columns() where comment is not null and not internal)"
    " or exists (from duckdb_tables() where comment is not null)"
    " or exists (from duckdb_views() where comment is not null and not internal)"
)
"""Whether anything has a comment."""

_KINDS: dict[str, RelationKind] = {"table": "table", "view": "view"}


def relations_query(places: Iterable[tuple[str, str]], identifier: str | None = None) -> str:
    """Rows `(database, schema, name, kind, comment, size)` of what stands in the schemas, sorted."""
    return (
        "\nunion all\n".join(
            f"select database_name, schema_name, {kind}_name, '{kind}', coalesce(comment, ''), {size}"
            f" from duckdb_{kind}s()"
            f" where not internal and {_within(places, f'{kind}_name', identifier)}"
            for kind, size in (("table", "estimated_size"), ("view", "null"))
        )
        + "\norder by all"
    )


def views_query(place: tuple[str, str], identifier: str) -> str:
    """One row when a view of that name stands there."""
    return f"select 1 from duckdb_views() where not internal and {_within([place], 'view_name', identifier)}"


def columns_query(places: Iterable[tuple[str, str]], identifier: str | None = None) -> str:
    """Rows `(database, schema, relation, column, type, nullable, comment)`, columns in order."""
    return (
        "select database_name, schema_name, table_name, column_name, data_type, is_nullable, coalesce(comment, '')"
        f" from duckdb_columns() where {_within(places, 'table_name', identifier)}"
        " order by database_name, schema_name, table_name, column_index"
    )


def describe_relation(relation: Relation) -> str:
    """Rows whose first three values are name, type and `YES` or `NO` for nullable."""
    return f"describe {spelled(relation)}"


def spelled(relation: Relation) -> str:
    """The place, quoted, without the parts that it leaves out."""
    parts = (relation.database, relation.schema, relation.identifier)
    return ".".join(quote_identifier(part, "duckdb") for part in parts if part)


def relation_of(row: Sequence[Any], columns: Iterable[Column] = ()) -> RelationInfo:
    """What a row of `relations_query` tells."""
    database, schema, name, kind, comment, size = row
    return RelationInfo(Relation(database, schema, name), _KINDS[kind], tuple(columns), comment, rows=size)


def column_of(row: Sequence[Any]) -> Column:
    """What a row of `columns_query` tells, without the relation."""
    return Column(row[3], row[4], row[5], row[6])


def described_column(row: Sequence[Any]) -> Column:
    """What a row of `DESCRIBE` tells."""
    return Column(row[0], row[1], row[2] == "YES")


def _within(places: Iterable[tuple[str, str]], column: str, identifier: str | None) -> str:
    """The condition of standing in one of the schemas, letter case folded as DuckDB does."""
    pairs = ", ".join(f"({_folded(database)}, {_folded(schema)})" for database, schema in places)
    text = f"(lower(database_name), lower(schema_name)) in ({pairs})"
    return text if identifier is None else f"lower({column}) = {_folded(identifier)} and {text}"


def _folded(name: str) -> str:
    return f"lower({quote_string(name, 'duckdb')})"
