"""How much one operation of a template may make: what would fill the memory is refused before it is done.

A text or a list that doubles at each step needs only thirty steps, and a width needs none at all: hence a limit on
the size of each single result. A list that holds another one twice is small itself, but what is printed, compared or
hashed is all that it stands for: hence `weight`. Results are counted by the clock, which bounds them together.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import FunctionType, GeneratorType
from typing import Any

from jinja2.runtime import Macro
from jinja2.utils import Namespace

from eltbuild.jinja.clock import NOTED, Clock, current, ticking
from eltbuild.jinja.errors import RenderLimitError
from eltbuild.jinja.limits import VARIABLES

BITS = 100_000
"""Of a whole number."""
ELEMENT = 8
"""What an element of a list counts, in characters."""
SCALAR = 16
"""What a number or a date counts."""

TEXTS = (str, bytes)
SIZED = (str, bytes, list, tuple)
_VIEWS: tuple[Any, ...] = (type({}.keys()), type({}.values()), type({}.items()))
HOLDERS: tuple[Any, ...] = (list, tuple, dict, set, frozenset, deque, *_VIEWS, Namespace)
LEAVES = frozenset({str, bytes, int, float, bool, type(None)})
_SCALARS = frozenset({int, float, bool, type(None)})
_ROWS = frozenset({list, tuple, set, frozenset})
_kind_of: Callable[[Any], Any] = type


def refused(what: str, clock: Clock) -> RenderLimitError:
    """The error for what would be too large."""
    return RenderLimitError(
        f"`{what}` would make more than {clock.limits.size:,} characters", f"if it needs more, set {VARIABLES['size']}"
    )


def size_of(value: Any) -> int:
    """What a value takes by itself, in characters."""
    kind = _kind_of(value)
    if kind is str:
        return len(value)
    if kind in _SCALARS:
        return SCALAR
    unit = _unit(kind)
    return unit * len(value) if unit else SCALAR


@lru_cache(maxsize=4096)
def _unit(kind: Any) -> int:
    """What an element of such a value counts; 0 where its length says nothing."""
    if issubclass(kind, TEXTS):
        return 1
    return ELEMENT if issubclass(kind, HOLDERS) and not issubclass(kind, Namespace) else 0


@lru_cache(maxsize=4096)
def _holds(kind: Any) -> bool:
    """Whether such a value holds others. Asked once for each type: to ask an object takes longer than to weigh it."""
    return issubclass(kind, HOLDERS)


def weight(value: Any, most: int) -> int:
    """How long about a value is when it is written out, however often it holds the same; above `most`: just that."""
    kind = _kind_of(value)
    if kind in LEAVES or not _holds(kind):
        return size_of(value)
    if kind is dict and not value:
        return ELEMENT
    if kind in _ROWS and LEAVES.issuperset(map(type, value)):
        return _flat(list(value))
    known: dict[int, int] = {}
    pending: list[tuple[Any, bool]] = [(value, False)]
    while pending:
        holder, seen = pending.pop()
        items = _items(holder)
        if not seen:
            if id(holder) in known:
                continue
            # Until it is added up; what holds itself is written out only once.
            known[id(holder)] = ELEMENT
            inner = [(item, False) for item in items if type(item) not in LEAVES and _holds(_kind_of(item))]
            if inner:
                pending.append((holder, True))
                pending += inner
                continue
        total = ELEMENT
        for item in items:
            if type(item) is str:
                total += len(item) + 4
            else:
                total += known.get(id(item), 0) or size_of(item)
        if total > most:
            return total
        known[id(holder)] = total
    return known[id(value)]


def _flat(row: Sequence[Any]) -> int:
    """The weight of a row of texts and numbers."""
    total = SCALAR * len(row)
    for item in row:
        if type(item) is str:
            total += len(item)
    return total


def _items(holder: Any) -> Iterable[Any]:
    if isinstance(holder, dict):
        return [*dict.keys(holder), *dict.values(holder)]
    if isinstance(holder, set):
        return list(set.__iter__(holder))
    if isinstance(holder, _VIEWS):
        return [*holder.mapping.keys(), *holder.mapping.values()]
    if isinstance(holder, Namespace):
        return list(holder._Namespace__attrs.values())
    return list(holder)


def check_weight(what: str, value: Any, clock: Clock) -> None:
    """Raise `RenderLimitError` where a value is too much to be printed, compared or looked up."""
    if _holds(_kind_of(value)) and weight(value, clock.limits.size) > clock.limits.size:
        raise refused(what, clock)


def weighed(value: Any) -> Any:
    """The value, where it is not too much to be printed, compared or looked up. Raises `RenderLimitError`."""
    if type(value) not in LEAVES:
        check_weight("a list", value, current())
    return value


# Operators --------------------------------------------------------------------------------------------------


def check_binop(operator: str, left: Any, right: Any, clock: Clock) -> None:
    """Raise `RenderLimitError` where the result of an operator would be too large."""
    if isinstance(left, int) and isinstance(right, int):
        bits = _bits(operator, left, right)
        if bits > BITS:
            raise RenderLimitError(f"`{operator}` would make a number of more than {BITS:,} bits")
        return
    if operator == "*":
        for holder, times in ((left, right), (right, left)):
            if isinstance(holder, SIZED) and isinstance(times, int) and size_of(holder) * times > clock.limits.size:
                raise refused("*", clock)
    elif operator == "+":
        if isinstance(left, SIZED) and isinstance(right, SIZED) and size_of(left) + size_of(right) > clock.limits.size:
            raise refused("+", clock)
    elif operator == "%" and isinstance(left, TEXTS):
        check_percent(left, right, clock)


def _bits(operator: str, left: int, right: int) -> int:
    if operator == "**":
        return abs(left).bit_length() * max(right, 0) if abs(left) > 1 else 1
    if operator == "*":
        return abs(left).bit_length() + abs(right).bit_length()
    return 0


def joined(parts: Sequence[Any], clock: Clock) -> str:
    """What `~` makes of its parts. Raises `RenderLimitError`."""
    for part in parts:
        check_weight("~", part, clock)
    texts = [str(part) for part in parts]
    if sum(map(len, texts)) > clock.limits.size:
        raise refused("~", clock)
    return "".join(texts)


def output(parts: Iterable[str], clock: Clock) -> str:
    """What a template or a part of it has written. Raises `RenderLimitError`, where it can at the template's line."""
    texts: list[str] = []
    total = 0
    for text in parts:
        texts.append(text)
        total += len(text)
        if total > clock.limits.size:
            error = RenderLimitError(f"the template made more than {clock.limits.size:,} characters", _HINT)
            if isinstance(parts, GeneratorType):
                parts.throw(error)
            raise error
    return "".join(texts)


