"""What the fields of a profile mean for DuckDB. Nothing is connected, no file is touched.

The fields are those of dbt-duckdb's profiles. What cannot be done is told, never passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from eltbuild.adapter import Target
from eltbuild.errors import Problem, did_you_mean
from eltbuild_duckdb.literals import WORD, identifier, is_word, literal, passwords, quoted, scalar, texts, unquoted
from eltbuild_duckdb.opening import MEMORY, MOTHERDUCK, Extension, Opening, Step

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_LAYERS = re.compile(r"(?:ducklake:|sqlite:|duckdb:)+", re.IGNORECASE)
"""Prefixes of paths behind which the path of a file stands."""
_FILE_TYPES = frozenset({"", "duckdb", "sqlite", "ducklake"})
_SECRET_NAMES = re.compile(r"secret|token|password|pass\b|key|credential|connection_string|headers", re.IGNORECASE)
LIKELY_SECRET = 8
"""Characters from which on any other option of a secret is hidden, too."""
_OPEN_WORDS = frozenset({"type", "provider", "scope", "region", "endpoint", "url_style", "use_ssl", "name", "chain"})
"""Fields of a secret whose values are no secrets."""


def read_opening(target: Target, working_folder: str) -> Opening:
    """What the target's fields ask for. `problems` says what is wrong with them; nothing is raised."""
    return _Reading(target, working_folder).opening()


