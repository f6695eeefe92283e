"""Facts made by hand, and operations run on a bare engine, for tests of the plan room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import duckdb

from eltbuild.adapter import Answer, Capabilities
from eltbuild.errors import DatabaseError, Problem
from eltbuild.plan.materialize import MATERIALIZATIONS, asks_columns
from eltbuild.plan.nouns import Batch, Check, Facts, Inquiry, Load, Operation, Seize, Statement
from eltbuild.project.resources import ColumnSpec, Node
from eltbuild.relation import Column, Relation, RelationInfo
from eltbuild.run.performing import check, inquire
from eltbuild.sql.writer import Writer

ENFORCED = frozenset({"not_null", "unique", "primary_key", "foreign_key", "check"})
USUAL = frozenset({"append", "delete+insert", "merge", "microbatch", "insert_overwrite"})
CAPABILITIES: Mapping[str, Capabilities] = {
    "duckdb": Capabilities(
        external_files=True,
        create_or_replace_table=True,
        merge=True,
        indexes=True,
        belongings=True,
        grants=False,
        enforced_constraints=ENFORCED,
        default_incremental_strategy="delete+insert",
        incremental_strategies=USUAL,
    ),
    "postgres": Capabilities(
        binds_views=True,
        belongings=True,
        merge=True,
        materialized_views=True,
        indexes=True,
        enforced_constraints=ENFORCED,
        identifier_length=63,
        default_incremental_strategy="delete+insert",
        incremental_strategies=USUAL,
    ),
    "snowflake": Capabilities(
        transactional_ddl=False,
        create_or_replace_table=True,
        merge=True,
        enforced_constraints=frozenset({"not_null"}),
        identifier_length=255,
        default_incremental_strategy="merge",
        incremental_strategies=USUAL,
    ),
    "bigquery": Capabilities(
        transactional_ddl=False,
        create_or_replace_table=True,
        merge=True,
        cascade_drop=False,
        enforced_constraints=frozenset({"not_null"}),
        default_incremental_strategy="merge",
        incremental_strategies=USUAL,
    ),
    "spark": Capabilities(
        transactional_ddl=False,
        create_or_replace_table=True,
        insert_overwrite=True,
        merge=True,
        cascade_drop=False,
        default_incremental_strategy="append",
        incremental_strategies=USUAL,
    ),
}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def writer(dialect: str = "duckdb") -> Writer:
    """The writer of a dialect."""
    return Writer(dialect, CAPABILITIES[dialect])


def node(config: Mapping[str, Any], name: str = "orders", **given: Any) -> Node:
    """A settled node."""
    columns = given.pop("columns", {})
    specs = {key: ColumnSpec(key, **value) if isinstance(value, Mapping) else value for key, value in columns.items()}
    kind = given.pop("resource_type", "model")
    return Node(
        id=f"{kind}.shop.{name}", resource_type=kind, name=name, package="shop", path=f"{name}.sql",
        original_path=f"models/{name}.sql", config=config, columns=specs, **given,
    )  # fmt: skip


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


class InDuckDB:
    """One database for all tests of the process, with nothing in it: opening one costs more than a test."""

    dialect = "duckdb"
    place = ("memory", "main")
    errors = (duckdb.Error,)

    def __init__(self) -> None:
        self.connection = _connection()
        views = self.rows("select view_name from duckdb_views() where not internal")
        tables = self.rows("select table_name from duckdb_tables()")
        for kind, names in (("view", views), ("table", tables)):
            for (name,) in names:
                self.connection.execute(f"drop {kind} if exists {writer().quote(name)} cascade")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def columns(self, query: str) -> tuple[Column, ...]:
        described = self.rows(f"describe {writer().lines(query)}")
        return tuple(Column(row[0], row[1]) for row in described)

    def existing(self, relation: Relation) -> RelationInfo | None:
        found = self.connection.execute(
            "select 'table', comment from duckdb_tables() where table_name = $1 union all"
            " select 'view', comment from duckdb_views() where view_name = $1 and not internal",
            [relation.identifier],
        ).fetchall()
        if not found:
            return None
        columns = self.connection.execute(
            "select column_name, data_type, is_nullable, comment from duckdb_columns() where table_name = $1"
            " order by column_index",
            [relation.identifier],
        ).fetchall()
        kept = tuple(Column(n, t, nullable, comment or "") for n, t, nullable, comment in columns)
        return RelationInfo(relation, found[0][0], kept, found[0][1] or "")

    def load(self, relation: Relation, rows: Any) -> None:
        self.connection.register("loaded_rows", rows)
        self.connection.execute(f"insert into {writer().relation(relation)} by name select * from loaded_rows")
        self.connection.unregister("loaded_rows")


@cache
def _session() -> Any:
    import psycopg
    from servers.postgres import shared

    return psycopg.connect(shared().dsn, autocommit=True, prepare_threshold=None)


class InPostgres:
    """One session for all tests of the process, in a schema of its own that is empty again for each."""

    dialect = "postgres"

    def __init__(self) -> None:
        import psycopg

        self.errors = (psycopg.Error,)
        self.connection = _session()
        schema = f"planning_{self.connection.info.backend_pid}"
        self.place = (self.connection.info.dbname, schema)
        self.connection.execute(f"set client_min_messages = warning; drop schema if exists {schema} cascade")
        self.connection.execute(f"create schema {schema}; set search_path = {schema}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(sql)
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []

    def columns(self, query: str) -> tuple[Column, ...]:
        made = writer("postgres")
        cursor = self.connection.execute(f"select * from {made.lines(query)} as described limit 0")
        result = cursor.pgresult
        types = [f"format_type({result.ftype(at)}, {result.fmod(at)})" for at in range(result.nfields)]
        names = [str(column.name) for column in cursor.description]
        return tuple(map(Column, names, self.rows(f"select {', '.join(types)}")[0]))

    def existing(self, relation: Relation) -> RelationInfo | None:
        given = [relation.schema, relation.identifier]
        found = self.connection.execute(
            "select c.oid, case c.relkind when 'r' then 'table' else 'view' end from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s",
            given,
        ).fetchall()
        if not found:
            return None
        columns = self.rows(
            f"select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = {found[0][0]}"
            " and attnum > 0 and not attisdropped order by attnum"
        )
        return RelationInfo(relation, found[0][1], tuple(Column(*column) for column in columns))

    def load(self, relation: Relation, rows: Any) -> None:
        names = writer("postgres").names(rows.column_names)
        with self.connection.cursor().copy(
            f"copy {writer('postgres').relation(relation)} ({names}) from stdin"
        ) as copy:
            for row in rows.to_pylist():
                copy.write_row(tuple(row.values()))


ENGINES: Mapping[str, Callable[[], Any]] = {"duckdb": InDuckDB, "postgres": InPostgres}


class Warehouse:
    """A bare engine that does what a run does with operations, and keeps what it did."""

    def __init__(self, engine: str = "duckdb") -> None:
        self.engine = ENGINES[engine]()
        self.connection = self.engine.connection
        self.writer = writer(engine)
        self.done: list[Operation] = []
        self.warned: list[Problem] = []
        self.runs = 0

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.engine.rows(sql)
        return found

    def place(self, name: str) -> Relation:
        """Where a relation of that name stands."""
        return Relation(*self.engine.place, name)

    def columns(self, query: str) -> tuple[Column, ...]:
        found: tuple[Column, ...] = self.engine.columns(query)
        return found

    def existing(self, relation: Relation) -> RelationInfo | None:
        found: RelationInfo | None = self.engine.existing(relation)
        return found

    def facts(self, node: Node, query: str = "", *, relation: Relation | None = None, **given: Any) -> Facts:
        """What a run would know."""
        relation = relation or self.place(node.name)
        facts = Facts(
            node=node, query=query, relation=relation, existing=self.existing(relation),
            now=NOON + timedelta(hours=self.runs), temporary=str(self.runs),
        )  # fmt: skip
        facts = replace(facts, **given)
        if asks_columns(MATERIALIZATIONS[node.materialized], facts):
            facts = replace(facts, columns=self.columns(query))
        return facts

    def build(
        self, node: Node, query: str = "", *, relation: Relation | None = None, **given: Any
    ) -> tuple[Operation, ...]:
        """Materialize a node as a run does; one hour passes between builds."""
        self.runs += 1
        facts = self.facts(node, query, relation=relation, **given)
        operations = MATERIALIZATIONS[node.materialized].materialize(facts, self.writer)
        with self.transaction():
            for operation in operations:
                self.do(operation)
        assert not self.left_over()
        return operations

    def left_over(self) -> list[Any]:
        """Tables that should exist only while a build works."""
        catalogue = "duckdb_tables()" if self.engine.dialect == "duckdb" else "pg_tables"
        name = "table_name" if self.engine.dialect == "duckdb" else "tablename"
        return self.rows(f"select 1 from {catalogue} where {name} like '%dbt_tmp%'")

    def execute(self, sql: str) -> Answer:
        """A statement's rows, as an adapter gives them."""
        try:
            return Answer(rows=tuple(self.rows(sql)))
        except self.engine.errors as error:
            raise DatabaseError(str(error)) from error

    @contextmanager
    def transaction(self) -> Any:
        self.connection.execute("begin")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def do(self, operation: Operation) -> None:
        self.done.append(operation)
        match operation:
            case Statement(sql):
                self.rows(sql)
            case Seize():
                # Nobody else is here: what is asked for is had.
                self.rows(operation.sql)
                for one in operation.then:
                    self.do(one)
            case Load(relation, rows):
                self.engine.load(relation, rows)
            case Check():
                check(self, operation, self.warned.append)  # type: ignore[arg-type]
            case Inquiry():
                inquire(self, operation)  # type: ignore[arg-type]
            case other:
                raise AssertionError(other)


def statements(operations: Sequence[Operation]) -> list[str]:
    """The SQL of the operations, with what is done under locks that are had."""
    found: list[str] = []
    for operation in operations:
        match operation:
            case Statement(sql):
                found.append(sql)
            case Seize(then=then):
                found += statements(then)
    return found


def hours(first: int, last: int) -> Batch:
    """A slice of time, in hours from noon."""
    return Batch(NOON + timedelta(hours=first), NOON + timedelta(hours=last))
