"""`run_results.json` (schema v6): what a run did to each node."""

from __future__ import annotations

from datetime import datetime
from textwrap import indent
from typing import Any

from eltbuild.errors import INLINED, Problem
from eltbuild.project.project import Project
from eltbuild.project.projection import stands
from eltbuild.project.projection.frame import Spell, quoted, relation_text
from eltbuild.project.resources import NodeId
from eltbuild.report.invocation import Invocation, metadata, stamp
from eltbuild.run.events import Finished, Results, Timing
from eltbuild.values import replace

SCHEMA = "run-results/v6"


def run_results(results: Results, *, project: Project, invocation: Invocation, now: datetime) -> dict[str, Any]:
    """The results in order of completion, every key always there."""
    spell = quoted(project.target.type)
    return {
        "metadata": metadata(SCHEMA, invocation, now),
        "results": [result_dict(finished, project, spell) for finished in results.finished],
        "elapsed_time": results.seconds,
        "args": arguments(invocation),
    }


def arguments(invocation: Invocation) -> dict[str, Any]:
    """The call: which command, as typed, and every flag."""
    return {
        "which": invocation.command,
        "invocation_command": invocation.command_line,
        **invocation.arguments,
    }


def result_dict(finished: Finished, project: Project, spell: Spell) -> dict[str, Any]:
    """One node's result."""
    return {
        "status": status_of(finished),
        "timing": [timing_dict(timing) for timing in finished.timing],
        "thread_id": finished.thread or "main",
        "execution_time": finished.seconds,
        "adapter_response": adapter_response(finished),
        "message": message(finished),
        "failures": failures(finished),
        "unique_id": finished.node,
        "compiled": None if _never_compiled(finished.node) else finished.compiled_code is not None,
        "compiled_code": finished.compiled_code,
        "relation_name": relation_name(finished, project, spell),
        "batch_results": batch_results(finished),
        "overload_results": finished.extra.get("overload_results"),
    }


def status_of(finished: Finished) -> str:
    """The status in dbt's words, of which none says that a node was cancelled.

    Where an ephemeral model is at fault, dbt takes those that its text stands in for skipped.
    """
    if finished.error is not None and finished.error.name == INLINED:
        return "skipped"
    return "error" if finished.status == "cancelled" else finished.status


def failures(finished: Finished) -> int | None:
    """The failing rows; 0 for a test that passes with some, because its `error_if` lets them."""
    return 0 if finished.status == "pass" and finished.failures is not None else finished.failures


def relation_name(finished: Finished, project: Project, spell: Spell) -> str | None:
    """Where the node's result stands or would stand, whatever became of it; none for seeds, as in dbt."""
    node = project.nodes.get(finished.node)
    if node is None or node.resource_type == "seed":
        return None
    if node.relation is not None and (finished.relation_name is not None or stands(node)):
        return relation_text(node, spell, project.settings.quoting)
    return finished.relation_name


def timing_dict(timing: Timing) -> dict[str, str]:
    """One phase."""
    return {
        "name": timing.name,
        "started_at": stamp(timing.started_at),
        "completed_at": stamp(timing.completed_at),
    }


def adapter_response(finished: Finished) -> dict[str, Any]:
    """What the warehouse said, with the number of rows under the key that readers look for; nothing of hooks."""
    response = dict(finished.response)
    if "expectation" in finished.extra:
        response["expectation"] = finished.extra["expectation"]
    if finished.rows is not None and not finished.node.startswith("operation."):
        response.setdefault("rows_affected", finished.rows)
    return response


def message(finished: Finished) -> str | None:
    """The whole text of an error with its place, else the short word on the outcome."""
    return problem_text(finished.error, finished.fault) if finished.error else finished.message


def problem_text(problem: Problem, fault: str = "") -> str:
    """A problem on one or more lines, as artifacts and logs hold it; below the fault that names its place, if any."""
    return f"{fault}\n{indent(str(replace(problem, place=None)), '  ')}" if fault else str(problem)


def batch_results(finished: Finished) -> dict[str, Any] | None:
    """The batches of a microbatch model that succeeded and failed; None for anything else."""
    if finished.batches is None:
        return None
    return {
        "successful": list(finished.batches.get("successful", ())),
        "failed": list(finished.batches.get("failed", ())),
    }


def _never_compiled(id: NodeId) -> bool:
    return id.startswith(("seed.", "source.", "exposure.", "saved_query."))
