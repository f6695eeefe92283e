"""Artifacts of an earlier run, read: `manifest.json`, `run_results.json`, `sources.json`. Nothing is compared here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from eltbuild.errors import Problem, UsageError
from eltbuild.graph.state import Before, SourceResult, State
from eltbuild.project.resources import NodeId

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
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except FileNotFoundError:
        raise UsageError(Problem(f"there is no {path}", hint=hint)) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(Problem(f"{path} is damaged: {error}", hint=f"write it again; {hint}")) from error
