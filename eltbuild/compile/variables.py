"""`var` and `env_var` in templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.errors import did_you_mean
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.sandbox import own
from eltbuild.jinja.template import load, render
from eltbuild.project.declared_environment import declaring, undeclared
from eltbuild.secrecy import is_secret_variable

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
        outer = project.settings.vars
        scoped = outer.get(package)
        if isinstance(scoped, Mapping) and name in scoped:
            return scoped[name]
        if name in outer:
            return outer[name]
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
            return self._rendered(str(name), found) if isinstance(found, str) and has_jinja(found) else own(found)
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


class EnvVarName:
    """`env_var('NAME', 'default')`: never a secret; to packages, what the project does not name is as if not set."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def __call__(self, name: str, default: Any = _ABSENT) -> Any:
        name = str(name)
        if is_secret_variable(name):
            raise TemplateError(f"env_var `{name}` is a secret and can only be used in profiles.yml and packages.yml")
        rendering = self._rendering
        assumed = rendering.assumed
        value = assumed.environment.get(name) if assumed is not None else None
        if value is not None:
            return value
        value = rendering.session.project.environment.get(name)
        stranger = rendering.stranger() if value is not None else None
        if value is not None and (stranger is None or rendering.session.allowed_to_packages(name)):
            return value
        if default is not _ABSENT:
            if stranger is not None:
                self._tell(stranger, name)
            return default
        hint = f"set it, or give a default: env_var('{name}', '...')"
        if stranger is not None:
            message = f"the package `{stranger}` asks for the environment variable `{name}`, which the project does not"
            raise TemplateError(f"{message} name", hint=declaring(name))
        raise TemplateError(f"Env var required but not provided: '{name}'", hint=hint)

    def _tell(self, package: str, name: str) -> None:
        problem = undeclared(package, name)
        if self._rendering.settling:
            self._rendering.problems.append(problem)
        elif (told := self._rendering.session.kept.setdefault("undeclared", set())) is not None and name not in told:
            told.add(name)
            self._rendering.session.say(problem.message, "warn", "warning", None)
