"""Values as a user or a manifest wrote them, brought into a form in which equal ones are equal."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

_OPENING = ("{", "[", "(")
_OPENING_TEMPLATE = ("{", "%", "#")
_TRUTHS = ("True", "False")


def plain(value: Any) -> Any:
    """A value by which configs are compared, however they were written down: without nulls, literals read."""
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in value.items() if item is not None}
        case list() | tuple():
            return _once([plain(item) for item in value])
        case str() if (value[:1] in _OPENING and value[1:2] not in _OPENING_TEMPLATE) or value in _TRUTHS:
            try:
                read = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                return value
            return value if isinstance(read, str) else plain(read)
        case None | str() | int() | float():
            return value
        case _:
            return str(value)


def _once(items: list[Any]) -> list[Any]:
    """A list that is another one twice over, as that one: dbt writes lists in `meta` down twice."""
    half = len(items) // 2
    return items[:half] if half and items[:half] == items[half:] else items


def filled(value: Any) -> Any:
    """A value without what is null or empty in it; None when nothing is left."""
    if isinstance(value, Mapping):
        kept = {str(key): inner for key, item in value.items() if (inner := filled(item)) is not None}
        return kept or None
    simple = plain(value)
    return None if simple in ("", []) else simple
