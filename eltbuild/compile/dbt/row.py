"""A row of a query's result as templates read it: by position, and by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Named(tuple[Any, ...]):
    """A tuple whose items also have names: `row['id']`, `row.id`, `row[0]`."""

    _names: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[Any], names: Sequence[str]) -> Named:
        """The values with their names, in order."""
        made = cls(values)
        made._names = tuple(names)
        return made

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return tuple.__getitem__(self, self._index(key))
        return tuple.__getitem__(self, key)

    def _index(self, key: str) -> int:
        if key in self._names:
            return self._names.index(key)
        lowered = [name.lower() for name in self._names]
        if key.lower() in lowered:
            return lowered.index(key.lower())
        raise KeyError(key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __contains__(self, key: object) -> bool:
        return (isinstance(key, str) and key in self._names) or tuple.__contains__(self, key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of that name, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> tuple[str, ...]:
        """The names."""
        return self._names

    def values(self) -> tuple[Any, ...]:
        """The values."""
        return tuple(self)

    def items(self) -> tuple[tuple[str, Any], ...]:
        """Names with values."""
        return tuple(zip(self._names, self, strict=True))

    def dict(self) -> dict[str, Any]:
        """The values by name."""
        return dict(self.items())


def distinct_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, a number behind each that was there before: `a`, `a_2`, `a_3`."""
    if len(set(names)) == len(names):
        return tuple(names)
    out: list[str] = []
    for name in names:
        made, count = name, 1
        while made in out:
            count += 1
            made = f"{name}_{count}"
        out.append(made)
    return tuple(out)