class _Reading:
    """One reading of a target's fields, which collects what is wrong in them."""

    def __init__(self, target: Target, working_folder: str) -> None:
        self.target = target
        self.fields = target.fields
        self.working_folder = working_folder
        self.root = os.path.abspath(os.path.join(working_folder, target.root or "."))
        self.problems: list[Problem] = []
        self.secrets = set(target.secrets)

    def opening(self) -> Opening:
        self._unknown()
        config = self._config()
        path = self._text("path") or MEMORY
        read_only = self._flag("read_only") or str(config.pop("access_mode", "")).lower() == "read_only"
        location, shared, folder = self._place(path)
        if read_only and path.startswith(MEMORY):
            self._wrong("`read_only` makes no sense for a database in memory", "let `path` name a file")
        settings = dict(self._mapping("settings"))
        token = self._text("motherduck_token") or str(settings.pop("motherduck_token", "") or "")
        attach = self._attached(token if not MOTHERDUCK.match(path) else "")
        if token:
            self.secrets.add(token)
            if MOTHERDUCK.match(path):
                config["motherduck_token"] = token
        extensions = self._extensions()
        retries = self._mapping("retries")
        return Opening(
            path=location,
            shared=shared,
            folder="" if read_only else folder,
            read_only=read_only,
            config=config,
            manners=tuple(self._manners(extensions, {*config, *settings})),
            extensions=extensions,
            credentials=self._credentials(),
            filesystems=self._filesystems(),
            attach=attach,
            session=tuple(self._session(settings, config)),
            modules=tuple(self._resolved(str(folder)) for folder in self._items("module_paths")),
            connect_attempts=self._count(retries, "connect_attempts"),
            query_attempts=self._count(retries, "query_attempts"),
            retryable=frozenset(map(str, retries.get("retryable_exceptions") or ("IOException",))),
            transactions=not self._flag("disable_transactions"),
            secrets=frozenset(self.secrets),
            problems=tuple(self.problems),
        )

    # What is wrong

    def _wrong(self, message: str, hint: str = "") -> None:
        where = f"target `{self.target.name}` of profile `{self.target.profile}`"
        self.problems.append(Problem(f"{where}: {message}", hint=hint))

    def _unknown(self) -> None:
        for name in self.fields:
            key = str(name)
            if key in UNSUPPORTED:
                if self.fields[name]:
                    self._wrong(f"`{key}` is not supported for DuckDB", UNSUPPORTED[key])
            elif key not in KNOWN:
                where = f"target `{self.target.name}` of profile `{self.target.profile}`"
                hint = did_you_mean(key, KNOWN)
                message = f"{where}: `{key}` is nothing that a DuckDB target knows"
                self.problems.append(Problem(message, None, hint, "warning", "UnknownProfileField"))

    # Reading one field

    def _text(self, name: str) -> str:
        value = self.fields.get(name)
        if value is None:
            return ""
        if isinstance(value, (dict, list, bool)):
            self._wrong(f"`{name}` must be a text")
            return ""
        return str(value).strip()

    def _flag(self, name: str, fields: Mapping[str, Any] | None = None, inside: str = "") -> bool:
        value = (self.fields if fields is None else fields).get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        spelled = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
        word = str(value).strip().lower()
        if word not in spelled:
            self._wrong(f"`{name}`{inside} must be true or false")
        return spelled.get(word, False)

    def _mapping(self, name: str) -> Mapping[str, Any]:
        value = self.fields.get(name)
        if value is None or value == "":
            return {}
        if not isinstance(value, Mapping):
            self._wrong(f"`{name}` must be a mapping")
            return {}
        return {str(key): item for key, item in value.items()}

    def _items(self, name: str) -> tuple[Any, ...]:
        value = self.fields.get(name)
        if value is None or value == "":
            return ()
        if isinstance(value, (str, Mapping)):
            return (value,)
        if not isinstance(value, list | tuple):
            self._wrong(f"`{name}` must be a list")
            return ()
        return tuple(value)

    def _count(self, fields: Mapping[str, Any], name: str) -> int:
        value = fields.get(name)
        if value is None:
            return 1
        if isinstance(value, bool) or not str(value).strip().isdecimal() or not 0 < int(str(value)) < 100:
            self._wrong(f"`{name}` in `retries` must be a number from 1 to 99")
            return 1
        return int(str(value))

    # Paths

    def _resolved(self, path: str) -> str:
        """The path of a file, absolute; relative ones are meant against the project's folder."""
        return os.path.normpath(os.path.join(self.root, os.path.expanduser(path)))

    def _place(self, path: str) -> tuple[str, str, str]:
        """What to connect to, the name it is shared by, and the folder it stands in."""
        if path.startswith(MEMORY):
            return path, path if path != MEMORY else "", ""
        layers = _LAYERS.match(path)
        if layers is not None and layers[0].lower().startswith("ducklake:"):
            location = self._layered(path)
            return location, location, ""
        if _SCHEME.match(path):
            return path, path, ""
        if "\0" in path or not path.isprintable():
            self._wrong("`path` holds a character that no path has")
            return MEMORY, "", ""
        location = self._resolved(path)
        return location, os.path.realpath(location), os.path.dirname(location)

    def _layered(self, path: str) -> str:
        """A path behind prefixes such as `ducklake:sqlite:`, with the file's own path made absolute."""
        layers = _LAYERS.match(path)
        prefix = layers[0] if layers else ""
        inner = path[len(prefix) :]
        if not inner or inner.startswith(MEMORY) or _SCHEME.match(inner) or "=" in inner.split("/")[0]:
            return path
        return prefix + self._resolved(inner)

    # What each field comes to

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for name, value in self._mapping("config_options").items():
            if value is None:
                continue
            config[name] = value if isinstance(value, (list, dict)) else scalar(value)
            if _SECRET_NAMES.search(name):
                self.secrets.add(scalar(value))
        return config

    def _extensions(self) -> tuple[Extension, ...]:
        found: list[Extension] = []
        for item in self._items("extensions"):
            name, repository = item, ""
            if isinstance(item, Mapping):
                name, repository = item.get("name"), str(item.get("repo") or item.get("repository") or "")
            extension = Extension(str(name), repository)
            if not isinstance(name, str) or not (extension.is_file or WORD.match(name)):
                self._wrong(
                    "an entry of `extensions` has no name", "write `- httpfs` or `- {name: h3, repo: community}`"
                )
                continue
            found.append(Extension(self._resolved(name)) if extension.is_file else extension)
        return tuple(found)

    def _manners(self, extensions: Iterable[Extension], asked: Iterable[str]) -> Iterable[Step]:
        named = any(extension.repository.lower() == "community" for extension in extensions)
        if not named and "allow_community_extensions" not in asked:
            yield Step("closing the door to community extensions", "set allow_community_extensions = false")

    def _credentials(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        given = [*self._items("secrets")]
        if self._text("use_credential_provider"):
            given.append(self._credential_chain())
        for number, item in enumerate(given, 1):
            if not isinstance(item, Mapping) or not is_word(item.get("type")):
                self._wrong(f"entry {number} of `secrets` has no type", "write a mapping such as `{type: s3, ...}`")
                continue
            steps.append(self._secret_step(number, {str(key): value for key, value in item.items()}))
        return tuple(steps)

    def _credential_chain(self) -> Mapping[str, Any]:
        if self._text("use_credential_provider") != "aws":
            self._wrong("`use_credential_provider` can only be `aws`", "list what is needed under `secrets`")
        return {"type": "s3", "provider": "credential_chain"}

    def _secret_step(self, number: int, item: dict[str, Any]) -> Step:
        name = str(item.pop("name", None) or f"eltbuild_secret_{number}")
        kept = " persistent" if self._flag("persistent", item, f" of secret `{name}`") else ""
        item.pop("persistent", None)
        options: list[str] = []
        for key, value in item.items():
            if value is None:
                continue
            if not WORD.match(key):
                self._wrong(f"secret `{name}`: `{key}` cannot be the name of an option")
                continue
            if key.lower() not in _OPEN_WORDS:
                told = bool(_SECRET_NAMES.search(key))
                self.secrets.update(text for text in texts(value) if told or len(text) >= LIKELY_SECRET)
            bare = key.lower() in ("type", "provider") and is_word(value)
            options.append(f"{key} {value if bare else literal(value)}")
        sql = f"create or replace{kept} secret {identifier(name)} ({', '.join(options)})"
        return Step(f"creating secret `{name}` of type {item['type']}", sql)

    def _filesystems(self) -> tuple[Mapping[str, Any], ...]:
        found: list[Mapping[str, Any]] = []
        for number, item in enumerate(self._items("filesystems"), 1):
            if not isinstance(item, Mapping) or not isinstance(item.get("fs"), str):
                self._wrong(f"entry {number} of `filesystems` names no `fs`", "write a mapping such as `{fs: gcs}`")
                continue
            for key, value in item.items():
                if _SECRET_NAMES.search(str(key)):
                    self.secrets.update(texts(value))
            found.append({str(key): value for key, value in item.items()})
        return tuple(found)

    def _attached(self, token: str) -> tuple[Step, ...]:
        steps: list[Step] = []
        if token:
            # Needed by what is attached, not by the database itself.
            steps.append(Step("setting the MotherDuck token", f"set motherduck_token = {quoted(token)}"))
        for number, item in enumerate(self._items("attach"), 1):
            fields = {"path": item} if isinstance(item, str) else item
            if not isinstance(fields, Mapping) or not isinstance(fields.get("path"), str):
                self._wrong(f"entry {number} of `attach` has no path", "write a mapping such as `{path: other.duckdb}`")
                continue
            steps.append(self._attach_step(number, fields))
        return tuple(steps)

    def _attach_step(self, number: int, item: Mapping[str, Any]) -> Step:
        alias = str(item.get("alias") or "")
        shown = f"`{alias}`" if alias else f"entry {number} of `attach`"
        given = item.get("options") or {}
        if not isinstance(given, Mapping):
            self._wrong(f"`options` of {shown} must be a mapping")
            given = {}
        for key in item:
            if key not in ATTACH_FIELDS:
                self._wrong(f"{shown}: `{key}` is nothing that `attach` knows", did_you_mean(str(key), ATTACH_FIELDS))
        options = {str(key).lower(): value for key, value in given.items() if value is not None}
        for key in ("type", "secret", "read_only"):
            if item.get(key):
                if options.get(key):
                    self._wrong(f"{shown} says `{key}` twice: itself and in `options`")
                options[key] = item[key]
        path, kind = item["path"], str(options.get("type") or "").lower()
        return Step(
            f"attaching {shown}",
            f"attach if not exists {quoted(self._attach_path(path, kind))}"
            + (f" as {identifier(alias)}" if alias else "")
            + self._attach_options(shown, options),
        )

    def _attach_path(self, path: str, kind: str) -> str:
        if MOTHERDUCK.match(path):
            # Parameters belong to the connection; ATTACH takes none.
            return path.split("?", 1)[0]
        self.secrets.update(passwords(path))
        if path.startswith(MEMORY) or kind not in _FILE_TYPES:
            return path
        if _LAYERS.match(path):
            return self._layered(path)
        # A DuckLake's name and whatever looks like `dbname=...` are no paths of files.
        return path if _SCHEME.match(path) or not path or "=" in path else self._resolved(path)

    def _attach_options(self, shown: str, options: Mapping[str, Any]) -> str:
        written: list[str] = []
        for key, value in options.items():
            if not WORD.match(key):
                self._wrong(f"{shown}: `{key}` cannot be the name of an option")
            elif isinstance(value, bool) or key == "read_only":
                if self._flag(key, options, f" of {shown}"):
                    written.append(key)
            elif key in ("type", "secret"):
                written.append(f"{key} {identifier(str(value))}")
            elif key == "data_path" and isinstance(value, str) and not _SCHEME.match(value):
                written.append(f"{key} {quoted(self._resolved(value) + '/')}")
            else:
                written.append(f"{key} {value if isinstance(value, (int, float)) else literal(unquoted(value))}")
        return f" ({', '.join(written)})" if written else ""

    def _session(self, settings: Mapping[str, Any], config: Mapping[str, Any]) -> Iterable[Step]:
        # On, it writes to stdout.
        yield Step("switching the progress bar off", "set enable_progress_bar = false")
        # A table that is missing must not be found among the local variables of whoever runs the query.
        yield Step("closing the door to Python's variables", "set python_enable_replacements = false")
        away = self.root != os.path.abspath(self.working_folder) and "," not in self.root
        if away and "file_search_path" not in {*settings, *config}:
            yield Step("naming the project's folder", f"set file_search_path = {quoted(self.root)}")
        for name, value in settings.items():
            if not WORD.match(name):
                self._wrong(f"`{name}` under `settings` cannot be the name of a setting")
            elif value is None:
                self._wrong(f"`{name}` under `settings` has no value")
            else:
                if _SECRET_NAMES.search(name):
                    self.secrets.update(texts(value))
                yield Step(f"setting `{name}`", f"set {name} = {literal(value)}")


ATTACH_FIELDS = ("path", "type", "alias", "secret", "read_only", "options", "is_ducklake")

UNSUPPORTED: Mapping[str, str] = {
    "plugins": "attach the database, read the files with SQL, or write a Python model",
    "remote": "connect to a database server with the adapter for it",
    "flights": "Python models run in this process; take `flights` out of the profile",
}
"""Fields that dbt-duckdb knows and this adapter does not act on, and what to do instead."""

KNOWN: frozenset[str] = frozenset({
    "type", "threads", "path", "database", "schema", "state_schema", "history_runs",
    "history_days", "read_only", "config_options", "extensions",
    "settings", "secrets",
    "external_root", "use_credential_provider", "attach", "filesystems", "disable_transactions", "keep_open",
    "module_paths", "retries", "is_ducklake", "motherduck_token", *UNSUPPORTED,
})  # fmt: skip
