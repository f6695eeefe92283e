"""Selector text and selector definitions, read into a tree. Which resources a tree names is not known here.

The grammar of one criterion is dbt's: `@method:value` or `n+method:value+m`; without a method, a value with a path
separator is a path, one that ends like a file is a file, and all else is a name. Spaces unite, commas intersect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

from eltbuild.errors import Problem, UsageError, did_you_mean
from eltbuild.values import dataclass, field

Indirect = Literal["eager", "cautious", "buildable", "empty"]
INDIRECT: tuple[Indirect, ...] = ("eager", "cautious", "buildable", "empty")

METHOD_NAMES = (
    "fqn", "tag", "source", "path", "file", "package", "config", "resource_type", "test_type", "test_name", "state",
    "result", "source_status", "exposure", "metric", "semantic_model", "saved_query", "unit_test", "group", "access",
    "version", "selector", "function",
)  # fmt: skip
FILE_SUFFIXES = (".sql", ".py", ".csv")

CRITERION = re.compile(
    r"(?P<at>@)?(?P<above>(?P<parents_depth>\d*)\+)?((?P<method>[\w.]+):)?(?P<value>.*?)(?P<below>\+(?P<children_depth>\d*))?",
    re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """What one method finds, and how far to walk from there. `method` may carry a path: `config.meta.owner`."""

    method: str
    value: Any
    parents: bool = False
    parents_depth: int | None = None
    children: bool = False
    children_depth: int | None = None
    childrens_parents: bool = False
    indirect: Indirect | None = None
    """How tests follow what was found; None: as the call says."""
    text: str = field(default="", compare=False)
    """The criterion as the user wrote it."""


@dataclass(frozen=True, slots=True)
class Union:
    """All that any part names.

    `gathers`: a test that no single part may take along is taken when the parts together satisfy it. So it is on the
    command line, and not in `selectors.yml`.
    """

    parts: tuple[Selector, ...]
    gathers: bool = False
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Intersection:
    """What every part names."""

    parts: tuple[Selector, ...]
    gathers: bool = False
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """What `base` names and `minus` does not."""

    base: Selector
    minus: Selector
    gathers: bool = False
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Everything:
    """All that can be selected."""

    text: str = field(default="*", compare=False)


Selector: TypeAlias = Criterion | Union | Intersection | Difference | Everything


def parse_selection(select: Sequence[str] = (), exclude: Sequence[str] = ()) -> Selector:
    """The selector of `--select` and `--exclude`; without any `--select` it names everything.

    Raises `UsageError` with every criterion that cannot be read.
    """
    problems: list[Problem] = []
    base: Selector = read_union(select, problems) if select else Everything()
    minus = read_union(exclude, problems) if exclude else None
    if problems:
        raise UsageError(*problems)
    return base if minus is None else Difference(base, minus, gathers=True)


def parse_criterion(text: str) -> Criterion:
    """One criterion, without spaces and commas. Raises `UsageError`."""
    match = CRITERION.fullmatch(text)
    if match is None:
        raise UsageError(f"`{text}` is no selection criterion")
    if match["at"] and match["below"]:
        raise UsageError(
            Problem(
                f"`{text}`: `@` in front and `+` behind cannot stand together",
                hint="`@` already takes all descendants along",
            )
        )
    method, value = match["method"], match["value"]
    if method and len(method) == 1 and value.startswith(("\\", "/")):
        method, value = "path", f"{method}:{value}"
    method = method or default_method(value)
    check_method(method, text)
    return Criterion(
        method,
        value,
        parents=bool(match["above"]),
        parents_depth=_depth(match["parents_depth"]),
        children=bool(match["below"]),
        children_depth=_depth(match["children_depth"]),
        childrens_parents=bool(match["at"]),
        text=text,
    )


def default_method(value: str) -> str:
    """The method of a value that names none."""
    if "/" in value or "\\" in value:
        return "path"
    return "file" if value.lower().endswith(FILE_SUFFIXES) else "fqn"


def read_union(texts: Sequence[str], problems: list[Problem]) -> Union:
    """The union of all criteria in those texts; what cannot be read is left out and added to `problems`."""
    words = [word for text in texts for word in text.split()]
    parts = [_intersection(word, problems) for word in words or [""]]
    return Union(tuple(parts), gathers=True, text=" ".join(words))


def _intersection(word: str, problems: list[Problem]) -> Selector:
    parts = []
    for text in word.split(","):
        try:
            parts.append(parse_criterion(text))
        except UsageError as error:
            problems.extend(error.problems)
    return parts[0] if len(parts) == 1 else Intersection(tuple(parts), gathers=True, text=word)


def _depth(digits: str | None) -> int | None:
    """The number of steps; digits past any graph's size mean no limit."""
    return int(digits) if digits and len(digits) < 10 else None


def check_method(method: str, text: str) -> None:
    """Raises `UsageError` when no such method exists; `text` is the criterion that names it."""
    name = method.partition(".")[0]
    if name not in METHOD_NAMES:
        hint = did_you_mean(name, METHOD_NAMES) or f"methods: {', '.join(sorted(METHOD_NAMES))}"
        raise UsageError(Problem(f"`{text}`: there is no selection method `{name}`", hint=hint))


def criteria(selector: Selector) -> Iterator[Criterion]:
    """Every criterion of a selector, those of excluded parts included."""
    match selector:
        case Criterion():
            yield selector
        case Union(parts=parts) | Intersection(parts=parts):
            for part in parts:
                yield from criteria(part)
        case Difference(base=base, minus=minus):
            yield from criteria(base)
            yield from criteria(minus)
        case Everything():
            return
