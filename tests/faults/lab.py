"""Where trials take place: projects built up to a round, copied for each trial, and the engines that they run on."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from faults.kinds import Kind, kinds_of
from faults.postgres_databases import PORT, Base
from faults.processes import Starter
from faults.stands import Database, Stand, made
from faults.trials import Scene
from faults.wire import Door
from faults.world import World


class Engine(Protocol):
    """What makes databases of one kind."""

    name: str

    def database(self, folder: Path) -> Database:
        """A new one, for the stand in that folder."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stand whose next run is its round's, and what that run takes."""

    stand: Stand
    seconds: float
    statements: tuple[str, ...]
    starter: Starter


class Lab:
    """Makes scenes for trials on one engine, in a folder of its own."""

    def __init__(self, engine: Engine, folder: Path, starter: Starter) -> None:
        self.engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix=f"{engine.name}-", dir=folder))
        self.starter = starter
        self.world = World.now()
        self.kinds: Mapping[str, Kind] = kinds_of(engine.name)
        self._prepared: dict[tuple[str, int], Prepared] = {}
        self._lock = threading.RLock()
        self._number = 0

    def prepared(self, kind: str, round: int) -> Prepared:
        """A project that has been built in each round before that one. It must not be used itself."""
        with self._lock:
            found = self._prepared.get((kind, round))
            if found is None:
                found = self._prepared[kind, round] = self._prepare(kind, round)
            return found

    def _prepare(self, kind: str, round: int) -> Prepared:
        folder = self.folder / f"{kind.replace(' ', '_')}.{round}"
        if round:
            stand = self.prepared(kind, round - 1).stand.copied(folder)
            run_well(self.starter, stand)
        else:
            stand = made(folder, self.engine.database(folder), self.kinds[kind], self.world)
        stand = stand.turned(round).parked()
        return Prepared(stand, *self._measured(stand), self.starter)

    def _measured(self, stand: Stand) -> tuple[float, tuple[str, ...]]:
        """How long a run takes that nobody hurts, and what it sends."""
        copied = stand.copied(stand.folder.with_name(f"{stand.folder.name}.measured"))
        began = time.monotonic()
        statements = counted(self.starter, copied)
        seconds = time.monotonic() - began
        copied.drop()
        return seconds, statements

    def scene(self, kind: str, round: int, arguments: tuple[str, ...] = ("build",)) -> Scene:
        """A copy of the project for one trial, in which the run with these arguments is hurt."""
        found = self.prepared(kind, round)
        with self._lock:
            self._number += 1
            number = self._number
        stand = found.stand.copied(self.folder / f"trial{number}")
        return Scene(
            stand=stand,
            starter=self.starter,
            seconds=found.seconds,
            statements=len(found.statements),
            arguments=arguments,
        )

    def close(self) -> None:
        """Its projects and databases are gone."""
        for prepared in self._prepared.values():
            prepared.stand.drop()
        shutil.rmtree(self.folder, ignore_errors=True)


def run_well(starter: Starter, stand: Stand, **how: Any) -> None:
    """A run that must end as its project does. Raises `AssertionError` with what it said."""
    run = starter.start(stand.folder, ("build",), **how)
    code = run.wait()
    run.close()
    assert code == stand.kind.code, f"an unhurt run ended with {code}:\n{run.text()}"


def counted(starter: Starter, stand: Stand) -> tuple[str, ...]:
    """The statements that a run sends which nobody hurts, and which must end well."""
    base = stand.database
    if isinstance(base, Base):
        door = Door((base.server.host, base.server.port))
        run_well(starter, stand, environ={PORT: str(door.port)})
        door.close()
        return tuple(door.statements)
    log = stand.folder.with_suffix(".log")
    run_well(starter, stand, trap={"log": str(log)})
    return tuple(log.read_text().splitlines())