_HINT = f"if it needs more, set {VARIABLES['size']}"

_SPECIFIER = re.compile(
    r"%(?:\((?P<key>[^()]*)\))?[#0\- +]*(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d+))?[hlL]?(?P<kind>.)", re.DOTALL
)


def check_percent(text: str | bytes, values: Any, clock: Clock) -> None:
    """Refuse what `text % values` would make too long."""
    most = clock.limits.size
    plain = text if isinstance(text, str) else text.decode("latin-1")
    given = list(values) if isinstance(values, tuple) else [values]
    heaviest = max((weight(value, most) for value in given), default=0)
    total = len(plain)
    taken = 0
    for match in _SPECIFIER.finditer(plain):
        if match["kind"] == "%":
            continue
        for width in (match["width"], match["precision"]):
            if width == "*":
                wide = given[taken] if taken < len(given) else 0
                total += abs(wide) if isinstance(wide, int) else 0
                taken += 1
            elif width:
                total += int(width[:12])
        if match["key"] is not None and isinstance(values, Mapping):
            total += weight(values.get(match["key"]), most)
        else:
            total += weight(given[taken], most) if taken < len(given) else heaviest
            taken += 1
        if total > most:
            raise refused("%", clock)


def check_spec(spec: str, clock: Clock) -> None:
    """Refuse a width or a precision in a format such as `{:>1000000000}`."""
    if any(len(digits) > 12 or int(digits) > clock.limits.size for digits in re.findall(r"\d+", spec)):
        raise refused("format", clock)


# Methods of texts and lists ---------------------------------------------------------------------------------

Check = Callable[..., None]


def check_width(clock: Clock, name: str, text: Any, width: Any = 0, *_: Any, **__: Any) -> None:
    """Refuse to widen a text beyond the limit."""
    times = str(text).count("\n") + 1 if name == "indent" else 1
    wide = len(width) if isinstance(width, str) else width
    if isinstance(wide, int) and wide * times > clock.limits.size:
        raise refused(name, clock)


