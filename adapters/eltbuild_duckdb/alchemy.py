"""SQLAlchemy over a session of DuckDB, for libraries that want one: a dialect of PostgreSQL's family.

DuckDB reads the SQL that is written for PostgreSQL but for few places. Whatever is done goes through the session that
is given, within its transaction: nothing here opens, commits or closes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import duckdb
from sqlalchemy import types
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGTypeCompiler
from sqlalchemy.pool import StaticPool

NAME = "eltduckdb"
URL = f"{NAME}://"

Ask = Callable[[str, Sequence[Any]], tuple[Sequence[Any], list[tuple[Any, ...]]]]
"""Run a statement with its values; the description of the columns and all rows. Raises `duckdb.Error`."""

_COLUMNS = """
select column_name, data_type, is_nullable from information_schema.columns
where table_name = ? and table_schema = coalesce(?, current_schema()) and table_catalog = current_database()
order by ordinal_position"""
_TABLES = """
select table_name from information_schema.tables
where table_type = ? and table_schema = coalesce(?, current_schema()) and table_catalog = current_database()"""
_SCHEMAS = "select distinct schema_name from information_schema.schemata where catalog_name = current_database()"


def arguments(ask: Ask) -> tuple[str, Mapping[str, Any]]:
    """The URL and the arguments of `sqlalchemy.create_engine` for an engine that is that session."""
    registry.register(NAME, __name__, "DuckDBDialect")
    return URL, {"creator": lambda: Session(ask), "poolclass": StaticPool}


class Cursor:
    """What a statement gave, all of it: it outlives the statement."""

    arraysize = 1
    rowcount = -1
    lastrowid = None

    def __init__(self, ask: Ask, connection: Session) -> None:
        self.connection = connection
        self.description: Sequence[Any] | None = None
        self._ask = ask
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, sql: str, parameters: Sequence[Any] = (), context: Any = None) -> None:
        """Run a statement. Raises `duckdb.Error`."""
        self.description, self._rows = self._ask(sql, parameters or ())

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], context: Any = None) -> None:
        """Run a statement once for each set of values."""
        for values in parameters:
            self.execute(sql, values)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows."""
        count = size or 1
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All other rows."""
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []


class Session:
    """A session as SQLAlchemy wants one. Its transaction is somebody else's: nothing is begun or ended."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def cursor(self) -> Cursor:
        """A cursor."""
        return Cursor(self._ask, self)

    def commit(self) -> None:
        """Nothing: who opened the transaction ends it."""

    def rollback(self) -> None:
        """Nothing: who opened the transaction ends it."""

    def close(self) -> None:
        """Nothing: the session is in use elsewhere."""


class Driver:
    """The names that SQLAlchemy looks for in a driver."""

    paramstyle = "qmark"
    apilevel = "2.0"
    threadsafety = 1
    Warning = Warning
    Error = duckdb.Error
    InterfaceError = duckdb.Error
    DatabaseError = duckdb.DatabaseError
    DataError = duckdb.DataError
    OperationalError = duckdb.OperationalError
    IntegrityError = duckdb.IntegrityError
    InternalError = duckdb.InternalError
    ProgrammingError = duckdb.ProgrammingError
    NotSupportedError = duckdb.NotSupportedError


class Compiler(PGCompiler):
    """PostgreSQL's `~` looks for a match anywhere, DuckDB's wants the whole text to match."""

    _PATTERNS = {  # noqa: RUF012
        "~": "regexp_matches({}, {})",
        "!~": "not regexp_matches({}, {})",
        "~*": "regexp_matches({}, {}, 'i')",
        "!~*": "not regexp_matches({}, {}, 'i')",
    }

    def visit_custom_op_binary(self, binary: Any, operator: Any, **more: Any) -> str:
        """An operator that SQLAlchemy itself does not know."""
        pattern = self._PATTERNS.get(operator.opstring)
        if pattern is None:
            return str(super().visit_custom_op_binary(binary, operator, **more))
        return pattern.format(self.process(binary.left, **more), self.process(binary.right, **more))


class Named(types.UserDefinedType[Any]):
    """A type by the name that DuckDB gives it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **more: Any) -> str:
        """The name."""
        return self.name


class TypeCompiler(PGTypeCompiler):
    """A FLOAT of PostgreSQL's has double precision, one of DuckDB's has not."""

    def visit_FLOAT(self, type_: Any, **more: Any) -> str:
        """The name of the type."""
        return "DOUBLE"


class DuckDBDialect(PGDialect):
    """DuckDB as SQLAlchemy sees it; what there is in the database is read from `information_schema`."""

    name = "postgresql"
    driver = NAME
    supports_statement_cache = True
    default_paramstyle = "qmark"
    statement_compiler = Compiler
    type_compiler_cls = TypeCompiler
    supports_server_side_cursors = False
    use_insertmanyvalues = False
    supports_native_enum = False
    insert_returning = False
    colspecs: Mapping[Any, Any] = {}
    ischema_names: Mapping[str, Any] = {}

    @classmethod
    def import_dbapi(cls) -> Any:
        """The driver."""
        return Driver

    def initialize(self, connection: Any) -> None:
        """Nothing is asked of the server."""
        self.default_schema_name = connection.exec_driver_sql("select current_schema()").scalar()
        self.server_version_info = (16,)

    def _get_server_version_info(self, connection: Any) -> Any:
        return (16,)

    def on_connect(self) -> Any:
        """Nothing is to be done."""
        return None

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """What DuckDB has."""
        return "SERIALIZABLE"

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        """What DuckDB has."""
        return "SERIALIZABLE"

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **more: Any) -> bool:
        """Whether there is a table or view of that name."""
        return bool(connection.exec_driver_sql(_COLUMNS, (table_name, schema)).first())

    def has_schema(self, connection: Any, schema_name: str, **more: Any) -> bool:
        """Whether there is a schema of that name."""
        return schema_name in self.get_schema_names(connection)

    def get_schema_names(self, connection: Any, **more: Any) -> list[str]:
        """The schemas."""
        return [row[0] for row in connection.exec_driver_sql(_SCHEMAS)]

    def get_table_names(self, connection: Any, schema: str | None = None, **more: Any) -> list[str]:
        """The tables of a schema."""
        return [row[0] for row in connection.exec_driver_sql(_TABLES, ("BASE TABLE", schema))]

    def get_view_names(self, connection: Any, schema: str | None = None, **more: Any) -> list[str]:
        """The views of a schema."""
        return [row[0] for row in connection.exec_driver_sql(_TABLES, ("VIEW", schema))]

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **more: Any) -> Any:
        """The columns of a table or view."""
        rows = connection.exec_driver_sql(_COLUMNS, (table_name, schema)).fetchall()
        return [
            {"name": name, "type": Named(text), "nullable": nullable == "YES", "default": None, "comment": None}
            for name, text, nullable in rows
        ]

    def get_pk_constraint(self, *args: Any, **more: Any) -> Any:
        """None is told."""
        return {"constrained_columns": [], "name": None}

    def get_foreign_keys(self, *args: Any, **more: Any) -> Any:
        """None are told."""
        return []

    def get_indexes(self, *args: Any, **more: Any) -> Any:
        """None are told."""
        return []

    def get_multi_columns(
        self, connection: Any, schema: Any, filter_names: Any, scope: Any, kind: Any, **more: Any
    ) -> Any:
        """The columns of several tables."""
        return {(schema, name): self.get_columns(connection, name, schema) for name in filter_names or ()}.items()
