"""Macros that ask a warehouse what it holds: schemas, relations, columns, freshness. Answers are tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eltbuild.compile.dbt.ddl import act
from eltbuild.compile.dbt.relation import schema_of
from eltbuild.compile.dbt.table import Table
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.sql.quoting import quote_string

CATALOG = (
    "table_database", "table_schema", "table_name", "table_type", "table_comment", "column_name", "column_index",
    "column_type", "column_comment", "table_owner",
)  # fmt: skip
RELATIONS = ("database", "name", "schema", "type")


def _asked(rendering: Rendering, sql: str, names: Sequence[str] = ()) -> Any:
    table = rendering.scope["run_query"](sql)
    return table if isinstance(table, Table) else Table(names, ())


def _literal(rendering: Rendering, text: Any) -> str:
    return quote_string(str(text), rendering.session.dialect)


def _views(rendering: Rendering, database: Any) -> str:
    """The information schema of a database, as text: one for all databases in most engines."""
    if database and rendering.session.dialect in ("snowflake", "bigquery"):
        return str(rendering.scope["information_schema_name"](database))
    return "information_schema"


def information_schema_name(rendering: Rendering, database: Any) -> str:
    """The information schema of a database; PostgreSQL has one, that of the database one is connected to."""
    if rendering.session.dialect == "postgres":
        return "information_schema"
    return f"{database}.INFORMATION_SCHEMA" if database else "INFORMATION_SCHEMA"


def list_schemas(rendering: Rendering, database: Any) -> Any:
    """The names of a database's schemas."""
    where = f" where lower(catalog_name) = lower({_literal(rendering, database)})" if database else ""
    return _asked(rendering, f"select distinct schema_name from information_schema.schemata{where}", ("schema_name",))


def check_schema_exists(rendering: Rendering, information_schema: Any, schema: Any) -> Any:
    """A table with one number: how many schemas of that name there are, in the database that is named."""
    database = getattr(information_schema, "database", information_schema)
    if isinstance(database, str) and database.lower().endswith("information_schema"):
        database = database[: -len("information_schema")].rstrip(".")
    where = f"lower(schema_name) = lower({_literal(rendering, schema)})"
    if database:
        where += f" and lower(catalog_name) = lower({_literal(rendering, database)})"
    return _asked(rendering, f"select count(*) from information_schema.schemata where {where}", ("count",))


def create_schema(rendering: Rendering, relation: Any) -> str:
    """Create the schema of a relation where there is none."""
    return act(rendering, "create_schema", f"create schema if not exists {schema_of(relation)}")


def drop_schema(rendering: Rendering, relation: Any) -> str:
    """Drop the schema of a relation with all it holds."""
    return act(rendering, "drop_schema", f"drop schema if exists {schema_of(relation)} cascade")


def drop_schema_named(rendering: Rendering, schema_name: Any) -> str:
    """Drop a schema of the target's database with all it holds."""
    relation = rendering.scope["api"].Relation.create(schema=schema_name)
    return str(rendering.scope["drop_schema"](relation) or "")


def list_relations_without_caching(rendering: Rendering, schema_relation: Any) -> Any:
    """The relations of a schema: database, name, schema, type."""
    found = rendering.scope["adapter"].list_relations_without_caching(schema_relation)
    return Table(RELATIONS, [(r.database, r.identifier, r.schema, r.type) for r in found])


def list_function_relations_without_caching(rendering: Rendering, schema_relation: Any) -> Any:
    """The functions of a schema; none are known here."""
    return Table(RELATIONS, ())


def get_relations(rendering: Rendering) -> Any:
    """Which view stands on which relation, by schema and name: not every engine tells."""
    sql = DEPENDENCIES.get(rendering.session.dialect)
    if sql is None:
        raise TemplateError(f"get_relations() is not supported in {rendering.session.dialect}")
    return _asked(rendering, sql, DEPENDENCY)


DEPENDENCY = ("dependent_schema", "dependent_name", "referenced_schema", "referenced_name")
DEPENDENCIES: Mapping[str, str] = {
    "postgres": """\
select distinct vn.nspname as dependent_schema, v.relname as dependent_name, rn.nspname as referenced_schema,
  r.relname as referenced_name
from pg_catalog.pg_rewrite as w
join pg_catalog.pg_class as v on v.oid = w.ev_class
join pg_catalog.pg_namespace as vn on vn.oid = v.relnamespace
join pg_catalog.pg_depend as d on d.objid = w.oid
  and d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
join pg_catalog.pg_class as r on r.oid = d.refobjid and r.oid <> v.oid
join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
where rn.nspname <> 'information_schema' and rn.nspname not like 'pg\\_%'
order by 1, 2, 3, 4""",
}
"""How an engine tells which view stands on what."""


