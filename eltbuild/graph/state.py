"""What an earlier run left: `manifest.json`, `run_results.json`, `sources.json`, read. Nothing is compared here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from eltbuild.disk import read_whole
from eltbuild.errors import Problem, UsageError
from eltbuild.project.resources import NodeId
from eltbuild.relation import Relation
from eltbuild.values import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A resource as a manifest has it; the names are the manifest's."""

    unique_id: str = ""
    resource_type: str = ""
    name: str = ""
    package_name: str = ""
    original_file_path: str = ""
    fqn: tuple[Any, ...] = ()
    raw_code: str | None = None
    checksum: Any = None
    config: Mapping[str, Any] | None = None
    unrendered_config: Mapping[str, Any] | None = None
    description: str | None = None
    columns: Mapping[str, Mapping[str, Any]] | None = None
    database: str | None = None
    schema: str | None = None
    alias: str | None = None
    identifier: str | None = None
    relation_name: str | None = None
    access: str | None = None
    version: Any = None
    latest_version: Any = None
    deprecation_date: Any = None
    contract: Mapping[str, Any] | None = None
    constraints: tuple[Mapping[str, Any], ...] | None = None
    depends_on: Mapping[str, Any] | None = None
    unrendered_database: str | None = None
    unrendered_schema: str | None = None
    quoting: Mapping[str, Any] | None = None
    freshness: Mapping[str, Any] | None = None
    loaded_at_field: str | None = None
    loaded_at_query: str | None = None
    external: Mapping[str, Any] | None = None
    type: str | None = None
    label: str | None = None
    owner: Mapping[str, Any] | None = None
    maturity: str | None = None
    url: str | None = None
    model: Any = None
    given: Any = None
    expect: Any = None
    overrides: Any = None
    arguments: Any = None
    returns: Any = None
    overloads: Any = None
    compiled_code: str | None = None
    meta: Mapping[str, Any] | None = None
    tags: Any = None

    @property
    def relation(self) -> Relation | None:
        """Where its result stood; None for what has none of its own (ephemeral models, tests, analyses)."""
        if not self.relation_name:
            return None
        return Relation(self.database, self.schema, self.alias or self.identifier or self.name)


@dataclass(frozen=True, slots=True)
class State:
    """What a manifest holds, as far as it is compared or deferred to. `path` is the file."""

    path: str
    resources: Mapping[NodeId, Before] = field(default_factory=dict)
    macros: Mapping[str, str] = field(default_factory=dict)
    """The text of each macro by id."""
    adapter: str = ""
    generated_at: str = ""


@dataclass(frozen=True, slots=True)
class SourceResult:
    """What a freshness check found: `max_loaded_at` is an ISO time, None when the check failed."""

    max_loaded_at: str | None = None
    status: str = ""

    def fresher_than(self, earlier: SourceResult | None) -> bool:
        """Whether newer rows have come since; so it is too when there was no earlier check."""
        if self.max_loaded_at is None:
            return False
        if earlier is None:
            return True
        return earlier.max_loaded_at is not None and _time(self.max_loaded_at) > _time(earlier.max_loaded_at)


def _time(text: str) -> tuple[float, str]:
    from datetime import UTC, datetime

    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return (0.0, text)
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp(), "")


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Macro:
    macro_sql: str = ""


@dataclass(frozen=True, slots=True)
class _Manifest:
    nodes: dict[str, Before]
    metadata: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Before] = field(default_factory=dict)
    exposures: dict[str, Before] = field(default_factory=dict)
    unit_tests: dict[str, Before] = field(default_factory=dict)
    metrics: dict[str, Before] = field(default_factory=dict)
    semantic_models: dict[str, Before] = field(default_factory=dict)
    saved_queries: dict[str, Before] = field(default_factory=dict)
    functions: dict[str, Before] = field(default_factory=dict)
    macros: dict[str, _Macro] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Result:
    unique_id: str
    status: str = ""
    max_loaded_at: str | None = None


@dataclass(frozen=True, slots=True)
class _Results:
    results: list[_Result]


def load_state(folder: str | Path) -> State:
    """What `manifest.json` in that folder holds. Raises `UsageError` when it is missing, damaged or too old."""
    path = Path(folder) / "manifest.json"
    manifest = _read(path, _Manifest, "a manifest is written by `eltbuild parse`, `run` and `build`")
    schema = str(manifest.metadata.get("dbt_schema_version") or "")
    number = schema.rpartition("/v")[2].partition(".")[0]
    if number.isdecimal() and int(number) < OLDEST:
        raise UsageError(
            Problem(f"{path} is of schema v{number}, which is too old", hint=f"v{OLDEST} and later can be read")
        )
    return State(
        path=str(path),
        resources={
            **manifest.nodes,
            **manifest.sources,
            **manifest.exposures,
            **manifest.unit_tests,
            **manifest.metrics,
            **manifest.semantic_models,
            **manifest.saved_queries,
            **manifest.functions,
        },
        macros={id: macro.macro_sql for id, macro in manifest.macros.items()},
        adapter=str(manifest.metadata.get("adapter_type") or ""),
        generated_at=str(manifest.metadata.get("generated_at") or ""),
    )


OLDEST = 7
"""The first schema of manifests with `raw_code`."""


def load_results(folder: str | Path) -> Mapping[NodeId, str]:
    """The status of every node in `run_results.json` of that folder. Raises `UsageError`."""
    hint = "results are written by commands that run something, into the target folder"
    found = _read(Path(folder) / "run_results.json", _Results, hint)
    return {result.unique_id: result.status for result in found.results}


def load_sources(folder: str | Path) -> Mapping[NodeId, SourceResult]:
    """What freshness checks found, from `sources.json` of that folder. Raises `UsageError`."""
    found = _read(Path(folder) / "sources.json", _Results, "it is written by `eltbuild source freshness`")
    return {result.unique_id: SourceResult(result.max_loaded_at, result.status) for result in found.results}


def _read(path: Path, shape: type[T], hint: str) -> T:
    import msgspec

    try:
        return msgspec.json.decode(read_whole(path), type=shape)
    except FileNotFoundError:
        raise UsageError(Problem(f"there is no {path}", hint=hint)) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(Problem(f"{path} is damaged: {error}", hint=f"write it again; {hint}")) from error
