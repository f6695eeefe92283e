"""`adapter.*` and `api.*`: questions and orders of templates to the warehouse, through the rendering's port."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jinja2.utils import missing

from eltbuild.adapter import Answer
from eltbuild.compile.dbt.adapter_more import MORE
from eltbuild.compile.dbt.column import ColumnFactory, TemplateColumn
from eltbuild.compile.dbt.relation import RelationFactory, TemplateRelation, schema_of
from eltbuild.compile.dbt.responses import Response, table_of
from eltbuild.compile.dbt.result_column import kind_of
from eltbuild.compile.dbt.table import Cursor, Table
from eltbuild.compile.rendering import Rendering
from eltbuild.errors import DatabaseError, did_you_mean
from eltbuild.jinja.errors import TemplateError
from eltbuild.relation import Relation
from eltbuild.sql import external_files as files
from eltbuild.sql.quoting import kept_as, quote_identifier, quoted_parts

TYPES = {"Integer": "integer", "Boolean": "boolean", "Date": "date", "DateTime": "timestamp without time zone"}
HARD_DELETES = ("ignore", "invalidate", "new_record")


class Behavior:
    """`adapter.behavior.<flag>`: what the project's flags say."""

    def __init__(self, flags: Mapping[str, Any]) -> None:
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return bool(self._flags.get(name, False))


