"""`eltbuild diff`: what differs from another run's manifest, and which contracts that breaks."""

from __future__ import annotations

import sys

from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, masking
from eltbuild.commands.selecting import state_folder, types_of
from eltbuild.errors import Problem, UsageError
from eltbuild.graph.comparison import Comparison
from eltbuild.graph.differences import Differences, differences, name_of
from eltbuild.graph.graph import Graph
from eltbuild.graph.state import State, load_state
from eltbuild.project.resources import NodeId
from eltbuild.report.diff_text import Name, diff_json, diff_text
from eltbuild.report.terminal import terminal_of


def command(options: Options) -> int:
    """Print what differs from the manifest in `--state`; the exit code, 1 where `--fail-on` says so."""
    opened = open_project(options, "diff")
    try:
        with Reporter(opened) as reporter:
            reporter.problems(opened.project.problems)
            state, found = compared(opened)
        if opened.options.output == "json":
            text = diff_json(found, state)
        else:
            terminal = terminal_of(sys.stdout, opened.project.environment, colours=opened.options.use_colors)
            text = diff_text(
                found,
                state,
                _names(opened, state),
                width=terminal.width,
                colour=terminal.colour,
                unicode=terminal.unicode,
            )
        sys.stdout.write(masking(opened)(text) + "\n")
        return EXIT.failed if _fails(found, opened.options.fail_on) else EXIT.ok
    finally:
        opened.adapter.close()


def compared(opened: Opened) -> tuple[State, Differences]:
    """The state and what differs from it. Raises `UsageError` where no state is given, or it cannot be read."""
    folder = state_folder(opened)
    if folder is None:
        hint = "give the folder of its manifest.json with --state"
        raise UsageError(Problem("diff compares with the artifacts of another run", hint=hint))
    state = load_state(folder)
    comparison = Comparison(opened.project, state, opened.session.invocation.started_at)
    types = types_of(opened.options, "diff")
    return state, differences(comparison, Graph.of(opened.project), types)


def _fails(found: Differences, on: str | None) -> bool:
    return bool(found.changes) if on == "change" else on == "breaking" and bool(found.breaking)


def _names(opened: Opened, state: State) -> Name:
    """What resources are called, those included that only the state has."""

    def name(id: NodeId) -> tuple[str, str]:
        resource = opened.project.resource(id)
        if resource is not None:
            return resource.resource_type.replace("_", " "), name_of(resource)
        before = state.resources.get(id)
        return (before.resource_type.replace("_", " "), before.name) if before is not None else ("", id)

    return name
