"""What hangs on a table of DuckDB's and would go with it: its indexes. Nothing is run.

Views find their tables by name, rights there are none, and keys are part of the table. An index's definition is told
as the statement that made it, in which names are written as they must be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from eltbuild.relation import Belongings, Index
from eltbuild.sql.quoting import quote_string

_NAME = r'(?:"(?:[^"]|"")*"|[^\s".(]+)'
_HEAD = re.compile(
    rf"\s*create\s+(?:unique\s+)?index\s+(?:if\s+not\s+exists\s+)?{_NAME}\s+on\s+{_NAME}(?:\.{_NAME})*\s*",
    re.IGNORECASE,
)
_COLUMN = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([A-Za-z_]\w*))\s*\Z')
_TOKEN = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|[(),]")


def indexes_query(place: tuple[str, str], identifier: str) -> str:
    """Rows `(name, is unique, statement)` of the indexes of a table; letter case is folded as DuckDB does."""
    database, schema, table = (quote_string(name, "duckdb") for name in (*place, identifier))
    return (
        "select index_name, is_unique, sql from duckdb_indexes()"
        f" where lower(table_name) = lower({table}) and lower(schema_name) = lower({schema})"
        f" and lower(database_name) = lower({database}) and sql is not null order by index_name"
    )


def constraints_query(place: tuple[str, str], identifier: str) -> str:
    """Rows `(kind, columns)` of the constraints of a table, NOT NULL left out; a DuckLake has no others."""
    database, schema, table = (quote_string(name, "duckdb") for name in (*place, identifier))
    return (
        "select constraint_type, constraint_column_names from duckdb_constraints()"
        f" where lower(table_name) = lower({table}) and lower(schema_name) = lower({schema})"
        f" and lower(database_name) = lower({database}) and constraint_type <> 'NOT NULL' order by constraint_index"
    )


def belongings_of(rows: Iterable[tuple[Any, ...]]) -> Belongings:
    """What the rows of `indexes_query` tell."""
    return Belongings(indexes=tuple(_index(name, unique, sql) for name, unique, sql in rows))


def _index(name: str, unique: bool, sql: str) -> Index:
    head = _HEAD.match(sql)
    definition = sql[head.end() if head else 0 :].strip().rstrip(";").rstrip()
    return Index(name, definition, bool(unique), tuple(_columns(definition)))


def _columns(definition: str) -> Iterator[str]:
    """The plain columns between the outer parentheses; expressions are left out."""
    depth, start = 0, 0
    for token in _TOKEN.finditer(definition):
        mark = token[0]
        if mark == "(":
            depth += 1
            start = token.end() if depth == 1 else start
        elif depth == 1 and mark in ",)":
            column = _COLUMN.match(definition[start : token.start()])
            if column is not None:
                yield column[1].replace('""', '"') if column[1] is not None else column[2]
            start = token.end()
        if mark == ")":
            depth -= 1
            if not depth:
                return
