"""`eltbuild gx`: suites of Great Expectations as properties of models, and properties as suites."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eltbuild.commands.opening import Opened, folder_of, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, masking
from eltbuild.commands.selecting import choose
from eltbuild.commands.validations import arguments_of, rendered_arguments
from eltbuild.disk import write_whole
from eltbuild.errors import Problem, UsageError
from eltbuild.project.resources import Node, SourceFile

if TYPE_CHECKING:
    from eltbuild.project.suite_texts import Written


def import_command(path: str, model: str | None, source: str | None, write: str | None) -> int:
    """Print the properties that a suite is, or write them to a file that is not there yet; the exit code.

    Raises `ProjectError` with what is wrong in the suite, `UsageError` where it is not said what it is about.
    """
    from eltbuild.project.suite_texts import properties, source_properties
    from eltbuild.project.suites import Suite, read_suite

    def tree_of(suite: Suite) -> dict[str, Any]:
        about, subject = _about(suite, model, source)
        if about == "source":
            first, _, rest = subject.partition(".")
            return source_properties(first, rest, suite.tests)
        return properties("models", subject, suite.tests)

    import yaml

    from eltbuild.report.blocks import problem_lines
    from eltbuild.report.text import clean

    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(Problem(f"`{path}` cannot be read: {getattr(error, 'strerror', None) or error}")) from error
    suite, warnings = read_suite(SourceFile(path, text, "", ""))
    for warning in warnings:
        sys.stderr.write("\n".join(problem_lines(warning, colour=False, safe=clean)) + "\n")
    tree = tree_of(suite)
    found = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=110)
    if write is None:
        sys.stdout.write(found)
        return EXIT.ok
    if Path(write).exists():
        raise UsageError(Problem(f"`{write}` is there already", hint="name another file, and bring the two together"))
    Path(write).parent.mkdir(parents=True, exist_ok=True)
    write_whole(write, found.encode())
    sys.stderr.write(f"wrote {write}\n")
    return EXIT.ok


def _about(suite: Any, model: str | None, source: str | None) -> tuple[str, str]:
    if model and source:
        raise UsageError(Problem("`--model` and `--source` exclude each other"))
    if model or source:
        return ("model", model) if model else ("source", str(source))
    if suite.about == "query":
        hint = "it stays a file of its own, in the folder `expectations`"
        raise UsageError(Problem(f"suite `{suite.name}` is about a query, which has no properties", hint=hint))
    if not suite.about:
        hint = "add --model NAME, or --source NAME.TABLE"
        raise UsageError(Problem(f"suite `{suite.name}` does not say what it is about", hint=hint))
    from eltbuild.project.calls import read_call

    call = read_call(suite.subject)
    if call is None:
        return suite.about, suite.subject
    return ("source", ".".join(call.names)) if call.function == "source" else ("model", call.names[-1])


def export_command(options: Options, folder: str | None) -> int:
    """Print the suites that the selected tests are, or write each to a file of a folder; the exit code."""
    from eltbuild.project.suite_texts import suite_json
    from eltbuild.report.gx_results import file_name

    opened = open_project(options, "test")
    chosen = choose(opened, "test")
    nodes = [opened.project.nodes[id] for id in sorted(chosen.ids) if id in opened.project.nodes]
    mask = masking(opened)
    suites = [suite_json(suite) for suite in suites_of(opened, nodes)]
    with Reporter(opened) as reporter:
        reporter.problems(chosen.warnings)
        if not suites:
            reporter.problems([Problem("no expectations are selected", severity="warning")])
        if folder is None:
            shown: Any = suites[0] if len(suites) == 1 else suites
            sys.stdout.write(mask(json.dumps(shown, indent=2, ensure_ascii=False, default=str)) + "\n")
        for suite in suites if folder is not None else ():
            path = folder_of(opened.root, str(folder)) / file_name(suite["name"])
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(str(path), mask(json.dumps(suite, indent=2, ensure_ascii=False, default=str) + "\n").encode())
            sys.stderr.write(f"wrote {path}\n")
        reporter.completed(True)
    return EXIT.ok


def suites_of(opened: Opened, nodes: list[Node]) -> list[Written]:
    """The suites that tests are: those of one suite or one model together, in the order of the project's files."""
    from eltbuild.project.suite_texts import Written, configuration
    from eltbuild.report.gx_results import subject_of

    parameters: dict[str, dict[str, Any]] = {}
    found: dict[str, list[dict[str, Any]]] = {}
    about: dict[str, dict[str, str]] = {}
    tests = [node for node in nodes if node.test is not None and node.test.expectation]
    for node in sorted(tests, key=lambda node: (node.original_path, node.line, node.name)):
        name, subject = subject_of(opened.project, node)
        about.setdefault(name, subject)
        values: dict[str, Any] = {}
        arguments = _with_parameters(opened, node, values)
        before = parameters.setdefault(name, {})
        if any(before.get(key, value) != value for key, value in values.items()):
            # A suite has one value for a name: here stands what it is worth for this test.
            arguments, values = arguments_of(opened, [node])[node.id], {}
        before.update(values)
        found.setdefault(name, []).append(configuration(node, arguments))
    return [Written(name, about[name], tuple(items), parameters[name]) for name, items in found.items()]


def _with_parameters(opened: Opened, node: Node, values: dict[str, Any]) -> Mapping[str, Any]:
    """The arguments of an expectation, its parameters as such; what these are worth is put to `values`."""
    from eltbuild.project.suite_parameters import as_written

    assert node.test is not None
    given, written = node.extra.get("parameters") or {}, node.test.kwargs
    found = rendered_arguments(opened, node)
    return {key: as_written(given.get(key), written.get(key), value, values) for key, value in found.items()}
