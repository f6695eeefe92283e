"""`eltbuild orphans`: what the project built and no longer contains."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeAlias

from eltbuild.adapter import Connection
from eltbuild.commands.claiming import books_of, home_of, run_of
from eltbuild.commands.opening import Opened, looking, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter
from eltbuild.errors import Problem, UsageError
from eltbuild.relation import Relation
from eltbuild.report.artifacts import encode_json
from eltbuild.report.text import clean, count
from eltbuild.run.aside import foreground
from eltbuild.run.events import Message
from eltbuild.run.ledger.opening import claimed, reading
from eltbuild.run.ledger.port import Ledger, Memory
from eltbuild.run.ownership import restoring
from eltbuild.run.ownership.archive_file import FOLDER
from eltbuild.run.ownership.orphans import Dropped, Orphan, Orphans, drop, found
from eltbuild.run.ownership.owner import counted, told_rows
from eltbuild.sql.writer import Writer

Row: TypeAlias = Mapping[str, Any]


def command(options: Options) -> int:
    """Print the orphans, or archive and drop them; the exit code."""
    opened = looking(open_project(options, "orphans"))
    try:
        with Reporter(opened) as reporter:
            reporter.problems(opened.project.problems)
            rows = _action(opened.options)(opened, reporter)
            reporter.completed(not any(row["problem"] for row in rows))
        return EXIT.failed if any(row["problem"] for row in rows) else EXIT.ok
    finally:
        opened.adapter.close()


def _action(options: Options) -> Callable[[Opened, Reporter], list[Row]]:
    """What is to be done. Raises `UsageError` for flags that contradict each other."""
    if options.restore is not None:
        if options.drop:
            raise UsageError(Problem("--restore and --drop contradict each other"))
        return restored_rows
    return dropped_rows if options.drop else listed_rows


# Listed


def listed_rows(opened: Opened, reporter: Reporter) -> list[Row]:
    """Print each orphan, and each relation that was put aside; the rows."""
    with _session(opened) as connection:
        orphans = found(opened.project, home_of(opened), reading(books_of(opened), connection), connection)
        taken = chosen(orphans.all, opened.options)
        rows = [row_of(orphan, _counted(opened, orphan, connection)) for orphan in taken]
    if opened.options.output == "json":
        sys.stdout.write(encode_json(rows).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(rows))
    for text in advice(rows, orphans):
        reporter.handle(Message(text))
    return rows


def row_of(orphan: Orphan, rows: int | None = None) -> Row:
    """What is told of one."""
    place, built = orphan.relation, orphan.built
    return {
        "status": orphan.standing, "relation": str(place), "database": place.database, "schema": place.schema,
        "name": place.identifier, "kind": orphan.info.kind, "rows": rows, "node": built.node, "at": built.at,
        "archive": None, "problem": None,
    }  # fmt: skip


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """One line for each: what it is, where it stands, its kind and rows, and what made it when."""
    cells = [
        (
            row["status"],
            clean(row["relation"]),
            row["kind"].replace("_", " "),
            told_rows(row["rows"]) if row["rows"] is not None else "",
            clean(row["node"]),
            f"{row['at']:%Y-%m-%d %H:%M} UTC" if row["at"] else "",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (
            cell.rjust(width) if index == 3 else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()


def advice(rows: Sequence[Row], orphans: Orphans) -> Iterator[str]:
    """What to do about them, and what was not looked at."""
    numbers = {status: sum(row["status"] == status for row in rows) for status in ("orphan", "kept", "failed")}
    if not rows:
        yield "no orphans: the project contains all that it has built"
    if numbers["orphan"]:
        yield f"{count(numbers['orphan'], 'orphan')}: eltbuild orphans --drop writes each to a file, then drops it"
    if numbers["kept"]:
        relations = count(numbers["kept"], "relation was", "relations were")
        yield f"{relations} put aside when the project took over: --drop --kept writes these to files, too"
    if numbers["failed"]:
        tables = count(numbers["failed"], "table holds", "tables hold")
        yield f"{tables} rows that failed an audit, until the next one passes: --drop --kept writes these to files, too"
    for home, number in sorted(orphans.elsewhere.items()):
        yield f"{count(number, 'relation')} of {home} {'is' if number == 1 else 'are'} not looked at"


def chosen(orphans: Iterable[Orphan], options: Options) -> list[Orphan]:
    """Those that the words of `--select` and `--exclude` name. Raises `UsageError` for a word that names none."""
    given = list(orphans)
    for word in options.select:
        if not any(is_named(orphan, word) for orphan in given):
            raise UsageError(Problem(f"no orphan is called `{word}`", hint="eltbuild orphans lists them"))
    wanted = [one for one in given if not options.select or any(is_named(one, word) for word in options.select)]
    return [one for one in wanted if not any(is_named(one, word) for word in options.exclude)]


def is_named(orphan: Orphan, word: str) -> bool:
    """Whether a word means it: its name, with the schema and the database before it or not; `*` for any letters."""
    parts = orphan.relation.key
    return any(fnmatchcase(".".join(parts[start:]), word.lower()) for start in range(len(parts)))


def _counted(opened: Opened, orphan: Orphan, connection: Connection) -> int | None:
    return counted(_writer(opened), orphan.info, connection) if orphan.info.kind == "table" else None


# Dropped


def dropped_rows(opened: Opened, reporter: Reporter) -> list[Row]:
    """Archive and drop the orphans, under a claim on them; each is told as it goes. The rows."""
    rows: list[Row] = []
    standings = ("orphan", "kept", "failed") if opened.options.kept else ("orphan",)

    def wanted(memory: Memory, connection: Connection) -> list[Orphan]:
        orphans = found(opened.project, home_of(opened), memory, connection).all
        return chosen((one for one in orphans if one.standing in standings), opened.options)

    with _session(opened) as connection:
        first = wanted(reading(books_of(opened), connection), connection)
        if first:
            with _claimed(opened, [orphan.relation for orphan in first], reporter) as ledger:
                folder, now = opened.root / FOLDER, opened.session.invocation.started_at
                again = [one for one in wanted(ledger, connection) if one in first]
                gone = drop(again, ledger, connection, _writer(opened), folder, now)
                rows.extend(_told(done, opened, reporter) for done in gone)
        else:
            reporter.handle(Message("nothing to drop"))
    if opened.options.output == "json":
        sys.stdout.write(encode_json(rows).decode() + "\n")
    return rows


@contextmanager
def _claimed(opened: Opened, relations: Iterable[Relation], reporter: Reporter) -> Iterator[Ledger]:
    """The ledger of a run that claims these relations. Raises `UsageError` where another run holds some of them."""
    run = run_of(opened, "orphans", (), [relation.key for relation in relations])
    claiming: Generator[Message, None, Ledger] = claimed(books_of(opened), run, wait=opened.options.wait)
    try:
        while True:
            reporter.handle(next(claiming))
    except StopIteration as end:
        ledger: Ledger = end.value
    status = "error"
    try:
        yield ledger
        status = "success"
    except KeyboardInterrupt:
        status = "cancelled"
        raise
    finally:
        ledger.close(status)


def _told(done: Dropped, opened: Opened, reporter: Reporter) -> Row:
    """Say what became of one; its row."""
    row = row_of(done.orphan)
    if done.problem is not None:
        reporter.problems([done.problem.as_error()])
        return {**row, "problem": str(done.problem)}
    archive = _relative(done.archive, opened.root)
    if opened.options.output != "json":
        sys.stdout.write(f"dropped  {clean(row['relation'])}  {archive}\n")
    return {**row, "status": "dropped", "archive": archive}


# Restored


def restored_rows(opened: Opened, reporter: Reporter) -> list[Row]:
    """Make again what a file holds, and say so; no rows."""
    given = Path(opened.options.restore or "")
    path = given if given.is_file() else opened.root / given
    held = restoring.content(path)
    with _session(opened) as connection, _claimed(opened, [held.relation], reporter) as ledger:
        rows = restoring.restore(path, held, ledger, connection, _writer(opened))
    told = f" ({told_rows(rows)})" if rows is not None else ""
    reporter.handle(Message(f"restored `{held.relation}`{told}"))
    return []


def _relative(path: Path | None, root: Path) -> str:
    return path.relative_to(root).as_posix() if path is not None else ""


@contextmanager
def _session(opened: Opened) -> Iterator[Connection]:
    connection = foreground(opened.adapter)
    try:
        yield connection
    finally:
        connection.close()


def _writer(opened: Opened) -> Writer:
    return Writer(opened.adapter.dialect, opened.adapter.capabilities)
