"""What stands in a properties file, entry by entry, as typed values: as written, before anything is resolved.

All of it is data that JSON can carry, so that it can be kept on disk. Lines and columns count from 1, 0 if unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.errors import Problem
from eltbuild.project.resources import ColumnSpec
from eltbuild.values import dataclass, field

Version = str | int | float


@dataclass(frozen=True, slots=True)
class TestEntry:
    """A generic data test under a model, a column, a source's table ..."""

    __test__ = False
    name: str
    """The test's name, without its namespace."""
    namespace: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    title: str | None = None
    """The custom `name:`."""
    description: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class ColumnEntry:
    """A column with its tests."""

    spec: ColumnSpec
    tests: tuple[TestEntry, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """One version of a model; None: as the model itself has it."""

    v: Version
    defined_in: str | None = None
    description: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    unrendered_config: Mapping[str, Any] | None = None
    constraints: tuple[Mapping[str, Any], ...] | None = None
    columns: tuple[ColumnEntry, ...] = ()
    include: tuple[str, ...] | None = None
    """Columns of the model that this version has; None: all."""
    exclude: tuple[str, ...] = ()
    tests: tuple[TestEntry, ...] | None = None
    deprecation_date: str | None = None
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """A model, seed, snapshot, analysis or singular test. `config` holds what stood at the top level, too."""

    name: str
    description: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    unrendered_config: Mapping[str, Any] | None = None
    """The config with its Jinja as written; None: there was none."""
    columns: tuple[ColumnEntry, ...] = ()
    tests: tuple[TestEntry, ...] = ()
    constraints: tuple[Mapping[str, Any], ...] = ()
    versions: tuple[VersionEntry, ...] = ()
    latest_version: Version | None = None
    deprecation_date: str | None = None
    relation: str | None = None
    """What a snapshot in YAML is taken of."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table of a source; what the source says is not merged in."""

    name: str
    identifier: str | None = None
    description: str = ""
    loader: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    """Those beside `config`, which its tests have, too; `config` holds all."""
    quoting: Mapping[str, Any] = field(default_factory=dict)
    external: Mapping[str, Any] | None = None
    columns: tuple[ColumnEntry, ...] = ()
    tests: tuple[TestEntry, ...] = ()
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A source with its tables. `config` holds freshness, loaded_at, meta and tags, wherever they stood."""

    name: str
    description: str = ""
    database: str | None = None
    schema: str | None = None
    unrendered_database: str | None = None
    unrendered_schema: str | None = None
    """As written, where they held Jinja."""
    loader: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    quoting: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[TableEntry, ...] = ()
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class MacroEntry:
    """The description of a macro."""

    name: str
    description: str = ""
    arguments: tuple[Mapping[str, Any], ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class ExposureEntry:
    """An exposure."""

    name: str
    type: str
    owner: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    maturity: str | None = None
    url: str | None = None
    description: str = ""
    depends_on: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    unrendered_config: Mapping[str, Any] | None = None
    line: int = 0
    column: int = 0
    depends_on_lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A group."""

    name: str
    owner: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class UnitTestEntry:
    """A unit test of a model."""

    name: str
    model: str
    given: tuple[Mapping[str, Any], ...] = ()
    expect: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class OtherEntry:
    """A metric, semantic model or saved query; `body` is all of it as written.

    `of_model`: the model within whose entry it stands.
    """

    kind: str
    name: str
    description: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0
    column: int = 0
    of_model: str | None = None


@dataclass(frozen=True, slots=True)
class PropertiesFile:
    """All entries of one file. With `templated`, values hold Jinja that must be rendered first: nothing else is set."""

    models: tuple[NodeEntry, ...] = ()
    seeds: tuple[NodeEntry, ...] = ()
    snapshots: tuple[NodeEntry, ...] = ()
    analyses: tuple[NodeEntry, ...] = ()
    data_tests: tuple[NodeEntry, ...] = ()
    functions: tuple[NodeEntry, ...] = ()
    sources: tuple[SourceEntry, ...] = ()
    macros: tuple[MacroEntry, ...] = ()
    exposures: tuple[ExposureEntry, ...] = ()
    groups: tuple[GroupEntry, ...] = ()
    unit_tests: tuple[UnitTestEntry, ...] = ()
    others: tuple[OtherEntry, ...] = ()
    problems: tuple[Problem, ...] = ()
    """With places in this file whose path is empty: the same text may stand in several files."""
    templated: bool = False
    lasting: bool = True
    """Whether JSON can carry all of it, so that it may be kept."""
