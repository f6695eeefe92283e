"""One session with PostgreSQL: statements, rows in bulk, the catalogue, transactions, locks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format, TransactionStatus

from eltbuild.adapter import Answer, Target
from eltbuild.errors import DatabaseError
from eltbuild.relation import Belongings, Column, Constraint, Relation, RelationInfo
from eltbuild.secrecy import mask_secrets
from eltbuild.sql.scan import without_end
from eltbuild_postgres import catalogue, wire
from eltbuild_postgres.belongings import (
    PREPARED,
    UNPREPARED,
    belongings_of,
    belongings_query,
    commits_query,
    constraints_query,
)
from eltbuild_postgres.cancelling import Interruptible
from eltbuild_postgres.connecting import Session, connected
from eltbuild_postgres.doubt import MARK, Mark, fate_of
from eltbuild_postgres.errors import CANCELLED, Told, database_error
from eltbuild_postgres.locks import Locks
from eltbuild_postgres.settings import Opening
from eltbuild_postgres.standing import Standing
from eltbuild_postgres.statements import QUERIES, encoded, first_word, is_repeatable
from eltbuild_postgres.values import adapters, rows_of, type_name

Buffer = bytes | bytearray | memoryview

if TYPE_CHECKING:
    import pyarrow


NOTHING = Answer()
GONE = "the connection to the server was lost"
UNKNOWN = "the connection to the server was lost while it committed: whether it did is not known"
EMPTY_PATH = "select pg_catalog.set_config('search_path', '', true)"
SAVEPOINT = "eltbuild_look"
TRIAL = "eltbuild_trial"
COPY = ("copy (\n", "\n) to stdout (format csv)")
"""What stands around a query whose rows are wanted as CSV."""
PIECE = 16_000_000
"""Bytes of text after which a piece of a stream is given out."""


class PostgresConnection:
    """A session of its own, used by one thread at a time; `cancel` and `close` by any."""

    def __init__(self, opening: Opening, target: Target, forget: Callable[[PostgresConnection], None]) -> None:
        self._opening = opening
        self._forget = forget
        self._mask = mask_secrets(opening.secrets)
        self._adapters = adapters()
        self._locks = Locks(self._fetch)
        self._depth = 0
        self._failed = ""
        self._prepared = False
        self._session = connected(opening)
        self._work = Interruptible(self._session)
        # Where the profile leaves the database to the surroundings, no relation of the project names it either.
        default = (target.database or None, target.schema or "public")
        self._standing = Standing(self._fetch, self._session.info.dbname, default)

    # Statements

    def execute(self, sql: str) -> Answer:
        """Run one statement or several; the answer of the last one, fetched whole. Raises `DatabaseError`.

        Several statements are one transaction, unless they begin and commit themselves: PostgreSQL takes them as one.
        """
        with self._working(sql):
            cursor = self._session.cursor()
            cursor.execute(encoded(sql))
            while cursor.nextset():
                pass
            answer = self._answer(cursor)
        self._follow(answer.message)
        return answer

    def _answer(self, cursor: psycopg.Cursor[Any]) -> Answer:
        result = cursor.pgresult
        if result is None or result.status == ExecStatus.EMPTY_QUERY:
            return NOTHING
        message = cursor.statusmessage or NOTHING.message
        if result.status != ExecStatus.TUPLES_OK:
            return Answer(affected=result.command_tuples, message=message)
        columns = tuple([Column(each.name, type_name(each.type_code)) for each in cursor.description or ()])
        return Answer(columns, rows_of(cursor, self._adapters), message=message)

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a question of ours."""
        with self._working(sql):
            return self._session.execute(encoded(sql)).fetchall()

    @contextmanager
    def _working(self, sql: str, shift: int = 0, *, repeatable: bool | None = None) -> Iterator[None]:
        """A statement is under way: it can be cancelled, and what goes wrong is told. Raises `DatabaseError`.

        `repeatable`: whether carrying it out twice does no harm, as far as its text does not tell.
        """
        if not self._work.begin():
            raise self._refusing(sql)
        idle = False
        try:
            idle = not self._session.closed and not wire.is_gone(self._session.pgconn)
            yield
        except DatabaseError as error:
            self._note(error)
            raise
        except (psycopg.Error, UnicodeError, ValueError, OverflowError) as error:
            told = self._refused(error, sql, shift)
            if told.lost and not told.code and not self._work.closed:
                # Where the transaction is open, or the session was gone before the statement was sent, nothing is kept.
                harmless = is_repeatable(sql) if repeatable is None else repeatable
                told.transient = self._depth > 0 or not idle or harmless
            self._note(told)
            raise told from error
        finally:
            self._leave_copy()
            self._work.end()

    def _refusing(self, sql: str) -> DatabaseError:
        """Why nothing is sent: the session is closed, or what the statement is part of was cancelled."""
        if self._work.closed:
            return DatabaseError("the session is closed", sql=sql)
        error = DatabaseError(CANCELLED, sql=sql, code="57014")
        self._note(error)
        return error

    def _note(self, error: DatabaseError) -> None:
        """A transaction in which something failed cannot be committed any more."""
        if self._depth and not self._failed:
            self._failed = error.message

    def _refused(self, error: Exception, sql: str, shift: int = 0) -> DatabaseError:
        """The error for what the driver raised."""
        self._leave_copy()
        lost = self._session.closed
        if self._work.closed:
            return DatabaseError(f"{CANCELLED}: the session was closed" if lost else CANCELLED, sql=sql)
        told = Told.of(error)
        if told.sqlstate == "57014" and self._work.cancelled:
            return DatabaseError(CANCELLED, sql=sql, code=told.sqlstate)
        if lost and not told.sqlstate:
            told = Told(f"{GONE}: {told.primary.splitlines()[0]}" if told.primary else GONE)
        elif isinstance(error, UnicodeError):
            told = Told("the server sent a text that is no UTF-8")
        return database_error(told, sql, mask=self._mask, shift=shift, lost=lost, version=self._version)

    @property
    def _version(self) -> int:
        return 0 if self._session.closed else self._session.info.server_version

    def _leave_copy(self) -> None:
        """A COPY from or to a client is nobody's statement here; the session is of use afterwards."""
        if not self._session.closed and self._session.info.transaction_status == TransactionStatus.ACTIVE:
            try:
                wire.leave_copy(self._session.pgconn)
            except psycopg.Error:
                self._session.close()

    def sqlalchemy(self) -> tuple[str, Mapping[str, Any]]:
        """The URL and the arguments of `sqlalchemy.create_engine` for an engine that is this very session.

        Raises `ImportError` where there is no SQLAlchemy.
        """
        from eltbuild_postgres.alchemy import arguments

        return arguments(self._session, self._working)

    # Rows in bulk

    def read(self, sql: str) -> pyarrow.Table:
        """The rows of a query as Arrow. Raises `DatabaseError`.

        Dates are days, times microseconds, `numeric` is decimal (float where NaN is among its values), JSON and what
        Arrow has no type for is text.
        """
        query = without_end(sql, "postgres")
        if first_word(query) not in QUERIES:
            return self._read_slowly(sql)
        with self._copying(query, sql) as (pieces, table):
            return table([bytes(piece) for piece in pieces])

    def stream(self, sql: str) -> Iterator[pyarrow.Table]:
        """The rows of a query as Arrow, piece by piece, one at least; nothing else may be run before the last.

        Raises `DatabaseError`.
        """
        with self._copying(without_end(sql, "postgres"), sql) as (pieces, table):
            try:
                yield table(())
                for text in _gathered(pieces):
                    yield table(text)
            except GeneratorExit:
                # Breaking the copy off would end the transaction in which it is read.
                for _ in pieces:
                    pass
                raise

    @contextmanager
    def _copying(self, query: str, sql: str) -> Iterator[tuple[Iterable[Buffer], Callable[[Sequence[bytes]], Any]]]:
        """The rows of a query as CSV, and what makes a table of some of them."""
        from eltbuild_postgres.reading import Field, table_of

        described = self._described(query, sql)
        fields = [Field(*column) for column in wire.columns(described)]
        with self._iso_dates(), self._working(sql, len(COPY[0])):
            cursor = self._session.cursor()
            with cursor.copy(encoded(query.join(COPY))) as pieces:
                yield pieces, lambda text: table_of(text, fields, self._loader)

    @contextmanager
    def _iso_dates(self) -> Iterator[None]:
        """Dates are written as ISO 8601 has them, whatever a statement of the user's has asked for."""
        style = self._session.info.parameter_status("DateStyle") if not self._session.closed else ""
        if not style or style.startswith("ISO"):
            yield
            return
        self._do("set datestyle = 'ISO'")
        try:
            yield
        finally:
            with suppress(DatabaseError):
                self._do(f"set datestyle = {catalogue.text(style)}")

    def _loader(self, oid: int) -> Callable[[bytes], Any]:
        load: Callable[[bytes], Any] = Transformer(self._session).get_loader(oid, Format.TEXT).load
        return load

    def _read_slowly(self, sql: str) -> pyarrow.Table:
        """The rows of a statement that COPY does not take, such as SHOW."""
        import pyarrow

        answer = self.execute(sql)
        columns = [pyarrow.array([row[index] for row in answer.rows]) for index in range(len(answer.columns))]
        return pyarrow.Table.from_arrays(columns, names=[column.name for column in answer.columns])

    def load(self, relation: Relation, rows: pyarrow.Table | Any) -> int:
        """Append rows to a table, matched by column name; columns that the rows lack get their default or NULL.

        PostgreSQL reads the values as texts of the table's types. Raises `DatabaseError`, also for columns that the
        table lacks; then nothing has been written.
        """
        from eltbuild_postgres.writing import Place, texts_of

        schema, texts = texts_of(rows, relation)
        if not schema.names:
            return 0
        places = [Place(*column) for column in self._columns_for(relation, schema.names)]
        sql = f"copy {catalogue.spelled(relation)} ({catalogue.names(schema.names)}) from stdin (format csv)"
        with self._working(sql, repeatable=False):
            cursor = self._session.cursor()
            with cursor.copy(encoded(sql)) as copy:
                for text in texts(places):
                    copy.write(text)
            return max(cursor.rowcount, 0)

    def _columns_for(self, relation: Relation, names: Sequence[str]) -> list[tuple[str, str, str]]:
        try:
            return self._standing.columns_for(relation, names)
        except DatabaseError as error:
            self._note(error)
            raise

    # The catalogue

    def relation(self, relation: Relation) -> RelationInfo | None:
        """What stands at that place now, with columns; None when nothing does. Names as they are stored."""
        return self._standing.relation(relation)

    def relations(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All tables and views in the schemas, without columns, sorted by place."""
        return self._standing.relations(schemas)

    def described(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All tables and views in the schemas with their columns, by one query."""
        return self._standing.described(schemas)

    def columns(self, query: str) -> Sequence[Column]:
        """The columns that a query would give, without running it. Raises `DatabaseError`."""
        result = self._described(query, query)
        # A query may have no columns here: `select from orders`.
        if not result.nfields and first_word(query) not in ("select", "with"):
            raise DatabaseError("there is no query to describe", sql=query)
        columns = wire.columns(result)
        names = self._standing.type_names([(oid, modifier) for _, oid, modifier in columns])
        return tuple(Column(column[0], name) for column, name in zip(columns, names))

    def _described(self, query: str, sql: str) -> Any:
        with self._working(sql, repeatable=True):
            return wire.described(self._session.pgconn, encoded(query))

    def belongings(self, relation: Relation) -> Belongings:
        """What hangs on a relation that stands there and would go when it is dropped; by one round trip."""
        if not relation.identifier or self._standing.is_elsewhere(relation):
            return Belongings()
        bare = not relation.database and not relation.schema
        schema = "" if bare else relation.schema or self._standing.default[1]
        question = belongings_query(schema, relation.identifier)
        try:
            rows = self._ask_bare(question)
        except DatabaseError as error:
            if error.code not in UNPREPARED or self._depth:
                raise
            self._prepared = not self._prepared
            rows = self._ask_bare(question)
        return belongings_of(rows[0][0], relation) if rows else Belongings()

    def constraints(self, relation: Relation) -> Sequence[Constraint]:
        """The constraints that a table enforces, but for NOT NULL; those that are not valid yet do not count."""
        if not relation.identifier or self._standing.is_elsewhere(relation):
            return ()
        schema = relation.schema or self._standing.default[1]
        rows = self._fetch(constraints_query(schema, relation.identifier))
        return tuple(Constraint(kind, tuple(columns or ())) for kind, columns in rows)

    def loaded_at(self, relation: Relation) -> datetime | None:
        """When the newest row of a table was written; None where the server keeps no times of commits, and for a view.

        Every row is looked at, and rows that were deleted leave no trace.
        """
        schema = relation.schema or self._standing.default[1]
        if not relation.identifier or self._standing.is_elsewhere(relation):
            return None
        if not self._fetch(commits_query(schema, relation.identifier)):
            return None
        place = catalogue.spelled(Relation(None, schema, relation.identifier))
        found = self._fetch(f"select max(pg_xact_commit_timestamp(xmin)) from {place}")[0][0]
        return found if isinstance(found, datetime) else None

    def _ask_bare(self, question: str) -> list[tuple[Any, ...]]:
        """The rows of what was prepared, asked with an empty search path, by one round trip."""
        # The setting ends with the transaction: with that of these statements, or with the savepoint.
        steps = [EMPTY_PATH, *(() if self._prepared else (PREPARED,)), question]
        if self._session.closed or self._session.info.transaction_status != TransactionStatus.IDLE:
            steps = [f"savepoint {SAVEPOINT}", *steps, f"rollback to {SAVEPOINT}", f"release {SAVEPOINT}"]
        with self._working(question, repeatable=True):
            cursor = self._session.execute(encoded("; ".join(steps)))
            for _ in range(steps.index(question)):
                cursor.nextset()
            self._prepared = True
            return cursor.fetchall()

    # Locks

    def hold(self, name: str) -> bool:
        """Take the lock of that name, an advisory one of this database, without waiting; False where another has it."""
        return self._locks.hold(name)

    def release(self, name: str) -> None:
        """Give the lock of that name back; nothing happens where this session does not hold it."""
        self._locks.release(name)

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside commits together or not at all; one inside another is part of the outer one.

        Once a statement in it has failed it cannot be committed, also where somebody caught the error: then it is
        rolled back at its end and `DatabaseError` is raised. Where a statement of the user's commits, what comes
        behind it is a transaction of its own.
        """
        if not self._depth:
            self._failed = ""
            self._do("begin")
            self._work.within(True)
        self._depth += 1
        try:
            yield
        except BaseException as error:
            self._failed = self._failed or str(error) or type(error).__name__
            if self._depth == 1:
                self._roll_back()
            raise
        else:
            if self._depth == 1:
                self._commit()
        finally:
            self._depth -= 1
            if not self._depth:
                self._work.within(False)

    @contextmanager
    def savepoint(self) -> Iterator[Callable[[], None]]:
        """Within a transaction: gives what takes back all that was done since, what failed or was cancelled included.

        After that the transaction goes on, and may be committed.
        """
        failed = self._failed
        self._do(f"savepoint {TRIAL}")

        def take_back() -> None:
            self._work.go_on()
            self._do(f"rollback to {TRIAL}")
            self._failed = failed

        yield take_back
        if not self._failed:
            self._do(f"release {TRIAL}")

    def _do(self, sql: str) -> str:
        """Run a statement of ours that gives no rows; what the server calls it."""
        with self._working(sql):
            return self._session.execute(sql.encode()).statusmessage or ""

    def _follow(self, tag: str) -> None:
        """A statement of the user's may have ended the transaction: then another one begins."""
        if self._depth and self._session.info.transaction_status == TransactionStatus.IDLE:
            if tag == "ROLLBACK" and not self._failed:
                self._failed = "a statement in it rolled it back"
            self._do("begin")

    def _commit(self) -> None:
        if self._failed:
            failed = self._failed
            self._roll_back()
            raise DatabaseError(f"the transaction was rolled back, for a statement in it failed: {failed}")
        mark = None
        try:
            mark = Mark(*self._fetch(MARK)[0])
            if self._do("commit") == "ROLLBACK":
                raise DatabaseError("the transaction was rolled back, for a statement in it failed")
        except DatabaseError as error:
            if not error.lost:
                self._roll_back()
                raise
            self._settle(error, mark)

    def _settle(self, error: DatabaseError, mark: Mark | None) -> None:
        """The session was lost within the commit: another one tells how it ended. Raises unless it was committed."""
        fate, session = fate_of(mark, self._opening) if mark and mark.number else ("aborted", None)
        if fate == "committed" and session is not None and self._go_on(session):
            return
        if session is not None:
            session.close()
        if fate == "aborted":
            error.transient = True
            raise error
        if fate == "unknown":
            raise DatabaseError(UNKNOWN, code=error.code, lost=True, hint="look before it is run again") from error

    def _go_on(self, session: Session) -> bool:
        """Whether another session serves in place of the lost one: it has to get hold of the same locks."""
        if not self._locks.taken_over(session):
            return False
        self._session = session
        self._prepared = False
        self._work.use(session)
        return True

    def _roll_back(self) -> None:
        """Nothing of the transaction is left; where that cannot be said otherwise, by ending the session."""
        self._failed = ""
        if self._session.closed:
            return
        with suppress(psycopg.Error):
            self._session.execute(b"rollback")
        if self._session.info.transaction_status != TransactionStatus.IDLE:
            self._session.close()

    # The end

    def cancel(self) -> None:
        """Stop what runs now, and the transaction that it is part of; safe from any thread and when nothing runs."""
        self._work.cancel()

    def close(self) -> None:
        """Give the session back; what was not committed is gone. Does nothing the second time."""
        if self._work.close():
            self._forget(self)


def _gathered(pieces: Iterable[Buffer]) -> Iterator[list[bytes]]:
    """The rows of a copy, some at a time."""
    text: list[bytes] = []
    size = 0
    for piece in pieces:
        text.append(bytes(piece))
        size += len(text[-1])
        if size > PIECE:
            yield text
            text, size = [], 0
    if text:
        yield text
