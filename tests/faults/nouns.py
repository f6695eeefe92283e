"""What the lab builds and looks at, as nouns: relations to watch, and projects. Nothing is run here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from faults.world import World

Content: TypeAlias = Counter[tuple[Any, ...]]
"""The rows of a relation, each with how often it is there."""
Rows: TypeAlias = Sequence[tuple[Any, ...]]


SCHEMA = "lab"
"""Where projects build."""
OUTSIDE = "outside"
"""Where somebody else has a view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A relation that a project builds, and what may be found in it."""

    name: str
    columns: str
    """What is read of it."""
    after: Callable[[World, int], Content]
    """What it must hold once a round's run has ended well."""
    between: Callable[[World, int], Sequence[Content]] | None = None
    """What else it may hold when that run was stopped: by default what it held before."""
    partly: Callable[[World, int], Sequence[Content]] | None = None
    """What it may hold beyond that when the run went on with what stood, and did not build it anew."""
    tidy: Callable[[Rows], Content] = Counter
    """Rows as read, without what a run's time decides."""
    kind: str = "table"
    schema: str = SCHEMA
    since: int = 0
    """The round before whose run it is there."""
    until: int | None = None
    """The last round after whose run it is there."""
    lacks: bool = False
    """Whether it need not be there when a run was stopped."""

    def allowed(self, world: World, round: int, full_refresh: bool = False) -> list[Content]:
        """All that may be found when a round's run was stopped somewhere; nothing there at all is not listed."""
        before = [self.after(world, round - 1)] if round else []
        more = self.between(world, round) if self.between else ()
        partly = self.partly(world, round) if self.partly and not (round and full_refresh) else ()
        return [*before, self.after(world, round), *more, *partly]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A project: its files in each round, and the relations to watch."""

    name: str
    files: Callable[[World, int], Mapping[str, str]]
    watched: tuple[Watched, ...]
    engines: frozenset[str] = frozenset({"duckdb", "postgres"})
    others: tuple[str, ...] = ()
    """Statements by which somebody else makes what he needs, once the first round's run is over."""
    code: int = 0
    """What a run that nobody hurts ends with."""

    def seen(self, round: int) -> tuple[Watched, ...]:
        """What can be watched in a round."""
        return tuple(one for one in self.watched if one.since <= round and (one.until is None or round <= one.until))
