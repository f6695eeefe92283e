"""The comment that goes with each statement of a node, so that the warehouse's own logs can be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from eltbuild._version import __version__
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import BLANK
from eltbuild.compile.session import Session
from eltbuild.project.projection import node_dict
from eltbuild.project.resources import Node

Commenter = Callable[..., tuple[str, str]]
"""What to put before and after each statement of a node, or of several tests that are asked together."""


def commenter(session: Session) -> Commenter | None:
    """The project's `query-comment`: its own text, the default, or none at all."""
    given = session.project.settings.query_comment
    if "comment" in given and not given["comment"]:
        return None
    append = bool(given.get("append"))
    text = given.get("comment")
    compiler = Compiler(session)

    def comment(node: Node, *others: Node) -> tuple[str, str]:
        together = (node, *others) if others else ()
        node = _tested(session, node) if together else node
        words = default(session, node, together) if text is None else _rendered(compiler, node, str(text))
        if words and together and text is not None:
            words += f"; tests: {', '.join(test.name for test in together)}"
        if not words:
            return ("", "")
        # Comments nest in some engines: neither end of one may stand inside.
        safe = words.replace("*/", "* /").replace("/*", "/ *")
        return ("", f"\n/* {safe} */") if append else (f"/* {safe} */\n", "")

    return comment


def _tested(session: Session, test: Node) -> Node:
    """The node that a test is about; the test itself where that is no node."""
    attached = test.test.attached_to if test.test is not None else next(iter(test.parents), None)
    return session.project.nodes.get(attached or "", test)


def default(session: Session, node: Node, tests: Sequence[Node] = ()) -> str:
    """Who asks, for which node, as JSON; and which tests of that node are asked together."""
    target = session.project.target
    told: dict[str, Any] = {
        "app": "eltbuild",
        "eltbuild_version": __version__,
        "profile_name": target.profile,
        "target_name": target.name,
        "node_id": node.id,
    }
    if tests:
        told["tests"] = [test.name for test in tests]
    return json.dumps(told)


def _rendered(compiler: Compiler, node: Node, text: str) -> str:
    names = {"node": node_dict(node), "connection_name": node.id}
    if "{{" not in text and text.strip().startswith("query_comment("):
        text = "{{ " + text + " }}"
    return compiler.render_hook(node, text, BLANK, names).strip()
