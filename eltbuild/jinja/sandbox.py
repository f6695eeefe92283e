"""Into which objects a template may look, and values that all templates share and none may change.

Jinja's own sandbox closes what begins with an underscore. Here, everything is closed but the types that are listed:
whatever object of ours reaches a template by a way that nobody thought of, its attributes stay out of reach.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType
from typing import Any

OPEN = frozenset({
    "builtins", "collections", "datetime", "decimal", "fractions", "ipaddress", "uuid", "zoneinfo",
    "jinja2.runtime", "jinja2.utils", "jinja2.sandbox", "jinja2.environment", "markupsafe",
    "eltbuild.compile.names", "eltbuild.compile.config_name", "eltbuild.compile.variables", "eltbuild.compile.results",
    "eltbuild.jinja.patterns", "eltbuild.jinja.iterators", "eltbuild.jinja.sandbox", "eltbuild.project.names",
})  # fmt: skip
"""Modules whose types a template may look into."""

OPEN_BEGINNINGS = ("eltbuild.compile.dbt.", "pytz.", "dateutil.")
OPEN_WHOLE = frozenset({"pytz"})

CHANGING = frozenset({
    "append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update",
})  # fmt: skip
"""Methods of lists and mappings that change them."""


@lru_cache(maxsize=4096)
def is_open(kind: Any) -> bool:
    """Whether a template may ask for attributes of such an object."""
    if issubclass(kind, ModuleType):
        return False
    module = kind.__module__
    return module in OPEN or module in OPEN_WHOLE or module.startswith(OPEN_BEGINNINGS)


def may_read(obj: Any, attribute: str) -> bool:
    """Whether a template may ask for that attribute: of open types, and nothing that changes what is shared."""
    kind: Any = type(obj)
    if not is_open(kind) or (isinstance(obj, type) and not is_open(obj)):
        return False
    if isinstance(obj, Shared):
        return attribute == "setdefault" or attribute not in CHANGING
    return not (isinstance(obj, (SharedDict, SharedList)) and attribute in CHANGING)


class SharedDict(dict[Any, Any]):
    """A mapping that all templates see; none can change it."""

    __slots__ = ()


class SharedList(list[Any]):
    """A list that all templates see; none can change it."""

    __slots__ = ()


class Shared(dict[str, Any]):
    """A mapping to which a template may add what is not there yet, as packages do to remember something."""

    __slots__ = ()


def shared(value: Any) -> Any:
    """The value, with all mappings and lists in it closed to changes."""
    if type(value) is dict:
        return SharedDict({key: shared(item) if type(item) in _HOLDERS else item for key, item in value.items()})
    if type(value) is list:
        return SharedList([shared(item) if type(item) in _HOLDERS else item for item in value])
    return value


_HOLDERS = frozenset({dict, list})


def own(value: Any) -> Any:
    """The value as a template's own: what it changes in it, nobody else sees."""
    if isinstance(value, dict):
        return {key: own(item) for key, item in value.items()}
    if type(value) in (list, SharedList):
        return [own(item) for item in value]
    return value


thawed = own
"""Shared values as plain ones, for libraries that take nothing else."""
