"""Into which objects a template may look, and values that all templates share and none may change.

Jinja's own sandbox closes what begins with an underscore. Here, everything is closed but the types that are listed:
whatever object of ours reaches a template by a way that nobody thought of, its attributes stay out of reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any

from jinja2.exceptions import SecurityError

OPEN = frozenset({
    "builtins", "collections", "datetime", "decimal", "fractions", "ipaddress", "uuid", "zoneinfo",
    "jinja2.runtime", "jinja2.utils", "jinja2.sandbox", "jinja2.environment", "jinja2.filters", "markupsafe",
    "eltbuild.compile.names", "eltbuild.compile.config_name", "eltbuild.compile.variables", "eltbuild.compile.results",
    "eltbuild.jinja.patterns", "eltbuild.jinja.iterators", "eltbuild.jinja.sandbox", "eltbuild.jinja.unknown",
    "eltbuild.project.names", "eltbuild.project.yaml",
})  # fmt: skip
"""Modules whose types a template may look into."""

OPEN_BEGINNINGS = ("eltbuild.compile.dbt.", "pytz.", "dateutil.")
OPEN_WHOLE = frozenset({"pytz"})

READABLE: Mapping[str, tuple[str, ...]] = {"eltbuild.compile.rendering": ("call_macro",)}
"""What a template may ask of types that are closed otherwise, by module: a macro is called, and may be called so."""

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
    if attribute in READABLE.get(kind.__module__, ()):
        return True
    if not is_open(kind) or (isinstance(obj, type) and not is_open(obj)):
        return False
    if isinstance(obj, Shared):
        return attribute not in CHANGING or attribute == "setdefault" or (kind is OwnGraph and attribute == "update")
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


class OwnDict(dict[Any, Any]):
    """A template's own copy of a mapping that others see too: what lies in it is copied when it is first looked at."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        if type(value) in _SHARED:
            value = self[key] = opened(value)
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        """The value under a key."""
        try:
            return self[key]
        except KeyError:
            return default

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """The value under a key, which is there afterwards."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        """The value under a key, which is gone afterwards."""
        return opened(super().pop(key, *default))

    def values(self) -> Any:
        """The values."""
        return self._whole().values()

    def items(self) -> Any:
        """Keys and values."""
        return self._whole().items()

    def copy(self) -> dict[Any, Any]:
        """A plain mapping with the same values."""
        return dict(self.items())

    def _whole(self) -> Any:
        for key, value in super().items():
            if type(value) in _SHARED:
                super().__setitem__(key, opened(value))
        return super()


class OwnSection(OwnDict):
    """The nodes of a kind: each look at one gives it anew, as dbt does, whatever was changed in it before."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        return opened(dict.__getitem__(self, key))

    def values(self) -> Any:
        """The nodes."""
        return [opened(value) for value in dict.values(self)]

    def items(self) -> Any:
        """Their ids, with the nodes."""
        return [(key, opened(value)) for key, value in dict.items(self)]


class OwnGraph(Shared):
    """A mapping to which templates add for all, and of which everything else is the own of each of them."""

    __slots__ = ("_held", "_seen")

    def __init__(self, held: Shared) -> None:
        super().__init__(held)
        self._held = held
        self._seen: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        value = self._held[key]
        if type(value) not in _SHARED:
            return value
        if key not in self._seen:
            self._seen[key] = OwnSection(value) if type(value) is SharedDict else opened(value)
        return self._seen[key]

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def __iter__(self) -> Any:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str, default: Any = None) -> Any:
        """What stands under a key."""
        return self[key] if key in self._held else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """What stands under a key, for all templates from now on."""
        self._held.setdefault(key, default)
        return self[key]

    def update(self, *given: Any, **named: Any) -> None:
        """Set what templates have added, for all of them. Raises `SecurityError` for what was there before them."""
        new = dict(*given, **named)
        for key in new:
            if type(self._held.get(key)) in _SHARED:
                raise SecurityError(f"`{key}` is what all templates see: copy it first")
        self._held.update(new)

    def keys(self) -> Any:
        """The keys."""
        return self._held.keys()

    def values(self) -> Any:
        """What stands under the keys."""
        return [self[key] for key in self._held]

    def items(self) -> Any:
        """Keys, with what stands there."""
        return [(key, self[key]) for key in self._held]


def opened(value: Any) -> Any:
    """A value that all templates see, as the own of one of them."""
    if type(value) is SharedDict:
        return OwnDict(value)
    if type(value) is SharedList:
        return [opened(item) for item in value]
    return value


_SHARED = frozenset({SharedDict, SharedList})


def own(value: Any) -> Any:
    """The value as a template's own: what it changes in it, nobody else sees."""
    if isinstance(value, dict):
        return {key: own(item) if type(item) not in _PLAIN else item for key, item in value.items()}
    if isinstance(value, list):
        return [own(item) if type(item) not in _PLAIN else item for item in value]
    return value


_PLAIN = frozenset({str, int, float, bool, type(None)})

thawed = own
"""Shared values as plain ones, for libraries that take nothing else."""
