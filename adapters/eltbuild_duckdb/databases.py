"""The databases that this process has open: one `duckdb.connect` for each, however many adapters use it.

DuckDB lets one process open a file once: whoever comes later gets another cursor on the same connection. A database
is closed when the last adapter lets go of it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from eltbuild.errors import DatabaseError, Problem, ProjectError
from eltbuild_duckdb.errors import database_error, without_secrets
from eltbuild_duckdb.holder import holder
from eltbuild_duckdb.literals import quoted
from eltbuild_duckdb.opening import Extension, Opening, Step

LONGEST_PAUSE = 10.0
"""Seconds between two attempts to open a database that another process holds."""

PACKAGES: Mapping[str, str] = {"postgres": "postgres_scanner", "sqlite": "sqlite_scanner", "mysql": "mysql_scanner"}
"""Names of extensions that differ from those of the Python packages that carry them."""


class Database:
    """An open database. `commented` and `indexed` tell whether anything in it is: None when nobody has looked."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.users = 0
        self.broken = False
        """Whether it is of no use any more to this process, and has to be opened anew."""
        self.commented: bool | None = None
        self.indexed: bool | None = None
        self.root = _connected(opening)
        self._done: set[Step | Extension] = set()
        self._lock = threading.Lock()
        self._holders: dict[str, object] = {}

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A session of its own on the database."""
        with self._lock:
            return self.root.cursor()

    def hold(self, name: str, session: object) -> bool:
        """Whether the lock of that name belongs to the session now: no other process can have the database open."""
        with self._lock:
            return self._holders.setdefault(name, session) is session

    def release(self, session: object, name: str | None = None) -> None:
        """The lock of that name, or every lock, of the session is free."""
        with self._lock:
            for held in [name] if name is not None else list(self._holders):
                if self._holders.get(held) is session:
                    del self._holders[held]

    def prepare(self, opening: Opening) -> None:
        """What the opening asks for is loaded and attached. Raises `DatabaseError`."""
        for step in opening.manners:
            self._once(step, opening)
        for extension in opening.extensions:
            if extension not in self._done:
                load_extension(self.root, extension, opening)
                self._done.add(extension)
        for step in opening.credentials:
            self._once(step, opening)
        for spec in opening.filesystems:
            _register(self.root, spec, opening)
        for step in opening.attach:
            self._once(step, opening)
        for folder in opening.modules:
            if folder not in sys.path:
                sys.path.append(folder)

    def _once(self, step: Step, opening: Opening) -> None:
        if step not in self._done:
            run_step(self.root, step, opening)
            self._done.add(step)

    def close(self) -> None:
        """Its cursors are of no use afterwards."""
        with suppress(duckdb.Error):
            self.root.close()


class Databases:
    """All open databases, by what names them. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[str, Database] = {}

    def acquire(self, opening: Opening) -> Database:
        """The database, opened and prepared; `release` it once. Raises `DatabaseError`."""
        with self._lock:
            database = self._open.get(opening.shared) if opening.shared else None
            if database is not None and database.broken:
                database.close()
                database = None
            if database is not None:
                _same(database.opening, opening)
                database.prepare(opening)
            else:
                database = Database(opening)
                try:
                    database.prepare(opening)
                except BaseException:
                    database.close()
                    raise
                if opening.shared:
                    self._open[opening.shared] = database
            database.users += 1
            return database

    def release(self, database: Database) -> None:
        """One user less; without any the database is closed."""
        with self._lock:
            database.users -= 1
            if database.users > 0:
                return
            if self._open.get(database.opening.shared) is database:
                del self._open[database.opening.shared]
            database.close()


OPEN = Databases()
"""Those of this process: DuckDB itself allows no second connection to a file."""


def run_step(cursor: duckdb.DuckDBPyConnection, step: Step, opening: Opening) -> None:
    """Run a statement of the profile's. Raises `DatabaseError`, in which no secret stands."""
    try:
        cursor.execute(step.sql).fetchall()
    except (duckdb.Error, RuntimeError, UnicodeError) as error:
        raise _failed(error, step.what, opening) from None


