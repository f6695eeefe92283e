"""What `graph` is in templates: every resource as dbt writes it."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from eltbuild.compile.macro_links import when_executing
from eltbuild.compile.session import Session
from eltbuild.jinja.sandbox import OwnGraph, Shared, shared
from eltbuild.project.projection import graph_dict


def template_graph(session: Session) -> Mapping[str, Any]:
    """The project's graph, made once for a session; empty while settling.

    A template may add a section, as packages do to remember something, which all others see. What it changes in those
    that are there stays its own.
    """
    if session.phase != "compile":
        return {}
    # Several nodes may ask at once, and it takes a while.
    with session.kept.setdefault("making the graph", Lock()):
        held: Shared | None = session.kept.get("graph")
        if held is None:
            made = _made(session)
            held = session.kept["graph"] = Shared({section: shared(items) for section, items in made.items()})
    return OwnGraph(held)


def _made(session: Session) -> Mapping[str, Any]:
    graph = graph_dict(session.project)
    for id, node in session.project.nodes.items():
        section = graph["functions" if node.resource_type == "function" else "nodes"]
        macros = section[id].get("depends_on", {}).get("macros", [])
        macros += [macro for macro in when_executing(node, session.macros) if macro not in macros]
        if id in session.deferred:
            section[id]["defer_relation"] = session.deferred[id]
    return graph
