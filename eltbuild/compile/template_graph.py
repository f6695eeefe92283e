"""What `graph` is in templates: every resource as dbt writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.compile.macro_links import when_executing
from eltbuild.compile.session import Session
from eltbuild.jinja.sandbox import Shared, shared
from eltbuild.project.projection import graph_dict


def template_graph(session: Session) -> Mapping[str, Any]:
    """The project's graph, made once for a session; empty while settling.

    A template may add a section of its own, as packages do to remember something, and change none that is there.
    """
    if session.phase != "compile":
        return {}
    held: Mapping[str, Any] | None = session.kept.get("graph")
    if held is None:
        made = _made(session)
        held = session.kept["graph"] = Shared({section: shared(items) for section, items in made.items()})
    return held


def _made(session: Session) -> Mapping[str, Any]:
    graph = graph_dict(session.project)
    for id, node in session.project.nodes.items():
        macros = graph["nodes"][id].get("depends_on", {}).get("macros", [])
        macros += [macro for macro in when_executing(node, session.macros) if macro not in macros]
    return graph
