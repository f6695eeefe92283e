"""`sources.json` (schema v3): how fresh each source was found."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from eltbuild.project.project import Project
from eltbuild.project.projection.others import freshness_dict
from eltbuild.report.invocation import Invocation, metadata
from eltbuild.report.run_results import adapter_response, message, timing_dict
from eltbuild.run.events import Finished, Results

SCHEMA = "sources/v3"


def sources(
    results: Results, *, project: Project, invocation: Invocation, now: datetime, everything: bool = False
) -> dict[str, Any]:
    """The freshness of every source that was asked; results of other nodes are left out, unless `everything`."""
    return {
        "metadata": metadata(SCHEMA, invocation, now),
        "results": [
            freshness_result(finished, project)
            for finished in results.finished
            if finished.node.startswith("source.") or (everything and is_measured(finished, project))
        ],
        "elapsed_time": results.seconds,
    }


def is_measured(finished: Finished, project: Project) -> bool:
    """Whether it is the freshness of a node, and not the end of a hook."""
    node = project.nodes.get(finished.node)
    return node is not None and node.resource_type != "operation"


def freshness_result(finished: Finished, project: Project) -> dict[str, Any]:
    """One source; one that could not be asked has only `error` and the status `runtime error`."""
    if "max_loaded_at" not in finished.extra:
        return {
            "unique_id": finished.node,
            "error": message(finished) or "not checked",
            "status": "runtime error",
        }
    source = project.sources.get(finished.node)
    criteria = finished.extra.get("criteria") or (source.freshness if source else None)
    return {
        "unique_id": finished.node,
        "max_loaded_at": _moment(finished.extra["max_loaded_at"]),
        "snapshotted_at": _moment(finished.extra.get("snapshotted_at")),
        "max_loaded_at_time_ago_in_s": finished.extra.get("age"),
        "status": finished.status,
        "criteria": freshness_dict(criteria or {}),
        "adapter_response": adapter_response(finished),
        "timing": [timing_dict(timing) for timing in finished.timing],
        "thread_id": finished.thread or "main",
        "execution_time": finished.seconds,
    }


def _moment(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
