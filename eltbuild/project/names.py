"""The few names that Jinja in YAML files may use, and the rendering of such files. Nothing is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.adapter import Target
from eltbuild.errors import CompileError, EltbuildError, Place, Problem, did_you_mean
from eltbuild.jinja.native import has_jinja
from eltbuild.project.declared_environment import declaring
from eltbuild.project.yaml import Listed, Mapped
from eltbuild.secrecy import is_secret_variable, without_secrets

COMPATIBLE_VERSION = "1.12.6"
"""The version of dbt Core whose behaviour is followed, as `dbt_version` and `require-dbt-version` see it."""

_NOT_GIVEN: Any = object()

Skip = Callable[[tuple[Any, ...]], bool]


class Vars:
    """`var()` as a template calls it: the value of a variable, else the default, else `CompileError`.

    A value that is a template itself is rendered with `names`.
    """

    __slots__ = ("_active", "_names", "given")

    def __init__(self, given: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        self.given = given
        self._names = names
        self._active: set[str] = set()

    def __call__(self, name: str, default: Any = _NOT_GIVEN) -> Any:
        if name in self.given:
            value = self.given[name]
            return self._rendered(name, value) if isinstance(value, str) and has_jinja(value) else value
        if default is not _NOT_GIVEN:
            return default
        hint = f"give it with --vars, or a default: var('{name}', ...)"
        hint = did_you_mean(str(name), map(str, self.given)) or hint
        raise CompileError(Problem(f"Required var '{name}' not found", hint=hint))

    def _rendered(self, name: str, text: str) -> str:
        from eltbuild.jinja.template import load, render

        if name in self._active:
            raise CompileError(Problem(f"var `{name}` refers to itself"))
        self._active.add(name)
        try:
            return str(render(load(text), dict(self._names)))
        finally:
            self._active.discard(name)

    def has_var(self, name: str) -> bool:
        """Whether the variable has a value."""
        return name in self.given


def base_names(
    environment: Mapping[str, str],
    vars: Mapping[str, Any],
    *,
    secrets_allowed: bool,
    reads: set[str] | None = None,
    allowed: Callable[[str], bool] | None = None,
    call: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`env_var`, `var` and what needs no project; `reads` collects the variables asked of the environment.

    `call` are the names of the language and of the call: `modules`, `flags`, `run_started_at` and the like.
    Variables that are not `allowed` are as if not set.
    What `env_var` and `var` cannot find, and secrets where they are not allowed, raise `CompileError`.
    """

    def env_var(name: str, default: Any = None) -> Any:
        if is_secret_variable(name) and not secrets_allowed:
            message = f"Secret env vars are allowed only in profiles.yml or packages.yml. Found '{name}' elsewhere"
            raise CompileError(Problem(message, hint="use a variable whose name has no secret prefix"))
        if reads is not None:
            reads.add(name)
        name = str(name)
        if allowed is not None and name in environment and not allowed(name):
            if default is not None:
                return default
            message = f"a package asks for the environment variable `{name}`, which the project does not name"
            raise CompileError(Problem(message, hint=declaring(name)))
        value = environment.get(name, default)
        if value is None:
            hint = f"set it, or give a default: env_var('{name}', '...')"
            raise CompileError(Problem(f"Env var required but not provided: '{name}'", hint=hint))
        return value

    return _with_var(
        vars,
        {
            "env_var": env_var,
            "dbt_version": COMPATIBLE_VERSION,
            "fromjson": _or_default(json.loads),
            "tojson": _or_default(json.dumps),
            **(call or {}),
        },
    )


def with_vars(names: Mapping[str, Any], vars: Mapping[str, Any]) -> dict[str, Any]:
    """The names with these variables too; those that are there already are the stronger."""
    known = names.get("var")
    return _with_var({**vars, **(known.given if isinstance(known, Vars) else {})}, names)


def _with_var(vars: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(names)
    out["var"] = Vars(vars, out)
    return out


def with_target(names: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """The names with `target` among them: a dictionary without secrets."""
    known = names.get("var")
    return _with_var(known.given if isinstance(known, Vars) else {}, {**names, "target": target_fields(target)})


def target_fields(target: Target) -> dict[str, Any]:
    """What templates may know of a target: its fields but for secrets, and its names; theirs to change."""
    return {
        **without_secrets(target.fields, target.secrets),
        "name": target.name,
        "target_name": target.name,
        "profile_name": target.profile,
        "type": target.type,
        "database": target.database,
        "schema": target.schema,
        "threads": target.threads,
    }


def render_places(
    value: Any,
    names: Mapping[str, Any],
    path: str,
    problems: list[Problem],
    skip: Skip | None = None,
) -> Any:
    """The value of a YAML file with every string in it rendered, still with its places.

    Strings that `skip(keys)` names stay as they are. What goes wrong goes to `problems`, with its place,
    and the string stays.
    """
    return _Rendering(names, path, problems, skip).walk(value, (), (0, 0))


class _Rendering:
    """One walk through the values of a file."""

    def __init__(self, names: Mapping[str, Any], path: str, problems: list[Problem], skip: Skip | None) -> None:
        from eltbuild.jinja.native import has_jinja

        self.names = names
        self.path = path
        self.problems = problems
        self.skip = skip
        self.has_jinja = has_jinja

    def walk(self, value: Any, keys: tuple[Any, ...], place: tuple[int, int]) -> Any:
        """The value rendered; itself where there is nothing to render."""
        if isinstance(value, str):
            if not self.has_jinja(value) or (self.skip is not None and self.skip(keys)):
                return value
            return self.render(value, place)
        if isinstance(value, Mapped):
            items: Any = value.items()
        elif isinstance(value, Listed):
            items = enumerate(value)
        else:
            return value
        changed = {}
        for key, item in items:
            # Most values are texts without Jinja: they cost nothing more than this.
            if isinstance(item, (str, Mapped, Listed)) and not (type(item) is str and "{" not in item):
                new = self.walk(item, (*keys, key), value.place_of(key))
                if new is not item:
                    changed[key] = new
        if not changed:
            return value
        if isinstance(value, Mapped):
            return _like(value, Mapped({**value, **changed}))
        return _like(value, Listed(changed.get(index, item) for index, item in enumerate(value)))

    def render(self, text: str, place: tuple[int, int]) -> Any:
        from eltbuild.jinja.errors import TemplateError
        from eltbuild.jinja.native import render_value

        where = Place(self.path, *place)
        try:
            return render_value(text, self.names)
        except EltbuildError as error:
            self.problems += [Problem(p.message, where, p.hint, p.severity, p.name) for p in error.problems]
        except TemplateError as error:
            self.problems.append(Problem(f"the template cannot be rendered: {error.message}", where, error.hint))
        return text


def _like(old: Any, new: Any) -> Any:
    new.line, new.column, new._places = old.line, old.column, old._places
    return new


def _or_default(convert: Callable[[Any], Any]) -> Callable[..., Any]:
    """The conversion, with the default where the value does not fit."""

    def converted(value: Any, default: Any = None) -> Any:
        try:
            return convert(value)
        except (ValueError, TypeError, RecursionError):
            return default

    return converted