def get_catalog(rendering: Rendering, information_schema: Any, schemas: Iterable[Any]) -> Any:
    """The columns of all relations of those schemas, one row each."""
    names = ", ".join(f"lower({_literal(rendering, getattr(schema, 'schema', schema))})" for schema in schemas)
    condition = f"lower(t.table_schema) in ({names})" if names else "false"
    return _catalog(rendering, information_schema, condition)


def get_catalog_relations(rendering: Rendering, information_schema: Any, relations: Iterable[Any]) -> Any:
    """The columns of those relations, one row each."""
    conditions = [_is(rendering, relation) for relation in relations]
    return _catalog(rendering, information_schema, " or ".join(conditions) or "false")


def get_catalog_for_single_relation(rendering: Rendering, relation: Any) -> Any:
    """The columns of one relation, one row each."""
    return rendering.scope["get_catalog_relations"](relation.information_schema(), [relation])


def _is(rendering: Rendering, relation: Any) -> str:
    parts = [("table_schema", relation.schema), ("table_name", relation.identifier)]
    return "(" + " and ".join(f"lower(t.{c}) = lower({_literal(rendering, v)})" for c, v in parts if v) + ")"


def _catalog(rendering: Rendering, information_schema: Any, condition: str) -> Any:
    database = getattr(information_schema, "database", None)
    views = _views(rendering, database)
    within = f" and lower(t.table_catalog) = lower({_literal(rendering, database)})" if database else ""
    return _asked(
        rendering,
        "select t.table_catalog as table_database, t.table_schema, t.table_name, t.table_type,"
        " cast(null as varchar) as table_comment, c.column_name, c.ordinal_position as column_index,"
        " c.data_type as column_type, cast(null as varchar) as column_comment, cast(null as varchar) as table_owner\n"
        f"from {views}.tables as t\njoin {views}.columns as c\n"
        "    on c.table_catalog = t.table_catalog and c.table_schema = t.table_schema and c.table_name = t.table_name\n"
        f"where ({condition}){within}\norder by t.table_schema, t.table_name, c.ordinal_position",
        CATALOG,
    )


def get_relation_last_modified(rendering: Rendering, information_schema: Any, relations: Iterable[Any]) -> Any:
    """When relations last changed, in engines that know."""
    if rendering.session.dialect not in ("snowflake", "bigquery"):
        raise TemplateError(
            f"{rendering.session.dialect} does not know when a table was last changed",
            hint="give the source a `loaded_at_field` or a `loaded_at_query`",
        )
    views = _views(rendering, getattr(information_schema, "database", None))
    condition = " or ".join(_is(rendering, relation) for relation in relations) or "false"
    now = rendering.scope["current_timestamp"]()
    rendering.scope["statement"](
        "last_modified", fetch_result=True,
        caller=lambda: f"select t.table_schema as schema, t.table_name as identifier, t.last_altered as last_modified,"
        f" {now} as snapshotted_at\nfrom {views}.tables as t\nwhere {condition}",
    )  # fmt: skip
    return rendering.scope["load_result"]("last_modified")


def collect_freshness(rendering: Rendering, source: Any, loaded_at_field: Any, filter: Any = None) -> Any:
    """The newest moment in a source's column, and now."""
    where = f"\nwhere {filter}" if filter else ""
    sql = (
        f"select\n    max({loaded_at_field}) as max_loaded_at,\n"
        f"    {rendering.scope['current_timestamp']()} as snapshotted_at\nfrom {source}{where}"
    )
    rendering.scope["statement"]("collect_freshness", fetch_result=True, auto_begin=False, caller=lambda: sql)
    return rendering.scope["load_result"]("collect_freshness")


def collect_freshness_custom_sql(rendering: Rendering, source: Any, loaded_at_query: Any) -> Any:
    """The moment that a query of the source's own gives, and now."""
    sql = (
        f"with source_query as (\n{loaded_at_query}\n)\nselect\n    (select * from source_query) as max_loaded_at,\n"
        f"    {rendering.scope['current_timestamp']()} as snapshotted_at"
    )
    rendering.scope["statement"](
        "collect_freshness_custom_sql", fetch_result=True, auto_begin=False, caller=lambda: sql
    )
    return rendering.scope["load_result"]("collect_freshness_custom_sql")


CATALOG_MACROS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        check_schema_exists, collect_freshness, collect_freshness_custom_sql, create_schema, drop_schema,
        drop_schema_named, get_catalog, get_catalog_for_single_relation, get_catalog_relations,
        get_relation_last_modified, get_relations, information_schema_name, list_function_relations_without_caching,
        list_relations_without_caching, list_schemas,
    )
}  # fmt: skip
