"""A column as templates see it: dbt's members over our values, immutable."""

from __future__ import annotations

from typing import Any

from eltbuild.relation import Column
from eltbuild.sql.quoting import quote_identifier

STRINGS = frozenset({"text", "character varying", "character", "varchar"})
FLOATS = frozenset({"real", "float4", "float", "double precision", "float8", "double"})
INTEGERS = frozenset(
    {
        "smallint", "integer", "bigint", "smallserial", "serial", "bigserial", "int2", "int4", "int8", "serial2",
        "serial4", "serial8",
    }
)  # fmt: skip
OF_DUCKDB = frozenset(
    {
        "tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "int",
        "int1", "int2", "int4", "int8", "short", "long", "signed",
    }
)  # fmt: skip
NUMERICS = frozenset({"numeric", "decimal"})
"""What templates take for texts and numbers: these names and no others, sizes within the name included."""

SIZED = frozenset({"postgres"})
"""Dialects whose columns are told with sizes apart from the type; elsewhere `decimal(10,3)` is one name."""
OPEN_STRINGS = frozenset({"text", "character varying"})
"""Types of those dialects that need no size. Every other text without one is told as 256 wide, as packages expect."""
PADDED = {"bpchar": "character"}
PRECISIONS: dict[str, tuple[int, int | None]] = {
    "smallint": (16, 0), "integer": (32, 0), "bigint": (64, 0), "real": (24, None), "double precision": (53, None),
}  # fmt: skip


class TemplateColumn:
    """`api.Column` in templates."""

    __slots__ = ("char_size", "column", "dialect", "dtype", "nullable", "numeric_precision", "numeric_scale")

    def __init__(
        self, column: str, dtype: str, char_size: Any = None, numeric_precision: Any = None, numeric_scale: Any = None,
        dialect: str = "duckdb",
    ) -> None:  # fmt: skip
        self.column = column
        self.dtype = dtype
        self.char_size = char_size
        self.numeric_precision = numeric_precision
        self.numeric_scale = numeric_scale
        self.dialect = dialect

    @classmethod
    def of(cls, column: Column, dialect: str) -> TemplateColumn:
        """The template's view of a column that the warehouse described."""
        return cls.sized(column, dialect) if dialect in SIZED else cls(column.name, column.type, dialect=dialect)

    @classmethod
    def sized(cls, column: Column, dialect: str) -> TemplateColumn:
        """The column with the size that stands in its type apart from it."""
        base, _, rest = column.type.partition("(")
        sizes = [part.strip() for part in rest.rstrip(")").split(",")] if rest and rest.endswith(")") else []
        numbers = [int(size) if size.isdigit() else None for size in sizes]
        dtype = PADDED.get(base.strip().lower(), base.strip())
        if numbers and dtype.lower() in NUMERICS:
            scale = numbers[1] if len(numbers) > 1 else 0
            return cls(column.name, dtype, None, numbers[0], scale, dialect)
        if numbers and dtype.lower() in STRINGS:
            return cls(column.name, dtype, numbers[0], dialect=dialect)
        whole = dtype if dtype in PADDED.values() else column.type
        precision, scale = PRECISIONS.get(whole.lower(), (None, None))
        return cls(column.name, whole, None, precision, scale, dialect)

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column

    @property
    def quoted(self) -> str:
        """The name in the engine's quotes."""
        return quote_identifier(self.column, self.dialect)

    @property
    def data_type(self) -> str:
        """The type with its size."""
        lower = self.dtype.lower()
        if self.is_string() and not (self.char_size is None and self.dialect in SIZED and lower in OPEN_STRINGS):
            return f"character varying({self.string_size()})"
        if self.is_numeric() and self.numeric_precision is not None and self.numeric_scale is not None:
            return f"{self.dtype}({self.numeric_precision},{self.numeric_scale})"
        return self.dtype

    @property
    def expanded_data_type(self) -> str:
        """The type with its size."""
        return self.data_type

    def is_string(self) -> bool:
        """Whether it holds text."""
        return self.dtype.lower() in STRINGS

    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return self.is_float() or self.is_integer() or self.is_numeric()

    def is_float(self) -> bool:
        """Whether it holds floating point numbers."""
        lower = self.dtype.lower()
        return lower in FLOATS and not (self.dialect == "duckdb" and lower == "double precision")

    def is_integer(self) -> bool:
        """Whether it holds whole numbers."""
        return self.dtype.lower() in (OF_DUCKDB if self.dialect == "duckdb" else INTEGERS)

    def is_numeric(self) -> bool:
        """Whether it holds decimals."""
        return self.dtype.lower() in NUMERICS

    def string_size(self) -> int:
        """How many characters fit."""
        if not self.is_string():
            raise TypeError("string_size() was called on a column that holds no text")
        return int(self.char_size) if self.char_size else 256

    def can_expand_to(self, other: TemplateColumn) -> bool:
        """Whether the other column is the same text type, only wider."""
        return self.is_string() and other.is_string() and other.string_size() > self.string_size()

    def string_type(self, size: int) -> str:
        """A text type of that size."""
        return ColumnFactory(self.dialect).string_type(size)

    def numeric_type(self, dtype: str, precision: Any, scale: Any) -> str:
        """A decimal type of that size."""
        return ColumnFactory(self.dialect).numeric_type(dtype, precision, scale)

    def create(self, name: str, label_or_dtype: str) -> TemplateColumn:
        """Another column, of that name and type."""
        return ColumnFactory(self.dialect).create(name, label_or_dtype)

    def literal(self, value: Any) -> str:
        """The value cast to this column's type."""
        return f"{value}::{self.data_type}"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TemplateColumn)
            and (self.column, self.data_type) == (other.column, other.data_type)
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.column, self.data_type))

    def __repr__(self) -> str:
        return f"<Column {self.column} ({self.data_type})>"


TYPE_LABELS = {"STRING": "TEXT"}
"""By label, the type where it is not the label itself."""


class ColumnFactory:
    """`api.Column` and `adapter.Column`."""

    TYPE_LABELS = TYPE_LABELS

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect

    def __call__(self, column: str, dtype: str, *sizes: Any, **more: Any) -> TemplateColumn:
        return TemplateColumn(column, dtype, *sizes, **{**more, "dialect": self._dialect})

    def create(self, name: str, label_or_dtype: str) -> TemplateColumn:
        """A column of that name and type."""
        return TemplateColumn(name, self.translate_type(label_or_dtype), dialect=self._dialect)

    def translate_type(self, dtype: str) -> str:
        """The engine's spelling of one of dbt's type labels."""
        return TYPE_LABELS.get(dtype.upper(), dtype)

    def from_description(self, name: str, raw_data_type: str) -> TemplateColumn:
        """A column from a type with its size."""
        return TemplateColumn.sized(Column(name, raw_data_type), self._dialect)

    def string_type(self, size: int) -> str:
        """A text type of that size."""
        return f"character varying({size})"

    def numeric_type(self, dtype: str, precision: Any, scale: Any) -> str:
        """A decimal type of that size."""
        return dtype if precision is None or scale is None else f"{dtype}({precision},{scale})"
