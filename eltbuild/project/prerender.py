"""Jinja in properties files: which values are rendered when a file is read, and which are left for later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.errors import EltbuildError, Place, Problem
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja, render_native

LATE = frozenset({"description", "data_tests", "tests", "loaded_at_query", "depends_on", "relation"})
"""Properties whose Jinja is rendered later, with more names than a properties file has, or is read as it is."""
HOOKS = frozenset({"pre_hook", "post_hook", "pre-hook", "post-hook"})
"""Configs that are templates of their own, rendered when the node is built."""
RAW = frozenset({"metrics", "semantic_models", "saved_queries", "anchors"})
"""Kinds of entries whose Jinja is of another language."""

RAW_IN_ENTRIES = frozenset({("metrics",), ("semantic_model",), ("derived_semantics",)})
"""The same, where they stand in the entry of a model."""


def is_late(keys: tuple[Any, ...]) -> bool:
    """Whether the value at that path of a properties file is not rendered when the file is read."""
    if keys[0] in RAW or keys[-1] == "loaded_at_query" or keys[2:3] in RAW_IN_ENTRIES:
        return True
    if keys[2:3] == ("config",) and keys[3:4] and keys[3] in HOOKS:
        return True
    if keys[0] == "unit_tests":
        return len(keys) == 3 and keys[2] == "description"
    for key in keys[2:]:
        if key in ("config", "meta"):
            return False
        if key in LATE:
            return True
    return False


def trim(tree: Any, keys: tuple[Any, ...] = ()) -> None:
    """Take the line break off the end of each text that counts as a template though it holds no Jinja, in place.

    A block of YAML text ends with one. What is read as it is keeps it; rendering takes it off the others.
    """
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        inside = (*keys, key)
        if inside[0] == "unit_tests":
            continue
        if isinstance(value, (dict, list)):
            trim(value, inside)
        elif type(value) is str and value.endswith("\n") and not has_jinja(value) and not is_late(inside):
            tree[key] = value[:-1]


def needs_rendering(tree: Mapping[Any, Any]) -> bool:
    """Whether any value of a properties file holds Jinja that is rendered when the file is read."""
    return any(_wanted(value, (key,)) for key, value in tree.items())


def _wanted(value: Any, keys: tuple[Any, ...]) -> bool:
    if type(value) is str:
        return has_jinja(value) and not is_late(keys)
    if isinstance(value, dict):
        return any(_wanted(item, (*keys, key)) for key, item in value.items())
    if isinstance(value, list):
        return any(_wanted(item, (*keys, index)) for index, item in enumerate(value))
    return False


def render_late(value: Any, names: Mapping[str, Any], place: Place | None, problems: list[Problem]) -> Any:
    """A value rendered natively after its file was read: the config of a test, for one.

    What cannot be rendered is a problem at the place, and stays as it was.
    """
    if type(value) is str:
        return _render(value, names, place, problems) if has_jinja(value) else value
    if isinstance(value, dict):
        return {key: render_late(item, names, place, problems) for key, item in value.items()}
    if isinstance(value, list):
        return [render_late(item, names, place, problems) for item in value]
    return value


def _render(text: str, names: Mapping[str, Any], place: Place | None, problems: list[Problem]) -> Any:
    try:
        return render_native(text, names)
    except TemplateError as error:
        problems.append(Problem(f"`{text}` cannot be rendered: {error.message}", place, error.hint))
    except EltbuildError as error:
        problems.extend(Problem(problem.message, place, problem.hint) for problem in error.problems)
    return text