def _check_tabs(clock: Clock, name: str, text: Any, tabsize: Any = 8) -> None:
    if isinstance(tabsize, int) and str(text).count("\t") * tabsize > clock.limits.size:
        raise refused(name, clock)


def check_replace(clock: Clock, name: str, text: Any, old: Any = "", new: Any = "", *_: Any, **__: Any) -> None:
    """Refuse a replacement that makes too much."""
    text, old, new = str(text), str(old), str(new)
    if len(new) > len(old) and len(text) + (text.count(old)) * (len(new) - len(old)) > clock.limits.size:
        raise refused(name, clock)


def check_join(clock: Clock, name: str, separator: Any, parts: Any = (), *_: Any, **__: Any) -> None:
    """Refuse to join what is too long."""
    if isinstance(parts, HOLDERS):
        between = len(separator) if isinstance(separator, TEXTS) else len(str(separator))
        total = size_of(parts) // ELEMENT * between
        for part in _items(parts):
            total += len(part) if isinstance(part, TEXTS) else weight(part, clock.limits.size)
            if total > clock.limits.size:
                raise refused(name, clock)


def _check_extend(clock: Clock, name: str, own: Any, more: Any = (), *_: Any) -> None:
    if isinstance(more, SIZED) and size_of(own) + ELEMENT * len(more) > clock.limits.size:
        raise refused(name, clock)


def _check_translate(clock: Clock, name: str, text: Any, table: Any = None) -> None:
    if isinstance(table, Mapping):
        longest = max((len(value) for value in table.values() if isinstance(value, str)), default=1)
        if len(text) * longest > clock.limits.size:
            raise refused(name, clock)


def _check_number(clock: Clock, name: str, number: Any, length: Any = 1, *_: Any, **__: Any) -> None:
    if isinstance(length, int) and length > clock.limits.size:
        raise refused(name, clock)


METHODS: Mapping[str, Check] = {
    "ljust": check_width, "rjust": check_width, "center": check_width, "zfill": check_width,
    "expandtabs": _check_tabs, "replace": check_replace, "join": check_join, "extend": _check_extend,
    "translate": _check_translate, "to_bytes": _check_number,
}  # fmt: skip
"""Methods that can make much of little, and the check that goes before each."""

SHALLOW = frozenset({"append", "extend", "insert", "appendleft"})
"""Methods that take a value as it is, without looking into it."""

BUILTIN = type("".join)
JINJA_OWN = frozenset({"_loop_vars", "_block_vars"})


@lru_cache(maxsize=4096)
def is_macro(kind: Any) -> bool:
    """Whether such an object is a macro, Jinja's or ours."""
    return kind is Macro or getattr(kind, "is_macro", False) is True


def check_call(called: Any, args: Sequence[Any], named: Mapping[str, Any], clock: Clock) -> Sequence[Any]:
    """The arguments to call with. Raises `RenderLimitError` where a call would make or look at too much."""
    # Jinja wraps `format` of texts in a function of its own, which counts for itself.
    kind = _kind_of(called)
    if kind is BUILTIN:
        name = called.__name__
        own = getattr(called, "__self__", None)
        if name in ("join", "extend") and isinstance(own, SIZED) and args and not isinstance(args[0], SIZED):
            args = [listed(args[0], name, clock), *args[1:]]
        check = METHODS.get(name)
        if check is not None and isinstance(own, (*SIZED, int)):
            check(clock, name, own, *args, **{key: value for key, value in named.items() if key not in JINJA_OWN})
        if name in SHALLOW:
            return args
        if name == "sort":
            check_weight(name, own, clock)
    elif is_macro(kind) or (kind is FunctionType and "passes_on" in called.__dict__):
        # What a macro does with its arguments is counted where it does it.
        return args
    for value in args:
        if type(value) not in LEAVES:
            check_weight(getattr(called, "__name__", "call"), value, clock)
    for value in named.values() if named else ():
        if type(value) not in LEAVES:
            check_weight(getattr(called, "__name__", "call"), value, clock)
    return args


def listed(items: Any, what: str, clock: Clock) -> list[Any]:
    """What an iterable gives, as a list. Raises `RenderLimitError` where that is too much."""
    found: list[Any] = []
    most = clock.limits.size // ELEMENT
    for item in ticking(items):
        found.append(item)
        if len(found) > most:
            raise refused(what, clock)
    return found


