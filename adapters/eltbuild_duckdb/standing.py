"""What stands in DuckDB: the questions of the catalogue, asked by a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from eltbuild.relation import Belongings, Column, Constraint, Relation, RelationInfo
from eltbuild.values import dataclass, replace
from eltbuild_duckdb import catalogue
from eltbuild_duckdb.belongings import belongings_of, constraints_query, indexes_query
from eltbuild_duckdb.databases import Database

Fetch = Callable[[str], list[tuple[Any, ...]]]
"""The rows of a question. Raises `DatabaseError`."""

Describe = Callable[[Relation], tuple[Column, ...] | None]
"""The columns of one relation, None where DuckDB finds none. Raises `DatabaseError`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Questions about one database; `default` is what relations without a database or a schema mean."""

    fetch: Fetch
    describe: Describe
    database: Database
    default: tuple[str, str]
    shared: bool
    """Whether others than this process write to the database."""

    def relation(self, relation: Relation, *, transacting: bool) -> RelationInfo | None:
        """What stands at that place now, with columns; None when nothing does. Letter case does not matter."""
        if not relation.identifier:
            return None
        places = self._places(relation)
        # A name that is not there is told by an error, which would end a transaction; one that looks like that of a
        # file is looked for among files.
        if transacting or len(places) > 1 or "." in relation.identifier or self._has_comments():
            return self._listed(places, relation.identifier)
        is_view = bool(self.fetch(catalogue.views_query(places[0], relation.identifier)))
        full = Relation(*places[0], relation.identifier)
        columns = self.describe(full)
        if columns is None:
            # A view whose tables have gone stands all the same.
            return self._listed(places, relation.identifier) if is_view else None
        if is_view:
            # The catalogue says that of every column of a view.
            columns = tuple(replace(column, nullable=True) for column in columns)
        return RelationInfo(full, "view" if is_view else "table", columns)

    def _listed(self, places: Sequence[tuple[str, str]], identifier: str) -> RelationInfo | None:
        """What stands in the first of the places that has that name, by the catalogue."""
        found = [catalogue.relation_of(row) for row in self.fetch(catalogue.relations_query(places, identifier))]
        if not found:
            return None
        order = {(database.lower(), schema.lower()): index for index, (database, schema) in enumerate(places)}
        info = min(found, key=lambda one: (order.get(one.relation.key[:2], 0), one.relation.identifier != identifier))
        stored = info.relation
        place = (stored.database or "", stored.schema or "")
        rows = self.fetch(catalogue.columns_query([place], stored.identifier))
        columns = [catalogue.column_of(row) for row in rows if row[2] == stored.identifier]
        asked = next((one for one in places if (one[0].lower(), one[1].lower()) == stored.key[:2]), place)
        return RelationInfo(Relation(*asked, identifier), info.kind, tuple(columns), info.comment)

    def relations(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All tables and views in the schemas, without columns, sorted by place."""
        places = list(dict.fromkeys(self._places(schema)[-1] for schema in schemas))
        if not places:
            return ()
        return tuple(map(catalogue.relation_of, self.fetch(catalogue.relations_query(places))))

    def described(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All tables and views in the schemas with their columns, by two queries."""
        places = list(dict.fromkeys(self._places(schema)[-1] for schema in schemas))
        if not places:
            return ()
        columns: dict[tuple[str, str, str], list[Column]] = {}
        for row in self.fetch(catalogue.columns_query(places)):
            columns.setdefault((row[0], row[1], row[2]), []).append(catalogue.column_of(row))
        rows = self.fetch(catalogue.relations_query(places))
        return tuple(catalogue.relation_of(row, columns.get((row[0], row[1], row[2]), ())) for row in rows)

    def belongings(self, relation: Relation) -> Belongings:
        """What hangs on a table and would go with it: its indexes."""
        commented = self._has_comments()
        if not relation.identifier or not self._has_indexes():
            return Belongings(commented=commented)
        question = indexes_query(self._places(relation)[-1], relation.identifier)
        return replace(belongings_of(self.fetch(question)), commented=commented)

    def constraints(self, relation: Relation) -> Sequence[Constraint]:
        """The constraints of a table, but for NOT NULL."""
        if not relation.identifier:
            return ()
        rows = self.fetch(constraints_query(self._places(relation)[-1], relation.identifier))
        return tuple(Constraint(str(kind).lower().replace(" ", "_"), tuple(columns or ())) for kind, columns in rows)

    def _has_indexes(self) -> bool:
        """Whether anything has an index: asked of one table, DuckDB looks at all of them, too."""
        indexed = self.database.indexed
        if indexed is None:
            indexed = bool(self.fetch("select exists (from duckdb_indexes())")[0][0])
            if not self.shared:
                # Nobody else can make one.
                self.database.indexed = indexed
        return indexed

    def _has_comments(self) -> bool:
        """Whether a comment stands on anything: only the catalogue as a whole tells of those."""
        if self.database.commented is None:
            self.database.commented = bool(self.fetch(catalogue.COMMENTED)[0][0])
        return self.database.commented

    def _places(self, relation: Relation) -> list[tuple[str, str]]:
        """Where a relation may stand: a bare name may be a temporary table of the session."""
        database, schema = self.default
        if relation.identifier and relation.database is None and relation.schema is None:
            return [catalogue.TEMPORARY, (database, schema)]
        return [(relation.database or database, relation.schema or schema)]