def load_extension(root: duckdb.DuckDBPyConnection, extension: Extension, opening: Opening) -> None:
    """The extension is loaded; installed before if need be. Raises `DatabaseError`."""
    name = extension.name
    what = f"loading the extension `{name}`"
    if extension.is_file:
        run_step(root, Step(what, f"load {quoted(name)}"), opening)
        return
    held = root.execute(
        "select loaded, installed from duckdb_extensions() where extension_name = $1 or list_contains(aliases, $1)",
        [name.lower()],
    ).fetchall()
    loaded, installed = held[0] if held else (False, False)
    if loaded:
        return
    carried = None if installed or extension.repository else _carried(name)
    if carried is not None:
        run_step(root, Step(what, f"load {quoted(carried)}"), opening)
        return
    if not installed or extension.repository:
        source = extension.repository
        origin = source if source.isidentifier() else quoted(source)
        run_step(root, Step(what, f"install {name}" + (f" from {origin}" if source else "")), opening)
    run_step(root, Step(what, f"load {name}"), opening)


def _carried(name: str) -> str | None:
    """The extension's file in the Python package `duckdb-extension-<name>`, when that is installed."""
    found = importlib.util.find_spec(f"duckdb_extension_{PACKAGES.get(name.lower(), name.lower())}")
    if found is None or found.origin is None:
        return None
    files = sorted(Path(found.origin).parent.rglob("*.duckdb_extension"))
    return str(files[0]) if files else None


def _connected(opening: Opening) -> duckdb.DuckDBPyConnection:
    """The connection to the database. Raises `DatabaseError`, or `ProjectError` where the profile is wrong."""
    _make_folder(opening)
    read_only, attempt = opening.read_only, 0
    while True:
        attempt += 1
        try:
            return duckdb.connect(opening.path, read_only=read_only, config=dict(opening.config))
        except (duckdb.Error, RuntimeError, UnicodeError) as error:
            name = type(error).__name__
            if not read_only and name == "IOException" and _is_only_readable(opening.path):
                # What only reads goes on; what writes is told.
                read_only = True
                continue
            if attempt < opening.connect_attempts and name in opening.retryable:
                time.sleep(min(2.0 ** (attempt - 1), LONGEST_PAUSE))
                continue
            if name == "InvalidInputException":
                raise ProjectError(Problem(_failed(error, "`config_options`", opening).message)) from None
            told = _failed(error, "", opening)
            who = holder(str(error), datetime.now(UTC))
            raise (_explained(told, who) if who else told) from None


def _is_only_readable(path: str) -> bool:
    """Whether it is a file that this user may read, and not write to."""
    return os.path.isfile(path) and os.access(path, os.R_OK) and not os.access(path, os.W_OK)


def _explained(error: DatabaseError, who: str) -> DatabaseError:
    """The error of a database that another process has open, with what that process is."""
    message, hint = f"{error.message}: {who}", error.problems[0].hint
    return DatabaseError(message, code=error.code, transient=error.transient, hint=hint)


def _make_folder(opening: Opening) -> None:
    if not opening.folder:
        return
    try:
        os.makedirs(opening.folder, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DatabaseError(
            f"the folder of the database, `{opening.folder}`, cannot be made: {reason}",
            hint="let `path` name a file in a folder that you may write to",
        ) from None


def _register(root: duckdb.DuckDBPyConnection, spec: Mapping[str, Any], opening: Opening) -> None:
    """One of fsspec's file systems is usable in paths. Raises `DatabaseError`."""
    options = {key: value for key, value in spec.items() if key != "fs"}
    name = str(spec["fs"])
    try:
        import fsspec
    except ImportError:
        raise DatabaseError(
            f"the file system `{name}` needs the package `fsspec`", hint="install it beside eltbuild"
        ) from None
    try:
        root.register_filesystem(fsspec.filesystem(name, **options))
    except Exception as error:  # whatever a file system raises is a matter of the profile
        if "already registered" in str(error) or "name is already" in str(error):
            return
        raise _failed(error, f"the file system `{name}`", opening) from None


def _same(held: Opening, asked: Opening) -> None:
    """Raises `DatabaseError` when an open database cannot serve for what is asked."""
    before, after = ({**one.config, "read_only": one.read_only} for one in (held, asked))
    names = sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
    if names:
        listed = ", ".join(f"`{name}`" for name in names)
        raise DatabaseError(
            f"this process has the database `{asked.path}` open already, with another {listed}",
            hint="give both targets the same, or close the first one before",
        )


def _failed(error: Exception, what: str, opening: Opening) -> DatabaseError:
    """The error without the statement and without any secret of the profile."""
    told = database_error(type(error).__name__, str(error))
    message = f"{what}: {told.message}" if what else told.message
    hint = told.problems[0].hint
    named = DatabaseError(message, code=told.code, transient=told.transient, hint=hint)
    return without_secrets(named, opening.secrets)
