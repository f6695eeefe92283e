"""A whole project as Markdown: blocks that write files, consoles that hold commands and what they print.

A fenced block whose info string is a language and a path writes that file at this point of the story; an empty
one is an empty file. A `console` block holds commands after `$ ` and their output; `[exit 1]` ends the output of a
command that does not leave with 0. All other blocks, and all prose, are for the reader. A line of an expected
output that is only `...` stands for any lines.

    $ eltbuild build --select a+      in this process; `2>/dev/null` shows what goes to stdout only
    $ python -m eltbuild build        in a process of its own
    $ raw eltbuild build              with the lines that are otherwise left out
    $ psql select * from orders       rows of a scenario's own database on the PostgreSQL server of all tests, which
                                      PGHOST, PGPORT, PGUSER and PGDATABASE name; called `shop` in what is printed
    $ sql select * from orders        rows of the project's database, or of another one: sql @other.duckdb select 1
    $ write data/a.parquet select 1   the rows of a query as a file: .parquet .csv .json .arrow
    $ json target/manifest.json a/b   a part of a JSON file
    $ cat / rm / cp / ls / touch      files of the project
    ... | sort    ... | grep WORD     lines of an output

What differs from run to run is replaced: times, durations, ids, the version, the folder.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DEFAULT_FILE = "name: shop\n"
PROJECT_FILES = ("eltbuild.yml", "dbt_project.yml")
DATABASE = ".duckdb"
FAULT = "a fault in eltbuild itself"
FENCE = re.compile(r"^(`{3,})(\S*) *(.*)$")
EXIT = re.compile(r"^\[exit -?\d+\]$")


@dataclass
class Command:
    """One `$` line (with its continuations) and what it printed."""

    text: str
    lines: list[str]
    expected: list[str] = field(default_factory=list)


@dataclass
class Console:
    """A block of commands."""

    commands: list[Command]


@dataclass
class File:
    """A block that writes a file."""

    path: str
    text: str


Part = str | Console | File


@dataclass
class Scenario:
    """A parsed file: its parts in their order, and the lines of each as they stand. A `str` is prose."""

    parts: list[Part]
    blocks: list[list[str]]

    @property
    def files(self) -> list[File]:
        """The parts that write files."""
        return [part for part in self.parts if isinstance(part, File)]


def read(text: str) -> Scenario:
    """The parts of a scenario's text."""
    parts: list[Part] = []
    blocks: list[list[str]] = []
    lines = iter(text.splitlines())
    for line in lines:
        fence = FENCE.match(line)
        if fence is None:
            parts.append(line)
            blocks.append([line])
            continue
        inside = []
        for inner in lines:
            if inner.startswith(fence[1]) and not inner.strip("`"):
                break
            inside.append(inner)
        if fence[2] == "console":
            parts.append(Console(_commands(inside)))
        elif fence[3]:
            parts.append(File(fence[3].strip(), "".join(f"{inner}\n" for inner in inside)))
        else:
            parts.append("")
        blocks.append([line, *inside, fence[1]])
    return Scenario(parts, blocks)


def _commands(lines: Sequence[str]) -> list[Command]:
    commands: list[Command] = []
    continued = False
    for line in lines:
        if continued:
            commands[-1].lines.append(line)
            commands[-1].text += line.strip().removesuffix("\\") if line.endswith("\\") else line.strip()
            continued = line.endswith("\\")
        elif line.startswith("$ "):
            continued = line.endswith("\\")
            commands.append(Command(line[2:].removesuffix("\\"), [line]))
        elif commands:
            commands[-1].expected.append(line)
    for command in commands:
        while command.expected and not command.expected[-1].strip():
            command.expected.pop()
    return commands


def play(text: str, root: Path) -> tuple[str, str]:
    """The scenario as it stands and as it turned out, both as text. Files are written below `root`."""
    scenario = read(text)
    project = Project(root)
    if not _names_project(scenario.parts):
        project.write(PROJECT_FILES[0], DEFAULT_FILE)
    out: list[str] = []
    with project.entered(), _served(text):
        for part, block in zip(scenario.parts, scenario.blocks, strict=True):
            match part:
                case File(path, content):
                    project.write(path, content)
                    out += block
                case Console(commands):
                    out += [block[0], *_played(project, commands), block[-1]]
                case _:
                    out += block
    return text, "\n".join(out) + "\n"