def checked_call(clock: Clock, called: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """What a function gives that a template hands to something of ours, held to the same bounds as its own calls."""
    clock.step()
    result = called(*check_call(called, args, named, clock), **named)
    clock.made(size_of(result))
    return result


# Filters ----------------------------------------------------------------------------------------------------


def _check_joined(clock: Clock, name: str, parts: Any, separator: Any = "", *_: Any, **__: Any) -> None:
    check_join(clock, name, separator, parts)


def _check_indent(clock: Clock, name: str, text: Any, width: Any = 4, *_: Any, **__: Any) -> None:
    check_width(clock, name, text, width)


def _check_batch(clock: Clock, name: str, value: Any, count: Any = 1, fill_with: Any = None) -> None:
    if isinstance(count, int) and count * ELEMENT > clock.limits.size and (name == "slice" or fill_with is not None):
        raise refused(name, clock)


def _check_round(clock: Clock, name: str, value: Any, precision: Any = 0, method: Any = "common") -> None:
    if isinstance(precision, int) and abs(precision) > 1000:
        raise RenderLimitError("`round` takes at most 1,000 places")


def _check_json(clock: Clock, name: str, value: Any, indent: Any = None) -> None:
    if isinstance(indent, int) and indent > 1000:
        raise RenderLimitError("`tojson` takes an indent of at most 1,000")


def _check_formatted(clock: Clock, name: str, text: Any, *values: Any, **named: Any) -> None:
    check_percent(str(text), named or values, clock)


SLOW = 500_000


def _check_slow(clock: Clock, name: str, value: Any, *_: Any, **__: Any) -> None:
    """For filters that look at each character or element by themselves, in Python or with expressions."""
    if weight(value, SLOW) > SLOW:
        raise RenderLimitError(f"`{name}` takes at most {SLOW:,} characters")


FILTERS: Mapping[str, Check] = {
    "center": check_width, "indent": _check_indent, "replace": check_replace, "format": _check_formatted,
    "join": _check_joined, "batch": _check_batch, "slice": _check_batch, "round": _check_round,
    "tojson": _check_json, "pprint": _check_slow, "urlize": _check_slow, "wordwrap": _check_slow,
    "striptags": _check_slow, "title": _check_slow, "wordcount": _check_slow, "truncate": _check_slow,
    "xmlattr": _check_slow,
}  # fmt: skip
"""Filters of the same kind."""

LAZY = frozenset({"map", "select", "reject", "selectattr", "rejectattr", "items", "batch", "slice"})
"""Filters that look at nothing before they are asked for it."""
WHOLE = frozenset({"join", "list", "sort", "unique", "sum", "min", "max", "groupby", "reverse", "last", "random"})
"""Filters that take in all that an iterator gives."""
FLAT = frozenset({"length", "count", "first", "last", "list", "default", "d", "attr", "reverse", "random", "is_list"})
"""Filters that do not look into what is held."""


def bounded(name: str, filter: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with its checks before it, and its result counted."""
    check = FILTERS.get(name)
    kind = getattr(filter, "jinja_pass_arg", None)
    own = int(kind is not None)
    deep = name not in LAZY and name not in FLAT

    def checked(*args: Any, **named: Any) -> Any:
        # Some filters are handed something of Jinja's own first.
        clock = current()
        clock.step()
        if name in WHOLE and len(args) > own and isinstance(args[own], GeneratorType):
            args = (*args[:own], listed(args[own], name, clock), *args[own + 1 :])
        if check is not None:
            check(clock, name, *args[own:], **named)
        for value in args:
            if type(value) not in LEAVES:
                if size_of(value) > NOTED:
                    clock.look()
                if deep:
                    check_weight(name, value, clock)
        result = filter(*args, **named)
        if type(result) in LEAVES:
            clock.made(size_of(result))
        elif isinstance(result, GeneratorType):
            return ticking(result)
        else:
            clock.made(size_of(result))
        return result

    if kind is not None:
        checked.jinja_pass_arg = kind  # type: ignore[attr-defined]
    return checked


def bounded_test(name: str, test: Callable[..., Any]) -> Callable[..., Any]:
    """A test that compares, with its operands weighed."""

    def checked(*args: Any) -> Any:
        for value in args:
            check_weight(name, value, current())
        return test(*args)

    return checked


COMPARING = ("==", "eq", "equalto", "!=", "ne", ">", "gt", "greaterthan", "ge", ">=", "<", "lt", "lessthan", "<=",
             "le", "in")  # fmt: skip
"""Tests that look into what is held."""
