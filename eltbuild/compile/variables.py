"""`var` and `env_var` in templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.errors import did_you_mean
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.template import load, render

_ABSENT = object()


class VarName:
    """`var('name', default)`: the call's vars, the project's for this package, the project's, the package's own."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def _find(self, name: str) -> Any:
        assumed = self._rendering.assumed
        if assumed is not None and name in assumed.vars:
            return assumed.vars[name]
        project = self._rendering.session.project
        if name in project.vars:
            return project.vars[name]
        package = self._rendering.package
        own = project.settings.vars
        scoped = own.get(package)
        if isinstance(scoped, Mapping) and name in scoped:
            return scoped[name]
        if name in own and name not in project.packages:
            return own[name]
        settings = project.packages.get(package)
        if settings is not None and settings is not project.settings:
            inner = settings.vars.get(package)
            if isinstance(inner, Mapping) and name in inner:
                return inner[name]
            if name in settings.vars:
                return settings.vars[name]
        return _ABSENT

    def __call__(self, name: str, default: Any = _ABSENT) -> Any:
        found = self._find(str(name))
        if found is not _ABSENT:
            return self._rendered(str(name), found) if isinstance(found, str) and has_jinja(found) else found
        if default is not _ABSENT:
            return default
        if self._rendering.settling:
            return None
        known = [*self._rendering.session.project.vars, *self._rendering.session.project.settings.vars]
        raise TemplateError(
            f"var `{name}` is not set and has no default",
            hint=did_you_mean(str(name), known)
            or f"give it with --vars '{{{name}: ...}}' or under `vars:` in the project file",
        )

    def _rendered(self, name: str, text: str) -> str:
        """The text of a var that is a template itself, with the names of the template that asks."""
        rendering = self._rendering
        key = f"var {name}"
        if key in rendering.active:
            raise TemplateError(f"var `{name}` refers to itself")
        rendering.active.add(key)
        try:
            return str(render(load(text), rendering.scope))
        finally:
            rendering.active.discard(key)

    def has_var(self, name: str) -> bool:
        """Whether it is set anywhere."""
        return self._find(name) is not _ABSENT


SECRET_PREFIXES = ("DBT_ENV_SECRET", "ELTBUILD_ENV_SECRET")


class EnvVarName:
    """`env_var('NAME', 'default')`; secrets are not for templates of models."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def __call__(self, name: str, default: Any = _ABSENT) -> Any:
        if name.startswith(SECRET_PREFIXES):
            raise TemplateError(f"env_var `{name}` is a secret and can only be used in profiles.yml and packages.yml")
        assumed = self._rendering.assumed
        value = assumed.environment.get(name) if assumed is not None else None
        if value is None:
            value = self._rendering.session.project.environment.get(name)
        if value is not None:
            return value
        if default is not _ABSENT:
            return default
        raise TemplateError(
            f"Env var required but not provided: '{name}'",
            hint=f"set it, or give a default: env_var('{name}', '...')",
        )
