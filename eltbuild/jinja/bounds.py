"""How much one operation of a template may make: what would fill the memory is refused before it is done.

Loops are bounded by their steps (`environment.Clock`). A text or a list that doubles at each step needs only thirty
of them, and a width needs none at all: hence a limit on the size of each single result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from eltbuild.jinja.errors import RenderLimitError

LIMIT = 50_000_000
"""Characters of a text, elements of a list."""

BITS = 100_000
"""Of a whole number."""

SIZED = (str, bytes, list, tuple)


def _refuse(what: str) -> RenderLimitError:
    return RenderLimitError(f"`{what}` would make more than 50 million characters or elements")


def check_binop(operator: str, left: Any, right: Any) -> None:
    """Raise `RenderLimitError` where the result of an operator would be too large."""
    if operator == "**":
        if isinstance(left, int) and isinstance(right, int) and abs(left).bit_length() * max(right, 0) > BITS:
            raise RenderLimitError("`**` would make a number of more than 100,000 bits")
    elif operator == "*":
        for size, times in ((left, right), (right, left)):
            if isinstance(size, SIZED) and isinstance(times, int) and len(size) * times > LIMIT:
                raise _refuse("*")
    elif operator == "+":
        if isinstance(left, SIZED) and isinstance(right, SIZED) and len(left) + len(right) > LIMIT:
            raise _refuse("+")
    elif operator == "%" and isinstance(left, (str, bytes)):
        check_format("%", str(left), right if isinstance(right, tuple) else (right,))


def joined(parts: Sequence[Any]) -> str:
    """What `~` makes of its parts. Raises `RenderLimitError`."""
    texts = [str(part) for part in parts]
    if sum(map(len, texts)) > LIMIT:
        raise _refuse("~")
    return "".join(texts)


_WIDTH = re.compile(r"\d{8,}")


def check_format(name: str, text: str, values: Sequence[Any]) -> None:
    """Refuse widths in a format, or among the values where the format takes a width from them."""
    taken = "*" in text or ":{" in text
    if _WIDTH.search(text) or (taken and any(isinstance(value, int) and abs(value) > LIMIT for value in values)):
        raise _refuse(name)
    if len(text) + sum(len(value) for value in values if isinstance(value, SIZED)) > LIMIT:
        raise _refuse(name)


def check_width(name: str, text: Any, width: Any = 0, *_: Any, **__: Any) -> None:
    """Refuse to widen a text beyond the limit."""
    if isinstance(width, int) and width * max(1, str(text).count("\n") if name == "indent" else 1) > LIMIT:
        raise _refuse(name)


def check_replace(name: str, text: Any, old: Any = "", new: Any = "", *_: Any, **__: Any) -> None:
    """Refuse a replacement that makes too much."""
    text, old, new = str(text), str(old), str(new)
    if len(new) > len(old) and len(text) + text.count(old) * (len(new) - len(old)) > LIMIT:
        raise _refuse(name)


def check_join(name: str, separator: Any, parts: Any = (), *_: Any, **__: Any) -> None:
    """Refuse to join what is too long; only texts in a list can be that without many steps."""
    if isinstance(parts, (list, tuple)):
        between = len(separator) if isinstance(separator, (str, bytes)) else 0
        if sum(len(part) for part in parts if isinstance(part, SIZED)) + between * len(parts) > LIMIT:
            raise _refuse(name)


def _check_extend(name: str, own: Any, more: Any = (), *_: Any) -> None:
    if isinstance(own, SIZED) and isinstance(more, SIZED) and len(own) + len(more) > LIMIT:
        raise _refuse(name)


def _check_formatted(name: str, text: Any, *values: Any, **named: Any) -> None:
    check_format(name, str(text), (*values, *named.values()))


METHODS: Mapping[str, Callable[..., None]] = {
    "ljust": check_width, "rjust": check_width, "center": check_width, "zfill": check_width,
    "expandtabs": check_width, "replace": check_replace, "join": check_join, "extend": _check_extend,
    "format": _check_formatted,
}  # fmt: skip
"""Methods of texts and lists that can make much of little, and the check that goes before each."""

BUILTIN = type("".join)
JINJA_OWN = frozenset({"_loop_vars", "_block_vars"})


def check_call(called: Any, args: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Raise `RenderLimitError` where a method of a text or a list would make too much."""
    # Jinja wraps `format` of texts in a function of its own.
    method = getattr(called, "__wrapped__", called) if type(called) is FunctionType else called
    if type(method) is not BUILTIN:
        return
    check = METHODS.get(method.__name__)
    own = getattr(method, "__self__", None)
    if check is not None and isinstance(own, SIZED):
        check(method.__name__, own, *args, **{key: value for key, value in named.items() if key not in JINJA_OWN})


def _check_joined(name: str, parts: Any, separator: Any = "", *_: Any, **__: Any) -> None:
    check_join(name, separator, parts)


FILTERS: Mapping[str, Callable[..., None]] = {
    "center": check_width, "indent": check_width, "replace": check_replace, "format": _check_formatted,
    "join": _check_joined,
}  # fmt: skip
"""Filters of the same kind."""


def bounded(name: str, filter: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with its check before it."""
    check = FILTERS[name]
    kind = getattr(filter, "jinja_pass_arg", None)

    def checked(*args: Any, **named: Any) -> Any:
        # Some filters are handed something of Jinja's own first.
        check(name, *args[kind is not None :], **named)
        return filter(*args, **named)

    if kind is not None:
        checked.jinja_pass_arg = kind  # type: ignore[attr-defined]
    return checked
