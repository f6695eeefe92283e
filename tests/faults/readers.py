"""Somebody who reads all the time: what he sees must be one of the contents that may be seen, and never an error."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from faults.duckdb_files import File
from faults.kinds import Watched
from faults.processes import PATIENCE, surroundings
from faults.stands import read
from faults.trials import Fault, Hurt, Scene
from faults.weaponry import at_statement, ended

REBUILDS = 4
INSIDE = Path(__file__).parent / "weapons" / "reading.py"


@dataclass(slots=True)
class Reader:
    """Reads one relation over and over, in a session of its own."""

    scene: Scene
    one: Watched
    reads: int = 0
    wrong: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Read until it is over."""
        stand = self.scene.stand
        allowed = self.one.allowed(stand.world, stand.round)
        look = stand.database.look()
        try:
            while not self.over.is_set() and not self.wrong:
                found = read(look, self.one)
                self.reads += 1
                if found not in allowed:
                    self.wrong.append(f"a reader of {self.one.name} saw {found.total()} rows that never stood there")
        except Exception as error:
            self.wrong.append(f"a reader of {self.one.name} was refused: {error}")
        finally:
            look.close()


def points(random: random.Random) -> Iterator[tuple[str, Fault]]:
    """Rebuilds that nobody hurts, and a run that is killed somewhere."""
    yield f"{REBUILDS} builds", _watched_builds()
    for share in (0.3, 0.5, 0.7, 0.9):
        yield f"kill -9 at {share:.0%} of its statements", _watched_kill(share)


def _watched_builds() -> Fault:
    def hurt(scene: Scene) -> Hurt:
        if isinstance(scene.stand.database, File):
            return _from_inside(scene)
        return _from_outside(scene, lambda: _several(scene))

    return hurt


def _watched_kill(share: float) -> Fault:
    def hurt(scene: Scene) -> Hurt:
        if isinstance(scene.stand.database, File):
            # Whoever reads a file of DuckDB's is in the process that would be killed.
            return _from_inside(scene)
        number = max(1, round(share * scene.statements))
        return _from_outside(scene, lambda: at_statement("kill -9", number, "after")(scene))

    return hurt


def _steady(scene: Scene) -> list[Watched]:
    """What is there to be read all the time."""
    return [one for one in scene.stand.watched if not one.lacks]


def _several(scene: Scene) -> Hurt:
    codes, texts = [], []
    for _ in range(REBUILDS):
        run = scene.start()
        codes.append(ended(run))
        texts.append(run.text())
    wrong = tuple(f"a run beside a reader ended with {code}" for code in codes if code != scene.stand.kind.code)
    return Hurt(True, max(code or 0 for code in codes), "\n".join(texts), f"codes {codes}", wrong)


def _from_outside(scene: Scene, work: Callable[[], Hurt]) -> Hurt:
    """Somebody reads each relation while the work is done."""
    readers = [Reader(scene, one) for one in _steady(scene)]
    threads = [threading.Thread(target=reader.run) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        hurt = work()
    finally:
        for reader in readers:
            reader.over.set()
        for thread in threads:
            thread.join(PATIENCE)
    wrong = [text for reader in readers for text in reader.wrong]
    wrong += [f"nobody could read {reader.one.name}" for reader in readers if not reader.reads]
    reads = sum(reader.reads for reader in readers)
    return Hurt(hurt.hit, hurt.code, hurt.text, f"{reads} reads; {hurt.where}", (*hurt.wrong, *wrong))


def _from_inside(scene: Scene) -> Hurt:
    """A program builds through the Python API and reads beside it: no other process can open the file."""
    stand = scene.stand
    order = {
        "folder": str(stand.folder),
        "path": str(stand.folder / "warehouse.duckdb"),
        "builds": REBUILDS,
        "queries": {one.name: f"select {one.columns} from {one.schema}.{one.name}" for one in _steady(scene)},
        "refused": bool(stand.kind.code),
    }
    done = subprocess.run(
        [sys.executable, str(INSIDE)], input=json.dumps(order), capture_output=True, text=True, timeout=PATIENCE,
        env=surroundings(), check=False,
    )  # fmt: skip
    if done.returncode:
        return Hurt(True, done.returncode, done.stderr, "", ("the program that builds and reads failed",))
    told = json.loads(done.stdout)
    wrong = list(told["errors"])
    reads = 0
    for one in _steady(scene):
        allowed = {_shown(content) for content in one.allowed(stand.world, stand.round)}
        seen = told["seen"][one.name]
        reads += told["reads"][one.name]
        strange = [rows for rows in seen if _shown(one.tidy([tuple(row) for row in rows])) not in allowed]
        wrong += [f"a reader of {one.name} saw {len(rows)} rows that never stood there" for rows in strange]
    return Hurt(True, 0, done.stderr, f"{reads} reads", tuple(wrong))


def _shown(content: object) -> str:
    """A content as text, in which dates and their texts are the same."""
    assert isinstance(content, dict)
    return json.dumps(sorted([[str(value) for value in row], count] for row, count in content.items()))
