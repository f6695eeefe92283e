"""Renderings of a small project for tests: a template's text over a real DuckDB connection, or over none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb

from eltbuild.adapter import Answer, Capabilities, Target
from eltbuild.compile.dbt.context import open_scope
from eltbuild.compile.introspect import BLANK, Introspector
from eltbuild.compile.rendering import Rendering
from eltbuild.compile.session import Invocation, Session
from eltbuild.jinja.template import load, render
from eltbuild.project.project import Project, Settings
from eltbuild.project.resources import Macro, Node
from eltbuild.relation import Column, Relation, RelationInfo

T = "api.Relation.create(database='memory', schema='main', identifier='t', type='table')"
S = "api.Relation.create(database='memory', schema='main', identifier='s', type='table')"
V = "api.Relation.create(database='memory', schema='main', identifier='v', type='view')"


class DuckDB:
    """An introspector and a connection over a DuckDB of one's own; keeps what it was asked."""

    live = True

    def __init__(self) -> None:
        self.database = duckdb.connect(":memory:")
        self.database.execute("set TimeZone = 'UTC'")
        self.connection = self
        self.asked: list[str] = []

    def query(self, sql: str) -> Answer:
        """The rows of a query."""
        self.asked.append(sql)
        result = self.database.execute(sql)
        columns = tuple(Column(part[0], str(part[1])) for part in result.description or ())
        return Answer(columns, tuple(tuple(row) for row in result.fetchall()))

    def columns(self, query: str) -> tuple[Column, ...]:
        """The columns of a query."""
        return tuple(Column(row[0], row[1]) for row in self.database.execute(f"describe {query}").fetchall())

    def relation(self, relation: Relation) -> RelationInfo | None:
        """What stands at a place, with its columns."""
        found = self.database.execute(
            "select table_type from information_schema.tables where lower(table_schema) = lower(?)"
            " and lower(table_name) = lower(?)",
            [relation.schema or "main", relation.identifier],
        ).fetchone()
        if found is None:
            return None
        rows = self.database.execute(
            "select column_name, data_type from information_schema.columns where lower(table_schema) = lower(?)"
            " and lower(table_name) = lower(?) order by ordinal_position",
            [relation.schema or "main", relation.identifier],
        ).fetchall()
        kind = "view" if found[0] == "VIEW" else "table"
        return RelationInfo(relation, kind, tuple(Column(name, kind) for name, kind in rows))  # type: ignore[arg-type]


def rendering(
    dialect: str = "duckdb",
    introspector: Introspector = BLANK,
    *,
    config: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    macros: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    node: Node | None = None,
    target: str = "dev",
) -> Rendering:
    """The rendering of a model `orders` in a project `shop`, whose macros are given by name as text."""
    settings = settings or Settings(name="shop")
    project = Project(
        root="/shop",
        settings=settings,
        packages={"shop": settings},
        target=Target("shop", target, dialect, "shop", "main"),
        macros={
            f"macro.shop.{name}": Macro(
                id=f"macro.shop.{name}", name=name, key=name, kind="macro", package="shop", path="macros/m.sql",
                original_path="macros/m.sql", text=text,
            )
            for name, text in (macros or {}).items()
        },
    )  # fmt: skip
    invocation = Invocation("run", "0", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), dict(flags or {}))
    session = Session(project, dialect, Capabilities(), invocation)
    node = node or Node(
        id="model.shop.orders", resource_type="model", name="orders", package="shop", path="orders.sql",
        original_path="models/orders.sql", config=dict(config or {}), relation=Relation("shop", "main", "orders"),
    )  # fmt: skip
    made = Rendering(session, node, introspector)
    open_scope(made)
    return made


def text(template: str, made: Rendering) -> str:
    """The text that a template gives."""
    return str(render(load(template), made.scope))


def value(expression: str, made: Rendering) -> str:
    """The text that one expression gives."""
    return text("{{ " + expression + " }}", made)


def run(duck: DuckDB, expression: str, made: Rendering | None = None) -> None:
    """Run the text that an expression gives."""
    duck.database.execute(value(expression, made or rendering(introspector=duck)))


def rows(duck: DuckDB, sql: str) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    found: list[tuple[Any, ...]] = duck.database.execute(sql).fetchall()
    return found
