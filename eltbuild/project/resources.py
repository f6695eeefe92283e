"""The resources of a project: what the user wrote, as frozen values. Data only; nothing is read or decided here.

`Node` is whatever runs or renders (model, seed, snapshot, test, analysis, operation, function), told apart by
`resource_type`; sources, exposures, macros and the rest are types of their own. Identifiers are dbt's
(`model.shop.orders`, `test.shop.not_null_orders_id.cf6c17daed`), for the tools that read artifacts by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from eltbuild.errors import Place
from eltbuild.relation import Relation
from eltbuild.values import dataclass, field

NodeId: TypeAlias = str
Config: TypeAlias = Mapping[str, Any]

NodeType = Literal["model", "seed", "snapshot", "test", "analysis", "operation", "function"]
Language = Literal["sql", "python", "javascript"]
Access = Literal["private", "protected", "public"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as read: `path` relative to the project root with forward slashes, `digest` of its bytes (hex)."""

    path: str
    text: str
    digest: str
    package: str
    root: str = ""
    """Folder of the package relative to the project root, "" for the project itself."""

    @property
    def original_path(self) -> str:
        """The path relative to the file's own package."""
        return self.path[len(self.root) + 1 :] if self.root else self.path


@dataclass(frozen=True, slots=True)
class Ref:
    """A call of `ref()`: `place` is where it stands, for errors."""

    name: str
    package: str | None = None
    version: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A call of `source()`."""

    source: str
    table: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column as described in a properties file."""

    name: str
    description: str = ""
    data_type: str | None = None
    quote: bool | None = None
    constraints: tuple[Mapping[str, Any], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    granularity: str | None = None
    semantics: Mapping[str, Any] = field(default_factory=dict)
    """What it is to a semantic model: `dimension` and `entity`, as written."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Keys that mean nothing here, for those who read artifacts and for templates."""
    doc_blocks: tuple[str, ...] = ()
    """The ids of the docs blocks that its description is made of."""


@dataclass(frozen=True, slots=True)
class TestCase:
    """What a generic data test tests: the test's name and arguments, and what it hangs on."""

    __test__ = False
    name: str
    namespace: str | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments as written; `model` is a Jinja text such as `{{ get_where_subquery(ref('orders')) }}`."""
    column_name: str | None = None
    attached_to: NodeId | None = None
    file_key: str = ""
    """The resource that it hangs on as dbt writes it: `models.orders`, `sources.raw`."""
    expectation: bool = False
    """Whether it is one of Great Expectations' expectations, and no macro."""
    suite: str | None = None
    """The suite of expectations that it comes from."""
    anomaly: bool = False
    """Whether it compares a measure with its history, and is no macro."""
    file: str = ""
    """The file of the class that the expectation is, where that is the project's or a package's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Something that renders and (but for analyses) runs.

    Before settling, `relation` is None and `parents` and `macros` are empty; `refs`, `sources` and `config` hold what
    literal text tells. Settling gives a new value with all of them filled and `complete` True.
    """

    id: NodeId
    resource_type: NodeType
    name: str
    package: str
    path: str
    """Relative to the resource folder of its package: `staging/stg_orders.sql`."""
    original_path: str
    """Relative to the package: `models/staging/stg_orders.sql`."""
    root: str = ""
    """Folder of the package, relative to the project root; "" for the project itself."""
    fqn: tuple[str, ...] = ()
    language: Language = "sql"
    code: str = ""
    """The template as written, without the newline that ends it."""
    line: int = 1
    """The line of the file where `code` begins (a snapshot block, a test in YAML)."""
    checksum: str = ""
    config: Config = field(default_factory=dict)
    yaml_config: Config = field(default_factory=dict)
    """What the properties file alone says under `config:`; settling needs it to merge again."""
    unrendered_config: Config = field(default_factory=dict)
    description: str = ""
    columns: Mapping[str, ColumnSpec] = field(default_factory=dict)
    docs: Mapping[str, Any] = field(default_factory=dict)
    patch_path: str | None = None
    """The properties file that describes it, as `package://path`."""
    place: Place | None = None
    """Where a person would look: the SQL file, or the line in the YAML file."""
    patch_place: Place | None = None

    refs: tuple[Ref, ...] = ()
    source_refs: tuple[SourceRef, ...] = ()
    functions: tuple[Ref, ...] = ()
    """Calls of `function()`."""
    macro_names: tuple[str, ...] = ()
    """Names that the template calls and that are no built-in of the language, as written (`pkg.name` or `name`)."""
    complete: bool = True
    """Whether `refs`, `source_refs` and `config` hold all there is; False: only rendering can tell."""
    introspective: bool = False
    """Whether the text depends on what the warehouse holds."""

    parents: tuple[NodeId, ...] = ()
    macros: tuple[str, ...] = ()
    """Identifiers of the macros that it uses, directly."""
    relation: Relation | None = None
    """Where its result stands or will stand; None for ephemeral models, analyses and tests that store nothing."""
    written: Relation | None = None
    """The same place with its names as the project writes them, where the engine keeps unquoted ones otherwise."""

    test: TestCase | None = None
    """For generic tests only."""
    access: Access = "protected"
    group: str | None = None
    version: str | int | float | None = None
    latest_version: str | int | float | None = None
    deprecation_date: str | None = None
    constraints: tuple[Mapping[str, Any], ...] = ()
    primary_key: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Properties that we keep for the artifacts and do not act on (`time_spine`, ...)."""

    @property
    def named(self) -> Relation | None:
        """The place of the result with its names as the project writes them."""
        return self.written or self.relation

    @property
    def materialized(self) -> str:
        """The name of the materialization, by the defaults of each resource type."""
        given = self.config.get("materialized")
        return str(given) if given else DEFAULT_MATERIALIZATION[self.resource_type]

    @property
    def ephemeral(self) -> bool:
        """Whether the node becomes a CTE of those that refer to it."""
        return self.resource_type == "model" and self.materialized == "ephemeral"

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the resolved config."""
        return tuple(dict.fromkeys(self.config.get("tags") or ()))

    @property
    def project_path(self) -> str:
        """The path relative to the project root, as errors show it."""
        return f"{self.root}/{self.original_path}" if self.root else self.original_path


DEFAULT_MATERIALIZATION: Mapping[str, str] = {
    "model": "view",
    "seed": "seed",
    "snapshot": "snapshot",
    "test": "test",
    "analysis": "view",
    "operation": "view",
    "function": "function",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One table of a source. `relation` is filled by the loader: names of sources go through no macro."""

    id: NodeId
    name: str
    source_name: str
    package: str
    path: str
    original_path: str
    root: str = ""
    fqn: tuple[str, ...] = ()
    relation: Relation | None = None
    written: Relation | None = None
    """The same place with its names as the project writes them, where the engine keeps unquoted ones otherwise."""
    identifier: str = ""
    loader: str = ""
    description: str = ""
    source_description: str = ""
    columns: Mapping[str, ColumnSpec] = field(default_factory=dict)
    config: Config = field(default_factory=dict)
    unrendered_config: Config = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    source_meta: Mapping[str, Any] = field(default_factory=dict)
    quoting: Mapping[str, Any] = field(default_factory=dict)
    loaded_at_field: str | None = None
    loaded_at_query: str | None = None
    freshness: Mapping[str, Any] | None = None
    """`{warn_after: {count, period}, error_after: {...}, filter}`; None: not checked."""
    external: Mapping[str, Any] | None = None
    unrendered_database: str | None = None
    unrendered_schema: str | None = None
    place: Place | None = None
    doc_blocks: tuple[str, ...] = ()

    resource_type: Literal["source"] = "source"

    @property
    def named(self) -> Relation | None:
        """The place of the table with its names as the project writes them."""
        return self.written or self.relation

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the resolved config."""
        return tuple(dict.fromkeys(self.config.get("tags") or ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A use of the data outside the project."""

    id: NodeId
    name: str
    package: str
    path: str
    original_path: str
    root: str = ""
    fqn: tuple[str, ...] = ()
    type: str = "dashboard"
    owner: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    maturity: str | None = None
    url: str | None = None
    description: str = ""
    config: Config = field(default_factory=dict)
    unrendered_config: Config = field(default_factory=dict)
    refs: tuple[Ref, ...] = ()
    source_refs: tuple[SourceRef, ...] = ()
    metrics: tuple[str, ...] = ()
    parents: tuple[NodeId, ...] = ()
    place: Place | None = None

    resource_type: Literal["exposure"] = "exposure"

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the resolved config."""
        return tuple(dict.fromkeys(self.config.get("tags") or ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTest:
    """A unit test of a model, as written in YAML: given inputs, expected rows, overrides."""

    id: NodeId
    name: str
    package: str
    path: str
    original_path: str
    root: str = ""
    fqn: tuple[str, ...] = ()
    model: str = ""
    given: tuple[Mapping[str, Any], ...] = ()
    expect: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    config: Config = field(default_factory=dict)
    checksum: str = ""
    version: str | int | float | None = None
    versions: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[NodeId, ...] = ()
    place: Place | None = None

    resource_type: Literal["unit_test"] = "unit_test"

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the resolved config."""
        return tuple(dict.fromkeys(self.config.get("tags") or ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged:
    """A resource that is read, listed and written to artifacts but not built: metrics, semantic models,

    saved queries. `body` is the YAML as written.
    """

    id: NodeId
    resource_type: Literal["metric", "semantic_model", "saved_query"]
    name: str
    package: str
    path: str
    original_path: str
    root: str = ""
    fqn: tuple[str, ...] = ()
    description: str = ""
    config: Config = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    refs: tuple[Ref, ...] = ()
    parents: tuple[NodeId, ...] = ()
    place: Place | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the resolved config."""
        return tuple(dict.fromkeys(self.config.get("tags") or ()))


Resource: TypeAlias = Node | Source | Exposure | UnitTest | Unmanaged
"""What can be selected: everything that has a place in the graph."""

MacroKind = Literal["macro", "test", "materialization"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """A macro block. `name` is what the file calls it; `key` the name by which it is looked up.

    `key` equals `name` for macros, `test_<name>` for tests, `materialization_<name>_<adapter>` for materializations.
    `file` and `digest` lead to the template that holds it.
    """

    id: str
    name: str
    key: str
    kind: MacroKind
    package: str
    path: str
    original_path: str
    root: str = ""
    line: int = 1
    text: str = ""
    """The block as written, from `{%` to `%}`."""
    digest: str = ""
    arguments: tuple[Mapping[str, Any], ...] = ()
    description: str = ""
    docs: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    config: Config = field(default_factory=dict)
    patch_path: str | None = None
    macro_names: tuple[str, ...] = ()
    macros: tuple[str, ...] = ()
    supported_languages: tuple[str, ...] = ("sql",)
    touches: bool = True
    """Whether it mentions ref, source, config or calls that only rendering can follow; False: safe not to render."""

    @property
    def project_path(self) -> str:
        """The path relative to the project root, as errors show it."""
        return f"{self.root}/{self.original_path}" if self.root else self.original_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Doc:
    """A docs block."""

    id: str
    name: str
    package: str
    path: str
    original_path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An owner of models."""

    id: str
    name: str
    package: str
    path: str
    original_path: str
    owner: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    config: Config = field(default_factory=dict)
