"""The long form: every fault at many points of every project on every engine, and what came of it.

    python -m faults.matrix --engines duckdb,postgres --write ../docs/reliability.md

A trial is a copy of a project and of its database in which one run is hurt. Trials do not touch each other: each worker
has a laboratory, and a server, of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from faults.duckdb_files import DuckDBEngine
from faults.families import FAMILIES, Family, spread
from faults.lab import Engine, Lab
from faults.postgres_databases import LOCAL, PostgresEngine
from faults.processes import Starter
from faults.table import written
from faults.trials import Verdict, tried
from servers.postgres import own

ENGINES = {"duckdb": "duckdb", "postgres": "postgres", "postgres-file": LOCAL}
"""What `--engines` takes."""
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of fault, done to one project in one round on one engine."""

    engine: str
    kind: str
    family: Family
    round: int


def cells(
    engines: Sequence[str], kinds: Sequence[str], names: Sequence[str], lab_kinds: Callable[[str], Sequence[str]]
) -> list[Cell]:
    """All cells of those engines, projects and faults; empty stands for all."""
    return [
        Cell(engine, kind, family, round)
        for engine in engines
        for kind in lab_kinds(engine)
        if not kinds or kind in kinds
        for family in FAMILIES
        if family.suits(engine, kind) and (not names or any(name in family.name for name in names))
        for round in family.rounds
    ]


@contextlib.contextmanager
def laboratory(engine: str, folder: Path, starter: Starter) -> Iterator[Lab]:
    """A lab on that engine; for PostgreSQL with a server of its own, which writes as durably as one should."""
    with contextlib.ExitStack() as stack:
        made: Engine = DuckDBEngine()
        if engine != made.name:
            made = PostgresEngine(stack.enter_context(own(**DURABLE)), local=engine == LOCAL)
        yield Lab(made, folder, starter)


def trials(lab: Lab, cell: Cell, seed: int, share: float) -> Iterator[Verdict]:
    """The verdicts of a cell, one by one."""
    prepared = lab.prepared(cell.kind, cell.round)
    versions = prepared.stand.database.version()
    chance = random.Random(f"{seed} {cell.engine} {cell.kind} {cell.family.name} {cell.round}")
    points = cell.family.points(prepared, chance)
    chosen = spread(points, max(1, round(len(points) * cell.family.share * share)), chance)
    for point in chosen:
        scene = lab.scene(cell.kind, cell.round, cell.family.arguments)
        verdict = tried(scene, point.fault, name=cell.family.name, point=point.label, recovery=cell.family.recovery)
        verdict.versions = versions
        scene.stand.drop()
        yield verdict


@dataclass(slots=True)
class Record:
    """Verdicts, written down as they come."""

    path: Path
    lock: threading.Lock
    count: int = 0
    bad: int = 0

    def add(self, verdict: Verdict) -> None:
        """One more."""
        with self.lock:
            self.count += 1
            self.bad += not verdict.good
            with self.path.open("a") as file:
                file.write(json.dumps(verdict.as_dict(), default=str) + "\n")
            if not verdict.good:
                told = [*verdict.torn, *verdict.repairs, *verdict.wrong]
                print(f"{verdict.engine}, {verdict.kind}, round {verdict.round}: {verdict.fault}, {verdict.point}"
                      f" [{verdict.where}] lost {verdict.lost}, duplicated {verdict.duplicated}; {'; '.join(told)}",
                      flush=True)  # fmt: skip


def worked_off(
    waiting: SimpleQueue[Cell], engine: str, record: Record, folder: Path, options: argparse.Namespace
) -> None:
    """Do cells of one engine until none is left."""
    with contextlib.closing(Starter(cold=options.cold)) as starter, laboratory(engine, folder, starter) as lab:
        while True:
            try:
                cell = waiting.get_nowait()
            except Empty:
                return
            began = time.monotonic()
            count = tried_out(lab, cell, record, options)
            if options.verbose:
                seconds = time.monotonic() - began
                print(f"{named(cell)}: {count} trials, {seconds:.0f} s", flush=True)


def tried_out(lab: Lab, cell: Cell, record: Record, options: argparse.Namespace) -> int:
    """All trials of a cell, written down; how many. What breaks the laboratory itself is told and counted as bad."""
    count = 0
    try:
        for verdict in trials(lab, cell, options.seed, options.share):
            record.add(verdict)
            count += 1
    except Exception:
        print(f"{named(cell)}: the trial itself failed\n{traceback.format_exc()}", flush=True)
        record.bad += 1
    return count


def named(cell: Cell) -> str:
    """A cell in words."""
    return f"{cell.engine}, {cell.kind}, round {cell.round}: {cell.family.name}"


def main() -> int:
    """Do what the words of the call ask for; 1 where anything is not as promised."""
    options = _options()
    if options.read:
        written(Path(options.write), map(Path, options.read), shown_command(options))
        return 0
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=options.folder))
    record = Record(Path(options.record or folder / "record.jsonl"), threading.Lock())
    for family in FAMILIES:
        if family.why_not():
            print(f"not tried: {family.name}: {family.why_not()}")
    possible = [family.name for family in FAMILIES if not family.why_not()]
    began = time.monotonic()
    threads = []
    for engine in options.engines:
        waiting: SimpleQueue[Cell] = SimpleQueue()
        for cell in cells([engine], options.kinds, options.faults, _kinds):
            if cell.family.name in possible:
                waiting.put(cell)
        for _ in range(options.workers):
            threads.append(threading.Thread(target=worked_off, args=(waiting, engine, record, folder, options)))
            threads[-1].start()
        # One engine after the other: two share the processors badly.
        for thread in threads:
            thread.join()
    print(f"{record.count} trials, {record.bad} not as promised, {time.monotonic() - began:.0f} s; seed {options.seed}")
    if options.write:
        written(Path(options.write), [record.path], shown_command(options))
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return int(record.bad > 0)


def _kinds(engine: str) -> Sequence[str]:
    from faults.kinds import kinds_of

    return list(kinds_of(engine))


def shown_command(options: argparse.Namespace) -> str:
    """How the record was made, without what names places of this machine."""
    engines = ",".join(word for word, name in ENGINES.items() if name in options.engines)
    return f"python -m faults.matrix --engines {engines} --share {options.share:g} --seed {options.seed}"


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _engines(text: str) -> list[str]:
    return [ENGINES[word] for word in _listed(text)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--engines", type=_engines, default=list(ENGINES.values()), help=", ".join(ENGINES))
    add("--kinds", type=_listed, default=[], help="only these projects")
    add("--faults", type=_listed, default=[], help="only faults whose names hold one of these")
    add("--share", type=float, default=1.0, help="how many of the points to try, 0 to 1")
    add("--seed", type=int, default=random.randrange(10**6), help="decides which points and damages are tried")
    add("--workers", type=int, default=os.cpu_count() or 1, help="how many trials at once")
    add("--cold", action="store_true", help="start each run as a user does, not from a process that is warm")
    add("--record", help="a file to which every verdict is added, one line of JSON each")
    add("--write", help="a page of Markdown whose table is written anew from the record")
    add("--read", nargs="*", default=[], help="try nothing: write the page from these records")
    add("--folder", help="where to work")
    add("--keep", action="store_true", help="leave the projects and databases there")
    add("--verbose", action="store_true", help="tell of every cell")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
