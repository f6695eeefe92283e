"""`modules.itertools` for templates: the same functions, each item a step, so that none of them goes on for ever."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from eltbuild.jinja.bounds import check_binop, checked_call
from eltbuild.jinja.clock import current, tick, ticking
from eltbuild.jinja.errors import RenderLimitError

MOST = 1000
"""Of what is repeated side by side: pools of a product, branches of a tee."""


def _few(number: Any, what: str) -> Any:
    if isinstance(number, int) and number > MOST:
        raise RenderLimitError(f"`{what}` takes at most {MOST:,}")
    return number


def accumulate(items: Iterable[Any], func: Callable[..., Any] | None = None, *, initial: Any = None) -> Iterator[Any]:
    """Running totals."""
    clock = current()

    def add(left: Any, right: Any) -> Any:
        check_binop("+", left, right, clock)
        return left + right

    def call(left: Any, right: Any) -> Any:
        return checked_call(current(), func or add, left, right)

    return ticking(itertools.accumulate(items, call, initial=initial))


class chain:
    """The items of several iterables."""

    def __new__(cls, *iterables: Iterable[Any]) -> Any:
        """An iterator over all of them."""
        return ticking(itertools.chain(*iterables))

    @staticmethod
    def from_iterable(iterables: Iterable[Iterable[Any]]) -> Iterator[Any]:
        """The same, of an iterable of iterables."""
        return ticking(itertools.chain.from_iterable(ticking(iterables)))


def product(*iterables: Iterable[Any], repeat: int = 1) -> Iterator[Any]:
    """Every combination of one item each."""
    _few(repeat, "repeat")
    return ticking(itertools.product(*map(ticking, iterables), repeat=repeat))


def tee(items: Iterable[Any], n: int = 2) -> tuple[Any, ...]:
    """Several iterators over the same items."""
    return itertools.tee(ticking(items), _few(n, "tee"))


def repeat(item: Any, times: int | None = None) -> Iterator[Any]:
    """One item again and again."""
    return ticking(itertools.repeat(item) if times is None else itertools.repeat(item, times))


def count(start: Any = 0, step: Any = 1) -> Iterator[Any]:
    """Numbers without end."""
    return ticking(itertools.count(start, step))


def cycle(items: Iterable[Any]) -> Iterator[Any]:
    """The items, over and over; none of none."""
    return ticking(itertools.cycle(ticking(items)))


def starmap(func: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
    """What a function gives for each tuple of arguments."""
    for arguments in items:
        tick()
        yield checked_call(current(), func, *ticking(arguments))


def _of_one(name: str) -> Callable[..., Iterator[Any]]:
    """A function whose first argument is a condition, called for each item."""
    function = getattr(itertools, name)

    def limited(func: Callable[..., Any] | None, items: Iterable[Any]) -> Iterator[Any]:
        condition = None if func is None else lambda item: checked_call(current(), func, item)
        return ticking(function(condition, ticking(items)))

    limited.__name__ = name
    return limited


def _of_items(name: str) -> Callable[..., Iterator[Any]]:
    """A function of iterables and numbers."""
    function = getattr(itertools, name)

    def limited(*args: Any, **named: Any) -> Iterator[Any]:
        return ticking(function(*(ticking(arg) if hasattr(arg, "__iter__") else arg for arg in args), **named))

    limited.__name__ = name
    return limited


def groupby(items: Iterable[Any], key: Callable[..., Any] | None = None) -> Iterator[Any]:
    """Runs of items with the same key."""
    call = None if key is None else lambda item: checked_call(current(), key, item)
    return ticking(itertools.groupby(ticking(items), call))


ITERTOOLS: Mapping[str, Any] = {
    "accumulate": accumulate, "chain": chain, "count": count, "cycle": cycle, "groupby": groupby, "product": product,
    "repeat": repeat, "starmap": starmap, "tee": tee,
    **{name: _of_one(name) for name in ("dropwhile", "filterfalse", "takewhile")},
    **{name: _of_items(name) for name in (
        "combinations", "combinations_with_replacement", "compress", "islice", "permutations", "zip_longest",
    )},
}  # fmt: skip
"""The names of `modules.itertools`."""
