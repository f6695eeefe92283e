"""Sets in templates: as Python's, but always in one order, so that a text is the same in every process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

NUMBERS = frozenset({int, float, bool, Decimal})


class FixedSet(set[Any]):
    """A set that is walked and printed in one order, whatever the process. dbt's changes with each.

    Of numbers alone it is Python's own order, which never changes.
    """

    def __iter__(self) -> Iterator[Any]:
        if all(type(item) in NUMBERS for item in super().__iter__()):
            return super().__iter__()
        return iter(sorted(super().__iter__(), key=repr, reverse=True))

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self)) + "}" if self else "set()"

    def pop(self) -> Any:
        """The first element, which is taken out. Raises `KeyError` where there is none."""
        for first in self:
            self.remove(first)
            return first
        raise KeyError("pop from an empty set")


def _fixed(name: str) -> Callable[..., Any]:
    plain = getattr(set, name)

    def method(self: FixedSet, *others: Any) -> Any:
        made = plain(self, *others)
        return FixedSet(made) if isinstance(made, set) else made

    method.__name__ = name
    return method


for _name in (
    "__or__", "__and__", "__sub__", "__xor__", "__ror__", "__rand__", "__rsub__", "__rxor__",
    "union", "intersection", "difference", "symmetric_difference", "copy",
):  # fmt: skip
    setattr(FixedSet, _name, _fixed(_name))
