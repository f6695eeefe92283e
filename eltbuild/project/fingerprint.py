"""One digest over everything that a settled project comes from. Reads files; decides nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from eltbuild._version import __version__
from eltbuild.adapter import Target
from eltbuild.secrecy import is_secret_variable, without_secrets
from eltbuild.values import dataclass

RECIPE = 2
"""To be raised when the same files come to mean something else."""

LARGE = 1 << 20
"""Files of data past this size are known by size and time of change, not by content."""

_TEXT = (".sql", ".py", ".yml", ".yaml", ".md")
_ENVIRONMENT = re.compile(rb"env_var\(\s*(?:['\"]([A-Za-z_][A-Za-z0-9_]*)['\"])?")
_YAML = (".yml", ".yaml")
_FLAGS = re.compile(rb"\{[{%][^{}]*\bflags\b")
_MOMENT = re.compile(rb"\{[{%][^{}]*\b(?:run_started_at|invocation_id|datetime)\b")
_FILES = ("eltbuild.yml", "dbt_project.yml", "selectors.yml", "vars.yml", "packages.yml", "dependencies.yml",
          "package-lock.yml", ".dbtignore", ".eltbuildignore")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a settled project comes from: a digest of every file, and one of all else that counts."""

    files: Mapping[str, str]
    """Digests by path, relative to the project's folder."""
    rest: str
    """Target, vars, version, and the environment variables that the files name."""
    environment: tuple[str, ...] = ()
    """The names of those variables; what they hold is in `rest`, under a key."""


def fingerprint(
    root: Path,
    folders: Iterable[str],
    target: Target,
    vars: Mapping[str, Any],
    environment: Mapping[str, str],
    more: str = "",
    key: bytes = b"",
    flags: str = "",
    number: str = "",
) -> Fingerprint:
    """The fingerprint of the files in `folders` (relative to `root`), the project's own files, and what goes with them.

    The `flags` of the call count where Jinja in a YAML file asks for them, and its `number`, which is another one each
    time, where it asks for the time. Environment variables count where a file names them in `env_var('...')`; all of
    them where a name is computed. Secrets do not count: no template can read them. Of all else that is no file only a
    digest under a key is left, from which nobody can guess a value.
    """
    names: set[str] = set()
    files: dict[str, str] = {}
    computed = False
    of_call: dict[str, str] = {}
    for path in _paths(root, folders):
        full = os.path.join(root, path)
        try:
            if path.endswith(_TEXT) or os.path.getsize(full) <= LARGE:
                with open(full, "rb") as file:
                    data = file.read()
                files[path] = blake2b(data, digest_size=16).hexdigest()
                if b"env_var" in data:
                    found = _ENVIRONMENT.findall(data)
                    names.update(name.decode() for name in found if name)
                    computed |= any(not name for name in found)
                if path.endswith(_YAML) and b"{" in data:
                    of_call.update({"flags": flags} if _FLAGS.search(data) else {})
                    of_call.update({"number": number} if _MOMENT.search(data) else {})
            else:
                state = os.stat(full)
                files[path] = f"{state.st_size} {state.st_mtime_ns}"
        except OSError:
            files[path] = "unreadable"
    chosen = tuple(name for name in sorted(environment if computed else names) if not is_secret_variable(name))
    others = (
        __version__, RECIPE, _target(target), sorted(vars.items(), key=str), more,
        [(name, environment.get(name)) for name in chosen], sorted(of_call.items()),
    )  # fmt: skip
    rest = blake2b(repr(others).encode(errors="surrogateescape"), key=key, digest_size=20).hexdigest()
    return Fingerprint(files, rest, chosen)


def _target(target: Target) -> tuple[Any, ...]:
    """What templates can see of a target."""
    fields = sorted((key, repr(value)) for key, value in without_secrets(target.fields, target.secrets).items())
    return (target.profile, target.name, target.type, target.database, target.schema, target.threads, fields)


def _paths(root: Path, folders: Iterable[str]) -> Iterator[str]:
    """Every file once, in order."""
    for name in _FILES:
        if os.path.isfile(os.path.join(root, name)):
            yield name
    seen: set[str] = set()
    for folder in sorted(set(folders)):
        yield from _walk(str(root), folder, seen)


def _walk(root: str, folder: str, seen: set[str]) -> Iterator[str]:
    try:
        real = os.path.realpath(os.path.join(root, folder))
        if real in seen:
            return
        seen.add(real)
        with os.scandir(os.path.join(root, folder)) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.name.startswith(".") and entry.name not in _FILES:
            continue
        path = f"{folder}/{entry.name}"
        try:
            if entry.is_dir():
                yield from _walk(root, path, seen)
            else:
                yield path
        except OSError:
            continue
