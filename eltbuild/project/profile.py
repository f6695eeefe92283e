"""Which warehouse: the chosen output of `profiles.yml`, rendered into a `Target`. Nothing is connected.

No message repeats a value of a profile: any of them may be a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from eltbuild.adapter import Target, adapter_types
from eltbuild.errors import Place, Problem, ProjectError, UsageError, did_you_mean
from eltbuild.project.durations import RETRIES, SPAN, retries_of, seconds_of
from eltbuild.project.names import base_names, render_places
from eltbuild.project.project import Settings
from eltbuild.project.read import read_file
from eltbuild.project.yaml import Mapped, load_yaml, unquoted
from eltbuild.secrecy import is_secret_variable, mask_secrets, secret_texts
from eltbuild.values import dataclass, replace

FILES = ("profiles.yml", "profiles.yaml")
FOLDER_VARIABLES = ("ELTBUILD_PROFILES_DIR", "DBT_PROFILES_DIR", "DBT_ENGINE_PROFILES_DIR")
DEFAULT_THREADS = 4

N = TypeVar("N")
OURS: Mapping[str, str] = {"node_retries": RETRIES, "node_timeout": SPAN}
"""Fields of an output that no adapter knows, and what they must be."""

DATABASE_FIELDS = ("database", "dbname", "project", "catalog", "project_id")
SCHEMA_FIELDS = ("schema", "dataset")
_SCHEMALESS: Mapping[str, str] = {"duckdb": "main", "sqlite": "main"}
"""Types whose outputs need not name a schema, and the one they then mean."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says of the target: it is stronger than any file."""

    profiles_dir: str | None = None
    profile: str | None = None
    target: str | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class _Names:
    """What the Jinja of a profile may ask for."""

    environment: Mapping[str, str]
    vars: Mapping[str, Any]
    call: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _File:
    """A profiles file that was found."""

    path: Path
    problems: list[Problem]


def load_target(
    root: Path,
    settings: Settings,
    wanted: Wanted,
    environment: Mapping[str, str],
    vars: Mapping[str, Any],
    home: Path,
    call: Mapping[str, Any] | None = None,
) -> tuple[Target, tuple[Problem, ...]]:
    """The target to build into, and warnings. Only the chosen output is rendered.

    Raises `ProjectError` for what is wrong in the file, `UsageError` for what is wanted and is not there.
    """
    name = wanted.profile or settings.profile
    file = _find(root, wanted.profiles_dir, environment, home)
    if name is None:
        if file is None or settings.name not in _profiles(file.path, file.problems):
            return _own_file(root, settings, wanted), ()
        name = settings.name
    if file is None:
        return _without_file(root, settings, wanted)
    return _target(root, file, name, wanted, _Names(environment, vars, call))


def profile_folders(
    root: Path, profiles_dir: str | None, environment: Mapping[str, str], home: Path
) -> tuple[Path, ...]:
    """The folders in which a profiles file is looked for, the first one first; a named one is the only one."""
    named = _named_folder(profiles_dir, environment)
    if named:
        folder = named[0]
        return (home / folder.removeprefix("~").lstrip("/") if folder.startswith("~/") else Path(folder),)
    return tuple(dict.fromkeys([root, Path(os.curdir), home / ".eltbuild", home / ".dbt"]))


