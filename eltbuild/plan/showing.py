"""When readers see what a node builds: at once, once its tests have passed, or together with all else. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from eltbuild.project.resources import Node

Mode = Literal["immediate", "audited", "run"]
MODES: tuple[Mode, ...] = ("immediate", "audited", "run")
SHOWN = frozenset({"model", "seed", "snapshot"})
"""The types of what is published."""


def mode_of(node: Node, flag: Any = None) -> Mode:
    """The mode of one node: the flag's, else its own config's. What means nothing is `immediate`, as `check` tells."""
    given = flag or node.config.get("publish")
    return given if given in MODES and node.resource_type in SHOWN else "immediate"


def is_whole(nodes: Iterable[Node], flag: Any = None) -> bool:
    """Whether all of a run is published together: asked for by the flag, or by any node where there is none."""
    return flag == "run" or (not flag and any(mode_of(node) == "run" for node in nodes))
