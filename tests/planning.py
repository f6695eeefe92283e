"""Facts made by hand, and operations run on a bare DuckDB, for tests of the plan room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import duckdb

from eltbuild.adapter import Capabilities
from eltbuild.plan.materialize import MATERIALIZATIONS, asks_columns
from eltbuild.plan.nouns import Batch, Facts, Load, Operation, Statement
from eltbuild.project.resources import ColumnSpec, Node
from eltbuild.relation import Column, Relation, RelationInfo
from eltbuild.sql.writer import Writer

ENFORCED = frozenset({"not_null", "unique", "primary_key", "foreign_key", "check"})
USUAL = frozenset({"append", "delete+insert", "merge", "microbatch", "insert_overwrite"})
CAPABILITIES: Mapping[str, Capabilities] = {
    "duckdb": Capabilities(
        create_or_replace_table=True,
        merge=True,
        indexes=True,
        grants=False,
        enforced_constraints=ENFORCED,
        default_incremental_strategy="delete+insert",
        incremental_strategies=USUAL,
    ),
    "postgres": Capabilities(
        create_or_replace_view=False,
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


def _emptied() -> duckdb.DuckDBPyConnection:
    """One database for all tests of the process, with nothing in it: opening one costs more than a test."""
    connection = _connection()
    views = connection.execute("select view_name from duckdb_views() where not internal").fetchall()
    for kind, names in (
        ("view", views),
        ("table", connection.execute("select table_name from duckdb_tables()").fetchall()),
    ):
        for (name,) in names:
            connection.execute(f"drop {kind} if exists {writer().quote(name)} cascade")
    return connection


class Warehouse:
    """A bare DuckDB that does what a run does with operations, and keeps what it did."""

    def __init__(self) -> None:
        self.connection = _emptied()
        self.done: list[Operation] = []
        self.runs = 0

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

    def build(
        self, node: Node, query: str = "", *, relation: Relation | None = None, **given: Any
    ) -> tuple[Operation, ...]:
        """Materialize a node as a run does; one hour passes between builds."""
        self.runs += 1
        recipe, made = MATERIALIZATIONS[node.materialized], writer()
        relation = relation or Relation("memory", "main", node.name)
        facts = Facts(
            node=node, query=query, relation=relation, existing=self.existing(relation),
            now=NOON + timedelta(hours=self.runs), temporary=str(self.runs),
        )  # fmt: skip
        facts = replace(facts, **given)
        if asks_columns(recipe, facts):
            facts = replace(facts, columns=self.columns(query))
        operations = recipe.materialize(facts, made)
        with self.transaction():
            for operation in operations:
                self.do(operation)
        assert not self.rows("select table_name from duckdb_tables() where table_name like '%dbt_tmp%'")
        return operations

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
                self.connection.execute(sql).fetchall()
            case Load(relation, rows):
                self.connection.register("loaded_rows", rows)
                self.connection.execute(f"insert into {writer().relation(relation)} by name select * from loaded_rows")
                self.connection.unregister("loaded_rows")
            case other:
                raise AssertionError(other)


def statements(operations: Sequence[Operation]) -> list[str]:
    """The SQL of the operations."""
    return [operation.sql for operation in operations if isinstance(operation, Statement)]


def hours(first: int, last: int) -> Batch:
    """A slice of time, in hours from noon."""
    return Batch(NOON + timedelta(hours=first), NOON + timedelta(hours=last))