SERVED = ("type: postgres", "--adapter postgres")
"""What a scenario says that wants a server."""


@contextlib.contextmanager
def _served(text: str) -> Iterator[None]:
    """The environment names a database of the scenario's own, where it wants one; gone afterwards."""
    if not any(word in text for word in SERVED):
        yield
        return
    from servers.postgres import shared

    server, name = shared(), f"scenario_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    server.execute(f"drop database if exists {name} with (force)")
    server.execute(f"create database {name}")
    os.environ |= {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.user, "PGDATABASE": name}
    try:
        yield
    finally:
        server.execute(f"drop database {name} with (force)")


def _names_project(parts: Sequence[Part]) -> bool:
    """Whether a project file is written before the first command."""
    for part in parts:
        if isinstance(part, Console):
            return False
        if isinstance(part, File) and part.path in PROJECT_FILES:
            return True
    return False


def _played(project: Project, commands: Sequence[Command]) -> Iterator[str]:
    for command in commands:
        yield from command.lines
        found = project.run(command.text)
        yield from command.expected if agrees(command.expected, found) else found


def agrees(expected: Sequence[str], found: Sequence[str]) -> bool:
    """Whether an output is as expected, where `...` stands for any lines."""
    pattern = "".join(map(_line_pattern, expected))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in found)) is not None


def _line_pattern(line: str) -> str:
    return r"(?:.*\n)*" if line.strip() == "..." else re.escape(line) + r"\n"


def difference(expected: str, found: str, name: str) -> str:
    """What differs, as a patch."""
    lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), name, "found", lineterm="", n=6)
    return "\n".join(lines)


class Project:
    """A project's folder, and the commands of a console on it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "project"
        self.home = root / "home"
        self.root.mkdir()
        self.home.mkdir()

    def write(self, path: str, text: str) -> None:
        """A file of the project, with what is in it."""
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text, encoding="utf-8")

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The process as a user's shell in that folder: nothing of this machine's settings in the environment."""
        before, folder = dict(os.environ), Path.cwd()
        for name in before:
            if name.startswith(("DBT_", "ELTBUILD_", "PG")):
                del os.environ[name]
        os.environ |= {"HOME": str(self.home), "USERPROFILE": str(self.home), "ELTBUILD_THREADS": "1"}
        os.chdir(self.root)
        try:
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)

    def run(self, text: str) -> list[str]:
        """What a command prints, line by line, made comparable."""
        text, *filters = _pipes(text)
        word, _, rest = text.strip().partition(" ")
        raw = word == "raw"
        if raw:
            word, _, rest = rest.partition(" ")
        environ = {}
        while re.fullmatch(r"[A-Za-z_]\w*=.*", word):
            name, _, value = word.partition("=")
            environ[name] = value
            word, _, rest = rest.partition(" ")
        with self._environment(environ):
            printed, code = COMMANDS[word](self, rest)
        if FAULT in printed:
            report = re.search(r"report it, with (\S+)", printed)
            raise AssertionError(Path(report[1]).read_text(encoding="utf-8") if report else printed)
        lines = comparable(printed, self.root, raw=raw or word not in ("eltbuild", "python"))
        for one in filters:
            lines = _filtered(lines, one)
        return [*lines, f"[exit {code}]"] if code else lines

    @contextlib.contextmanager
    def _environment(self, more: dict[str, str]) -> Iterator[None]:
        before = dict(os.environ)
        os.environ |= more
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def database(self, rest: str) -> tuple[Path, str]:
        """The database that a query is for, and the query."""
        if rest.startswith("@"):
            name, _, query = rest[1:].partition(" ")
            return self.root / name, query
        found = sorted(self.root.glob(f"*{DATABASE}"))
        return (found[0] if found else self.root / f"shop{DATABASE}"), rest


