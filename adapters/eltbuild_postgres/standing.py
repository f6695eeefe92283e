"""What stands in the database: the questions of the catalogue, asked by a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from eltbuild.errors import DatabaseError, did_you_mean
from eltbuild.relation import Relation, RelationInfo
from eltbuild.values import dataclass, field
from eltbuild_postgres import catalogue

Fetch = Callable[[str], list[tuple[Any, ...]]]
"""The rows of a question. Raises `DatabaseError`."""

PERMANENT = 16384
"""Types below this number are PostgreSQL's own: their names never change."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Questions about one database; `default` is what relations without a database or a schema mean."""

    fetch: Fetch
    database: str
    default: tuple[str | None, str]
    _types: dict[tuple[int, int], str] = field(default_factory=dict)

    def is_elsewhere(self, relation: Relation) -> bool:
        """Whether it is meant to stand in another database, which no session can look into."""
        return bool(relation.database) and relation.database != self.database

    def relation(self, relation: Relation) -> RelationInfo | None:
        """What stands at that place, with columns. A bare name may be a temporary table of the session."""
        if not relation.identifier or self.is_elsewhere(relation):
            return None
        database, schema = self.default
        bare = not relation.database and not relation.schema
        schemas = [catalogue.TEMPORARY, schema] if bare else [relation.schema or schema]
        found = self.fetch(catalogue.columns_query(schemas, relation.identifier))
        if not found:
            return None
        first = found[0]
        passing = bare and first[0] != schema
        place = Relation(None, None, None) if passing else Relation(relation.database or database, schemas[-1], None)
        return _described([row for row in found if row[0] == first[0]], place)

    def relations(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All that stands in the schemas, without columns."""
        places = self._places(schemas)
        found = self.fetch(catalogue.relations_query(places)) if places else []
        return tuple(catalogue.relation_of(row, place) for row in found for place in places[row[0]])

    def described(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All that stands in the schemas, with columns."""
        places = self._places(schemas)
        rows: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        for row in self.fetch(catalogue.columns_query(places)) if places else ():
            rows.setdefault((row[0], row[1]), []).append(row)
        return tuple(_described(same, place) for same in rows.values() for place in places[same[0][0]])

    def _places(self, schemas: Iterable[Relation]) -> dict[str, list[Relation]]:
        """The schemas by their names, each with the places as which it was asked for."""
        places: dict[str, dict[Relation, None]] = {}
        for asked in schemas:
            if not self.is_elsewhere(asked):
                name = asked.schema or self.default[1]
                places.setdefault(name, {})[Relation(asked.database or self.default[0], name, None)] = None
        return {name: list(asked) for name, asked in places.items()}

    def columns_for(self, relation: Relation, names: Iterable[str]) -> list[tuple[str, str, str]]:
        """`(name, type, category)` of those columns of a table. Raises `DatabaseError` for one that it lacks."""
        there = {row[0]: (row[0], row[1], row[2]) for row in self.fetch(catalogue.loadable_query(relation))}
        for name in names:
            if name not in there:
                hint = did_you_mean(name, there) or f"it has {', '.join(f'`{column}`' for column in there)}"
                raise DatabaseError(f"table `{relation}` has no column `{name}`", code="42703", hint=hint)
        return [there[name] for name in names]

    def type_names(self, kinds: Sequence[tuple[int, int]]) -> list[str]:
        """Types by their numbers and modifiers, as PostgreSQL spells them."""
        missing = list(dict.fromkeys(kind for kind in kinds if kind not in self._types))
        found = dict(self._types)
        if missing:
            (names,) = self.fetch(catalogue.types_query(missing))
            found.update(zip(missing, names))
            self._types.update({kind: name for kind, name in zip(missing, names) if kind[0] < PERMANENT})
        return [found[kind] for kind in kinds]


def _described(rows: Sequence[Sequence[Any]], place: Relation) -> RelationInfo:
    columns = [catalogue.column_of(row[5:]) for row in rows if row[5] is not None]
    return catalogue.relation_of(rows[0], place, columns)