def _named_folder(profiles_dir: str | None, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The folder that the command line or a variable names, and what names it."""
    if profiles_dir:
        return profiles_dir, "--profiles-dir"
    return next(((environment[name], name) for name in FOLDER_VARIABLES if environment.get(name)), None)


def _find(root: Path, profiles_dir: str | None, environment: Mapping[str, str], home: Path) -> _File | None:
    for folder in profile_folders(root, profiles_dir, environment, home):
        for name in FILES:
            if (folder / name).is_file():
                return _File(folder / name, [])
    named = _named_folder(profiles_dir, environment)
    if named:
        raise UsageError(Problem(f"`{named[0]}` holds no {FILES[0]}", hint=f"{named[1]} names its folder"))
    return None


def _own_file(root: Path, settings: Settings, wanted: Wanted) -> Target:
    """A database file beside the project, for want of a profile. Raises `UsageError` for any target but `dev`."""
    if wanted.target not in (None, "dev"):
        hint = f"write a {FILES[0]} beside the project file, with an output of that name"
        raise UsageError(Problem(f"there is no profile, and so no target `{wanted.target}`", hint=hint))
    name = settings.name or "eltbuild"
    fields = {"type": "duckdb", "path": f"{name}.duckdb", "schema": "main"}
    return Target(
        profile=name,
        name=wanted.target or "dev",
        type="duckdb",
        database=name,
        schema="main",
        threads=wanted.threads or DEFAULT_THREADS,
        root=str(root),
        fields=fields,
    )


def _without_file(root: Path, settings: Settings, wanted: Wanted) -> tuple[Target, tuple[Problem, ...]]:
    if wanted.profile is not None:
        hint = "write one in the project's folder or in ~/.eltbuild, or name its folder with --profiles-dir"
        raise UsageError(Problem(f"there is no {FILES[0]} that could hold the profile `{wanted.profile}`", hint=hint))
    own = replace(_own_file(root, settings, wanted), profile=settings.profile or settings.name)
    message = f"there is no {FILES[0]} with the profile `{settings.profile}`; building into {own.fields['path']}"
    hint = f"write a {FILES[0]} beside the project file, or take the line `profile:` out of it"
    return own, (Problem(message, Place(settings.file), hint, "warning", "ProfileNotFound"),)


def _profiles(path: Path, problems: list[Problem]) -> Mapped:
    text = read_file(path.parent, path.name, "").text
    shown = str(path)
    body = load_yaml(text, shown, problems, private=True)
    if body is None:
        return Mapped()
    if not isinstance(body, Mapped):
        raise ProjectError(Problem("a profiles file is a mapping of profiles", Place(shown, 1)))
    return body


def _target(root: Path, file: _File, name: str, wanted: Wanted, names: _Names) -> tuple[Target, tuple[Problem, ...]]:
    shown = str(file.path)
    problems = file.problems
    problems.clear()
    profiles = _profiles(file.path, problems)
    if name not in profiles:
        known = [str(key) for key in profiles if key != "config"]
        hint = did_you_mean(name, known) or f"it has: {', '.join(known) or 'no profile at all'}"
        error = UsageError if wanted.profile else ProjectError
        raise error(Problem(f"Could not find profile named '{name}'", Place(shown), hint))
    read = _Profile(shown, name, profiles, problems, names)
    output_name = read.output_name(wanted.target)
    fields = read.output(output_name)
    result = read.made(output_name, fields, wanted.threads, root)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise ProjectError(*errors)
    return result, tuple(problems)


class _Profile:
    """One profile of a file while it is read; what is wrong is collected, or raised where nothing can follow."""

    def __init__(self, path: str, name: str, profiles: Mapped, problems: list[Problem], names: _Names) -> None:
        self.path = path
        self.name = name
        self.problems = problems
        self.reads: set[str] = set()
        self.given = names
        self.names = base_names(names.environment, names.vars, secrets_allowed=True, reads=self.reads, call=names.call)
        self.line, self.column = profiles.place_of(name)
        body = profiles[name]
        if not isinstance(body, Mapped):
            raise self.error(f"the profile `{name}` must be a mapping with `target` and `outputs`")
        self.body = body

    def error(self, message: str, hint: str = "", place: tuple[int, int] | None = None) -> ProjectError:
        return ProjectError(Problem(message, Place(self.path, *(place or (self.line, self.column))), hint))

    def rendered(self, value: Any) -> Any:
        found: list[Problem] = []
        result = render_places(value, self.names, self.path, found)
        if found:
            raise ProjectError(*map(self._veiled, found))
        return result

    def _veiled(self, problem: Problem) -> Problem:
        """A problem of a template that tells neither what it reads nor what is written in it."""
        values = {self.given.environment.get(name, "") for name in self.reads}
        hide = mask_secrets(values)
        message = hide(problem.message)
        if not re.search(r"Env var required|'\w+' is undefined$", message):
            message = unquoted(message)
        return replace(problem, message=message, hint=hide(problem.hint))

    def output_name(self, asked: str | None) -> str:
        """The output that the command line asks for, else that of the profile, else `default`."""
        outputs = self.body.get("outputs")
        if not isinstance(outputs, Mapped) or not outputs:
            raise self.error(f"the profile `{self.name}` has no outputs", "write `outputs: {dev: {type: ...}}` in it")
        if asked is None:
            head = Mapped({"target": self.body.get("target")})
            head.line, head.column, head._places = self.body.line, self.body.column, self.body._places
            chosen = self.rendered(head)["target"]
            asked = str(chosen) if chosen is not None else self._only(outputs)
            error: type[UsageError | ProjectError] = ProjectError
        else:
            error = UsageError
        if asked not in outputs:
            known = [str(key) for key in outputs]
            hint = did_you_mean(asked, known) or f"it has: {', '.join(known)}"
            place = Place(self.path, *self.body.place_of("outputs"))
            raise error(Problem(f"The profile '{self.name}' does not have a target named '{asked}'.", place, hint))
        return asked

    def _only(self, outputs: Mapped) -> str:
        """`default`, or the one output there is."""
        return str(next(iter(outputs))) if len(outputs) == 1 and "default" not in outputs else "default"

    def output(self, name: str) -> Mapped:
        """The fields of an output, rendered."""
        body = self.body["outputs"]
        place = body.place_of(name)
        if not isinstance(body[name], Mapped):
            raise self.error(f"the target `{name}` must be a mapping", place=place)
        fields: Mapped = self.rendered(body[name])
        if not isinstance(fields.get("type"), str) or not fields["type"]:
            raise self.error(f"the target `{name}` has no type", "add a line such as `type: duckdb`", place)
        return fields

    def made(self, name: str, fields: Mapped, threads: int | None, root: Path) -> Target:
        """The target, with what its type takes for granted filled in."""
        kind = fields["type"]
        if kind in _ALIASES:
            for old, new in _ALIASES[kind].items():
                if old in fields and new not in fields:
                    fields[new] = fields[old]
        if kind == "duckdb":
            fields.setdefault("path", ":memory:")
        database = self._text(fields, DATABASE_FIELDS)
        if kind == "duckdb":
            database = self._file_database(fields, database)
        schema = self._text(fields, SCHEMA_FIELDS) or _SCHEMALESS.get(kind, "")
        # A misspelt type is told when the adapter is opened.
        if not schema and (kind in adapter_types() or not did_you_mean(kind, adapter_types())):
            place = Place(self.path, fields.line, fields.column)
            hint = "add a line such as `schema: analytics`: models are built there"
            self.problems.append(Problem(f"the target `{name}` names no schema", place, hint))
        return Target(
            profile=self.name,
            name=name,
            type=kind,
            database=database,
            schema=schema,
            threads=threads or self._threads(fields),
            node_retries=self._number(fields, "node_retries", retries_of),
            node_timeout=self._number(fields, "node_timeout", seconds_of),
            root=str(root),
            fields={name: value for name, value in fields.items() if name not in OURS},
            secrets=frozenset(secret for secret in self._secrets(fields) if secret.strip()),
        )

    def _file_database(self, fields: Mapped, given: str) -> str:
        """The database that a path means: whoever names another one would look in a place that is not there."""
        path = str(fields["path"])
        named = _stem(path)
        if given and given != named and ":" not in path and not fields.get("is_ducklake"):
            place = Place(self.path, *fields.place_of("database"))
            hint = f"write `database: {named}`, or leave it out"
            self.problems.append(Problem("`database` is not the name that the file at `path` has", place, hint))
        return given or named

    def _text(self, fields: Mapped, keys: Iterable[str]) -> str:
        """The first of these fields that is there; numbers are taken as text."""
        for key in keys:
            value = fields.get(key)
            if value is None or value == "":
                continue
            if isinstance(value, (dict, list, bool)):
                place = Place(self.path, *fields.place_of(key))
                self.problems.append(Problem(f"`{key}` must be a text", place))
            return str(value)
        return ""

    def _threads(self, fields: Mapped) -> int:
        value = fields.get("threads")
        if value is None:
            return DEFAULT_THREADS
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 6:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 100_000:
            place = Place(self.path, *fields.place_of("threads"))
            self.problems.append(Problem("`threads` must be a whole number from 1 on", place))
            return DEFAULT_THREADS
        return value

    def _number(self, fields: Mapped, key: str, read: Callable[[Any], N]) -> N | None:
        """A field that is no adapter's business; None where it is not there, or wrong."""
        value = fields.get(key)
        if value is None or value == "":
            return None
        try:
            return read(value)
        except ValueError:
            place = Place(self.path, *fields.place_of(key))
            self.problems.append(Problem(f"`{key}` must be {OURS[key]}", place))
            return None

    def _secrets(self, fields: Mapped) -> Iterable[str]:
        """Every text that no log may show: fields that hold secrets by their name, and secret variables."""
        for name in self.reads:
            if is_secret_variable(name):
                yield self.given.environment.get(name, "")
        yield from secret_texts(fields)


_ALIASES: Mapping[str, Mapping[str, str]] = {
    "postgres": {"pass": "password", "database": "dbname"},
    "redshift": {"pass": "password", "database": "dbname"},
}
"""Other spellings of fields, by type."""


def _stem(path: str) -> str:
    """The name that DuckDB gives to a database by its path: `memory`, that in `md:name`, or the file's stem."""
    for prefix in ("md:", "motherduck:"):
        if path.startswith(prefix):
            return path.removeprefix(prefix).split("?")[0] or "my_db"
    if not path or path.startswith(":memory:"):
        return "memory"
    if path.startswith("ducklake:"):
        path = path.rsplit(":", 1)[-1]
    name = path.split("?")[0].replace("\\", "/").rsplit("/", 1)[-1]
    stem = next((part for part in name.split(".") if part), "memory")
    # Names of DuckDB's own, which it does not give to files.
    return f"{stem}_db" if stem in ("main", "temp", "system") else stem
