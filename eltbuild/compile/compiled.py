"""What a node means: its text, ready for the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.project.resources import NodeId
from eltbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Cte:
    """An ephemeral parent whose text is put in front of a query."""

    id: NodeId
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The rendered text of a node.

    `query` is None where only the warehouse can tell (`introspective` and not yet compiled with a live introspector).
    `sql` is the query with its CTEs for ephemeral parents in front.
    """

    node: NodeId
    query: str | None = None
    sql: str | None = None
    ctes: tuple[Cte, ...] = ()
    introspective: bool = False
    fingerprint: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
