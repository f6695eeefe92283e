"""What stands in the warehouse, asked once for many nodes and kept up to date as nodes are built."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from eltbuild.adapter import Connection
from eltbuild.relation import Relation, RelationInfo, RelationKind


class Catalogue:
    """The relations of the schemas that a run writes to. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str], RelationInfo] = {}
        self._schemas: set[tuple[str, str]] = set()

    def learn(self, connection: Connection, schemas: Iterable[Relation]) -> None:
        """Ask for all relations of some schemas, by one query."""
        wanted = {schema.key[:2]: schema for schema in schemas}
        found = connection.relations(tuple(wanted.values()))
        with self._lock:
            self._schemas |= set(wanted)
            self._known.update({info.relation.key: info for info in found})

    def covers(self, relation: Relation) -> bool:
        """Whether what stands at that place is known without asking."""
        return relation.key[:2] in self._schemas

    def kind(self, relation: Relation) -> RelationInfo | None:
        """What stands there, columns not asked for; None when nothing does."""
        return self._known.get(relation.key)

    def forget(self, relation: Relation) -> None:
        """Something else may stand there now."""
        with self._lock:
            self._known.pop(relation.key, None)

    def record(self, relation: Relation, kind: RelationKind) -> None:
        """A relation of that kind stands there now."""
        with self._lock:
            self._known[relation.key] = RelationInfo(relation, kind)
