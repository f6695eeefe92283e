"""The results of expectations for Great Expectations: what the documents need of an opened project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eltbuild.commands.opening import Opened, folder_of
from eltbuild.compile.compiler import Compiler
from eltbuild.project.resources import Node
from eltbuild.report.gx_results import file_name, validation_results
from eltbuild.run.events import Results


def arguments_of(opened: Opened, nodes: Iterable[Node]) -> Mapping[str, Mapping[str, Any]]:
    """The rendered arguments of those of the tests that are expectations."""
    compiler = Compiler(opened.session)
    return {node.id: compiler.arguments(node) for node in nodes if node.test is not None and node.test.expectation}


def validations(opened: Opened, results: Results, folder: str) -> Mapping[Path, Any]:
    """The results of a run's expectations as JSON of Great Expectations, by the files that they belong into."""
    nodes = [opened.project.nodes[event.node] for event in results.finished if event.node in opened.project.nodes]
    call = opened.session.invocation.invocation_id
    found = validation_results(results, opened.project, arguments_of(opened, nodes), datetime.now(UTC), call)
    return {folder_of(opened.root, folder) / file_name(name): value for name, value in found.items()}
