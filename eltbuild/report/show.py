"""Rows of a query as text: a table for people, JSON or CSV for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from eltbuild.report.artifacts import simpler
from eltbuild.report.text import clean, cut, padded, width_of
from eltbuild.values import dataclass

Style = Literal["text", "json", "csv"]
NULL = "NULL"
CELL = 40
"""The widest that a cell is shown where not everything fits."""
PIPED_CELL = 200
"""The widest that a cell is shown where no terminal sets a width."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an answer, and where they come from; `more` when not all of them are here."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    node: str | None = None
    """None for an inline query."""
    more: bool = False


def shown(rows: Rows, *, style: Style = "text", width: int = 0, colour: bool = False, unicode: bool = True) -> str:
    """The rows in that style, without a newline at the end."""
    match style:
        case "json":
            return show_json(rows)
        case "csv":
            return show_csv(rows)
        case _:
            return show_table(rows, width=width, colour=colour, unicode=unicode)


def show_table(rows: Rows, *, width: int = 0, colour: bool = False, unicode: bool = True) -> str:
    """A table with aligned columns: numbers to the right, NULL written out, wide values cut.

    With a `width`, columns that do not fit are left out and counted below the table.
    """
    ellipsis = "…" if unicode else "..."
    cells = [[cell_text(value) for value in row] for row in rows.rows]
    widths = _widths(rows.columns, cells, width)
    fitting = _fitting(widths, width)
    rights = [_is_numeric(rows.rows, index) for index in range(fitting)]
    lines = [
        _table_line(rows.columns, widths[:fitting], [False] * fitting, ellipsis),
        "| " + " | ".join("-" * size for size in widths[:fitting]) + " |",
        *(_table_line(row, widths[:fitting], rights, ellipsis) for row in cells),
    ]
    if not rows.columns:
        lines = []
    notes = []
    if len(widths) > fitting:
        notes.append(f"{len(widths) - fitting} more columns: {', '.join(rows.columns[fitting:])}")
    if not rows.rows:
        notes.append("no rows")
    elif rows.more:
        notes.append("more rows are there: --limit shows them")
    return "\n".join(lines + [f"({cut(note, width - 2, ellipsis) if width else note})" for note in notes])


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """The width of each column: as wide as its widest value while all fit, else at most `CELL`."""
    widths = [max(width_of(clean(name)), 1) for name in columns]
    for row in cells:
        for index, cell in enumerate(row[: len(widths)]):
            widths[index] = max(widths[index], width_of(cell))
    if not width:
        return [min(size, PIPED_CELL) for size in widths]
    if sum(widths) + 3 * len(widths) + 1 <= width:
        return widths
    return [min(size, CELL, max(width - 4, 4)) for size in widths]


def _fitting(widths: Sequence[int], width: int) -> int:
    """How many columns fit into the width: at least one."""
    if not width:
        return len(widths)
    taken = 1
    for index, size in enumerate(widths):
        taken += size + 3
        if taken > width:
            return max(index, 1)
    return len(widths)


def _is_numeric(rows: Sequence[Sequence[Any]], index: int) -> bool:
    values = [row[index] for row in rows if index < len(row) and row[index] is not None]
    return bool(values) and all(
        isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) for value in values
    )


def _table_line(cells: Sequence[str], widths: Sequence[int], rights: Sequence[bool], ellipsis: str) -> str:
    parts = [
        padded(cut(clean(cell).replace("\n", " "), size, ellipsis), size, right=right)
        for cell, size, right in zip(cells, widths, rights)
    ]
    return f"| {' | '.join(parts)} |"


def cell_text(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return clean(value).replace("\n", "\\n")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "0x" + bytes(value).hex()
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {cell_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(cell_text, value)) + "]"
    return clean(str(value))


def show_json(rows: Rows) -> str:
    """`{"node": ..., "show": [{column: value}]}`, indented; `node` only where there is one."""
    import json

    shown: list[dict[str, Any]] = [
        {name: json_value(value) for name, value in zip(distinct(rows.columns), row)} for row in rows.rows
    ]
    whole = {"node": rows.node, "show": shown} if rows.node is not None else {"show": shown}
    return json.dumps(whole, indent=2, ensure_ascii=False, default=_json_default)


def json_value(value: Any) -> Any:
    """A value that JSON can hold: dates as ISO text, decimals as numbers, bytes as hexadecimal text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Decimal):
        # One that is declared with decimals keeps them: `3.0`, and not `3`.
        whole = value.is_finite() and value.as_tuple().exponent == 0
        return int(value) if whole else json_value(float(value))
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_value(item) for item in value]
    return _json_default(value)


def _json_default(value: Any) -> Any:
    simple = simpler(value)
    return simple if isinstance(simple, (str, int, float)) else str(simple)


def distinct(names: Iterable[str]) -> list[str]:
    """The names, with `_2`, `_3` ... behind those that came before: an object holds each key once."""
    seen: dict[str, int] = {}
    out: list[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out


def show_csv(rows: Rows) -> str:
    """The rows as CSV with a header; NULL is nothing at all, an empty text is `""`."""
    lines = [",".join(map(_csv_cell, rows.columns))]
    lines += [",".join("" if value is None else _csv_cell(_csv_text(value)) for value in row) for row in rows.rows]
    return "\n".join(lines)


def _csv_text(value: Any) -> str:
    return value if isinstance(value, str) else cell_text(value)


def _csv_cell(text: str) -> str:
    if text == "" or any(character in text for character in ',"\n\r') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text
