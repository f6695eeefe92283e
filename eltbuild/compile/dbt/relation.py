"""A relation as templates see it: dbt's members over our values, immutable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eltbuild.jinja.errors import TemplateError
from eltbuild.relation import Relation
from eltbuild.sql.quoting import PARTS, kept_as, quote_identifier
from eltbuild.sql.spelling import SCHEMA_ALONE
from eltbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Which parts of a relation are quoted, or printed."""

    database: bool = True
    schema: bool = True
    identifier: bool = True


class TemplateRelation:
    """`this`, `ref()`, `source()` and `api.Relation.create()` in templates.

    Prints as the quoted name, or as the text in `rendered` (a CTE's name, a file, a filtered subquery).
    """

    __slots__ = (
        "_plain",
        "_text",
        "database",
        "dialect",
        "identifier",
        "included",
        "meta",
        "quoted_parts",
        "schema",
        "type",
    )

    Table = "table"
    View = "view"
    CTE = "cte"
    MaterializedView = "materialized_view"
    External = "external"
    Function = "function"
    PointerTable = "pointer_table"
    Ephemeral = "ephemeral"
    limit = None
    dbt_created = False

    def __init__(
        self,
        database: str | None = None,
        schema: str | None = None,
        identifier: str | None = None,
        *,
        type: str | None = None,
        dialect: str = "duckdb",
        quoted: tuple[bool, bool, bool] = (True, True, True),
        included: tuple[bool, bool, bool] = (True, True, True),
        text: str | None = None,
        plain: str | None = None,
        meta: Any = None,
    ) -> None:
        self.database = database
        self.schema = schema
        self.identifier = identifier
        self.type = type
        self.dialect = dialect
        self.quoted_parts = quoted
        self.included = included
        self._text = text
        self._plain = plain
        self.meta = meta

    @classmethod
    def of(cls, relation: Relation, dialect: str, type: str | None = None, **more: Any) -> TemplateRelation:
        """The template's view of a place in the warehouse."""
        return cls(relation.database, relation.schema, relation.identifier, type=type, dialect=dialect, **more)

    def _copy(self, **changes: Any) -> TemplateRelation:
        values: dict[str, Any] = {
            "database": self.database, "schema": self.schema, "identifier": self.identifier, "type": self.type,
            "dialect": self.dialect, "quoted": self.quoted_parts, "included": self.included, "meta": self.meta,
        }  # fmt: skip
        values.update(changes)
        return TemplateRelation(**values)

    def place(self) -> Relation:
        """The place as the engine keeps it."""
        return kept_as(Relation(self.database, self.schema, self.identifier), self.quoted_parts, self.dialect)

    def render(self) -> str:
        """The name, without any limit or filter that printing would add."""
        if self._plain is not None:
            return self._plain
        parts = [
            quote_identifier(str(part), self.dialect) if quoted else str(part)
            for part, quoted, included in zip(
                (self.database, self.schema, self.identifier), self.quoted_parts, self.included, strict=True
            )
            if part and included
        ]
        self._plain = ".".join(parts)
        return self._plain

    def render_limited(self) -> str:
        """The text that stands in a query, a limit or filter of this run included."""
        return str(self)

    def __str__(self) -> str:
        return self._text if self._text is not None else self.render()

    def __repr__(self) -> str:
        return f"<Relation {self}>"

    def __hash__(self) -> int:
        return hash(self.render())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TemplateRelation) and self.place() == other.place() and self.included == other.included

    def __getitem__(self, key: str) -> Any:
        if key in ("database", "schema", "identifier", "name", "table", "type"):
            return getattr(self, key)
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        """A part by name; `metadata` tells packages that this is a relation."""
        if key == "metadata":
            return {"type": "TemplateRelation"}
        return getattr(self, key) if key in (*PARTS, "name", "table", "type") else default

    def keys(self) -> list[str]:
        """Names of the parts."""
        return ["path", "type"]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    @property
    def name(self) -> str | None:
        """The identifier."""
        return self.identifier

    @property
    def table(self) -> str | None:
        """The identifier."""
        return self.identifier

    @property
    def path(self) -> TemplateRelation:
        """The parts; the relation itself has them."""
        return self

    @property
    def quote_policy(self) -> Policy:
        """Which parts are quoted."""
        return Policy(*self.quoted_parts)

    @property
    def include_policy(self) -> Policy:
        """Which parts are printed."""
        return Policy(*self.included)

    @property
    def quote_character(self) -> str:
        """What stands around a quoted name."""
        return quote_identifier("x", self.dialect)[:1]

    @property
    def is_table(self) -> bool:
        """Whether it is known to be a table."""
        return self.type == "table"

    @property
    def is_view(self) -> bool:
        """Whether it is known to be a view."""
        return self.type == "view"

    @property
    def is_cte(self) -> bool:
        """Whether it is an ephemeral model's CTE."""
        return self.type == "cte"

    @property
    def is_materialized_view(self) -> bool:
        """Whether it is known to be a materialized view."""
        return self.type == "materialized_view"

    @property
    def is_pointer(self) -> bool:
        """Whether it points to another table's storage."""
        return self.type == "pointer_table"

    @property
    def is_function(self) -> bool:
        """Whether it is a function."""
        return self.type == "function"

    @property
    def can_be_renamed(self) -> bool:
        """Whether ALTER ... RENAME works on it."""
        return self.type in ("table", "view")

    @property
    def can_be_replaced(self) -> bool:
        """Whether CREATE OR REPLACE works on it."""
        return self.type in ("table", "view")

    @property
    def is_dynamic_table(self) -> bool:
        """Whether it is a dynamic table."""
        return self.type == "dynamic_table"

    def include(
        self, database: bool | None = None, schema: bool | None = None, identifier: bool | None = None
    ) -> TemplateRelation:
        """The same relation printing only some of its parts."""
        given = (database, schema, identifier)
        kept = tuple(old if new is None else bool(new) for old, new in zip(self.included, given, strict=True))
        return self._copy(included=kept)

    def quote(
        self, database: bool | None = None, schema: bool | None = None, identifier: bool | None = None
    ) -> TemplateRelation:
        """The same relation with other parts quoted."""
        given = (database, schema, identifier)
        kept = tuple(old if new is None else bool(new) for old, new in zip(self.quoted_parts, given, strict=True))
        return self._copy(quoted=kept)

    def incorporate(self, path: Any = None, type: str | None = None, **_: Any) -> TemplateRelation:
        """The same relation with some parts replaced; a part that is none is one no more."""
        changes = {key: value for key, value in dict(path or {}).items() if key in PARTS}
        if type is not None:
            changes["type"] = type
        return self._copy(**changes)

    def replace_path(self, **parts: Any) -> TemplateRelation:
        """The same relation with some parts replaced."""
        return self._copy(**{key: value for key, value in parts.items() if key in PARTS})

    def create(self, **parts: Any) -> TemplateRelation:
        """Another relation, of those parts."""
        return RelationFactory(self.dialect, None).create(**parts)

    def without_identifier(self) -> TemplateRelation:
        """The schema alone."""
        return self.include(identifier=False)

    def without_quotes(self) -> TemplateRelation:
        """The same relation printed without quotes."""
        return self.quote(False, False, False)

    def information_schema(self, view_name: str | None = None) -> TemplateRelation:
        """A view of the information schema of this relation's database."""
        return self._copy(
            schema="INFORMATION_SCHEMA", identifier=view_name, quoted=(self.quoted_parts[0], False, False), type="view",
            included=(self.included[0], True, bool(view_name)),
        )  # fmt: skip

    def information_schema_only(self) -> TemplateRelation:
        """The information schema itself."""
        return self.information_schema()

    def matches(self, database: str | None = None, schema: str | None = None, identifier: str | None = None) -> bool:
        """Whether the given parts are this relation's, letter case aside."""
        given = zip((database, schema, identifier), (self.database, self.schema, self.identifier), strict=True)
        return all(want is None or (have or "").lower() == want.lower() for want, have in given)

    def quoted(self, identifier: str) -> str:
        """An identifier in the engine's quotes."""
        return quote_identifier(identifier, self.dialect)

    def add_ephemeral_prefix(self, name: str) -> str:
        """The name of an ephemeral model's CTE."""
        return f"__dbt__cte__{name}"


