"""A query given on the command line, as a node of its own."""

from __future__ import annotations

from eltbuild.commands.opening import Opened
from eltbuild.compile.settle import settle
from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.project import Project
from eltbuild.project.resources import Node
from eltbuild.values import replace

NAME = "inline_query"


def inline_node(opened: Opened, text: str) -> tuple[Opened, Node]:
    """The project with the query as an analysis in it, settled. Raises `ProjectError` for what is wrong in it."""
    package = opened.project.settings.name
    node = Node(
        id=f"analysis.{package}.{NAME}",
        resource_type="analysis",
        name=NAME,
        package=package,
        path="inline",
        original_path="inline",
        fqn=(package, NAME),
        code=text,
        complete=False,
        place=Place("inline", 1),
    )
    # The node is settled beside the others, which are settled already: only it is rendered again.
    alone: Project = replace(opened.project, nodes={**_settled(opened.project), node.id: node}, problems=())
    try:
        settled = settle(replace(opened.session, project=alone, phase="settle"))
    except ProjectError as error:
        raise ProjectError(*map(_of_query, error.problems)) from error
    project = replace(opened.project, nodes={**opened.project.nodes, node.id: settled.nodes[node.id]})
    return replace(opened, session=replace(opened.session, project=project)), project.nodes[node.id]


def _of_query(problem: Problem) -> Problem:
    """What is wrong, as something of the query; in the words that callers of dbt look for."""
    return replace(problem, message=f"Error parsing inline query: {problem.message}")


def verbatim(text: str) -> str:
    """A template that renders to the text as it stands, whatever looks like a tag in it."""
    return "{{ " + repr(text) + " }}" if "{" in text else text


def _settled(project: Project) -> dict[str, Node]:
    return {
        id: replace(node, macro_names=(), complete=True)
        for id, node in project.nodes.items()
        if node.resource_type in ("model", "seed", "snapshot", "function")
    }
