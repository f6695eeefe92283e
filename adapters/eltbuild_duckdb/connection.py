"""One session with DuckDB: statements, rows in bulk, the catalogue, transactions."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from eltbuild.adapter import Answer, Target
from eltbuild.errors import DatabaseError
from eltbuild.relation import Belongings, Column, Constraint, Relation, RelationInfo
from eltbuild_duckdb import catalogue
from eltbuild_duckdb.arrow import loadable
from eltbuild_duckdb.databases import LONGEST_PAUSE, Database, run_step
from eltbuild_duckdb.errors import DURABLE, database_error, without_secrets
from eltbuild_duckdb.opening import MOTHERDUCK, Opening
from eltbuild_duckdb.reports import is_report
from eltbuild_duckdb.standing import Standing
from eltbuild_duckdb.statements import beginning, goes_on, moved, pieces

if TYPE_CHECKING:
    import pyarrow

NOTHING = Answer()
FATAL = "FatalException"
"""What DuckDB raises where a database is of no use any more to the process that has it open."""
_ROWS = "__eltbuild_rows"
"""The name under which rows in bulk are seen by the statement that writes them."""
BATCH = 50_000
"""The rows of one batch of a stream."""
PAUSES = (0.01, 0.02, 0.05, 0.1)
"""Seconds after which a statement that still runs is stopped again."""
NOTHING_OPEN = "no transaction is active"
"""What DuckDB says to a commit where nothing has begun."""

_COMMENT_ON = re.compile(r"\bcomment\s+on\b", re.IGNORECASE)
_TRIMS = int(duckdb.__version__.split(".", 1)[0]) >= 2
"""DuckDB 2 drops the comments before a statement, and then counts places as if they were there."""


class DuckDBConnection:
    """A session of its own on a shared database, used by one thread at a time; `cancel` and `close` by any."""

    def __init__(
        self, database: Database, opening: Opening, target: Target, forget: Callable[[DuckDBConnection], None]
    ) -> None:
        self._database = database
        self._opening = opening
        self._forget = forget
        self._guard = threading.RLock()
        self._stop = threading.Event()
        self._closed = False
        self._count = self._running = 0
        self._depth = 0
        self._failed = ""
        self._session: duckdb.DuckDBPyConnection | None = None
        self._cursor = self._prepared()
        default = (target.database or self._fetch("select current_database()")[0][0], target.schema or "main")
        shared = MOTHERDUCK.match(opening.path) is not None
        self._standing = Standing(self._fetch, self._described, database, default, shared)

    def _prepared(self) -> duckdb.DuckDBPyConnection:
        cursor = self._database.cursor()
        try:
            for step in self._opening.session:
                run_step(cursor, step, self._opening)
        except BaseException:
            cursor.close()
            raise
        return cursor

    # Statements

    def execute(self, sql: str) -> Answer:
        """Run one statement or several; the answer of the last one, fetched whole. Raises `DatabaseError`.

        Several statements are no transaction: those before one that fails have been done.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._several(sql) if ";" in sql and goes_on(sql) else self._one(sql)
            except DatabaseError as error:
                if not self._tries_again(error, attempt):
                    raise

    def _one(self, sql: str) -> Answer:
        """One statement's answer."""
        if self._database.commented is False and ("omment" in sql or "OMMENT" in sql) and _COMMENT_ON.search(sql):
            self._database.commented = True
        if self._database.indexed is False and ("ndex" in sql or "NDEX" in sql):
            self._database.indexed = True
        start = _first(sql)
        if not start:
            return self._run(sql, sql)
        try:
            return self._run(sql[start:], sql[start:])
        except DatabaseError as error:
            raise moved(error, sql, start) from error.__cause__

    def _run(self, statement: Any, sql: str) -> Answer:
        cursor = self._cursor
        try:
            with self._at_work():
                if cursor.execute(statement) is None:
                    return NOTHING
                described = cursor.description or ()
                # Results stream: what is not fetched now keeps the next statement waiting, or is lost.
                rows = cursor.fetchall()
                written = cursor.rowcount
        except Exception as error:
            raise self._refused(error, sql) from error
        if written >= 0:
            return Answer(affected=written)
        if len(described) == 1 and len(rows) <= 1 and is_report(cursor, described[0], rows, sql):
            return Answer(affected=rows[0][0]) if rows else NOTHING
        columns = tuple([Column(name, str(kind)) for name, kind, *_ in described])
        return Answer(columns, tuple(rows))

    def _several(self, sql: str) -> Answer:
        """Several statements one by one: given together, DuckDB keeps the last rows and not the last answer."""
        try:
            statements = self._cursor.extract_statements(sql)
        except Exception as error:
            raise self._refused(error, sql) from error
        if len(statements) < 2:
            return self._one(sql)
        texts = pieces(sql, [statement.query for statement in statements])
        answer = NOTHING
        for index, statement in enumerate(statements):
            if texts is None:
                answer = self._unplaced(statement, sql)
                continue
            start, text = texts[index]
            try:
                answer = self._one(text)
            except DatabaseError as error:
                raise moved(error, sql, start) from error.__cause__
        return answer

    def _unplaced(self, statement: Any, sql: str) -> Answer:
        """The answer of a statement whose text DuckDB has changed: places in that say nothing of the user's."""
        try:
            return self._run(statement, sql)
        except DatabaseError as error:
            error.line = error.column = 0
            raise

    def _tries_again(self, error: DatabaseError, attempt: int) -> bool:
        """Whether the profile asks for another attempt; waits before it."""
        if attempt >= self._opening.query_attempts or self._depth or error.code not in self._opening.retryable:
            return False
        self._stop.clear()
        return not self._stop.wait(min(2.0 ** (attempt - 1), LONGEST_PAUSE))

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            with self._at_work():
                found: list[tuple[Any, ...]] = self._cursor.execute(sql).fetchall()
        except Exception as error:
            raise self._refused(error, sql) from error
        return found

    def _refused(self, error: Exception, sql: str) -> DatabaseError:
        """The error for what DuckDB raised; a transaction in which it happens cannot be committed any more."""
        told = database_error(type(error).__name__, str(error), sql)
        if self._opening.secrets:
            told = without_secrets(told, self._opening.secrets)
        if self._database.broken and not told.lost:
            # It was stopped so that the database can be opened anew; what a commit came to nobody knows.
            told.lost, told.transient = True, sql != "commit"
        self._database.broken = self._database.broken or told.code == FATAL
        # A commit after the user's own commit breaks nothing.
        if self._depth and not self._failed and NOTHING_OPEN not in told.message:
            self._failed = told.message
        return told

    # Rows in bulk

    def read(self, sql: str) -> pyarrow.Table:
        """The rows of a query as Arrow. Raises `DatabaseError`."""
        import pyarrow

        start = _first(sql)
        try:
            with self._at_work():
                rows = self._cursor.sql(sql[start:])
                return pyarrow.table({}) if rows is None else rows.to_arrow_table()
        except Exception as error:
            raise moved(self._refused(error, sql[start:]), sql, start) from error

    def stream(self, sql: str) -> Iterator[pyarrow.Table]:
        """The rows of a query as Arrow, piece by piece, one at least; nothing else may be run before the last.

        Raises `DatabaseError`.
        """
        import pyarrow

        try:
            reader = self._cursor.sql(sql).to_arrow_reader(BATCH)
            yield reader.schema.empty_table()
            for piece in reader:
                yield pyarrow.Table.from_batches([piece], reader.schema)
        except duckdb.Error as error:
            raise self._refused(error, sql) from error

    def load(self, relation: Relation, rows: pyarrow.Table | Any) -> int:
        """Append rows to a table, matched by column name; columns that the rows lack get their default or NULL.

        Values are cast to the types of the table. Raises `DatabaseError`, also for columns that the table lacks.
        """
        import pyarrow

        try:
            table = loadable(rows)
        except (pyarrow.ArrowException, TypeError, ValueError) as error:
            raise DatabaseError(f"rows for `{relation}` have no Arrow form that DuckDB takes: {error}") from error
        if table is None:
            return 0
        sql = f"insert into {catalogue.spelled(relation)} by name select * from {_ROWS}"
        try:
            self._cursor.register(_ROWS, table)
            with self._at_work():
                return int(self._cursor.execute(sql).fetchall()[0][0])
        except Exception as error:
            raise self._refused(error, sql) from error
        finally:
            # Refused where the transaction is aborted; then its end takes the name away.
            with suppress(duckdb.Error):
                self._cursor.unregister(_ROWS)

    # The catalogue

    def relation(self, relation: Relation) -> RelationInfo | None:
        """What stands at that place now, with columns; None when nothing does. Letter case does not matter."""
        return self._standing.relation(relation, transacting=self._depth > 0)

    def relations(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All tables and views in the schemas, without columns, sorted by place."""
        return self._standing.relations(schemas)

    def described(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All tables and views in the schemas with their columns, by two queries."""
        return self._standing.described(schemas)

    def _described(self, relation: Relation) -> tuple[Column, ...] | None:
        """The columns of one relation; None where DuckDB finds none. Not to be asked within a transaction."""
        try:
            rows = self._cursor.execute(catalogue.describe_relation(relation)).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException):
            return None
        except Exception as error:
            raise self._refused(error, "") from error
        return tuple(map(catalogue.described_column, rows))

    def columns(self, query: str) -> Sequence[Column]:
        """The columns that a query would give, without running it. Raises `DatabaseError`."""
        text = query.rstrip().rstrip(";")
        if ";" in text:
            self._only_one(query)
        try:
            rows = self._cursor.execute(f"describe\n{text}").fetchall()
            described = self._cursor.description or ()
        except Exception as error:
            told = self._refused(error, f"describe\n{text}")
            told.sql, told.line = query, max(told.line - 1, 0)
            raise told from error
        if not described or described[0][0] != "column_name":
            raise DatabaseError("there is no query to describe", sql=query)
        return tuple(map(catalogue.described_column, rows))

    def _only_one(self, query: str) -> None:
        """Raises `DatabaseError` for several statements: all but the first would run."""
        try:
            count = len(self._cursor.extract_statements(query))
        except Exception as error:
            raise self._refused(error, query) from error
        if count > 1:
            raise DatabaseError(f"one query was expected, not {count} statements", sql=query)

    def belongings(self, relation: Relation) -> Belongings:
        """What hangs on a table and would go with it: its indexes."""
        return self._standing.belongings(relation)

    def constraints(self, relation: Relation) -> Sequence[Constraint]:
        """The constraints that a table enforces, but for NOT NULL."""
        return self._standing.constraints(relation)

    def loaded_at(self, relation: Relation) -> datetime | None:
        """DuckDB keeps no times of tables."""
        return None

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside commits together or not at all; one inside another is part of the outer one.

        Once a statement in it has failed it cannot be committed, also where somebody caught the error: then it is
        rolled back at its end and `DatabaseError` is raised.
        """
        if not self._opening.transactions:
            yield
            return
        if not self._depth:
            self._begin()
        self._depth += 1
        try:
            yield
        except BaseException as error:
            self._depth -= 1
            self._failed = self._failed or str(error) or type(error).__name__
            if not self._depth:
                self._roll_back()
            raise
        self._depth -= 1
        if not self._depth:
            self._commit()

    def _begin(self) -> None:
        self._failed = ""
        try:
            self._cursor.begin()
        except Exception as error:
            told = self._refused(error, "begin")
            self._roll_back()
            raise told from error

    def _commit(self) -> None:
        if self._failed:
            failed = self._failed
            self._roll_back()
            raise DatabaseError(f"the transaction was rolled back, for a statement in it failed: {failed}")
        try:
            self._cursor.commit()
        except Exception as error:
            if NOTHING_OPEN in str(error):
                # A statement of the user's has committed by itself.
                return
            if DURABLE in str(error):
                # The next statement finds out that the database has to be opened anew.
                self._database.broken = True
                return
            told = self._refused(error, "commit")
            self._roll_back()
            raise told from error

    def _roll_back(self) -> None:
        self._failed = ""
        with suppress(duckdb.Error):
            self._cursor.rollback()
        with suppress(duckdb.Error):
            # Rows whose load failed are held by their name.
            self._cursor.unregister(_ROWS)

    # Locks

    def hold(self, name: str) -> bool:
        """Take the lock of that name for this session, without waiting; False where another session holds it."""
        return self._database.hold(name, self)

    def release(self, name: str) -> None:
        """Give the lock of that name back; nothing happens where this session does not hold it."""
        self._database.release(self, name)

    # What Python models are given

    @property
    def session(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection to the same database, which finds tables among Python's variables."""
        # What is done with it is seen by nobody else.
        self._database.indexed = None
        with self._guard:
            if self._session is None:
                if self._closed:
                    raise DatabaseError("the session is closed")
                self._session = self._prepared()
                self._session.execute("set python_enable_replacements = true")
            return self._session

    def sqlalchemy(self) -> tuple[str, Mapping[str, Any]]:
        """The URL and the arguments of `sqlalchemy.create_engine` for an engine that is this very session.

        Raises `ImportError` where there is no SQLAlchemy.
        """
        from eltbuild_duckdb.alchemy import arguments

        def ask(sql: str, values: Sequence[Any]) -> tuple[Sequence[Any], list[tuple[Any, ...]]]:
            try:
                with self._at_work():
                    self._cursor.execute(sql, values or None)
                    return self._cursor.description or (), self._cursor.fetchall()
            except duckdb.Error as error:
                # Whoever asks wants the driver's own error; a transaction is spoiled by it all the same.
                self._refused(error, sql)
                raise

        return arguments(ask)

    def table(self, query: str) -> duckdb.DuckDBPyRelation:
        """The rows of a query as a table of DuckDB's, computed when they are needed. Raises `DatabaseError`.

        Within a transaction they are read at once: the session for Python sees nothing of it.
        """
        if self._depth:
            return self.session.from_arrow(self.read(query))
        try:
            return self.session.sql(query)
        except duckdb.Error as error:
            raise self._refused(error, query) from error

    # The end

    def cancel(self) -> None:
        """Stop what runs now; safe from any thread and when nothing runs."""
        self._stop.set()
        number = self._interrupt()
        for pause in PAUSES:
            if not number:
                return
            # What was about to begin has not heard of it.
            time.sleep(pause)
            number = self._interrupt(number)

    def _interrupt(self, only: int = 0) -> int:
        """Stop what runs, or only the statement of that number; the number of the one that ran, 0 where none did."""
        with self._guard:
            if self._closed or (only and self._running != only):
                return 0
            for cursor in (self._cursor, self._session):
                if cursor is not None:
                    with suppress(duckdb.Error):
                        cursor.interrupt()
            return self._running

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """A statement runs."""
        self._count += 1
        self._running = self._count
        try:
            yield
        finally:
            with self._guard:
                self._running = 0
                if self._closed:
                    # DuckDB does not close a session that is at work.
                    with suppress(duckdb.Error):
                        self._cursor.close()

    def close(self) -> None:
        """Give the session back; what was not committed is gone. Does nothing the second time."""
        with self._guard:
            if self._closed:
                return
            self.cancel()
            self._closed = True
            for cursor in (self._session, self._cursor):
                if cursor is not None:
                    with suppress(duckdb.Error):
                        cursor.close()
            self._session = None
            self._database.release(self)
        self._forget(self)


def _first(sql: str) -> int:
    """Where the text begins that DuckDB is given: with its comments where it can count the places behind them."""
    start = beginning(sql)
    return start if _TRIMS or ";" in sql[:start] else 0
