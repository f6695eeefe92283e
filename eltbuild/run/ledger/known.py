"""What is remembered of relations, at hand: read once when a run begins, kept up to date as nodes are built."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from eltbuild.relation import Relation
from eltbuild.state.records import STANDING, Built, Interval, Key


class Known:
    """The latest events and slices, by relation. Safe to use from several threads.

    `exact`: names that differ in letter case alone are two.
    """

    def __init__(
        self, project: str, built: Iterable[Built] = (), intervals: Iterable[Interval] = (), exact: bool = False
    ) -> None:
        self._project = project
        self._exact = exact
        self._lock = threading.Lock()
        self._built: dict[Key, Built] = {}
        self._intervals: dict[Key, list[Interval]] = {}
        self._afresh: set[Key] = set()
        for event in built:
            self.happened(event)
        for interval in sorted(intervals, key=lambda interval: (interval.since, interval.run)):
            self.stands(interval)

    def latest(self, relation: Relation) -> Built | None:
        """What happened to a relation last, by this project or by another one."""
        return self._built.get(self._key(relation))

    def owner(self, relation: Relation) -> str | None:
        """The project that built what stands there, or took it over."""
        event = self.latest(relation)
        return event.project if event is not None and event.event in STANDING else None

    def built(self) -> Sequence[Built]:
        """The latest event of each relation of this project."""
        with self._lock:
            return tuple(event for event in self._built.values() if event.project == self._project)

    def happened(self, event: Built) -> None:
        """Something happened to a relation."""
        with self._lock:
            self._built[self._key(event.relation)] = event

    def intervals(self, relation: Relation) -> Sequence[Interval] | None:
        """The slices of what stands there, in order; None where nothing is known."""
        found = self._intervals.get(self._key(relation))
        if found is None or self._key(relation) in self._afresh or self.owner(relation) is None:
            return None
        return tuple(sorted(found, key=lambda interval: interval.start))

    def since(self, relation: Relation, run: int) -> int:
        """The run that began the table from nothing; the given one where it does so, or where nobody knows."""
        found = self._intervals.get(self._key(relation))
        return found[0].since if found and self._key(relation) not in self._afresh else run

    def afresh(self, relation: Relation) -> None:
        """The table will begin from nothing with the next slice."""
        with self._lock:
            self._afresh.add(self._key(relation))

    def stands(self, interval: Interval) -> None:
        """A slice stands; one of a newer table makes those of the older ones void."""
        key = self._key(interval.relation)
        with self._lock:
            self._afresh.discard(key)
            held = self._intervals.setdefault(key, [])
            if held and held[0].since < interval.since:
                held.clear()
            if not held or held[0].since == interval.since:
                held[:] = [one for one in held if one.start != interval.start]
                held.append(interval)

    def _key(self, relation: Relation) -> Key:
        if not self._exact:
            return relation.key
        return (relation.key[0], relation.schema or "", relation.identifier or "")
