"""`eltbuild history`: how runs, nodes and tests went, and what they observed. Nothing is changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import chain, count
from typing import Any, TypeAlias

from eltbuild.adapter import Answer, Connection
from eltbuild.commands.claiming import books_of, home_of
from eltbuild.commands.opening import Opened, looking, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, masking
from eltbuild.errors import CompileError, DatabaseError, Problem, UsageError, did_you_mean
from eltbuild.project.durations import seconds_of
from eltbuild.quality.trends import Trend, trends
from eltbuild.report.history import text_of_metrics, text_of_nodes, text_of_results, text_of_runs, text_of_tests
from eltbuild.report.show import Rows, json_value, show_csv, show_table
from eltbuild.report.terminal import Terminal, terminal_of
from eltbuild.run.aside import foreground
from eltbuild.run.batches import moment
from eltbuild.run.events import Message
from eltbuild.run.ledger.database_store import DatabaseStore
from eltbuild.run.ledger.local_store import LocalStore
from eltbuild.run.ledger.opening import journals
from eltbuild.sql import spelling
from eltbuild.sql.scan import stays_inside
from eltbuild.state.lines import Remembered
from eltbuild.state.tables import Tables
from eltbuild.state.views import VIEWS, asked

Row: TypeAlias = dict[str, Any]

LIMIT = 20
"""How many runs are looked at, unless `--limit` says so."""
MOST = 2**31 - 1
"""More are all."""


class Enough(Exception):
    """What was asked is known: the transaction is rolled back."""


@dataclass(frozen=True, slots=True)
class History:
    """The history of a project in a target, to be asked."""

    connection: Connection
    tables: Tables
    project: str
    standing: bool
    """Whether the tables are there."""
    found: Remembered | None
    """What a file holds, where there is one."""

    def ask(self, query: str) -> Answer:
        """The answer to a query over the tables of `VIEWS`. Raises `DatabaseError`."""
        return self.connection.execute(asked(self.tables, self.project, query, self.found, self.standing))

    def ask_only(self, query: str) -> Answer:
        """The same of a query that somebody wrote: nothing that it changes lasts.

        Raises `UsageError` for what is more than a query, besides.
        """
        writer = self.tables.writer
        if not stays_inside(query, writer.dialect):
            raise UsageError(Problem("--sql: that is not one query", hint="it is asked as a part of another one"))
        with suppress(Enough), self.connection.transaction():
            read_only = spelling.READ_ONLY.get(writer.dialect)
            if read_only:
                self.connection.execute(read_only)
            answer = self.ask(query)
            raise Enough
        return answer

    def rows(self, query: str) -> list[Row]:
        """The rows of that answer by the names of their columns."""
        answer = self.ask(query)
        names = [column.name for column in answer.columns]
        return [dict(zip(names, row, strict=True)) for row in answer.rows]


def command(options: Options, what: str, name: str | None) -> int:
    """Print what was asked for; the exit code. A name alone asks for the results of that node."""
    if what not in SHOWS:
        if name is not None:
            hint = did_you_mean(what, SHOWS) or f"one of {', '.join(SHOWS)}"
            raise UsageError(Problem(f"there is no history of {what}", hint=hint))
        what, name = "nodes", what
    opened = looking(open_project(options, "history"))
    try:
        with Reporter(opened) as reporter:
            reporter.problems(opened.project.problems)
            connection = foreground(opened.adapter)
            try:
                history = history_of(opened, connection)
                for text in tell(opened, history, what, name):
                    reporter.handle(Message(text))
            finally:
                connection.close()
        return EXIT.ok
    finally:
        opened.adapter.close()


def history_of(opened: Opened, connection: Connection) -> History:
    """The history where it lies: in the target, in a file, or in both; empty where there is none."""
    books = books_of(opened)
    stores = journals(books, connection)
    tables = next((store.tables for store in stores if isinstance(store, DatabaseStore)), None)
    found = next((store.read() for store in stores if isinstance(store, LocalStore)), None)
    return History(connection, tables or books.tables, books.project, tables is not None, found)


def tell(opened: Opened, history: History, what: str, name: str | None) -> Iterator[str]:
    """Print it; what there is to say besides."""
    options = opened.options
    if options.sql is not None:
        if name is not None or what != "runs":
            raise UsageError(Problem("--sql asks for itself: leave out what else to show"))
        _queried(opened, history, options.sql)
        return
    target = home_of(opened)
    since, limit = (
        since_of(options.since, opened.session.invocation.started_at),
        LIMIT if options.limit is None else options.limit,
    )
    if limit < 1:
        raise UsageError(Problem(f"--limit {limit}: it must be above 0"))
    limit = min(limit, MOST)
    writer = history.tables.writer
    where = f"target = {writer.literal(target)}"
    if since is not None:
        column = "happened" if what == "metrics" else "started"
        where += f" and {column} >= {writer.literal(since.astimezone(UTC).replace(tzinfo=None))}"
    rows = SHOWS[what](opened, history, where, limit, name)
    if not rows:
        yield f"no {what} are remembered of `{history.project}` in {target}" + (" since then" if since else "")


def since_of(text: str | None, now: datetime) -> datetime | None:
    """The time in UTC that `--since` means: a date, a time, or so long ago. Raises `UsageError`."""
    if text is None:
        return None
    with suppress(ValueError, CompileError, OverflowError):
        if not text.strip().isdecimal():
            return now - timedelta(seconds=seconds_of(text))
    with suppress(ValueError, CompileError, OverflowError):
        return moment(text).astimezone(UTC)
    raise _no_time(text)


def _no_time(text: str) -> UsageError:
    return UsageError(Problem(f"--since {text}: that is no time", hint="write it as 7d, 12h, or 2013-01-31"))


# What is shown


def show_runs(opened: Opened, history: History, where: str, limit: int, name: str | None) -> Sequence[Row]:
    """Runs, the latest first."""
    if name is not None:
        raise UsageError(Problem("runs have no names", hint="eltbuild history nodes NAME tells of one node"))
    rows = history.rows(f"select * from runs where {where} order by run desc limit {limit}")
    _print(opened, rows, lambda terminal: text_of_runs(rows, terminal))
    return rows


def show_nodes(opened: Opened, history: History, where: str, limit: int, name: str | None) -> Sequence[Row]:
    """Nodes other than tests, with their trends; or all results of those that the name means."""
    kind = "" if name is not None else " and kind not in ('test', 'unit_test')"
    rows = _latest(history, "nodes", "node", f"{where}{kind}", limit)
    return _listed(opened, rows, name, text_of_nodes)


def show_tests(opened: Opened, history: History, where: str, limit: int, name: str | None) -> Sequence[Row]:
    """Tests, with their trends; or all results of those that the name means."""
    return _listed(opened, _latest(history, "tests", "node", where, limit), name, text_of_tests)


def show_metrics(opened: Opened, history: History, where: str, limit: int, name: str | None) -> Sequence[Row]:
    """What was observed, of everything or of what the name means."""
    rows = _latest(history, "metrics", "subject, name", where, limit, "happened")
    if name is not None:
        rows = _named(rows, name, lambda row: (row["subject"], row["subject"].split(".")[-1], row["name"]))
    _print(opened, rows, lambda terminal: text_of_metrics(rows, terminal))
    return rows


def _latest(history: History, view: str, of: str, where: str, limit: int, order: str = "run") -> list[Row]:
    """The latest rows of each, the last ones last."""
    run = history.tables.writer.quote("run")
    columns = history.tables.writer.names(VIEWS[view])
    ranked = f"select {columns}, row_number() over (partition by {of} order by {order} desc) as place from {view}"
    return history.rows(
        f"select {columns} from ({ranked} where {where}) as ranked where place <= {limit} order by {run}, node"
    )


def _listed(opened: Opened, rows: list[Row], name: str | None, text: Any) -> Sequence[Row]:
    if name is None:
        found = trends(rows)
        told = [trend_row(one) for one in found]
        _print(opened, told, lambda terminal: text(found, terminal))
        return told
    rows = _named(rows, name, lambda row: (row["name"], row["node"]))
    found = trends(rows)
    newest = rows[::-1]
    _print(opened, newest, lambda terminal: text_of_results(newest, found, terminal))
    return rows


def _named(rows: list[Row], name: str, names: Any) -> list[Row]:
    """The rows that a name means; `*` stands for any letters. Raises `UsageError` where it means none."""
    taken = [row for row in rows if any(fnmatchcase(known, name) for known in names(row))]
    if not taken and rows:
        known = sorted({known for row in rows for known in names(row)})
        raise UsageError(Problem(f"nothing is remembered of `{name}`", hint=did_you_mean(name, known)))
    return taken


def trend_row(trend: Trend) -> Row:
    """A trend for programs."""
    return {
        "node": trend.node, "name": trend.name, "kind": trend.kind, "runs": trend.runs, "failed": trend.failed,
        "status": trend.status, "last": trend.last, "failing_since": trend.failing_since, "flaky": trend.is_flaky,
        "seconds": trend.seconds[-1], "usual_seconds": trend.usual, "times_slower": trend.slower or None,
        "rows": trend.rows[-1], "statuses": list(trend.statuses), "all_seconds": list(trend.seconds),
    }  # fmt: skip


# Printing


def _queried(opened: Opened, history: History, sql: str) -> None:
    try:
        answer = history.ask_only(sql)
    except DatabaseError as error:
        known = "; ".join(f"{view} ({', '.join(names)})" for view, names in VIEWS.items())
        hint = f"a query of the history can ask: {known}"
        raise UsageError(Problem(f"--sql: {error.problems[0].message}", hint=hint)) from error
    columns = distinct(column.name for column in answer.columns)
    rows = [dict(zip(columns, row, strict=True)) for row in answer.rows]

    def table(terminal: Terminal) -> Iterable[str]:
        found = Rows(columns, answer.rows)
        return (show_table(found, width=terminal.width, colour=terminal.colour, unicode=terminal.unicode),)

    _print(opened, rows, table, columns)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The names of columns, each one once: those that come again are numbered."""
    found: list[str] = []
    for name in names:
        more = (f"{name}_{number}" for number in count(2))
        found.append(next(one for one in chain((name,), more) if one not in found))
    return tuple(found)


def _print(opened: Opened, rows: Sequence[Row], text: Any, columns: Sequence[str] = ()) -> None:
    """Rows as text, JSON or CSV on stdout."""
    mask = masking(opened)
    match opened.options.output:
        case "json":
            values = [{key: json_value(value) for key, value in row.items()} for row in rows]
            sys.stdout.write(mask(json.dumps(values, indent=2, ensure_ascii=False)) + "\n")
        case "csv":
            names = tuple(columns or (rows[0] if rows else ()))
            plain = [[_flat(row[name]) for name in names] for row in rows]
            if names:
                sys.stdout.write(mask(show_csv(Rows(names, plain))) + "\n")
        case _ if rows or columns:
            terminal = terminal_of(sys.stdout, opened.project.environment, colours=opened.options.use_colors)
            sys.stdout.writelines(terminal.able(mask(line)) + "\n" for line in text(terminal))
        case _:
            pass


def _flat(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value


SHOWS = {"runs": show_runs, "nodes": show_nodes, "tests": show_tests, "metrics": show_metrics}
