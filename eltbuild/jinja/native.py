"""Rendering of values in YAML: strings that hold Jinja become native Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.jinja.errors import TemplateError

DEPTH_LIMIT = 200


def has_jinja(text: str) -> bool:
    """Whether a string holds any Jinja at all."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


def render_value(value: Any, names: Mapping[str, Any], skip: Callable[[tuple[Any, ...]], bool] | None = None) -> Any:
    """The value with every string in it rendered; strings without Jinja, and whatever `skip(path)` names, stay.

    Mappings and lists are walked, keys stay as they are; a value without any Jinja is returned as it is.
    Raises `TemplateError`.
    """
    return _walk(value, names, skip, ())


def _walk(
    value: Any,
    names: Mapping[str, Any],
    skip: Callable[[tuple[Any, ...]], bool] | None,
    path: tuple[Any, ...],
) -> Any:
    if isinstance(value, str):
        if has_jinja(value) and not (skip and skip(path)):
            return render_native(value, names)
        return value
    if len(path) > DEPTH_LIMIT:
        raise TemplateError(f"values are nested deeper than {DEPTH_LIMIT} levels")
    if isinstance(value, dict):
        changed = {}
        for key, item in value.items():
            new = _walk(item, names, skip, (*path, key))
            if new is not item:
                changed[key] = new
        return {**value, **changed} if changed else value
    if isinstance(value, (list, tuple)):
        items = [_walk(item, names, skip, (*path, index)) for index, item in enumerate(value)]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return items
    return value


def render_native(text: str, names: Mapping[str, Any]) -> Any:
    """One string rendered; a single expression keeps its type. Raises `TemplateError`."""
    from eltbuild.jinja.environment import native_environment
    from eltbuild.jinja.template import load, render

    return render(load(text, native_environment()), names)
