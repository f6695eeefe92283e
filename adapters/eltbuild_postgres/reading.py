"""Rows out of PostgreSQL as Arrow: the CSV of a COPY, read in bulk; column by column where Arrow cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
import pyarrow
from pyarrow import compute, csv

from eltbuild.values import dataclass

Loader = Callable[[int], Callable[[bytes], Any]]
"""What reads the text of a value, by the number of its type."""

BLOCK = 1 << 20
"""Bytes that are read as one piece; a row must fit in."""
LARGEST = (1 << 31) - 1

NUMERIC = 1700
PLAIN: Mapping[int, pyarrow.DataType] = {
    16: pyarrow.bool_(), 20: pyarrow.int64(), 21: pyarrow.int16(), 23: pyarrow.int32(), 26: pyarrow.int64(),
    700: pyarrow.float32(), 701: pyarrow.float64(), 1082: pyarrow.date32(), 1083: pyarrow.time64("us"),
    1114: pyarrow.timestamp("us"), 1184: pyarrow.timestamp("us", "UTC"),
}  # fmt: skip
"""Types that Arrow reads from text by itself."""
LOADED: Mapping[int, pyarrow.DataType] = {17: pyarrow.binary(), 1186: pyarrow.duration("us")}
"""Types whose texts are read one by one."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a result: its name, and its type by PostgreSQL's numbers."""

    name: str
    oid: int
    modifier: int = -1

    @property
    def arrow(self) -> pyarrow.DataType | None:
        """The Arrow type that its text can be read as at once; None where it is read as a text first."""
        if self.oid != NUMERIC:
            return PLAIN.get(self.oid)
        precision, scale = numeric_bounds(self.modifier)
        return pyarrow.decimal128(precision, scale) if 0 <= scale <= precision <= 38 and precision else None


def numeric_bounds(modifier: int) -> tuple[int, int]:
    """Precision and scale of a `numeric(12, 3)`; (0, 0) for one without."""
    if modifier < 4:
        return 0, 0
    packed = modifier - 4
    scale = packed & 0x7FF
    return packed >> 16, scale - 2048 if scale > 1023 else scale


def table_of(text: Sequence[bytes], fields: Sequence[Field], loader: Loader) -> pyarrow.Table:
    """The rows of a COPY's CSV, in which dates are written as ISO 8601 has them."""
    names = [field.name for field in fields]
    if not fields:
        return pyarrow.table({})
    kinds = [field.arrow for field in fields]
    try:
        raw = _parsed(text, kinds)
    except pyarrow.ArrowInvalid:
        # A value that Arrow has none for, such as `infinity`: every column by itself, from its texts.
        raw = _parsed(text, [None] * len(kinds))
    columns = [
        column if kind is not None and column.type == kind else _converted(column, field, kind, loader)
        for column, field, kind in zip(raw, fields, kinds)
    ]
    return pyarrow.Table.from_arrays(columns, names=names)


def _parsed(text: Sequence[bytes], kinds: Sequence[pyarrow.DataType | None]) -> list[pyarrow.ChunkedArray]:
    names = [str(index) for index in range(len(kinds))]
    types = {name: kind or pyarrow.string() for name, kind in zip(names, kinds)}
    if not text:
        return [pyarrow.chunked_array([], kind) for kind in types.values()]
    data = b"".join(text)
    block = min(max(BLOCK, 2 * max(map(len, text))), LARGEST)
    table = csv.read_csv(
        pyarrow.BufferReader(data),
        csv.ReadOptions(column_names=names, block_size=block),
        csv.ParseOptions(newlines_in_values=None in kinds, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    return [table.column(name) for name in names]


def _converted(
    texts: pyarrow.ChunkedArray, field: Field, kind: pyarrow.DataType | None, loader: Loader
) -> pyarrow.ChunkedArray:
    """A column from its texts: cast by Arrow, else value by value, else as it is."""
    if field.oid == NUMERIC:
        return _numeric(texts, field)
    if kind is not None:
        try:
            return texts.cast(kind)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
            pass
    wanted = PLAIN.get(field.oid) or LOADED.get(field.oid) or _list_type(field.oid)
    if wanted is None:
        return texts
    load = loader(field.oid)
    try:
        values = [None if value is None else load(value.encode()) for value in texts.to_pylist()]
        return pyarrow.chunked_array([pyarrow.array(values, wanted)])
    except (psycopg.Error, pyarrow.ArrowException, ValueError, TypeError, OverflowError):
        return texts


def _list_type(oid: int) -> pyarrow.DataType | None:
    """The Arrow type of an array of PostgreSQL's; None for what is no array."""
    info = psycopg.adapters.types.get(oid)
    if info is None or info.array_oid != oid:
        return None
    if info.oid == NUMERIC:
        return None
    return pyarrow.list_(PLAIN.get(info.oid) or LOADED.get(info.oid) or pyarrow.string())


def _numeric(texts: pyarrow.ChunkedArray, field: Field) -> pyarrow.ChunkedArray:
    """Numbers as decimals with as many places as the longest has; as floats where NaN or infinity is among them."""
    precision, scale = numeric_bounds(field.modifier)
    if not 0 <= scale <= precision or not precision:
        scale = _longest(texts, r"^[^.]*\.?")
        # Arrow does not look whether a number fits into fewer digits than it has.
        precision = max(38, scale + _longest(texts, r"\..*|-"))
    kind = pyarrow.decimal128 if precision <= 38 else pyarrow.decimal256
    try:
        return texts.cast(kind(precision, scale) if precision <= 76 else pyarrow.string())
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        return texts.cast(pyarrow.float64())


def _longest(texts: pyarrow.ChunkedArray, without: str) -> int:
    """The length of the longest text, without what the pattern finds in it."""
    return compute.max(compute.utf8_length(compute.replace_substring_regex(texts, without, ""))).as_py() or 0
