"""Typed reading of mappings that a user wrote in YAML: what is wrong becomes a problem with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from eltbuild.errors import Place, Problem, Severity, did_you_mean

_KINDS: Mapping[type, str] = {
    str: "text",
    bool: "true or false",
    dict: "a mapping",
    list: "a list",
    int: "a number",
    float: "a number",
}


def kind_of(value: Any) -> str:
    """A value's kind in words."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return _KINDS.get(type(value), "a date")


class Fields:
    """Reads the mappings of one file key by key. `problems` have places whose path is empty."""

    __slots__ = ("lasting", "problems")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.lasting = True

    def report(
        self, mapping: Any, key: Any, message: str, hint: str = "", severity: Severity = "error", name: str = ""
    ) -> None:
        """Note a problem at a key of a mapping (or at an item of a list), or where that itself begins."""
        place_of = getattr(mapping, "place_of", None)
        line, column = place_of(key) if place_of else (0, 0)
        self.problems.append(Problem(message, Place("", line, column), hint, severity, name))

    def check_keys(self, mapping: Mapping[Any, Any], known: frozenset[str], what: str, config: frozenset[str]) -> None:
        """Warn of keys that mean nothing here; `config` are keys that would mean something under `config:`."""
        if mapping.keys() <= known:
            return
        for key in mapping:
            if key in known:
                continue
            hint = "move it under `config:`" if key in config else did_you_mean(str(key), known)
            message = f"`{key}` is not a property of {what} and is ignored"
            self.report(mapping, key, message, hint, "warning", "CustomKeyInObjectDeprecation")

    def name(self, mapping: Mapping[Any, Any], what: str, key: str = "name") -> str | None:
        """The name of an entry; None, with a problem, when there is none."""
        value = mapping.get(key)
        if type(value) is str and value:
            return value
        if key not in mapping or value is None or value == "":
            self.report(mapping, key, f"{what} here has no `{key}`")
            return None
        self.wrong(mapping, key, what, "text")
        return None

    def text(self, mapping: Mapping[Any, Any], key: str, what: str) -> str | None:
        """A text, or None."""
        value = mapping.get(key)
        if value is None or type(value) is str:
            return value
        self.wrong(mapping, key, what, "text")
        return None

    def truth(self, mapping: Mapping[Any, Any], key: str, what: str) -> bool | None:
        """True, false or None."""
        value = mapping.get(key)
        if value is None or type(value) is bool:
            return value
        self.wrong(mapping, key, what, "true or false")
        return None

    def mapping(self, mapping: Mapping[Any, Any], key: str, what: str) -> dict[str, Any]:
        """A mapping as plain values; an empty one where there is none."""
        value = mapping.get(key)
        if value is None:
            return {}
        if isinstance(value, dict):
            plain: dict[str, Any] = self.plain(value)
            return plain
        self.wrong(mapping, key, what, "a mapping")
        return {}

    def items(self, mapping: Mapping[Any, Any], key: str, what: str) -> list[Any]:
        """A list with the values as they were read; an empty one where there is none."""
        value = mapping.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self.wrong(mapping, key, what, "a list")
        return []

    def mappings(self, mapping: Mapping[Any, Any], key: str, what: str) -> list[dict[Any, Any]]:
        """A list of mappings as they were read; whatever else is in it is a problem."""
        items = self.items(mapping, key, what)
        if all(isinstance(item, dict) for item in items):
            return items
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                self.report(items, index, f"each item of `{key}` of {what} is a mapping, not {kind_of(item)}")
        return [item for item in items if isinstance(item, dict)]

    def texts(self, mapping: Mapping[Any, Any], key: str, what: str) -> tuple[str, ...]:
        """A text or a list of texts, as a tuple."""
        value = mapping.get(key)
        if value is None:
            return ()
        if type(value) is str:
            return (value,)
        if isinstance(value, list) and all(type(item) is str for item in value):
            return tuple(value)
        self.wrong(mapping, key, what, "a text or a list of texts")
        return ()

    def choice(self, mapping: Mapping[Any, Any], key: str, what: str, allowed: tuple[str, ...]) -> str | None:
        """One of the allowed texts, or None."""
        value = self.text(mapping, key, what)
        if value is None or value in allowed:
            return value
        hint = did_you_mean(value, allowed) or f"it is one of {', '.join(allowed)}"
        self.report(mapping, key, f"`{key}` of {what} cannot be `{value}`", hint)
        return None

    def wrong(self, mapping: Mapping[Any, Any], key: str, what: str, wanted: str) -> None:
        """Note that a value is of another kind than it must be."""
        value = mapping.get(key)
        hint = "put it in quotes" if wanted == "text" and not isinstance(value, (dict, list)) else ""
        self.report(mapping, key, f"`{key}` of {what} must be {wanted}, not {kind_of(value)}", hint)

    def plain(self, value: Any) -> Any:
        """The value as JSON can carry it: keys and dates as text, nothing that remembers its place."""
        kind = type(value)
        if kind is str or kind is bool or value is None:
            return value
        if isinstance(value, dict):
            return {key if type(key) is str else str(key): self.plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(item) for item in value]
        if kind is int:
            self.lasting &= -(2**63) <= value < 2**63
            return value
        if kind is float:
            self.lasting &= isfinite(value)
            return value
        return str(value)


def deep(value: Any, found: Callable[[str], bool]) -> bool:
    """Whether any text in a value is one that `found` wants."""
    if type(value) is str:
        return found(value)
    if isinstance(value, dict):
        return any(deep(item, found) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(deep(item, found) for item in value)
    return False
