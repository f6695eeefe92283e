"""Which answers of DuckDB's are its word on a statement, and not rows that a query asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import duckdb

from eltbuild_duckdb.statements import goes_on

_REPORTS = {("Success", "BOOLEAN"), ("Count", "BIGINT")}
"""The columns by which DuckDB answers a statement that is no query."""
_NO_QUERY = re.compile(
    r"\s*(?:create|insert|update|delete|merge|copy|drop|alter|begin|commit|rollback|set|reset|attach|detach|use|load"
    r"|install|truncate|comment|checkpoint|vacuum|analyze)\b",
    re.IGNORECASE,
)
_RETURNING = re.compile(r"\breturning\b.*\bcount\b", re.IGNORECASE | re.DOTALL)


def is_report(cursor: duckdb.DuckDBPyConnection, column: Sequence[Any], rows: Sequence[Any], sql: str) -> bool:
    """Whether an answer is DuckDB's word on a statement, not rows that a query asked for.

    DuckDB 2 tells how many rows were written by `rowcount`; before, a count looks like any query's.
    """
    name, kind = column[0], str(column[1])
    if (name, kind) not in _REPORTS or (rows and name != "Count"):
        return False
    if rows and _RETURNING.search(sql):
        return False
    if _NO_QUERY.match(sql) and not goes_on(sql):
        return True
    kinds = [statement.type.name for statement in cursor.extract_statements(sql)]
    return bool(kinds) and kinds[-1] not in ("SELECT", "EXPLAIN", "CALL", "PRAGMA")
