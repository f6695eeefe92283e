"""Definitions of `selectors.yml`, read into selector trees: the notation only, nothing is looked up.

A definition is a text as on the command line, `{method: value}`, a mapping with `method` and `value` and how far to
walk, or a `union` or `intersection` of definitions, of which one may be an `exclude`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import filter as matching
from typing import Any

from eltbuild.errors import Place, Problem, ProjectError, UsageError, did_you_mean
from eltbuild.graph.selectors import (
    INDIRECT,
    Criterion,
    Difference,
    Intersection,
    Selector,
    Union,
    check_method,
    criteria,
    read_union,
)
from eltbuild.values import replace

FILE = "selectors.yml"
DEEPEST = 50

_KEYS = (
    "method", "value", "parents", "parents_depth", "children", "children_depth", "childrens_parents",
    "indirect_selection", "exclude",
)  # fmt: skip
_GROUPS: Mapping[str, Callable[[tuple[Selector, ...]], Selector]] = {
    "union": Union,
    "intersection": Intersection,
}


def parse_definition(definition: object, name: str = "") -> Selector:
    """The selector of one `definition:` of `selectors.yml`. Raises `ProjectError` with all that is wrong in it."""
    problems: list[str] = []
    if _is_too_deep(definition):
        selector = None
        problems.append(f"definitions may be nested {DEEPEST} levels, and this one is nested too deep")
    else:
        selector = _definition(definition, problems)
    if problems or selector is None:
        head = f"selector `{name}`: " if name else ""
        raise ProjectError(*(Problem(head + text, Place(FILE)) for text in problems))
    return selector


def parse_selectors(entries: Mapping[str, Any]) -> Mapping[str, Selector]:
    """All named selectors, read. An entry is a definition, or a mapping that holds one under `definition`.

    Raises `ProjectError` with everything that is wrong, selectors that inherit from themselves included.
    """
    problems: list[Problem] = []
    selectors: dict[str, Selector] = {}
    for name, entry in entries.items():
        definition = entry["definition"] if isinstance(entry, Mapping) and "definition" in entry else entry
        try:
            selectors[name] = parse_definition(definition, name)
        except ProjectError as error:
            problems += error.problems
    problems += _inheritance_problems(selectors, entries)
    if problems:
        raise ProjectError(*problems)
    return selectors


def unknown_keys(entries: Mapping[str, Any]) -> Iterator[Problem]:
    """A warning for each key of a criterion that means nothing: dbt passes over it, and so does everything here."""
    for name, entry in entries.items():
        layer: list[Any] = [entry]
        while layer:
            found = layer.pop()
            if isinstance(found, Mapping):
                layer += found.values()
                for key in found if "method" in found else ():
                    if key not in _KEYS:
                        text = f"selector `{name}`: a criterion has no key `{key}`, which means nothing"
                        yield Problem(text, Place(FILE), did_you_mean(str(key), _KEYS), "warning")
            elif isinstance(found, list | tuple):
                layer += found


def default_selector(entries: Mapping[str, Any], render: Callable[[Any], Any] = lambda value: value) -> str | None:
    """The name of the selector marked `default`, whose value may be a template that `render` fills in.

    Raises `ProjectError` when two are marked.
    """
    marked = [
        name for name, entry in entries.items() if isinstance(entry, Mapping) and _yes(render(entry.get("default")))
    ]
    if len(marked) > 1:
        names = ", ".join(f"`{name}`" for name in marked)
        raise ProjectError(Problem(f"more than one selector is the default: {names}", Place(FILE)))
    return marked[0] if marked else None


def _yes(value: object) -> bool:
    return value.strip().lower() == "true" if isinstance(value, str) else bool(value)


def _is_too_deep(definition: object) -> bool:
    layer = [definition]
    for _ in range(2 * DEEPEST):
        layer = [
            inner
            for value in layer
            if isinstance(value, Mapping | list)
            for inner in (value.values() if isinstance(value, Mapping) else value)
        ]
        if not layer:
            return False
    return True


def _definition(definition: object, problems: list[str]) -> Selector | None:
    match definition:
        case str():
            return _from_text(definition, problems)
        case Mapping() if "union" in definition or "intersection" in definition:
            return _group(definition, problems)
        case Mapping() if "method" in definition:
            return _from_keys(definition, problems)
        case Mapping() if len(definition) == 1:
            [(method, value)] = definition.items()
            return _criterion(str(method), value, {}, problems)
        case Mapping():
            known = ", ".join(f"`{key}`" for key in definition)
            problems.append(
                f"a definition needs `method` and `value`, `union` or `intersection`; it has {known or 'nothing'}"
            )
        case _:
            problems.append(f"a definition is a text or a mapping, not {_kind(definition)}")
    return None


def _from_text(text: str, problems: list[str]) -> Selector | None:
    found: list[Problem] = []
    union = read_union([text], found)
    problems += [f"{problem.message}" + (f" ({problem.hint})" if problem.hint else "") for problem in found]
    return _ungathered(union.parts[0] if len(union.parts) == 1 else union)


def _ungathered(selector: Selector) -> Selector:
    match selector:
        case Union() | Intersection():
            return replace(selector, parts=tuple(map(_ungathered, selector.parts)), gathers=False)
        case _:
            return selector


def _group(definition: Mapping[str, Any], problems: list[str]) -> Selector | None:
    kinds = [key for key in definition if key in _GROUPS]
    if len(definition) > 1:
        others = ", ".join(f"`{key}`" for key in definition if key != kinds[0])
        problems.append(f"`{kinds[0]}` stands alone in its definition, here with {others}")
    members = definition[kinds[0]]
    if not isinstance(members, Sequence) or isinstance(members, str) or not members:
        problems.append(f"`{kinds[0]}` needs a list of definitions, not {_kind(members)}")
        return None
    excludes = [member for member in members if _is_exclude(member)]
    parts = [_definition(member, problems) for member in members if not _is_exclude(member)]
    if len(excludes) > 1:
        problems.append(f"only one `exclude` may stand in a `{kinds[0]}`")
    if not parts:
        problems.append(f"`{kinds[0]}` has nothing but an `exclude`")
    base = _GROUPS[kinds[0]](tuple(part for part in parts if part is not None))
    return _without(base, excludes[0]["exclude"], problems) if excludes else base


def _is_exclude(member: object) -> bool:
    return isinstance(member, Mapping) and list(member) == ["exclude"]


def _without(base: Selector, exclude: object, problems: list[str]) -> Selector:
    if not isinstance(exclude, Sequence) or isinstance(exclude, str):
        problems.append(f"`exclude` needs a list of definitions, not {_kind(exclude)}")
        return base
    nested = [member for member in exclude if _is_exclude(member)]
    if len(nested) > 1:
        problems.append("only one `exclude` may stand in an `exclude`")
    parts = [_definition(member, problems) for member in exclude if not _is_exclude(member)]
    minus: Selector = Union(tuple(part for part in parts if part is not None))
    if nested:
        minus = _without(minus, nested[0]["exclude"], problems)
    return Difference(base, minus)


def _from_keys(definition: Mapping[str, Any], problems: list[str]) -> Selector | None:
    if "value" not in definition:
        problems.append(f"the criterion of method `{definition['method']}` has no `value`")
        return None
    selector = _criterion(str(definition["method"]), definition["value"], definition, problems)
    if selector is not None and definition.get("exclude"):
        return _without(selector, definition["exclude"], problems)
    return selector


def _criterion(method: str, value: Any, keys: Mapping[str, Any], problems: list[str]) -> Criterion | None:
    try:
        check_method(method, f"{method}:{value}")
    except UsageError as error:
        problems += map(str, error.problems)
        return None
    if isinstance(value, Mapping | list):
        problems.append(f"the value of method `{method}` is a text, not {_kind(value)}")
        return None
    indirect = keys.get("indirect_selection")
    if indirect is not None and indirect not in INDIRECT:
        problems.append(f"`indirect_selection` is one of {', '.join(INDIRECT)}, not `{indirect}`")
        return None
    if keys.get("childrens_parents") and keys.get("children"):
        problems.append("`childrens_parents` and `children` cannot stand together")
    return Criterion(
        method,
        value,
        parents=bool(keys.get("parents")),
        parents_depth=_whole_number(keys, "parents_depth", problems),
        children=bool(keys.get("children")),
        children_depth=_whole_number(keys, "children_depth", problems),
        childrens_parents=bool(keys.get("childrens_parents")),
        indirect=indirect,
        text=f"{method}:{value}",
    )


def _whole_number(keys: Mapping[str, Any], key: str, problems: list[str]) -> int | None:
    value = keys.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isdecimal():
        problems.append(f"`{key}` is a whole number, not `{value}`")
        return None
    return int(value)


def _kind(value: object) -> str:
    return {type(None): "nothing", dict: "a mapping", list: "a list", str: f"the text `{value}`"}.get(
        type(value), f"`{value}`"
    )


def _inheritance_problems(selectors: Mapping[str, Selector], entries: Iterable[str]) -> list[Problem]:
    names = list(entries)
    problems = []
    uses: dict[str, list[str]] = {}
    for name, selector in selectors.items():
        uses[name] = []
        for criterion in criteria(selector):
            if criterion.method == "selector":
                found = matching(names, str(criterion.value))
                uses[name] += found
                if not found:
                    problems.append(
                        Problem(
                            f"selector `{name}` refers to selector `{criterion.value}`, which was not found",
                            Place(FILE),
                            did_you_mean(str(criterion.value), names),
                        )
                    )
    problems += [
        Problem(f"selectors refer to each other in a circle: {' -> '.join(path)}", Place(FILE))
        for path in _circles(uses)
    ]
    return problems


def _circles(uses: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    done: set[str] = set()
    for start in uses:
        path: list[str] = []
        rest: list[Iterator[str]] = [iter([start])]
        while rest:
            name = next(rest[-1], None)
            if name is None:
                rest.pop()
                if path:
                    done.add(path.pop())
            elif name in path:
                yield (*path[path.index(name) :], name)
            elif name not in done:
                path.append(name)
                rest.append(iter(uses.get(name, ())))
