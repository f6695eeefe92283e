"""Records of the structured log: the names, codes and fields of dbt 1.12, which schedulers key on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from eltbuild.errors import Problem
from eltbuild.project.project import Project
from eltbuild.project.projection import stands
from eltbuild.project.projection.frame import relation_text
from eltbuild.project.resources import Node, NodeId, Source, UnitTest
from eltbuild.relation import Relation
from eltbuild.report.run_results import adapter_response, failures, message, status_of, timing_dict
from eltbuild.report.summary import plural
from eltbuild.report.text import count
from eltbuild.run.events import Finished
from eltbuild.values import dataclass, field

CODES: Mapping[str, str] = {
    "MainReportVersion": "A001", "MainReportArgs": "A002", "AdapterRegistered": "E034", "FoundStats": "W006",
    "ConcurrencyLine": "Q027", "NodeStart": "Q024", "NodeFinished": "Q025", "LogStartLine": "Q011",
    "LogModelResult": "Q012", "LogTestResult": "Q007", "LogSnapshotResult": "Q015", "LogSeedResult": "Q016",
    "LogFreshnessResult": "Q018", "LogNodeResult": "Q008", "LogNodeNoOpResult": "Q019", "LogFunctionResult": "Q047",
    "LogHookStartLine": "Q032", "LogHookEndLine": "Q033", "SkippingDetails": "Q034", "LogSkipBecauseError": "Z034",
    "MarkSkippedChildren": "Z033", "RunResultWarning": "Z021", "RunResultWarningMessage": "Z046",
    "RunResultFailure": "Z022", "RunResultError": "Z024", "SQLCompiledPath": "Z026", "StatsLine": "Z023",
    "EndOfRunSummary": "Z030", "FinishedRunningStats": "E047", "EndRunResult": "Q037", "CommandCompleted": "Q039",
    "JinjaLogInfo": "I062", "JinjaLogDebug": "I063", "JinjaLogWarning": "I061", "PrintEvent": "Z052", "Note": "Z050",
    "ListCmdOut": "Z049", "ArtifactWritten": "P001", "CatalogWritten": "E042", "ShowNode": "Q041",
    "CompiledNode": "Q042", "SQLQuery": "E016", "SQLQueryStatus": "E017", "MainEncounteredError": "Z002",
    "CatchableExceptionOnRun": "W002", "NoNodesSelected": "Q038", "FreshnessCheckComplete": "Q003",
}  # fmt: skip
"""dbt's code for each name; names that are ours alone have `Z050`, that of a note."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a log, before it is written in one format or another. `at` None: now."""

    name: str
    level: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    thread: str = "MainThread"
    at: datetime | None = None

    @property
    def code(self) -> str:
        """dbt's code for the name."""
        return CODES.get(self.name, "Z050")


def problem_record(problem: Problem, data: Mapping[str, Any]) -> Record:
    """A problem of the project: a warning under its own name, or an error."""
    text = str(problem)
    if problem.severity == "error":
        return Record("MainEncounteredError", "error", text, {**data, "exc": text})
    return Record(problem.name or "Note", "warn", f"[WARNING]: {text}", {**data, "msg": text})


def run_result(event: Finished) -> dict[str, Any]:
    """The result of a node inside of a record."""
    return {
        "status": status_of(event),
        "message": message(event) or "",
        "timing_info": [timing_dict(timing) for timing in event.timing],
        "thread": event.thread or "MainThread",
        "execution_time": event.seconds,
        "adapter_response": adapter_response(event),
        "num_failures": failures(event) or 0,
    }


def node_info(id: NodeId, project: Project, spell: Callable[[Relation], str]) -> dict[str, Any]:
    """What of `node_info` never changes."""
    resource = project.resource(id)
    relation = resource.named if isinstance(resource, (Node, Source)) else None
    named = stands(resource) if isinstance(resource, Node) else True
    name = relation_text(resource, spell, project.settings.quoting) if isinstance(resource, (Node, Source)) else None
    return {
        "node_path": resource.path if resource else "",
        "node_name": resource.name if resource else id,
        "unique_id": id,
        "resource_type": resource.resource_type if resource else id.partition(".")[0],
        "materialized": resource.materialized if isinstance(resource, Node) else "",
        "meta": dict(resource.config.get("meta") or {}) if resource else {},
        "node_relation": {
            "database": (relation.database if relation else None) or "",
            "schema": (relation.schema if relation else None) or "",
            "alias": (relation.identifier if relation else None) or "",
            "relation_name": (name or "") if named else "",
        },
        "node_checksum": resource.checksum if isinstance(resource, (Node, UnitTest)) else "",
    }


def stat_line(project: Project) -> str:
    """`10 models, 2 snapshots, 14 data tests`."""
    words = {
        "test": "data test",
        "unit_test": "unit test",
        "saved_query": "saved query",
        "semantic_model": "semantic model",
    }
    counts = Counter(resource.resource_type for resource in project.resources())
    counted: dict[str, int] = {words.get(kind, kind): number for kind, number in counts.items()}
    counted |= {"macro": len(project.macros), "group": len(project.groups)}
    irregular = {"analysis": "analyses"}
    return ", ".join(
        count(number, kind, irregular.get(kind, plural(kind))) for kind, number in sorted(counted.items()) if number
    )
