"""`eltbuild clone`: the relations of another run, as views in this target."""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.commands.execution import Execution
from eltbuild.commands.following import follow
from eltbuild.commands.opening import Opened, folder_of, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import exit_code
from eltbuild.commands.selecting import Chosen, choose
from eltbuild.errors import Problem, UsageError
from eltbuild.graph.graph import Graph
from eltbuild.graph.state import load_state
from eltbuild.project.resources import NodeId
from eltbuild.relation import Relation
from eltbuild.values import replace


def command(options: Options) -> int:
    """Make a view for each selected node, report; the exit code."""
    opened = open_project(options, "clone")
    try:
        places = places_of(opened)
        chosen = choose(opened, "clone")
        ids = [id for id in chosen.ids if not opened.project.nodes[id].ephemeral]
        # No clone reads another, and no hook of the whole run has to do with them.
        warnings = (*chosen.warnings, *same_folder(opened))
        apart = Chosen(Graph.from_parents(dict.fromkeys(ids, ())), tuple(ids), warnings)
        opened = without_hooks(opened)
        statements = bool(opened.options.debug)
        execution = Execution(opened=opened, statements=statements, command="clone", chosen=apart, clones=places)
        return exit_code(follow(execution, opened))
    finally:
        opened.adapter.close()


def places_of(opened: Opened) -> Mapping[NodeId, Relation]:
    """Where the other run's relations stand. Raises `UsageError` where its manifest is not named or not readable."""
    given = opened.options.defer_state or opened.options.state
    if not given:
        text = "--state or --defer-state are required for deferral, but neither was provided"
        hint = "name the folder of the other run's manifest.json: eltbuild clone --state DIR"
        raise UsageError(Problem(text, hint=hint))
    before = load_state(folder_of(opened.root, given)).resources
    return {id: one.relation for id, one in before.items() if one.relation is not None}


def same_folder(opened: Opened) -> tuple[Problem, ...]:
    """A warning where the other run's manifest is the very one that this call writes anew."""
    given = str(opened.options.defer_state or opened.options.state)
    if folder_of(opened.root, given).resolve() != opened.target_folder.resolve():
        return ()
    text = f"The state and target directories are the same: '{given}'"
    hint = "copy the other run's manifest.json into a folder of its own: this call writes its own over it"
    return (Problem(text, hint=hint, severity="warning", name="WarnStateTargetEqual"),)


def without_hooks(opened: Opened) -> Opened:
    """The project without the hooks of a whole run."""
    nodes = {id: node for id, node in opened.project.nodes.items() if node.resource_type != "operation"}
    project = replace(opened.project, nodes=nodes)
    return replace(opened, session=replace(opened.session, project=project))
