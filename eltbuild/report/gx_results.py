"""Results of expectations as Great Expectations writes them: one document for each suite, or else each model. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from eltbuild.project.project import Project
from eltbuild.project.resources import Node
from eltbuild.project.suite_texts import configuration
from eltbuild.run.events import Finished, Results

Arguments = Mapping[str, Mapping[str, Any]]
"""The rendered arguments of tests, by the tests' ids."""


def subject_of(project: Project, node: Node) -> tuple[str, dict[str, str]]:
    """The name of the suite of an expectation, and what that is about."""
    assert node.test is not None
    for id in reversed(node.parents):
        source = project.sources.get(id)
        if source is not None and f"'{source.name}'" in str(node.test.kwargs.get("model")):
            name = f"{source.source_name}.{source.name}"
            return node.test.suite or name, {"source": name}
        parent = project.nodes.get(id)
        if parent is not None and id == node.test.attached_to:
            return node.test.suite or parent.name, {"model": parent.name}
    query = str(node.test.kwargs.get("model"))
    found = re.fullmatch(r"\(\n(.*)\n\) as queried", query, re.S)
    return node.test.suite or node.name, {"query": found[1]} if found else {}


def validation_results(
    results: Results, project: Project, arguments: Arguments, now: datetime, run: str
) -> dict[str, dict[str, Any]]:
    """The results of the expectations of a run, by the names of their suites."""
    found: dict[str, list[tuple[Node, Finished]]] = {}
    for event in results.finished:
        node = project.nodes.get(event.node)
        if node is not None and node.test is not None and node.test.expectation and event.status != "skipped":
            found.setdefault(subject_of(project, node)[0], []).append((node, event))
    return {name: _suite(name, pairs, project, arguments, now, run) for name, pairs in found.items()}


def _suite(
    name: str, pairs: Iterable[tuple[Node, Finished]], project: Project, arguments: Arguments, now: datetime, run: str
) -> dict[str, Any]:
    each = [_result(node, event, arguments.get(node.id, {})) for node, event in pairs]
    met = sum(result["success"] for result in each)
    about = next((subject_of(project, node)[1] for node, _ in pairs), {})
    return {
        "success": met == len(each),
        "results": each,
        "suite_name": name,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(each),
            "successful_expectations": met,
            "unsuccessful_expectations": len(each) - met,
            "success_percent": 100 * met / len(each) if each else None,
        },
        "meta": {
            "validation_time": now.isoformat(),
            "run_id": {"run_name": run, "run_time": now.isoformat()},
            "eltbuild": about,
        },
        "id": None,
    }


def _result(node: Node, event: Finished, arguments: Mapping[str, Any]) -> dict[str, Any]:
    told = event.extra.get("expectation") or {}
    message = str(event.error) if event.error is not None else None
    return {
        "success": bool(told.get("success")),
        "expectation_config": configuration(node, arguments),
        "result": dict(told.get("result") or {}),
        "meta": {},
        "exception_info": {
            "raised_exception": event.error is not None,
            "exception_traceback": None,
            "exception_message": message,
        },
    }


def file_name(suite: str) -> str:
    """The name of the file of a suite."""
    return re.sub(r"[^\w.-]+", "_", suite).strip(".") + ".json"
