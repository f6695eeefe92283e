"""What stands in the warehouse, asked once for many nodes and kept up to date as nodes are built."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from eltbuild.adapter import Connection
from eltbuild.relation import Relation, RelationInfo, RelationKind


class Catalogue:
    """The relations of the schemas that a run writes to. Safe to use from several threads.

    `exact`: names that differ in letter case alone are two.
    """

    def __init__(self, exact: bool = False) -> None:
        self._exact = exact
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str], RelationInfo] = {}
        self._schemas: set[tuple[str, str]] = set()
        self._rows: dict[tuple[str, str, str], int] = {}

    def learn(self, connection: Connection, schemas: Iterable[Relation]) -> None:
        """Ask for all relations of some schemas, by one query."""
        wanted = {self._key(schema)[:2]: schema for schema in schemas}
        found = connection.relations(tuple(wanted.values()))
        with self._lock:
            self._schemas |= set(wanted)
            self._known.update({self._key(info.relation): info for info in found})
        self._weigh(found)

    def weigh(self, connection: Connection, schemas: Iterable[Relation]) -> None:
        """Ask how large the tables of some more schemas are; what stands there is not remembered otherwise."""
        wanted = {self._key(schema)[:2]: schema for schema in schemas}
        self._weigh(connection.relations([schema for key, schema in wanted.items() if key not in self._schemas]))

    def _weigh(self, found: Iterable[RelationInfo]) -> None:
        with self._lock:
            self._rows.update({self._key(info.relation): info.rows for info in found if info.rows is not None})

    def rows(self, relation: Relation) -> int | None:
        """About how many rows are in a table that nothing was done to since that was asked; None for all else."""
        return self._rows.get(self._key(relation))

    def covers(self, relation: Relation) -> bool:
        """Whether what stands at that place is known without asking."""
        return self._key(relation)[:2] in self._schemas

    def kind(self, relation: Relation) -> RelationInfo | None:
        """What stands there, columns not asked for; None when nothing does."""
        return self._known.get(self._key(relation))

    def all(self) -> tuple[RelationInfo, ...]:
        """Everything that is known to stand."""
        with self._lock:
            return tuple(self._known.values())

    def forget(self, relation: Relation) -> None:
        """Something else may stand there now."""
        with self._lock:
            self._known.pop(self._key(relation), None)
            self._rows.pop(self._key(relation), None)

    def record(self, relation: Relation, kind: RelationKind, rows: int | None = None) -> None:
        """A relation of that kind stands there now, with so many rows, where that is known."""
        with self._lock:
            self._known[self._key(relation)] = RelationInfo(relation, kind)
            self._rows.pop(self._key(relation), None)
            if rows is not None and kind == "table":
                self._rows[self._key(relation)] = rows

    def kept(self) -> Callable[[], None]:
        """What is known now; called, it is known again, and nothing else."""
        with self._lock:
            known, rows = dict(self._known), dict(self._rows)

        def again() -> None:
            with self._lock:
                self._known, self._rows = dict(known), dict(rows)

        return again

    def _key(self, relation: Relation) -> tuple[str, str, str]:
        """Equal for names that mean one relation."""
        return relation.key_where(self._exact)
