"""Which environment variables the packages of a project may read: those that the project itself names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eltbuild.errors import Problem
from eltbuild.project.project import Settings
from eltbuild.project.read import find_files

OPEN_BEGINNINGS = (
    "DBT_CLOUD_", "DBT_ENV_CUSTOM_ENV_", "DBT_ENGINE_ENV_CUSTOM_ENV_", "ELTBUILD_ENV_CUSTOM_ENV_",
)  # fmt: skip
"""Variables that are set for templates to read."""

_NAMED = re.compile(rb"env_var\(\s*['\"]([A-Za-z_][A-Za-z0-9_]*)['\"]")
_TEXTS = (".sql", ".py", ".yml", ".yaml", ".md")
_FILES = ("eltbuild.yml", "dbt_project.yml", "selectors.yml", "vars.yml")

Allowed = Callable[[str], bool]


def allowed_to_packages(root: Path, settings: Settings, vars: Mapping[str, Any]) -> Allowed:
    """Whether packages may read a variable of that name. The project's files are read when that is first asked.

    A variable is named by `env_var('NAME')` in a file of the project's own, or by a var that has its name as value.
    """
    found: list[frozenset[str]] = []

    def allowed(name: str) -> bool:
        if name.startswith(OPEN_BEGINNINGS):
            return True
        if not found:
            found.append(frozenset((*_in_files(root, settings), *_texts(settings.vars), *_texts(vars))))
        return name in found[0]

    return allowed


def _in_files(root: Path, settings: Settings) -> Iterator[str]:
    folders = sorted({folder for paths in settings.paths.values() for folder in paths})
    for path in (*_FILES, *find_files(root, "", folders, _TEXTS)):
        try:
            with open(os.path.join(root, path), "rb") as file:
                data = file.read()
        except OSError:
            continue
        yield from (name.decode() for name in _NAMED.findall(data))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def undeclared(package: str, name: str) -> Problem:
    """The warning that a package asked for a variable and was given its default."""
    return Problem(
        f"the package `{package}` asks for the environment variable `{name}`, which the project does not name: "
        "it gets its default",
        hint=declaring(name),
        severity="warning",
        name="UndeclaredEnvironment",
    )


def declaring(name: str) -> str:
    """How a project lets its packages read a variable."""
    return f"to let packages read it, name it in the project file: `vars: {{environment: [{name}]}}`"
