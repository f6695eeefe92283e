"""A project beside its database, written to disk; how to feed it and to look into it. eltbuild is not run here."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any, Protocol

from faults.kinds import SCHEMA, Content, Kind, Watched
from faults.world import World

SOURCES = "src"

PROJECT = """\
name: lab
version: '1.0'
profile: lab
model-paths: [models]
seed-paths: [seeds]
snapshot-paths: [snapshots]
"""
READ = """\
sources:
  - name: src
    schema: src
    tables:
      - name: events
        config: {event_time: happened}
      - name: items
"""
CREATE = (
    "create table if not exists src.events"
    " (id integer, day date, value integer, changed timestamp, happened timestamp)",
    "create table if not exists src.items (id integer, value integer, changed timestamp)",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A relation in a database."""

    schema: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} {self.schema}.{self.name}"


class Look(Protocol):
    """A session that only looks."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]: ...

    def relations(self) -> list[Found]: ...

    def close(self) -> None: ...


class Database(Protocol):
    """The database of one stand."""

    engine: str

    def version(self) -> str:
        """The engine and its version, in words."""
        ...

    def furnishing(self) -> Sequence[str]:
        """What it needs beyond its sources, as statements."""
        ...

    def output(self) -> Mapping[str, Any]:
        """The profile's output for it."""
        ...

    def write(self, statements: Sequence[str]) -> None:
        """Run statements in one transaction, while nobody else is there."""
        ...

    def look(self) -> Look:
        """What stands in it now, without touching it."""
        ...

    def parked(self) -> Database:
        """The same, put away: it can be copied and no more."""
        ...

    def copied(self, folder: Path) -> Database:
        """One that was put away, again, under the name that it was built by; for a stand in that folder."""
        ...

    def drop(self) -> None:
        """It is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Stand:
    """A project in a folder, its database, and the round that its files and its sources are in."""

    folder: Path
    database: Database
    kind: Kind
    world: World
    round: int = -1

    @property
    def watched(self) -> tuple[Watched, ...]:
        """What can be watched in its round."""
        return self.kind.seen(self.round)

    def turned(self, round: int) -> Stand:
        """The stand in another round: its sources and its files are what they are then."""
        others = self.kind.others if round == 1 else ()
        self.database.write([*feeding(self.world, round), *others])
        for path, text in self.kind.files(self.world, round).items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return replace(self, round=round)

    def parked(self) -> Stand:
        """The stand, put away: it can be copied and no more."""
        return replace(self, database=self.database.parked())

    def copied(self, folder: Path) -> Stand:
        """The same project and the same database again."""
        shutil.copytree(self.folder, folder)
        database = self.database.copied(folder)
        write_profile(folder, database)
        return replace(self, folder=folder, database=database)

    def contents(self) -> dict[str, Content | None]:
        """What each watched relation holds; None where it is not there."""
        look = self.database.look()
        try:
            there = {(one.schema, one.name) for one in look.relations()}
            return {one.name: read(look, one) if (one.schema, one.name) in there else None for one in self.watched}
        finally:
            look.close()

    def relations(self) -> list[Found]:
        """All that stands in the database."""
        look = self.database.look()
        try:
            return look.relations()
        finally:
            look.close()

    def drop(self) -> None:
        """Nothing is left of it."""
        self.database.drop()
        shutil.rmtree(self.folder, ignore_errors=True)


def made(folder: Path, database: Database, kind: Kind, world: World) -> Stand:
    """A new stand, before its first round."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "models").mkdir()
    (folder / "models" / "sources.yml").write_text(READ)
    write_profile(folder, database)
    database.write(("create schema if not exists src", *CREATE, *database.furnishing()))
    return Stand(folder, database, kind, world)


def write_profile(folder: Path, database: Database) -> None:
    """The profile for the stand's database."""
    output = {"threads": 4, **database.output(), "schema": SCHEMA}
    (folder / "profiles.yml").write_text(json.dumps({"lab": {"target": "dev", "outputs": {"dev": output}}}))


def feeding(world: World, round: int) -> list[str]:
    """Statements after which the sources hold the rows of a round."""
    events = ", ".join(
        _row(row.id, row.day, row.value, row.changed, datetime.combine(row.day, time(0, 30)))
        for row in world.events(round)
    )
    items = ", ".join(_row(row.id, row.value, row.changed) for row in world.items(round))
    return [
        "delete from src.events",
        f"insert into src.events values {events}",
        "delete from src.items",
        f"insert into src.items values {items}",
    ]


def _row(*values: Any) -> str:
    return f"({', '.join(map(_literal, values))})"


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else f"'{value}'"


def read(look: Look, one: Watched) -> Content:
    """What a relation holds."""
    return one.tidy(look.rows(f"select {one.columns} from {one.schema}.{one.name}"))


def difference(found: Content | None, wanted: Content) -> tuple[int, int]:
    """How many rows are missing, and how many are there that should not be."""
    missing = wanted - (found or Counter())
    extra = (found or Counter()) - wanted
    return missing.total(), extra.total()
