"""What `compile` and `show` print of a node: a text under a heading, or an event. Nothing is asked."""

from __future__ import annotations

import sys

from eltbuild.commands.inline import NAME
from eltbuild.commands.reporting import Reporter
from eltbuild.project.resources import Node

HEADINGS = {
    "Compiled": ("Compiled node '{0}' is:", "Compiled inline node is:"),
    "Previewing": ("Previewing node '{0}':", "Previewing inline node:"),
}
"""What stands above a node's text, and above that of an inline query; in the words that dbt's logs are searched for."""


def print_node(reporter: Reporter, node: Node, text: str, verb: str, style: str) -> None:
    """The text stands on stdout, its heading on stderr: what is piped onward is the text alone.

    With `--log-format json` it is an event, as all else on stdout.
    """
    version = f".v{node.version}" if node.version not in (None, "") else ""
    inline = node.name == NAME
    named, unnamed = HEADINGS[verb]
    heading = unnamed if inline else named.format(f"{node.name}{version}")
    if reporter.log is not None:
        said = f"{heading}\n{text}" if style == "text" else text
        given = {"compiled": verb == "Compiled", "id": node.id, "inline": inline, "style": style}
        reporter.log.printed(node.name, text, said=said, **given)
        return
    if reporter.console is not None and style == "text":
        # Where both streams go to one place, each text stands under its own heading.
        sys.stdout.flush()
        reporter.console.note(heading)
    sys.stdout.write(text + "\n")
