"""A difference between rows as text for people: an aligned table with a mark under every cell that differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from eltbuild.quality.row_comparison import Comparison, Line

SHOWN = 12
"""How many lines of a difference are shown: each takes three on the screen at most."""
WIDTH = 120
"""How wide a table may be where nobody says."""
NARROWEST = 40
CELL = 48
"""How much of a value is shown, where there is room; never more than a third of the table."""
KEY = 16
"""How wide a first column may be that is shown whatever else is."""
NAMED = 8
"""How many columns are named that differ and are not shown."""
BEFORE = 12
"""How many characters of a long text are shown before the place at which it differs."""

Printed = tuple[str, tuple[str, ...]]
"""A line of the table: what it is, and its cells."""


def told(comparison: Comparison, what: str, width: int = WIDTH, types: bool = False) -> str:
    """The difference in full sentences and a table. `what` names what gave the rows: `model `orders``.

    The table is at most `width` wide, if a column fits in it at all; with `types`, it tells those of the columns.
    """
    width = max(width, NARROWEST)
    table = _table(comparison, _shown_lines(comparison.lines), width, types)
    more = len(comparison.lines) - SHOWN
    tail = [f"... and {more:,} more"] if more > 0 else []
    return "\n".join([_summary(comparison, what), "", *table, *tail])


def _shown_lines(lines: Sequence[Line]) -> list[Line]:
    """The first lines, with some of each kind: where all are missing, those are of interest that came instead."""
    kinds: dict[tuple[bool, bool], list[int]] = {}
    for index, line in enumerate(lines):
        kinds.setdefault((line.expected is None, line.actual is None), []).append(index)
    chosen: list[int] = []
    for turn in range(SHOWN):
        chosen.extend(own[turn] for own in kinds.values() if turn < len(own))
    return [lines[index] for index in sorted(chosen[:SHOWN])]


def _summary(comparison: Comparison, what: str) -> str:
    paired = sum(1 for line in comparison.lines if line.expected is not None and line.actual is not None)
    missing = sum(1 for line in comparison.lines if line.actual is None)
    counts = (
        (paired, "differs", "differ"),
        (missing, "is missing", "are missing"),
        (len(comparison.lines) - paired - missing, "is not expected", "are not expected"),
    )
    said = ", ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in counts if count)
    same = f"; {comparison.same:,} as expected" if comparison.same else ""
    return f"{what} gives other rows than expected: {said}{same}"


def _table(comparison: Comparison, lines: Sequence[Line], width: int, types: bool) -> Iterator[str]:
    """The lines below each other, with as many columns as fit."""
    cell = min(CELL, width // 3)
    printed = [one for line in lines for one in _printed(comparison, line, cell)]
    head: list[Printed] = [("", tuple(_part(_shown(name), 0, cell) for name in comparison.columns))]
    if types and len(comparison.types) == len(comparison.columns):
        head.append(("", tuple(_part(_shown(name.lower()), 0, cell) for name in comparison.types)))
    widths = [max(len(cells[index]) for _, cells in (*head, *printed)) for index in range(len(comparison.columns))]
    label = max(len(word) for word, _ in printed)
    chosen = _chosen(widths, _differing(comparison, lines), width - label)
    right = {index for index in chosen if _is_numeric(lines, index)}
    for word, cells in (*head, *printed):
        padded = [f"{cells[i]:>{widths[i]}}" if i in right else f"{cells[i]:<{widths[i]}}" for i in chosen]
        yield "  ".join([f"{word:<{label}}", *padded]).rstrip()
    hidden = len(comparison.columns) - len(chosen)
    if hidden:
        names = [comparison.columns[index] for index in sorted(_differing(comparison, lines) - set(chosen))]
        more = "1 more column is" if hidden == 1 else f"{hidden:,} more columns are"
        yield f"({more} not shown{f'; {_listed(names)}' if names else ''})"


def _listed(names: Sequence[str]) -> str:
    """The columns that differ, too, and are not shown."""
    first = ", ".join(names[:NAMED])
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{first}{more} {'differs' if len(names) == 1 else 'differ'}, too"


def _printed(comparison: Comparison, line: Line, cell: int) -> Iterator[Printed]:
    if line.expected is None or line.actual is None:
        if line.expected is not None:
            yield "- missing", tuple(_cell(value, cell) for value in line.expected)
        if line.actual is not None:
            yield "+ unexpected", tuple(_cell(value, cell) for value in line.actual)
        return
    left: list[str] = []
    right: list[str] = []
    marks: list[str] = []
    for index, (expected, actual) in enumerate(zip(line.expected, line.actual, strict=True)):
        same = comparison.equal(index, expected, actual)
        one, other = (_cell(expected, cell), _cell(actual, cell)) if same else _apart(expected, actual, cell)
        left.append(one)
        right.append(other)
        marks.append("" if same else "^" * max(len(one), len(other)))
    yield "- expected", tuple(left)
    yield "+ actual", tuple(right)
    yield "", tuple(marks)


def _differing(comparison: Comparison, lines: Sequence[Line]) -> frozenset[int]:
    """The columns in which rows that belong together differ."""
    return frozenset(
        index
        for line in lines
        if line.expected is not None and line.actual is not None
        for index, (expected, actual) in enumerate(zip(line.expected, line.actual, strict=True))
        if not comparison.equal(index, expected, actual)
    )


def _chosen(widths: Sequence[int], differing: frozenset[int], room: int) -> list[int]:
    """The columns that are shown: a narrow first one, those that differ, then others where there is room."""
    chosen: list[int] = []
    # The first column is mostly the key, without which nobody knows which rows these are.
    first = 0 if widths and widths[0] <= KEY and len(widths) > 1 else -1
    for index in sorted(range(len(widths)), key=lambda index: (index != first, index not in differing, index)):
        if widths[index] + 2 <= room or not chosen:
            room -= widths[index] + 2
            chosen.append(index)
    return sorted(chosen)


def _is_numeric(lines: Sequence[Line], index: int) -> bool:
    rows = [row for line in lines for row in (line.expected, line.actual) if row is not None]
    present = [row[index] for row in rows if row[index] is not None]
    return bool(present) and all(isinstance(value, (int, float, Decimal)) for value in present)


def _cell(value: Any, cell: int) -> str:
    return _part(_shown(value), 0, cell)


def _apart(expected: Any, actual: Any, cell: int) -> tuple[str, str]:
    """Two different values as texts that differ, too: long ones from where they differ, others with their type."""
    left, right = _shown(expected), _shown(actual)
    if left == right:
        first, second = (f"{_cell(value, cell)} ({_kind(value)})" for value in (expected, actual))
        return first, second
    if len(left) <= cell and len(right) <= cell:
        return left, right
    same = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    start = max(same - BEFORE, 0) if same > cell // 2 else 0
    return _part(left, start, cell), _part(right, start, cell)


KINDS: Mapping[str, str] = {
    "str": "text", "int": "integer", "float": "double", "Decimal": "decimal", "bool": "boolean",
    "datetime": "timestamp",
}  # fmt: skip
"""What a value is, by its class."""


def _kind(value: Any) -> str:
    name = type(value).__name__
    return KINDS.get(name, name)


def _part(text: str, start: int, cell: int) -> str:
    text = f"...{text[start:]}" if start else text
    return text if len(text) <= cell else text[: cell - 3] + "..."


def _shown(value: Any) -> str:
    """A value as SQL people write it; texts that could be taken for something else in quotes."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_shown(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_shown, value)) + "]"
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(value))
    odd = isinstance(value, str) and (not text or text != text.strip() or text.lower() in ("null", "true", "false"))
    return f"'{text}'" if odd else text