class AdapterName:
    """`adapter` in templates."""

    def __init__(self, rendering: Rendering, builtin: Callable[[str], Any]) -> None:
        self._rendering = rendering
        self._builtin = builtin
        session = rendering.session
        self.Relation = RelationFactory(session.dialect, session.project.target.database)
        self.Column = ColumnFactory(session.dialect)
        self.behavior = Behavior(session.project.settings.flags)

    @property
    def config(self) -> Any:
        """The target, as `adapter.config.credentials`."""
        project = self._rendering.session.project
        settings, target = project.settings, project.target
        return {
            "credentials": self._rendering.scope.get("target"),
            "target_name": target.name,
            "profile_name": self._rendering.scope["target"]["profile_name"],
            "project_name": settings.name,
            "project_root": str(project.root),
            "version": settings.version,
            "threads": self._rendering.scope["target"]["threads"],
            "quoting": dict(settings.quoting),
        }

    def type(self) -> str:
        """The adapter's type."""
        return self._rendering.session.project.target.type

    def dispatch(self, macro_name: str, macro_namespace: str | None = None, packages: Any = None) -> Any:
        """The implementation of a macro for this adapter: a package's, the project's, or the built-in one."""
        if packages is not None:
            raise TemplateError("adapter.dispatch() takes no `packages`", hint="use `macro_namespace`")
        if "." in macro_name:
            raise TemplateError(
                f"adapter.dispatch() got `{macro_name}`",
                hint="give the package as the second argument, `macro_namespace`",
            )
        rendering = self._rendering
        found = rendering.session.macros.dispatched(macro_name, macro_namespace, rendering.package)
        if found is not None:
            return rendering.macro(found)
        builtin = self._builtin(macro_name)
        if builtin is not missing:
            return builtin
        where = f" in package `{macro_namespace}`" if macro_namespace else ""
        prefixes = ", ".join(f"{prefix}__{macro_name}" for prefix in rendering.session.macros.prefixes)
        raise TemplateError(
            f"adapter.dispatch(): no macro `{macro_name}`{where}",
            hint=did_you_mean(
                macro_name,
                (n.partition("__")[2] or n for n in rendering.session.macros.names(rendering.package)),
            )
            or f"looked for {prefixes}",
        )

    # Questions ------------------------------------------------------------------------------------------

    def get_relation(self, database: Any = None, schema: Any = None, identifier: Any = None) -> TemplateRelation | None:
        """The relation that stands there, or none.

        Parts that the project does not quote are looked for as the engine keeps them. Raises `TemplateError` where one
        stands there whose name differs in the case of letters only.
        """
        rendering = self._rendering
        session = rendering.session
        given = Relation(_text(database) or session.project.target.database, _text(schema), _text(identifier))
        place = kept_as(given, quoted_parts(session.project.settings.quoting), session.dialect)
        info = rendering.ask().relation(place)
        if info is None:
            self._refuse_near(place)
            return None
        return TemplateRelation.of(info.relation, rendering.session.dialect, type=info.kind)

    def _refuse_near(self, place: Relation) -> None:
        """Where letters of either case are different names, one that differs in them only may be what was meant."""
        connection = getattr(self._rendering.ask(), "connection", None)
        if connection is None or not self._rendering.session.capabilities.exact_names:
            return
        schemas = dict.fromkeys((place.schema or "", (place.schema or "").lower()))
        found = connection.relations([Relation(place.database, schema, None) for schema in schemas])
        near = next((info.relation for info in found if info.relation.key == place.key), None)
        if near is not None:
            text = f"adapter.get_relation(): there is no `{place}`, and a `{near}` whose letters are of another case"
            raise TemplateError(text, hint="write its name as it is, or rename it")

    def load_relation(self, relation: Any) -> TemplateRelation | None:
        """The relation as it stands, or none."""
        return self.get_relation(relation.database, relation.schema, relation.identifier)

    def already_exists(self, schema: Any, name: Any) -> bool:
        """Whether a relation of that name stands."""
        return self.get_relation(None, schema, name) is not None

    def get_columns_in_relation(self, relation: Any) -> list[TemplateColumn]:
        """The columns of a relation; empty where there is none, as of an ephemeral model."""
        rendering = self._rendering
        if relation is None or isinstance(relation, str):
            return []
        own = self._own_macro("get_columns_in_relation") if rendering.live else None
        if own is not None:
            found: list[TemplateColumn] = own(relation)
            return found
        dialect = rendering.session.dialect
        if getattr(relation, "is_cte", False):
            return []
        if getattr(relation, "_plain", None) and relation.type == "external":
            return [
                TemplateColumn.of(column, dialect) for column in self._described(f"select * from {relation.render()}")
            ]
        info = rendering.ask().relation(relation.place())
        return [TemplateColumn.of(column, dialect) for column in info.columns] if info else []

    def _described(self, query: str) -> Any:
        connection = getattr(self._rendering.ask(), "connection", None)
        return connection.columns(query) if connection is not None else ()

    def get_columns_in_table(self, schema: Any, identifier: Any) -> list[TemplateColumn]:
        """The columns of a table of that schema."""
        return self.get_columns_in_relation(self.Relation.create(None, schema, identifier))

    def get_column_schema_from_query(self, sql: str) -> list[TemplateColumn]:
        """The columns that a query gives."""
        return [TemplateColumn.of(column, self._rendering.session.dialect) for column in self._described(sql)]

    def get_missing_columns(self, from_relation: Any, to_relation: Any) -> list[TemplateColumn]:
        """The columns that the first has and the second lacks."""
        have = {column.name.lower() for column in self.get_columns_in_relation(to_relation)}
        return [column for column in self.get_columns_in_relation(from_relation) if column.name.lower() not in have]

    def check_schema_exists(self, database: Any, schema: Any) -> bool:
        """Whether there is a schema of that name."""
        wanted = str(schema).lower()
        return any(name.lower() == wanted for name in self.list_schemas(database))

    def list_schemas(self, database: Any = None) -> list[str]:
        """The names of all schemas."""
        answer = self._rendering.ask().query("select schema_name from information_schema.schemata")
        return [str(row[0]) for row in answer.rows] if answer else []

    def list_relations_without_caching(self, schema_relation: Any) -> list[TemplateRelation]:
        """The relations of a schema."""
        connection = getattr(self._rendering.ask(), "connection", None)
        if connection is None:
            return []
        found = connection.relations([Relation(schema_relation.database, schema_relation.schema, None)])
        return [TemplateRelation.of(i.relation, self._rendering.session.dialect, type=i.kind) for i in found]

    def list_relations(self, database: Any, schema: Any) -> list[TemplateRelation]:
        """The relations of a schema."""
        return self.list_relations_without_caching(self.Relation.create(database, schema))

    def _own_macro(self, name: str) -> Any:
        """The project's macro that takes the place of an order or a question of the adapter, if it has one."""
        rendering = self._rendering
        macros = rendering.session.macros
        macro = macros.visible(name, rendering.package) or macros.overridden(name)
        if macro is None or macro.id in rendering.active:
            return None
        return rendering.macro(macro)

    # Orders ---------------------------------------------------------------------------------------------

    def execute(
        self, sql: str, auto_begin: bool = False, fetch: bool = False, limit: Any = None
    ) -> tuple[Response, Table]:
        """Run SQL: the response, and the rows."""
        answer = self._run(sql)
        if answer is None:
            return Response(""), Table((), ())
        table = table_of(self._rendering, answer) if fetch else Table((), ())
        return Response(answer.message, answer.affected), table.limit(int(limit)) if limit is not None else table

    def add_query(self, sql: str, auto_begin: bool = True, bindings: Any = None, abridge_sql_log: bool = False) -> Any:
        """Run SQL: the session, and a cursor over what it gave."""
        if bindings:
            raise TemplateError("adapter.add_query() with bindings is not supported")
        return self, Cursor(self._run(sql))

    def run_sql_for_tests(self, sql: str, fetch: str = "None", conn: Any = None) -> Any:
        """Run SQL: nothing, one row, or all rows."""
        answer = self._run(sql)
        if answer is None or fetch == "None":
            return None
        return answer.rows[0] if fetch == "one" and answer.rows else list(answer.rows)

    def _run(self, sql: str) -> Answer | None:
        return self._rendering.ask().query(str(sql))

    def create_schema(self, relation: Any) -> None:
        """Create the schema of a relation where there is none."""
        own = self._own_macro("create_schema")
        if own is not None:
            own(relation)
            return
        self._run(f"create schema if not exists {schema_of(relation)}")

    def drop_schema(self, relation: Any) -> None:
        """Drop the schema of a relation with all it holds."""
        own = self._own_macro("drop_schema")
        if own is not None:
            own(relation)
            return
        self._run(f"drop schema if exists {schema_of(relation)} cascade")

    def drop_relation(self, relation: Any) -> None:
        """Drop a relation where there is one."""
        own = self._own_macro("drop_relation")
        if own is not None:
            own(relation)
            return
        if relation is None:
            return
        kind = (relation.type or self._type_of(relation)).replace("_", " ")
        self._run(f"drop {'table' if kind == 'external' else kind} if exists {relation.render()}")

    def _type_of(self, relation: Any) -> str:
        """What stands under the name of a relation that does not say so itself."""
        info = self._rendering.ask().relation(relation.place())
        return "table" if info is None else info.kind

    def truncate_relation(self, relation: Any) -> None:
        """Delete all rows of a table."""
        own = self._own_macro("truncate_relation")
        if own is not None:
            own(relation)
            return
        self._run(f"truncate table {relation.render()}")

    def rename_relation(self, from_relation: Any, to_relation: Any) -> None:
        """Give a relation another name in its schema."""
        own = self._own_macro("rename_relation")
        if own is not None:
            own(from_relation, to_relation)
            return
        kind = (from_relation.type or self._type_of(from_relation)).replace("_", " ")
        name = quote_identifier(str(to_relation.identifier), self._rendering.session.dialect)
        self._run(f"alter {kind} {from_relation.render()} rename to {name}")

    def expand_target_column_types(self, from_relation: Any, to_relation: Any) -> None:
        """Widen text columns of the second to hold those of the first."""
        have = {column.name: column for column in self.get_columns_in_relation(to_relation)}
        for column in self.get_columns_in_relation(from_relation):
            target = have.get(column.name)
            if target is not None and target.can_expand_to(column):
                self._run(f"alter table {to_relation.render()} alter column {column.quoted} type {column.data_type}")

    def commit(self) -> str:
        """Commit what has been done; nothing where no transaction is open, as each statement has committed itself.

        In a transaction that ends later, once tests have passed or with the whole run, it is done then.
        """
        if getattr(getattr(self._rendering.ask(), "connection", None), "ends_later", False):
            return ""
        try:
            self._run("commit")
        except DatabaseError as error:
            if "no transaction" not in error.message.lower():
                raise
        return ""

    # Spelling -------------------------------------------------------------------------------------------

    def quote(self, identifier: Any) -> str:
        """An identifier in the engine's quotes."""
        return quote_identifier(str(identifier), self._rendering.session.dialect)

    def quote_as_configured(self, identifier: Any, quote_key: str) -> str:
        """An identifier, in quotes if the project quotes such parts."""
        flag = self._rendering.session.project.settings.quoting.get(quote_key)
        return str(identifier) if flag is False else self.quote(identifier)

    def quote_seed_column(self, column: Any, quote_config: Any) -> str:
        """The name of a seed's column, in quotes unless the config says no."""
        return str(column) if quote_config is False else self.quote(column)

    def convert_type(self, table: Any, column: int) -> str:
        """The type of a new table's column that can hold those values."""
        values = [value for value in table.columns[column].values() if value is not None]
        kind = kind_of(values)
        if kind == "Number":
            whole = (isinstance(value, int) or (value.is_finite() and value == int(value)) for value in values)
            return "integer" if all(whole) else "float8"
        return TYPES.get(kind, "text")

    def standardize_grants_dict(self, table: Any) -> dict[str, list[str]]:
        """Privileges to grantees, from the rows that list grants."""
        grants: dict[str, list[str]] = {}
        for row in table.rows:
            grants.setdefault(str(row["privilege_type"]).lower(), []).append(row["grantee"])
        return grants

    def get_partitions_metadata(self, table: Any) -> list[Any]:
        """Nothing: no engine here tells."""
        return []

    def valid_incremental_strategies(self) -> list[str]:
        """The strategies that the engine can do."""
        return sorted(self._rendering.session.capabilities.incremental_strategies)

    def get_hard_deletes_behavior(self, config: Any) -> str:
        """What a snapshot does with rows that vanish. Raises `TemplateError` where the config says nothing possible."""
        older, given = config.get("invalidate_hard_deletes"), config.get("hard_deletes")
        if older is not None and given is not None:
            text = "a snapshot has both `hard_deletes` and `invalidate_hard_deletes`"
            raise TemplateError(text, hint="keep the first")
        if older:
            return "invalidate"
        found = str(given or "ignore")
        if found not in HARD_DELETES:
            raise TemplateError(f"`hard_deletes` is `{found}`", hint=f"it may be {', '.join(HARD_DELETES)}")
        return found

    def cache_added(self, relation: Any) -> str:
        """Nothing is cached here."""
        return ""

    cache_dropped = cache_added

    def cache_renamed(self, from_relation: Any, to_relation: Any) -> str:
        """Nothing is cached here."""
        return ""

    def verify_database(self, database: Any) -> str:
        """Nothing is checked ahead."""
        return ""

    def is_motherduck(self) -> bool:
        """Whether the target is a MotherDuck database."""
        return str(self._rendering.session.project.target.fields.get("path", "")).startswith(("md:", "motherduck:"))

    def is_ducklake(self, relation: Any = None) -> bool:
        """Whether the target is a DuckLake."""
        return bool(self._rendering.session.project.target.fields.get("is_ducklake"))

    def disable_transactions(self) -> bool:
        """Whether the profile turns transactions off."""
        return bool(self._rendering.session.project.target.fields.get("disable_transactions"))

    def external_root(self) -> str:
        """The folder of external files."""
        return str(self._rendering.session.project.target.fields.get("external_root") or ".")

    def external_write_options(self, write_location: Any, rendered_options: Any) -> str:
        """The options of COPY as SQL: those that are given, and what the file's name tells."""
        return files.spelled_options(files.write_options(str(write_location), dict(rendered_options or {})))

    def external_read_location(self, write_location: Any, rendered_options: Any) -> str:
        """The file that was written, or the pattern of all files."""
        return files.read_location(str(write_location), dict(rendered_options or {}))

    def location_exists(self, location: Any) -> bool:
        """Whether the engine finds a file there, or one that the pattern covers; paths are those of the project."""
        introspector = self._rendering.ask()
        place = (
            str(location) if "://" in str(location) else os.path.join(self._rendering.session.project.root, location)
        )
        answer = introspector.query(f"select 1 from glob({files.quoted(place)}) limit 1") if introspector.live else None
        return answer is not None and bool(answer.rows)

    def escape_sql_string(self, value: Any) -> str:
        """The text as it stands inside of a literal."""
        return str(value).replace("'", "''")

    def warn_once(self, message: Any) -> str:
        """Say a warning."""
        self._rendering.session.say(str(message), "warn", "warning", None)
        return ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in MORE:
            return partial(MORE[name], self._rendering)
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        return [*MORE, *(name for name in object.__dir__(self) if not name.startswith("_"))]


class Api:
    """`api.Relation` and `api.Column`."""

    def __init__(self, adapter: AdapterName) -> None:
        self.Relation = adapter.Relation
        self.Column = adapter.Column


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
