"""`modules.re` for templates: Python's regular expressions, of which none can hold the process for ever.

Python cannot stop a match that has begun. A pattern whose work could grow beyond measure on its text is therefore
tried in a process of its own first, which can be ended; only what came to an end there is done here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from eltbuild.jinja.bounds import ELEMENT, check_width, checked_call, refused
from eltbuild.jinja.clock import current, ticking
from eltbuild.jinja.errors import RenderLimitError
from eltbuild.jinja.trial import tried

SECONDS = 2.0
"""The longest that one search may take."""
WORK = 20_000_000
"""Steps of the matcher, in the worst case, that need no trial."""
SHORT = 12
"""Texts so short that no pattern can do harm on them."""
MANY = 32
"""A repetition of more than this counts as one without end."""


@lru_cache(maxsize=1024)
def shape(pattern: str | bytes, flags: int) -> tuple[int, bool]:
    """How many repetitions a pattern holds, and whether one stands in another one. Raises `re.error`."""
    from re import _parser  # type: ignore[attr-defined]

    return _shape(_parser.parse(pattern, flags), False)


def _shape(parsed: Any, inside: bool) -> tuple[int, bool]:
    repeats, nested = 0, False
    for kind, value in parsed:
        name = str(kind)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            _, most, inner = value
            again = int(most) > 1
            count, deep = _shape(inner, inside or again)
            repeats += count + (int(most) > MANY)
            nested |= deep or (inside and again)
        elif name == "BRANCH":
            nested |= inside
            for branch in value[1]:
                count, deep = _shape(branch, inside)
                repeats += count
                nested |= deep
        elif name in ("SUBPATTERN", "ATOMIC_GROUP", "ASSERT", "ASSERT_NOT", "GROUPREF_EXISTS"):
            for part in value if isinstance(value, tuple) else (value,):
                if hasattr(part, "getwidth"):
                    count, deep = _shape(part, inside)
                    repeats += count
                    nested |= deep
        elif name.startswith("GROUPREF"):
            nested |= inside
    return repeats, nested


def harmless(pattern: str | bytes, flags: int, length: int) -> bool:
    """Whether a search in a text of that length ends soon, whatever the text."""
    repeats, nested = shape(pattern, flags)
    if length <= SHORT:
        return True
    return not nested and (length + 1) ** min(repeats + 1, 12) <= WORK


def _ready(pattern: Pattern, method: str, text: Any) -> None:
    """Return where the search will come to an end. Raises `RenderLimitError`."""
    clock = current()
    clock.step()
    inner = pattern._inner
    if not isinstance(text, (str, bytes)) or harmless(inner.pattern, inner.flags, len(text)):
        return
    seconds = max(0.1, min(SECONDS, clock.left))
    if not tried(inner.pattern, inner.flags, method, text, seconds):
        raise RenderLimitError(f"the search for `{inner.pattern!r:.100}` takes too long on this text")


class Match:
    """What a search found."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getitem__(self, group: Any) -> Any:
        return self._inner[group]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        value = getattr(self._inner, name)
        return Pattern(value) if isinstance(value, re.Pattern) else value

    def expand(self, template: str) -> Any:
        """The template with its groups filled in."""
        clock = current()
        if _filled(template, self._inner.string) > clock.limits.size:
            raise refused("expand", clock)
        return self._inner.expand(template)

    def __repr__(self) -> str:
        return repr(self._inner)


def _found(match: Any) -> Match | None:
    return None if match is None else Match(match)


def _filled(template: Any, text: Any) -> int:
    """The most that a replacement can become: each group may be the whole text."""
    return int(len(template) + template.count("\\" if isinstance(template, str) else b"\\") * len(text))


class Pattern:
    """A compiled pattern, with the methods of Python's."""

    __slots__ = ("_inner",)

    def __init__(self, inner: re.Pattern[Any]) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)

    def __repr__(self) -> str:
        return repr(self._inner)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self._inner == other._inner

    def __hash__(self) -> int:
        return hash(self._inner)

    def search(self, string: Any, *span: int) -> Match | None:
        """The first place where it matches."""
        _ready(self, "search", string)
        return _found(self._inner.search(string, *span))

    def match(self, string: Any, *span: int) -> Match | None:
        """Whether it matches at the beginning."""
        _ready(self, "search", string)
        return _found(self._inner.match(string, *span))

    def fullmatch(self, string: Any, *span: int) -> Match | None:
        """Whether it matches the whole text."""
        _ready(self, "fullmatch", string)
        return _found(self._inner.fullmatch(string, *span))

    def split(self, string: Any, maxsplit: int = 0) -> list[Any]:
        """The text between the matches."""
        _ready(self, "findall", string)
        return self._inner.split(string, maxsplit)

    def findall(self, string: Any, *span: int) -> list[Any]:
        """All matches."""
        _ready(self, "findall", string)
        found = self._inner.findall(string, *span)
        current().made(ELEMENT * len(found))
        return found

    def finditer(self, string: Any, *span: int) -> Iterator[Match]:
        """All matches, one after the other."""
        _ready(self, "findall", string)
        return ticking(map(Match, self._inner.finditer(string, *span)))

    def sub(self, repl: Any, string: Any, count: int = 0) -> Any:
        """The text with its matches replaced."""
        return self.subn(repl, string, count)[0]

    def subn(self, repl: Any, string: Any, count: int = 0) -> tuple[Any, int]:
        """The text with its matches replaced, and how many there were."""
        _ready(self, "findall", string)
        if callable(repl):
            return self._inner.subn(_counted(repl), string, count)
        clock = current()
        most = _filled(repl, string) if isinstance(repl, (str, bytes)) else 0
        if most * (len(string) + 1) > clock.limits.size:
            matches = sum(1 for _ in ticking(self._inner.finditer(string)))
            check_width(clock, "sub", "", len(string) + most * (min(matches, count) if count else matches))
        return self._inner.subn(repl, string, count)


def _counted(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function for replacements, with what it gives added up."""
    total = 0

    def replaced(match: Any) -> Any:
        nonlocal total
        clock = current()
        text = checked_call(clock, function, Match(match))
        text = text if isinstance(text, bytes) else str(text)
        total += len(text)
        if total > clock.limits.size:
            raise refused("sub", clock)
        return text

    return replaced


def compile(pattern: Any, flags: int = 0) -> Pattern:
    """The pattern, ready to be used more than once."""
    if isinstance(pattern, Pattern):
        return pattern
    if isinstance(pattern, (str, bytes)) and len(pattern) > 100_000:
        raise RenderLimitError("a pattern of more than 100,000 characters")
    # Not to print what it compiles.
    return Pattern(re.compile(pattern, int(flags) & ~re.DEBUG))


def _function(name: str) -> Callable[..., Any]:
    def function(pattern: Any, *args: Any, flags: int = 0, **named: Any) -> Any:
        places = {"sub": 3, "subn": 3, "split": 2}.get(name, 1)
        if len(args) > places:
            flags, args = args[places], args[:places]
        return getattr(compile(pattern, flags), name)(*args, **named)

    function.__name__ = name
    return function


def purge() -> None:
    """Nothing: the cache is everybody's."""


PATTERNS: Mapping[str, Any] = {
    **{name: getattr(re, name) for name in re.__all__ if name not in ("template", "Pattern", "Match")},
    **{name: _function(name) for name in
       ("search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn")},
    "compile": compile, "purge": purge, "Pattern": Pattern, "Match": Match,
}  # fmt: skip
"""The names of `modules.re`."""
