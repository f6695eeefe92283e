"""The result of a query as a small table of text, as templates print it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from eltbuild.compile.dbt.result_column import ResultColumn, kind_of


def structure(columns: Iterable[ResultColumn]) -> str:
    """Names and kinds of the columns, as a small table."""
    rows = [(column.name, kind_of(column.values())) for column in columns]
    return _lines(("column", "data_type"), rows, frozenset())


def printed(
    columns: Sequence[ResultColumn],
    rows: Sequence[Sequence[Any]],
    max_rows: int | None,
    max_columns: int | None,
    width: int | None,
) -> str:
    """The first rows and columns as a table of text: numbers to the right, nothing for none, dots for what is more."""
    shown = columns[:max_columns]
    names = [_cut(column.name, width) for column in shown]
    cells = [[_cell(value, width) for value in row[: len(names)]] for row in rows[:max_rows]]
    right = frozenset(index for index, column in enumerate(shown) if kind_of(column.values()) in ("Integer", "Number"))
    if max_columns is not None and len(columns) > max_columns:
        names, cells = [*names, "..."], [[*row, "..."] for row in cells]
    if max_rows is not None and len(rows) > max_rows:
        cells.append(["..."] * len(names))
    return _lines(names, cells, right)


def _lines(names: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> str:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        said = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(said) + " |"

    return "\n".join([line(names), line(["-" * width for width in widths]), *map(line, rows)])


def _cell(value: Any, width: int | None) -> str:
    return "" if value is None else f"{value:,}" if type(value) is int else _cut(str(value), width)


def _cut(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else text[: width - 3] + "..."
