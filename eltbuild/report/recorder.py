"""Events as records of the structured log, in the order in which schedulers expect them. Nothing is written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from eltbuild.project.project import Project
from eltbuild.project.projection import config_dict, quoted
from eltbuild.project.resources import NodeId
from eltbuild.relation import Relation
from eltbuild.report.invocation import stamp, utc_text
from eltbuild.report.labels import Lookup, labels
from eltbuild.report.manifest import group_of
from eltbuild.report.records import Record, node_info, problem_record, run_result, stat_line
from eltbuild.report.run_results import failures, message, status_of
from eltbuild.report.summary import done_line, finished_running, tally
from eltbuild.report.text import count, duration
from eltbuild.run.events import FAILED, Built, Event, Finished, Message, RunFinished, RunStarted, Started


class Recorder:
    """Turns the events of one project's runs into records; remembers what a run has finished, and nothing else."""

    def __init__(self, project: Project, spell: Callable[[Relation], str] | None = None) -> None:
        self._project = project
        self._spell = spell or quoted(project.target.type)
        self._label: Lookup = labels(project)
        self._info: dict[NodeId, dict[str, Any]] = {}
        self._started: dict[NodeId, datetime] = {}
        self._finished: list[Finished] = []
        self._run: RunStarted | None = None
        self.plain = False
        """Whether only the texts of records are wanted, and not the data about nodes."""

    def records(self, event: Event) -> Iterator[Record]:
        """What is logged for an event, in order."""
        match event:
            case RunStarted():
                self._run, self._finished = event, []
                yield from self._run_started(event)
            case Started():
                self._started[event.node] = event.at
                yield from self._node_started(event)
            case Message():
                yield from self._message(event)
            case Built():
                text = f"{self.describe(event.finished.node)} is built, and waits to be published with all else"
                yield Record("Note", "debug", text, {"msg": text}, event.finished.thread, event.finished.at)
            case Finished():
                self._finished.append(event)
                yield from self._node_finished(event)
            case RunFinished():
                yield from self._run_finished(event)

    def _run_started(self, event: RunStarted) -> Iterator[Record]:
        stats = stat_line(self._project)
        yield Record("FoundStats", "info", f"Found {stats}", {"stat_line": stats}, at=event.at)
        data: dict[str, Any] = {
            "num_threads": event.threads,
            "target_name": event.target,
            "node_count": len(event.nodes),
        }
        text = f"Concurrency: {count(event.threads, 'thread')} (target='{event.target}')"
        yield Record("ConcurrencyLine", "info", text, data, at=event.at)

    # Nodes

    def info(self, id: NodeId, status: str, started: datetime | None, finished: datetime | None) -> dict[str, Any]:
        """`node_info`: what node it is, and how it stands."""
        if self.plain:
            return {}
        known = self._info.get(id)
        if known is None:
            known = self._info[id] = node_info(id, self._project, self._spell)
        return {
            **known,
            "node_status": status,
            "node_started_at": _naive(started),
            "node_finished_at": _naive(finished),
        }

    def describe(self, id: NodeId) -> str:
        """`sql table model main.orders`, `test unique_orders_id`."""
        label = self._label(id)
        if label.resource == "model":
            node = self._project.nodes.get(id)
            language = node.language if node else "sql"
            return f"{language} {label.kind} model {label.name}"
        if label.resource == "seed":
            return f"seed file {label.name}"
        return f"{label.resource.replace('_', ' ') if label.resource != 'unit_test' else 'unit_test'} {label.name}"

    def _node_started(self, event: Started) -> Iterator[Record]:
        info = self.info(event.node, "started", event.at, None)
        if event.node.startswith("operation."):
            statement = _hook(event.node)
            text = f"{event.index} of {event.total} START hook: {statement}"
            data = {"statement": statement, "index": event.index, "total": event.total, "node_info": info}
            yield Record("LogHookStartLine", "info", text, data, event.thread, event.at)
            return
        text = f"Began running node {event.node}"
        yield Record("NodeStart", "debug", text, {"node_info": info}, event.thread, event.at)
        description = self.describe(event.node)
        text = f"{event.index} of {event.total} START {description}"
        data = {"description": description, "index": event.index, "total": event.total, "node_info": info}
        yield Record("LogStartLine", "info", text, data, event.thread, event.at)

    def _node_finished(self, event: Finished) -> Iterator[Record]:
        started = self._started.pop(event.node, None)
        info = self.info(event.node, status_of(event), started, event.at)
        thread = event.thread or "MainThread"
        if event.error is not None and event.status != "skipped":
            caught = {"exc": str(event.error), "exc_info": "", "node_info": info}
            yield Record("CatchableExceptionOnRun", "debug", str(event.error), caught, thread, event.at)
        name, data = self._result(event)
        level = "error" if event.status in FAILED else "warn" if event.status == "warn" else "info"
        text = f"{event.index} of {event.total} {self._sentence(event)}"
        group = self._group(event.node) if name in ("LogModelResult", "LogTestResult") else {}
        yield Record(name, level, text, {**data, **group, "node_info": info}, thread, event.at)
        if name != "LogHookEndLine":
            ended = {"node_info": info, "num_failures": failures(event) or 0}
            if not self.plain:
                ended["run_result"] = run_result(event)
            text = f"Finished running node {event.node}"
            yield Record("NodeFinished", "debug", text, ended, thread, event.at)

    def _sentence(self, event: Finished) -> str:
        took = duration(event.seconds)
        match event.status:
            case "skipped":
                return f"SKIP {self.describe(event.node)}{': ' + event.message if event.message else ''}"
            case "fail" | "warn" if event.failures:
                return f"{event.status.upper()} {event.failures} {self._label(event.node).name} [in {took}]"
            case "warn" | "pass" | "error" if "max_loaded_at" in event.extra:
                return f"{event.status.upper()} freshness of {self._label(event.node).name} [in {took}]"
        return f"{event.status.upper()} {self.describe(event.node)} [in {took}]"

    def _config(self, id: NodeId) -> dict[str, str]:
        """What is set in the config of a node, each as a text."""
        node = self._project.nodes.get(id)
        known = config_dict(node) if node is not None else {}
        return {key: str(value) for key, value in sorted(known.items()) if value is not None}

    def _result(self, event: Finished) -> tuple[str, dict[str, Any]]:
        """The name of the record and its fields, by the type of the node."""
        resource = event.node.partition(".")[0]
        place: dict[str, Any] = {"index": event.index, "total": event.total}
        timed: dict[str, Any] = {**place, "execution_time": event.seconds}
        if event.status == "skipped":
            return self._skipped(event, resource, place)
        if event.status == "no-op":
            return "LogNodeNoOpResult", {"description": self.describe(event.node), "status": "", **timed}
        match resource:
            case "test" | "unit_test":
                return "LogTestResult", self._test_result(event)
            case "seed":
                relation = self._relation(event.node)
                said = event.message or "OK"
                return "LogSeedResult", {"status": event.status, "result_message": said, **timed, **relation}
            case "snapshot":
                described = {
                    "description": self.describe(event.node),
                    "cfg": self._config(event.node),
                    "result_message": event.message or "OK",
                }
                return "LogSnapshotResult", {"status": event.status, **described, **timed}
            case "source":
                name, _, table = self._label(event.node).name.partition(".")
                return "LogFreshnessResult", {"status": event.status, "source_name": name, "table_name": table, **timed}
            case "operation":
                return "LogHookEndLine", {"statement": _hook(event.node), "status": event.status, **timed}
            case "model":
                status = event.message if event.message and event.status == "success" else event.status
                return "LogModelResult", {"description": self.describe(event.node), "status": status, **timed}
            case "function":
                return "LogFunctionResult", {"description": self.describe(event.node), "status": event.status, **timed}
        return "LogNodeResult", {"description": self.describe(event.node), "status": event.status, **timed}

    def _skipped(self, event: Finished, resource: str, place: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        relation = self._relation(event.node)
        return "SkippingDetails", {
            "resource_type": resource,
            "schema": relation["schema"],
            "node_name": self._label(event.node).name.rpartition(".")[2],
            **place,
        }

    def _test_result(self, event: Finished) -> dict[str, Any]:
        node = self._project.nodes.get(event.node)
        attached = node.test.attached_to if node is not None and node.test is not None else None
        return {
            "name": self._label(event.node).name,
            "status": event.status,
            "index": event.index,
            "num_models": event.total,
            "num_failures": failures(event) or 0,
            "execution_time": event.seconds,
            "attached_node": attached or "",
        }

    def _group(self, id: NodeId) -> dict[str, Any]:
        node = self._project.nodes.get(id)
        name = group_of(node, self._project) if node else None
        if name is None:
            return {}
        found = next((group for group in self._project.groups.values() if group.name == name), None)
        owner = {key: str(value) for key, value in found.owner.items() if value} if found else {}
        return {"group": {"name": name, "package_name": found.package if found else "", "owner": owner}}

    def _relation(self, id: NodeId) -> dict[str, str]:
        node = self._project.nodes.get(id)
        relation = node.relation if node else None
        if relation is None:
            return {"schema": "", "relation": node.name if node else id}
        return {"schema": relation.schema or "", "relation": relation.identifier or ""}

    # The rest

    def _message(self, event: Message) -> Iterator[Record]:
        data: dict[str, Any] = {"msg": event.text}
        if event.node is not None:
            data["node_info"] = self.info(event.node, "executing", self._started.get(event.node), None)
        if event.kind == "sql":
            yield from _sql_records(event, data)
        elif event.problem is not None:
            yield problem_record(event.problem, data)
        elif event.kind == "print":
            yield Record("PrintEvent", "info", event.text, data)
        elif event.kind == "log":
            name = {"debug": "JinjaLogDebug", "warn": "JinjaLogWarning"}.get(event.level, "JinjaLogInfo")
            yield Record(name, event.level, event.text, data)
        else:
            yield Record("Note", event.level, event.text, data)

    def _run_finished(self, event: RunFinished) -> Iterator[Record]:
        finished, self._finished = self._finished, []
        text = finished_running(finished, self._label, event.seconds)
        execution = f" in {int(event.seconds // 3600)} hours {int(event.seconds // 60 % 60)} minutes and "
        execution += f"{event.seconds % 60:.2f} seconds"
        stats = text.removeprefix("Finished running ").rpartition(" in ")[0]
        data = {"stat_line": stats, "execution": execution, "execution_time": event.seconds}
        yield Record("FinishedRunningStats", "info", text, data, at=event.at)
        results = {
            "results": [run_result(one) for one in finished],
            "elapsed_time": event.seconds,
            "generated_at": stamp(event.at),
            "success": not event.interrupted and not any(one.status in FAILED for one in finished),
        }
        yield Record("EndRunResult", "debug", "Command end result", results, at=event.at)
        yield self._summary(finished, event)
        for one in finished:
            yield from self._outcome(one, event.at)
        counts = {key.lower().replace("-", ""): value for key, value in tally(finished).items()}
        partial = sum(one.status == "partial success" for one in finished)
        stats_data = {"stats": {**counts, "partial": partial, "reused": 0, "total": len(finished)}}
        yield Record("StatsLine", "info", done_line(finished), stats_data, at=event.at)

    def _summary(self, finished: list[Finished], event: RunFinished) -> Record:
        statuses: Counter[str] = Counter(one.status for one in finished)
        data: dict[str, int] = {
            "num_errors": sum(statuses[word] for word in FAILED if word != "partial success"),
            "num_warnings": statuses["warn"],
            "num_partial_success": statuses["partial success"],
            "keyboard_interrupt": bool(event.interrupted),
        }
        text = (
            f"Completed with {count(data['num_errors'], 'error')}, "
            f"{data['num_partial_success']} partial successes, and {count(data['num_warnings'], 'warning')}"
            if any(data.values())
            else "Completed successfully"
        )
        return Record("EndOfRunSummary", "info", text, data, at=event.at)

    def _outcome(self, one: Finished, at: datetime) -> Iterator[Record]:
        if one.status != "warn" and one.status not in FAILED:
            return
        label = self._label(one.node)
        place = str(label.place) if label.place else ""
        head = {"resource_type": label.resource, "node_name": label.name.rpartition(".")[2], "path": place}
        where = f"in {label.resource} {head['node_name']} ({place})"
        said = message(one) or one.status
        info = {"node_info": self.info(one.node, one.status, None, one.at), **self._group(one.node)}
        if one.status == "warn":
            yield Record("RunResultWarning", "warn", f"[WARNING]: {where}", {**head, **info}, at=at)
            yield Record("RunResultWarningMessage", "warn", f"[WARNING]: {said}", {"msg": said, **info}, at=at)
        else:
            yield Record("RunResultFailure", "error", f"[ERROR]: {where}", {**head, **info}, at=at)
            yield Record("RunResultError", "error", f"  {said}", {"msg": said, **info}, at=at)
        if label.compiled and one.compiled_code is not None:
            text = f"  compiled code at {label.compiled}"
            path = {"path": label.compiled, "node_info": info["node_info"]}
            yield Record("SQLCompiledPath", "info", text, path, at=at)


def _sql_records(event: Message, data: dict[str, Any]) -> Iterator[Record]:
    more = {key: value for key, value in data.items() if key != "msg"}
    name = event.node or "master"
    if event.seconds is None:
        yield Record("SQLQuery", "debug", f"On {name}: {event.text}", {"conn_name": name, "sql": event.text, **more})
        return
    yield Record("SQLQuery", "debug", f"On {name}: {event.text}", {"conn_name": name, "sql": event.text, **more})
    status = {"status": "OK", "elapsed": event.seconds, "query_id": ""}
    yield Record("SQLQueryStatus", "debug", f"SQL status: OK in {event.seconds:.3f} seconds", {**status, **more})


def _hook(id: NodeId) -> str:
    return id.rpartition(".")[2]


def _naive(moment: datetime | None) -> str:
    return utc_text(moment) if moment else ""
