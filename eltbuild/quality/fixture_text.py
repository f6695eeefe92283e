"""A unit test written down: the entry of a properties file, and where in a file it goes. Nothing is read or written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from eltbuild.values import dataclass

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A unit test as it is to be written: rows as mappings, or as the text of a query."""

    name: str
    model: str
    given: Sequence[tuple[str, Rows | str]]
    expect: Rows
    description: str = ""
    version: str | int | float | None = None
    macros: Mapping[str, Any] | None = None


def as_given(entry: Entry) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What the loader would make of it: the inputs, and the expectation."""
    given: list[dict[str, Any]] = []
    for text, rows in entry.given:
        form = "sql" if isinstance(rows, str) else "dict"
        given.append({"input": text, "rows": rows if isinstance(rows, str) else plain(rows), "format": form})
    return given, {"rows": plain(entry.expect), "format": "dict"}


def plain(rows: Rows) -> list[dict[str, Any]]:
    """The rows as YAML gives them back: decimals as numbers, times as texts."""
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.isoformat(sep=" ")
        case time():
            return value.isoformat()
        case list() | tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
    return value


def entry_text(entry: Entry, indent: int) -> str:
    """The entry as an item of a list whose dash stands behind so many spaces."""
    lines = [f"- name: {_scalar(entry.name)}", f"  model: {_scalar(entry.model)}"]
    if entry.description:
        lines.append(f"  description: {_scalar(entry.description)}")
    if entry.version is not None:
        lines.append(f"  versions: {{include: [{_scalar(entry.version)}]}}")
    if entry.macros:
        lines.append(f"  overrides: {{macros: {_flow(dict(entry.macros))}}}")
    lines.append("  given:" + ("" if entry.given else " []"))
    for text, rows in entry.given:
        lines.append(f"    - input: {text}")
        if isinstance(rows, str):
            lines += ["      format: sql", "      rows: |", *(f"        {line}".rstrip() for line in rows.splitlines())]
        else:
            lines += _rows(rows, "      ")
    lines += ["  expect:", *_rows(entry.expect, "    ")]
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def _rows(rows: Rows, margin: str) -> list[str]:
    if not rows:
        return [f"{margin}rows: []"]
    return [f"{margin}rows:", *(f"{margin}  - {_flow(row)}" for row in plain(rows))]


def _flow(value: Any) -> str:
    """A mapping in one line."""
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**9, allow_unicode=True)
    return text.strip().removesuffix("...").strip()


def _scalar(value: Any) -> str:
    return _flow([value])[1:-1]


def appended(text: str, entry: Entry) -> str | None:
    """The text of a properties file with the entry at its end; None where it cannot be put there.

    It can where a list `unit_tests:` in block style is the last thing in the file, and in an empty file.
    """
    if not text.strip():
        return f"unit_tests:\n{entry_text(entry, 2)}"
    head = None
    for found in re.finditer(r"^([^\s#-][^\n]*)$", text, re.MULTILINE):
        head = found
    if head is None or not re.fullmatch(r"unit_tests:\s*(#.*)?", head[1]):
        return None
    first = re.search(r"^( *)- ", text[head.end() :], re.MULTILINE)
    if first is None:
        return None
    return text.rstrip("\n") + "\n\n" + entry_text(entry, len(first[1]))
