"""The results of expectations for Great Expectations: as its JSON, and as its pages where they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eltbuild.commands.opening import Opened, folder_of
from eltbuild.commands.reporting import Reporter, artifact_mode, masking
from eltbuild.compile.compiler import Compiler, plain
from eltbuild.compile.generic_test_text import test_arguments
from eltbuild.compile.introspect import BLANK
from eltbuild.compile.places import compile_error
from eltbuild.compile.rendering import Rendering
from eltbuild.errors import CompileError, Problem, UsageError
from eltbuild.jinja.errors import TemplateError
from eltbuild.project.resources import Node
from eltbuild.report.gx_results import file_name, validation_results
from eltbuild.run.events import Results

DATA_DOCS = "gx_data_docs"
"""The folder of the pages, in the target folder."""


def arguments_of(opened: Opened, nodes: Iterable[Node]) -> Mapping[str, Mapping[str, Any]]:
    """The rendered arguments of those of the tests that are expectations."""
    compiler = Compiler(opened.session)
    return {node.id: compiler.arguments(node) for node in nodes if node.test is not None and node.test.expectation}


def rendered_arguments(opened: Opened, node: Node) -> Mapping[str, Any]:
    """The arguments of an expectation with vars known, and expressions of parameters not computed yet."""
    rendering = Rendering(opened.session, node, BLANK)
    try:
        return {key: plain(value) for key, value in test_arguments(rendering, node).items()}
    except TemplateError as error:
        raise compile_error(error, node) from error


def _documents(opened: Opened, results: Results) -> Mapping[str, dict[str, Any]]:
    """The validation results by the names of their suites. Arguments that have no value are not told."""
    nodes = [opened.project.nodes[event.node] for event in results.finished if event.node in opened.project.nodes]
    arguments: dict[str, Mapping[str, Any]] = {}
    for node in nodes:
        try:
            arguments.update(arguments_of(opened, [node]))
        except CompileError:
            # The test has ended with this very error, which is in its result.
            continue
    call = opened.session.invocation.invocation_id
    return validation_results(results, opened.project, arguments, datetime.now(UTC), call)


def validations(opened: Opened, results: Results, folder: str) -> Mapping[Path, Any]:
    """The results of a run's expectations as JSON of Great Expectations, by the files that they belong into."""
    found = _documents(opened, results)
    return {folder_of(opened.root, folder) / file_name(name): value for name, value in found.items()}


def check_library() -> None:
    """Raise `UsageError` where there is no Great Expectations to write pages: that is told before anything runs."""
    from eltbuild.run.testing.library import HINT

    if find_spec("great_expectations") is None:
        raise UsageError(Problem("--gx-data-docs needs Great Expectations, which is not installed", hint=HINT))


def write_data_docs(opened: Opened, results: Results, reporter: Reporter) -> None:
    """Write Great Expectations' pages on the expectations of the run under the target folder, and tell where.

    Raises `UsageError` where that cannot be done.
    """
    from eltbuild.report.gx_pages import write_pages

    mask = masking(opened)
    documents = json.loads(mask(json.dumps(_documents(opened, results), default=str)))
    if not documents:
        reporter.problems([Problem("no expectations have run: there are no data docs to write", severity="warning")])
        return
    private = artifact_mode(opened.project.environment) is not None
    try:
        page, left = write_pages(documents, opened.target_folder / DATA_DOCS, private)
    except (OSError, CompileError) as error:
        raise UsageError(Problem(f"the data docs of Great Expectations cannot be written: {error}")) from error
    if left:
        told = f"Great Expectations could not show {', '.join(f'`{name}`' for name in sorted(set(left)))}"
        reporter.problems([Problem(f"{told}: they are not in the data docs", severity="warning")])
    if reporter.console is not None:
        reporter.console.note(f"Data docs of Great Expectations: {page}")
        reporter.console.note("Opened in a browser, they load scripts, styles and pictures from the network.")
