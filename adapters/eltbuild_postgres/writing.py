"""Rows from Arrow as the CSV that a COPY reads: by Arrow itself, value by value only where it cannot."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow
from pyarrow import compute, csv, types

from eltbuild.errors import DatabaseError
from eltbuild.relation import Relation
from eltbuild.values import dataclass

ROWS = 65_536
"""How many rows are written as one piece."""
ARRAYS = "A"
"""The category of array types in PostgreSQL's catalogue."""
NUL = b"\0"


@dataclass(frozen=True, slots=True)
class Place:
    """A column of the table: its type, whether that is an array, whether it holds bytes."""

    name: str
    type: str
    category: str

    @property
    def is_array(self) -> bool:
        """Whether its values are arrays of PostgreSQL's."""
        return self.category == ARRAYS


Texts = Callable[[Sequence[Place]], Iterator[bytes]]
"""The rows piece by piece, given the columns that they are for."""


def texts_of(rows: Any, relation: Relation) -> tuple[pyarrow.Schema, Texts]:
    """What rows hold, and how they are written for a table. Both raise `DatabaseError` for what has no such form."""

    def refused(error: Exception) -> DatabaseError:
        return DatabaseError(f"rows for `{relation}` have no form that PostgreSQL takes: {error}")

    def texts(places: Sequence[Place]) -> Iterator[bytes]:
        try:
            for piece in pieces:
                yield csv_of(piece, places)
        except (pyarrow.ArrowException, TypeError, ValueError) as error:
            raise refused(error) from error

    try:
        schema, pieces = _pieces(rows)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise refused(error) from error
    return schema, texts


def _pieces(rows: Any) -> tuple[pyarrow.Schema, Iterator[pyarrow.RecordBatch]]:
    """The rows piece by piece. Raises `TypeError` for what is no table, `ValueError` for rows that are none."""
    if not isinstance(rows, (pyarrow.Table, pyarrow.RecordBatchReader)):
        if not hasattr(rows, "__arrow_c_stream__"):
            raise TypeError(f"a {type(rows).__name__} is no table")
        rows = pyarrow.RecordBatchReader.from_stream(rows)
    names = rows.schema.names
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise ValueError(f"two of their columns are called {twice!r}")
    if not names and isinstance(rows, pyarrow.Table) and rows.num_rows:
        raise ValueError("they have no columns")
    pieces = rows.to_batches(max_chunksize=ROWS) if isinstance(rows, pyarrow.Table) else rows
    return rows.schema, (piece.slice(start, ROWS) for piece in pieces for start in range(0, piece.num_rows, ROWS))


def csv_of(batch: pyarrow.RecordBatch, places: Sequence[Place]) -> bytes:
    """A piece of the rows as CSV. Raises `ValueError` for a NUL in a text, which no column of PostgreSQL's can hold."""
    columns = [_writable(column, place) for column, place in zip(batch.columns, places, strict=True)]
    sink = pyarrow.BufferOutputStream()
    plain = pyarrow.RecordBatch.from_arrays(columns, names=[str(index) for index in range(len(columns))])
    csv.write_csv(plain, sink, csv.WriteOptions(include_header=False))
    text: bytes = sink.getvalue().to_pybytes()
    if NUL in text:
        raise ValueError(_nul(columns, places))
    return text


def _nul(columns: Sequence[pyarrow.Array], places: Sequence[Place]) -> str:
    for column, place in zip(columns, places):
        if types.is_string(column.type) or types.is_large_string(column.type):
            found = compute.index(compute.match_substring(column, "\0"), True).as_py()
            if found >= 0:
                shown = column[found].as_py()[:40]
                return (
                    f"a text of column `{place.name}` holds a NUL character, which PostgreSQL cannot store: {shown!r}"
                )
    return "a text holds a NUL character, which PostgreSQL cannot store"


def _writable(column: pyarrow.Array, place: Place) -> pyarrow.Array:
    """The column as Arrow can write it, and PostgreSQL read it."""
    kind = column.type
    if types.is_dictionary(kind):
        return _writable(column.dictionary_decode(), place)
    if isinstance(kind, pyarrow.BaseExtensionType):
        return _one_by_one(column, str) if kind.extension_name == "arrow.uuid" else _writable(column.storage, place)
    if types.is_string_view(kind):
        return column.cast(pyarrow.large_string())
    if _is_bytes(kind):
        return _one_by_one(column, _hexadecimal) if place.type == "bytea" else column.cast(pyarrow.large_string())
    if types.is_float16(kind):
        return column.cast(pyarrow.float32())
    if types.is_boolean(kind) and place.category == "N":
        return column.cast(pyarrow.int8())
    if types.is_duration(kind):
        return _one_by_one(column.cast(pyarrow.duration("us"), safe=False), _seconds)
    if types.is_nested(kind):
        return _one_by_one(column, _nested(kind, place))
    if types.is_interval(kind):
        return _one_by_one(column, _interval)
    return column


def _is_bytes(kind: pyarrow.DataType) -> bool:
    views = getattr(types, "is_binary_view", None)
    return (
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or (views is not None and views(kind))
    )


def _one_by_one(column: pyarrow.Array, write: Callable[[Any], str]) -> pyarrow.Array:
    texts = [None if value is None else write(value) for value in column.to_pylist()]
    return pyarrow.array(texts, pyarrow.large_string())


def _hexadecimal(value: bytes) -> str:
    return "\\x" + value.hex()


def _seconds(value: datetime.timedelta) -> str:
    return f"{value.days} days {value.seconds + value.microseconds / 1_000_000:.6f} seconds"


def _interval(value: Any) -> str:
    months, days, nanoseconds = value
    return f"{months} months {days} days {nanoseconds / 1_000_000_000:.6f} seconds"


# Values within values


def _nested(kind: pyarrow.DataType, place: Place) -> Callable[[Any], str]:
    """How values of a type that holds others are written: as an array's literal where the column takes one, as JSON."""
    shape = _shape(kind)
    if place.is_array and _is_list(kind):
        return lambda value: array_text(shape(value))
    return lambda value: json.dumps(shape(value), ensure_ascii=False, allow_nan=False, default=_scalar)


def _shape(kind: pyarrow.DataType) -> Callable[[Any], Any]:
    """From Arrow's Python values to lists and mappings: Arrow gives a map as a list of pairs."""
    if types.is_map(kind):
        item = _shape(kind.item_type)
        return lambda value: value if value is None else {str(key): item(inner) for key, inner in value}
    if types.is_struct(kind):
        shapes = {field.name: _shape(field.type) for field in kind}
        return lambda value: value if value is None else {name: shapes[name](inner) for name, inner in value.items()}
    if _is_list(kind):
        inner_shape = _shape(kind.value_type)
        return lambda value: value if value is None else [inner_shape(inner) for inner in value]
    return lambda value: value


def _is_list(kind: pyarrow.DataType) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def array_text(values: Sequence[Any]) -> str:
    """A list as an array's literal in PostgreSQL."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return array_text(value)
    if isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_scalar)
    else:
        text = _scalar(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _scalar(value: Any) -> str:
    return _SCALARS.get(type(value), str)(value)


_SCALARS: Mapping[type, Callable[[Any], str]] = {
    bytes: _hexadecimal,
    bool: lambda value: "t" if value else "f",
    datetime.datetime: lambda value: value.isoformat(" "),
    datetime.timedelta: _seconds,
}
