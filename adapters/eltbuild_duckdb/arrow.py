"""Rows in bulk as DuckDB reads them from Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow


def loadable(rows: Any) -> Any:
    """The rows as DuckDB reads them, None when there is no column.

    Raises `TypeError` or `ValueError` for what is no table, `pyarrow.ArrowException` for values that cannot be cast.
    """
    import pyarrow

    if not isinstance(rows, (pyarrow.Table, pyarrow.RecordBatchReader)):
        if not hasattr(rows, "__arrow_c_stream__"):
            raise TypeError(f"a {type(rows).__name__} is no table")
        rows = pyarrow.RecordBatchReader.from_stream(rows)
    schema = rows.schema
    twice = _twice(schema.names)
    if twice:
        raise ValueError(f"two of their columns are called {twice!r}")
    if not schema.names:
        if isinstance(rows, pyarrow.Table) and rows.num_rows:
            raise ValueError("they have no columns")
        return None
    readable = pyarrow.schema([field.with_type(_readable(field.type)) for field in schema])
    if readable.equals(schema):
        return rows
    table = rows if isinstance(rows, pyarrow.Table) else rows.read_all()
    return table.cast(readable)


def _twice(names: Sequence[str]) -> str:
    """A name that stands there twice, letter case folded; empty when none does."""
    seen: set[str] = set()
    for name in names:
        folded = name.lower()
        if folded in seen:
            return name
        seen.add(folded)
    return ""


def _readable(kind: pyarrow.DataType) -> pyarrow.DataType:
    """The type itself, or the nearest that DuckDB reads from Arrow."""
    import pyarrow

    if pyarrow.types.is_float16(kind):
        return pyarrow.float32()
    if pyarrow.types.is_decimal256(kind):
        return pyarrow.decimal128(38, kind.scale) if kind.scale <= 38 else pyarrow.string()
    return kind
