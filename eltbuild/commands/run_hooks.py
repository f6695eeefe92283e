"""The hooks of the whole run: which there are, what they see, how one ends that was interrupted. None is run here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId
from eltbuild.run.events import FAILED, Finished, Started
from eltbuild.run.work import Work


def hook_names(work: Work, finished: Sequence[Finished]) -> dict[str, Any]:
    """What `on-run-end` hooks see of the run: results, and the schemas that were written to."""
    from eltbuild.compile.results import as_template_results

    project = work.session.project
    ended = [event for event in finished if not _is_hook(project, event.node)]
    relations = [
        node.relation
        for event in ended
        if event.status not in (*FAILED, "skipped")
        and (node := project.nodes.get(event.node))
        and node.relation
        and node.resource_type in ("model", "seed", "snapshot")
    ]
    pairs = dict.fromkeys((relation.database, relation.schema) for relation in relations)
    return {
        "results": as_template_results(project, [_plain(event) for event in ended]),
        "schemas": list(dict.fromkeys(schema for _, schema in pairs)),
        "database_schemas": list(pairs),
    }


def cancelled(started: Started) -> Finished:
    """The end of a hook that was running when the run was interrupted."""
    now = datetime.now(UTC)
    return Finished(
        node=started.node,
        status="cancelled",
        message="cancelled: the run was interrupted",
        seconds=(now - started.at).total_seconds(),
        thread=started.thread,
        index=started.index,
        total=started.total,
        failures=1,
        at=now,
    )


def _plain(event: Finished) -> dict[str, Any]:
    return {
        "node": event.node, "status": event.status, "execution_time": event.seconds, "message": event.message,
        "failures": event.failures, "adapter_response": dict(event.response), "thread_id": event.thread,
        "compiled_code": event.compiled_code, "relation_name": event.relation_name,
        "timing": [{"name": t.name, "started_at": t.started_at, "completed_at": t.completed_at} for t in event.timing],
    }  # fmt: skip


def _is_hook(project: Project, id: NodeId) -> bool:
    node = project.nodes.get(id)
    return node is not None and node.resource_type == "operation"


def operations(project: Project, when: str) -> tuple[Node, ...]:
    """The hooks of the whole run: the project's own, then those of each package by its name, each in their order."""
    own = project.settings.name
    found = [node for node in project.nodes.values() if node.resource_type == "operation" and when in node.tags]
    found.sort(key=lambda node: (node.package != own, node.package, int(node.name.rpartition("-")[2])))
    return tuple(found)