Mapping.register(TemplateRelation)  # packages ask `is mapping` to know a relation


class RelationTypes:
    """What a relation can be: `api.Relation.get_relation_type.View`."""

    Table = "table"
    View = "view"
    CTE = "cte"
    MaterializedView = "materialized_view"
    External = "external"
    Ephemeral = "ephemeral"
    Function = "function"
    PointerTable = "pointer_table"
    DynamicTable = "dynamic_table"

    def __call__(self, name: Any) -> str | None:
        """The type of that name, none for none. Raises `TemplateError` where there is no such type."""
        if name is None or name == "":
            return None
        known = [value for key, value in vars(RelationTypes).items() if not key.startswith("_")]
        if str(name) not in known:
            raise TemplateError(f"a relation cannot be of type `{name}`", hint=f"it may be {', '.join(known)}")
        return str(name)


RELATION_TYPES = RelationTypes()


class RelationFactory:
    """`api.Relation` and `adapter.Relation`."""

    def __init__(self, dialect: str, database: str | None) -> None:
        self._dialect = dialect
        self._database = database

    Table = "table"
    View = "view"
    CTE = "cte"
    MaterializedView = "materialized_view"
    External = "external"
    Function = "function"
    PointerTable = "pointer_table"
    Ephemeral = "ephemeral"

    def create(
        self, database: Any = None, schema: Any = None, identifier: Any = None, type: Any = None,
        quote_policy: Any = None, include_policy: Any = None, **_: Any,
    ) -> TemplateRelation:  # fmt: skip
        """A relation of those parts; missing parts are left out when it is printed. The policies: by part, yes or no.

        Raises `TemplateError` for a type that is none.
        """
        return TemplateRelation(
            _part(database),
            _part(schema),
            _part(identifier),
            type=RELATION_TYPES(type),
            dialect=self._dialect,
            quoted=_policy(quote_policy),
            included=_policy(include_policy),
        )

    def __call__(self, **parts: Any) -> TemplateRelation:
        return self.create(**parts)

    def create_from(self, quoting: Any, node: Any, **more: Any) -> TemplateRelation:
        """The relation of a node given as a mapping."""
        return self.create(
            database=node.get("database"),
            schema=node.get("schema"),
            identifier=node.get("alias") or node.get("identifier"),
            **more,
        )

    @property
    def get_relation_type(self) -> RelationTypes:
        """The types that there are, each under its name; called with one, that one."""
        return RELATION_TYPES

    def get_default_quote_policy(self) -> Policy:
        """All parts are quoted."""
        return Policy()

    def get_default_include_policy(self) -> Policy:
        """All parts are printed."""
        return Policy()

    def add_ephemeral_prefix(self, name: str) -> str:
        """The name of an ephemeral model's CTE."""
        return f"__dbt__cte__{name}"

    def scd_args(self, primary_key: Any, updated_at: Any) -> list[Any]:
        """The arguments of a snapshot's row hash."""
        keys = list(primary_key) if isinstance(primary_key, (list, tuple)) else [primary_key]
        return [*keys, updated_at]


def _policy(given: Any) -> tuple[bool, bool, bool]:
    """Yes or no by part; yes where nothing is said."""
    if given is None:
        return (True, True, True)
    parts = [given.get(part) if isinstance(given, Mapping) else getattr(given, part, None) for part in PARTS]
    return (parts[0] is not False, parts[1] is not False, parts[2] is not False)


def _part(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def schema_of(relation: TemplateRelation) -> str:
    """The schema of a relation as it is spelled where it is made or dropped."""
    alone = relation.dialect in SCHEMA_ALONE
    return (relation.include(database=False) if alone else relation).without_identifier().render()
