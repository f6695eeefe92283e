"""What a properties file says of a user-defined function: its arguments, what it returns, its overloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.project.fields import Fields

ARGUMENT_KEYS = frozenset({"name", "data_type", "description", "default_value"})
RETURNS_KEYS = frozenset({"data_type", "description"})
OVERLOAD_KEYS = frozenset({"defined_in", "arguments", "returns", "description"})
_NO_CONFIG: frozenset[str] = frozenset()


def signature_of(fields: Fields, item: Any, what: str) -> Mapping[str, Any]:
    """`{arguments, returns, overloads}` of a function; what is missing in it is noted."""
    found = _signature(fields, item, what)
    overloads = []
    for overload in fields.mappings(item, "overloads", what):
        this = f"an overload of {what}"
        fields.check_keys(overload, OVERLOAD_KEYS, this, _NO_CONFIG)
        file = fields.name(overload, this, "defined_in")
        if file is not None:
            description = fields.text(overload, "description", this)
            overloads.append({"defined_in": file, **_signature(fields, overload, this), "description": description})
    return {**found, "overloads": overloads}


def _signature(fields: Fields, item: Any, what: str) -> dict[str, Any]:
    arguments = []
    for argument in fields.mappings(item, "arguments", what):
        this = f"an argument of {what}"
        fields.check_keys(argument, ARGUMENT_KEYS, this, _NO_CONFIG)
        if fields.name(argument, this) is not None and fields.name(argument, this, "data_type") is not None:
            arguments.append(_filled(fields, argument, ARGUMENT_KEYS))
    if item.get("returns") is None:
        fields.report(item, "returns", f"{what} does not say what it returns", "write `returns: {data_type: integer}`")
        return {"arguments": arguments, "returns": {}}
    returns = fields.mapping(item, "returns", what)
    this = f"`returns` of {what}"
    if isinstance(item["returns"], dict):
        fields.check_keys(item["returns"], RETURNS_KEYS, this, _NO_CONFIG)
        fields.name(item["returns"], this, "data_type")
    return {"arguments": arguments, "returns": _filled(fields, returns, RETURNS_KEYS)}


def _filled(fields: Fields, given: Mapping[Any, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: fields.plain(given.get(key)) for key in sorted(keys)}
