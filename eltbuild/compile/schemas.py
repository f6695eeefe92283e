"""Where results stand: database, schema and alias of each node, through the macros that a project may override."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, Problem
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Relation
from eltbuild.sql.quoting import kept_as, quoted_parts

TEST_SCHEMA = "dbt_test__audit"
"""The custom schema of stored test failures, unless a config says another."""

BUILT = frozenset({"model", "seed", "snapshot"})
"""What no two of may stand at one place. A function may have the name of a table: engines tell them apart."""

Generator = Callable[[Any, Node], str | None]


class Naming:
    """The three naming rules: a package's own macros for what it holds, else the project's, else dbt's defaults."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._defaults: dict[str, Generator] = {
            "generate_schema_name": self._default_schema,
            "generate_database_name": self._default_database,
            "generate_alias_name": default_alias,
        }
        self._rules: dict[tuple[str, str], Generator] = {}

    def _named(self, rule: str, custom: Any, node: Node) -> Any:
        key = (rule, node.package)
        found = self._rules.get(key)
        if found is None:
            found = self._rules[key] = self._rule(rule, node.package)
        return found(custom, node)

    def _rule(self, name: str, package: str) -> Generator:
        macros = self._session.macros
        macro = macros.visible(name, package) or macros.overridden(name)
        if macro is None:
            return self._defaults[name]
        from eltbuild.compile.naming_macros import caller

        return caller(self._session, macro, package)

    def _default_schema(self, custom: Any, node: Node) -> str:
        own = self._session.project.target.schema
        return f"{own}_{str(custom).strip()}" if custom is not None else own

    def _default_database(self, custom: Any, node: Node) -> str:
        return str(custom).strip() if custom is not None else self._session.project.target.database

    def relations(self, project: Project, problems: list[Problem]) -> dict[NodeId, Relation | None]:
        """Where each node's result stands; two that would stand at one place are a problem."""
        places: dict[NodeId, Relation | None] = {}
        taken: dict[tuple[str, str, str], Node] = {}
        quoted, dialect = quoted_parts(project.settings.quoting), self._session.dialect
        failed: set[str] = set()
        for id, node in project.nodes.items():
            try:
                place = places[id] = self.relation(node)
            except CompileError as error:
                places[id] = None
                if str(error) not in failed:
                    failed.add(str(error))
                    problems.extend(error.problems)
                continue
            if place is not None and node.resource_type in BUILT and not node.ephemeral:
                kept = kept_as(place, quoted, dialect)
                other = taken.setdefault(kept.key_where(self._session.capabilities.exact_names), node)
                if other is not node:
                    problems.append(_clash(node, other, place))
        return places

    def relation(self, node: Node) -> Relation | None:
        """Where the result of a node stands; None for what has none. Raises `CompileError`."""
        config = node.config
        if node.resource_type in ("analysis", "operation"):
            schema = self._named("generate_schema_name", config.get("schema"), node)
            return Relation(self._session.project.target.database, schema, node.name)
        custom = config.get("schema")
        if node.resource_type == "test" and custom is None:
            custom = TEST_SCHEMA
        database = self._named("generate_database_name", config.get("database"), node)
        schema = self._named("generate_schema_name", custom, node)
        if node.resource_type == "snapshot":
            schema = str(config.get("target_schema") or schema)
            database = str(config.get("target_database") or database)
        return Relation(database, schema, self._named("generate_alias_name", config.get("alias"), node))


def default_alias(custom: Any, node: Node) -> str:
    """The alias as written, else the name, with the version behind it where there is one."""
    if custom:
        return str(custom).strip()
    if node.version is not None:
        return f"{node.name}_v{str(node.version).replace('.', '_')}"
    return node.name


def _clash(node: Node, other: Node, relation: Relation) -> Problem:
    who = f"{node.resource_type} `{node.name}` and {other.resource_type} `{other.name}` ({other.place})"
    return Problem(
        f"{who} would both stand at {relation}",
        node.place,
        "give one of them another `alias` or `schema`",
        name="AmbiguousAlias",
    )