def _pipes(text: str) -> list[str]:
    """A command and its filters: ` | sort` or ` | grep WORD` at its end."""
    filters: list[str] = []
    while found := re.search(r" \| ((?:sort|grep(?: -v)?) ?[^|]*)$", text):
        filters.insert(0, found[1].strip())
        text = text[: found.start()]
    return [text, *filters]


def _filtered(lines: list[str], one: str) -> list[str]:
    name, _, word = one.partition(" ")
    if name == "sort":
        return sorted(lines)
    if word.startswith("-v "):
        return [line for line in lines if word[3:].strip("'\"") not in line]
    return [line for line in lines if word.strip("'\"") in line]


def _eltbuild(project: Project, rest: str) -> tuple[str, int]:
    """The command line, called in this process."""
    from eltbuild.cli import main

    shown = io.StringIO()
    quiet = rest.endswith("2>/dev/null")
    arguments = shlex.split(rest.removesuffix("2>/dev/null"))
    code = 0
    argv, sys.argv = sys.argv, ["eltbuild", *arguments]
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(io.StringIO() if quiet else shown):
        try:
            main(arguments)
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        finally:
            sys.argv = argv
    return shown.getvalue(), code


def _python(project: Project, rest: str) -> tuple[str, int]:
    """Python in a process of its own."""
    done = subprocess.run(
        [sys.executable, *shlex.split(rest)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.stdout, done.returncode


def _sql(project: Project, rest: str) -> tuple[str, int]:
    """Rows of a query as an aligned table."""
    import duckdb

    path, query = project.database(rest)
    try:
        with duckdb.connect(str(path)) as connection:
            found = connection.execute(query)
            return _aligned([column[0] for column in found.description or ()], found.fetchall()), 0
    except duckdb.Error as error:
        return str(error).split("\n")[0], 1


def _psql(project: Project, rest: str) -> tuple[str, int]:
    """Rows of a query to the server as an aligned table."""
    import psycopg

    try:
        with psycopg.connect(autocommit=True) as connection:
            found = connection.execute(rest.encode())
            while found.nextset():
                pass
            if found.description is None:
                return "", 0
            return _aligned([column.name for column in found.description], found.fetchall()), 0
    except psycopg.Error as error:
        return str(error).split("\n")[0], 1


def _aligned(head: list[str], values: Sequence[Sequence[Any]]) -> str:
    rows = [[_shown(value) for value in row] for row in values]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def _write(project: Project, rest: str) -> tuple[str, int]:
    """The rows of a query as a file, of the kind that its ending says."""
    import duckdb

    path, _, query = rest.partition(" ")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        if path.endswith((".arrow", ".feather", ".ipc")):
            from pyarrow import ipc

            table = connection.sql(query).to_arrow_table()
            with ipc.new_file(path, table.schema) as file:
                file.write_table(table)
        else:
            connection.execute(f"copy ({query}) to '{path}'")
    return "", 0


def _json(project: Project, rest: str) -> tuple[str, int]:
    """A part of a JSON file; a key that is missing is told."""
    path, _, keys = rest.partition(" ")
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    for key in filter(None, keys.strip().split("/")):
        if isinstance(found, list):
            found = found[int(key)]
        elif key in found:
            found = found[key]
        else:
            return f"no `{key}` in {sorted(found)}", 1
    return json.dumps(found, indent=1 if isinstance(found, dict) else None, ensure_ascii=False), 0


def _cat(project: Project, rest: str) -> tuple[str, int]:
    path = Path(rest.strip())
    return (path.read_text(encoding="utf-8"), 0) if path.is_file() else (f"no file {path}", 1)


def _rm(project: Project, rest: str) -> tuple[str, int]:
    for name in rest.split():
        path = Path(name)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return "", 0


def _cp(project: Project, rest: str) -> tuple[str, int]:
    source, target = map(Path, rest.split())
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    return "", 0


def _ls(project: Project, rest: str) -> tuple[str, int]:
    """Every file below a folder."""
    folder = Path(rest.strip() or ".")
    found = sorted(str(path.as_posix()) for path in folder.rglob("*") if path.is_file())
    return "\n".join(found), 0


def _touch(project: Project, rest: str) -> tuple[str, int]:
    Path(rest.strip()).touch()
    return "", 0


COMMANDS: dict[str, Callable[[Project, str], tuple[str, int]]] = {
    "eltbuild": _eltbuild,
    "python": _python,
    "sql": _sql,
    "psql": _psql,
    "write": _write,
    "json": _json,
    "cat": _cat,
    "rm": _rm,
    "cp": _cp,
    "ls": _ls,
    "touch": _touch,
}

CLOCK = re.compile(r"^\d\d:\d\d:\d\d(?:  |$)")
DURATION = re.compile(r"(?<![\w.])(?:\d+\.\d+s|\d+ms|\d+m ?\d+s|<1ms|0s)(?![\w])")
AGE = re.compile(r"\b(?:\d+[dh] )?(?:\d+m|\d+h)(?: \d+\w)? old\b|\b\d+\.\d+s old\b|\b[\d,]+ days old\b")
VOLATILE = re.compile(r"^( *(?:eltbuild|python|system)  ).*|(?<=\"pid\":)()\d+")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
HOUR = re.compile(r"\b\d\d:\d\d(?::\d\d)? UTC\b")
KEPT = re.compile(r"(?<=__kept_)\d{8}_[0-9a-f]{8}\b")
ARCHIVE = re.compile(r"-\d{8}T\d{6}Z-[0-9a-f]{4}(?=\.)")
DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
PARSED = re.compile(r"(?<=cache/project-)[0-9a-f]{12}(?=\.(?:json|manifest))")
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
LEFT_OUT = re.compile(r"^ *\d+ of \d+  START  |^Finished running |^Completed|^To run again only what failed")


def comparable(text: str, root: Path, *, raw: bool) -> list[str]:
    """The lines of an output without what differs from run to run."""
    from eltbuild import __version__

    for folder in {str(root), str(root.resolve())}:
        text = text.replace(folder, "<project>")
    text = text.replace(str(root.parent), "<outside>")
    for name, shown in (("PGDATABASE", "shop"), ("PGPORT", "<port>")):
        if os.environ.get(name):
            text = text.replace(os.environ[name], shown)
    text = UUID.sub("<id>", text)
    text = text.replace(f"eltbuild {__version__}", "eltbuild <version>").replace(f'"{__version__}"', '"<version>"')
    lines = [_timeless(line) for line in text.splitlines()]
    if not raw:
        lines = [line for line in lines if not LEFT_OUT.match(line)]
    return _squeezed(lines)


def _timeless(line: str) -> str:
    stamped = CLOCK.match(line) is not None
    line = CLOCK.sub("", line)
    line = MOMENT.sub(lambda found: "<now>" if _is_now(found[0]) else found[0], line)
    line = DAY.sub(lambda found: "<today>" if _is_now(found[0]) else found[0], line)
    line = HOUR.sub("<time> UTC", line)
    line = PARSED.sub("<target>", ARCHIVE.sub("-<now>", KEPT.sub("<run>", line)))
    line = VOLATILE.sub(r"\1<...>", line)
    line = AGE.sub("<age> old", line)
    if stamped or "Finished running" in line:
        line = DURATION.sub("<time>", line)
        if re.match(r" *\d+ of \d+  ", line):
            line = line.removesuffix("<time>")
            line = re.sub(r" {2,}", "  ", line.strip())
    return line.rstrip()


def _is_now(text: str) -> bool:
    """Whether a moment lies so near that it must come from the clock."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return abs(datetime.now(UTC) - moment) < timedelta(days=2)


def _squeezed(lines: Sequence[str]) -> list[str]:
    """No empty line at the ends, and never two of them."""
    out: list[str] = []
    for line in lines:
        if line or (out and out[-1]):
            out.append(line)
    while out and not out[-1]:
        out.pop()
    return out
