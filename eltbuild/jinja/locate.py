"""From a place in a rendered text back to the line of the template, or of the macro, that made it.

A second rendering with markers in front of every piece of output tells; it is done only when an error must be
located, because markers can change what a template computes. Where the marked text, markers taken out, is not the
text that was sent, nothing is claimed.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable
from typing import Any

from eltbuild.values import dataclass

MARKER = re.compile("\x00(\\d+):(\\d+)\x00")


@dataclass(frozen=True, slots=True)
class SourceMap:
    """Offsets of a rendered text, and the file (by number) and line that each piece came from."""

    text: str
    starts: tuple[int, ...]
    origins: tuple[tuple[int, int], ...]

    def at(self, offset: int) -> tuple[int, int]:
        """The file number and line of an offset."""
        index = max(0, bisect.bisect_right(self.starts, offset) - 1)
        if not self.starts:
            return 0, self.text.count("\n", 0, offset) + 1
        file, line = self.origins[index]
        return file, line + self.text.count("\n", self.starts[index], offset)


def read_markers(marked: str) -> SourceMap:
    """The text without its markers, and where each piece came from."""
    starts: list[int] = []
    origins: list[tuple[int, int]] = []
    out: list[str] = []
    length = last = 0
    origin = (0, 1)
    for match in MARKER.finditer(marked):
        piece = marked[last : match.start()]
        if piece:
            starts.append(length)
            origins.append(origin)
            out.append(piece)
            length += len(piece)
        origin = (int(match[1]), int(match[2]))
        last = match.end()
    piece = marked[last:]
    if piece:
        starts.append(length)
        origins.append(origin)
        out.append(piece)
    return SourceMap("".join(out), tuple(starts), tuple(origins))


def instrument(tree: Any, number: int) -> Any:
    """The Jinja tree with a marker before each piece of output."""
    from jinja2 import nodes

    for node in list(tree.find_all(nodes.Output)):
        marked = []
        for child in node.nodes:
            marked += [nodes.TemplateData(f"\x00{number}:{child.lineno}\x00", lineno=child.lineno), child]
        node.nodes = marked
    return tree


def offset_of(text: str, line: int, column: int) -> int:
    """The offset of a line and column (from 1) in a text; its length when it has no such line."""
    offset = 0
    for _ in range(line - 1):
        newline = text.find("\n", offset)
        if newline < 0:
            return len(text)
        offset = newline + 1
    return min(offset + max(column - 1, 0), len(text))


Numbering = Callable[[str], int]
