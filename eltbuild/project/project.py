"""A project as a whole: its settings, and every resource by id. Data only; nothing is read or decided here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eltbuild.adapter import Target
from eltbuild.errors import Problem
from eltbuild.project.resources import Doc, Exposure, Group, Macro, Node, NodeId, Resource, Source, UnitTest, Unmanaged
from eltbuild.values import dataclass, field

PROJECT_FILES = ("eltbuild.yml", "dbt_project.yml")
"""What a project file is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One project file (`eltbuild.yml` or `dbt_project.yml`), rendered where it must be, with defaults filled in."""

    name: str
    file: str = "dbt_project.yml"
    """The file's path relative to the project root."""
    root: str = ""
    """The package's folder relative to the project root; "" for the project itself."""
    version: str | None = None
    profile: str | None = None
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`model-paths`, `seed-paths`, `macro-paths`, `snapshot-paths`, `test-paths`, `analysis-paths`, `docs-paths`,
    `asset-paths`, `function-paths`: folders relative to the package."""
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The rendered config trees by section: `models`, `seeds`, `snapshots`, `data_tests`, `sources`, `unit_tests`,
    `exposures`, `metrics`, `semantic_models`, `saved_queries`, `analyses`, `functions`."""
    unrendered_configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    on_run_start: tuple[str, ...] = ()
    on_run_end: tuple[str, ...] = ()
    hook_places: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """Line and column of each text under `on-run-start` and `on-run-end`."""
    dispatch: tuple[Mapping[str, Any], ...] = ()
    """`{macro_namespace: str, search_order: [str]}` entries."""
    quoting: Mapping[str, bool] = field(default_factory=dict)
    query_comment: Mapping[str, Any] = field(default_factory=dict)
    """`{comment: str | None, append: bool}`; comment None: no comment at all; key absent: the default."""
    flags: Mapping[str, Any] = field(default_factory=dict)
    target_path: str = "target"
    log_path: str = "logs"
    packages_path: str = "dbt_packages"
    clean_targets: tuple[str, ...] = ("target",)
    require_version: tuple[str, ...] = ()
    restrict_access: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Every resource by id, with settings and target. As written by `project.load`, as meant by `compile.settle`."""

    root: str
    """Absolute path of the project's folder."""
    settings: Settings
    packages: Mapping[str, Settings]
    """All settings by package name, the project's own included and first."""
    target: Target
    vars: Mapping[str, Any] = field(default_factory=dict)
    """What `--vars` gave."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables as templates may read them (`.env` included)."""
    nodes: Mapping[NodeId, Node] = field(default_factory=dict)
    sources: Mapping[NodeId, Source] = field(default_factory=dict)
    exposures: Mapping[NodeId, Exposure] = field(default_factory=dict)
    unit_tests: Mapping[NodeId, UnitTest] = field(default_factory=dict)
    unmanaged: Mapping[NodeId, Unmanaged] = field(default_factory=dict)
    macros: Mapping[str, Macro] = field(default_factory=dict)
    docs: Mapping[str, Doc] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    selectors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`selectors.yml`, by name, as written."""
    disabled: Sequence[Resource] = ()
    rivals: Sequence[Node] = ()
    """Nodes that have the id of another one: settling tells which of them is enabled, and leaves none here."""
    problems: tuple[Problem, ...] = ()
    """Warnings; errors are raised."""

    def resources(self) -> Iterator[Resource]:
        """Everything that can be selected."""
        yield from self.nodes.values()
        yield from self.sources.values()
        yield from self.exposures.values()
        yield from self.unit_tests.values()
        yield from self.unmanaged.values()

    def resource(self, id: NodeId) -> Resource | None:
        """The resource of that id, or None."""
        return (
            self.nodes.get(id)
            or self.sources.get(id)
            or self.exposures.get(id)
            or self.unit_tests.get(id)
            or self.unmanaged.get(id)
        )
