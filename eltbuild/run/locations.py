"""Where the files of a node lie, as its config says it: a text that may hold Jinja. Nothing is written."""

from __future__ import annotations

from eltbuild.compile.introspect import Introspector
from eltbuild.jinja.native import has_jinja
from eltbuild.project.resources import Node
from eltbuild.run.work import Work
from eltbuild.values import replace


def with_location(work: Work, node: Node, live: Introspector) -> Node:
    """The node with its `location` rendered: `{{ adapter.external_root() }}/{{ this.name }}.parquet`."""
    location = node.config.get("location")
    if node.materialized != "external" or not isinstance(location, str) or not has_jinja(location):
        return node
    text = work.compiler.render_hook(node, location, live, {}).strip()
    return replace(node, config={**node.config, "location": text})
