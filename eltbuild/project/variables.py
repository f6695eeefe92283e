"""Which variables `var()` sees in a package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.jinja.native import has_jinja
from eltbuild.project.project import Project, Settings


def visible_vars(root: Settings, package: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a package, the strongest last: its own, the project's, the project's for it, the call's."""
    seen: dict[str, Any] = {}
    for settings in (root,) if package is root else (package, root):
        seen.update(settings.vars)
        scoped = settings.vars.get(package.name)
        if isinstance(scoped, Mapping):
            seen.update(scoped)
    seen.update(given)
    return seen


def templated_vars(project: Project) -> list[str]:
    """The vars whose value is a template, which is rendered where the var is asked for."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, Mapping):
            for item in value.values():
                look(item)
        elif isinstance(value, str) and has_jinja(value):
            found.append(value)

    look(project.vars)
    for package in project.packages.values():
        look(package.vars)
    return found
