"""The short form of the fault matrix: a few points of each kind of fault on each project, chosen by a seed.

The long form is `python -m faults.matrix`; docs/reliability.md has its table. Another seed: ELTBUILD_FAULT_SEED=7.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from faults.duckdb_files import DuckDBEngine
from faults.families import TOGETHER, Family, families, spread
from faults.kinds import kinds_of
from faults.lab import Engine, Lab
from faults.postgres_databases import PostgresEngine
from faults.processes import Starter
from faults.trials import Verdict, tried
from servers.postgres import own, shared

SEED = os.environ.get("ELTBUILD_FAULT_SEED", "1")
FIRST_RUNS = ("microbatch", "python")
"""Projects whose first run is more than one transaction."""
SHORT: Mapping[str, tuple[int, frozenset[str]]] = {
    "kill -9 at a statement": (2, frozenset()),
    "kill -9 at a statement, then retry": (1, frozenset({TOGETHER, "append", "microbatch"})),
    "kill -9 at a moment": (1, frozenset({TOGETHER})),
    "kill -9 at a byte of a file": (1, frozenset({TOGETHER, "table", "merge", "snapshot check"})),
    "SIGTERM at a statement": (1, frozenset({TOGETHER, "delete_insert", "microbatch", "snapshot check", "seed"})),
    "backend terminated": (1, frozenset({TOGETHER, "append", "merge", "snapshot timestamp"})),
    "connection cut": (1, frozenset({"table", "append", "delete_insert", "materialized view", "seed"})),
    "disk full: a file's limit": (1, frozenset({"merge", "seed"})),
    "two runs at once": (1, frozenset({TOGETHER, "append"})),
    "a polling reader": (1, frozenset({TOGETHER})),
    "damaged files": (1, frozenset({"append"})),
}
"""The faults that are tried, at how many points, and on which projects; none named stands for all."""


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    """What starts the runs."""
    made = Starter()
    yield made
    made.close()


@pytest.fixture(scope="session")
def labs() -> Iterator[dict[str, Lab]]:
    """One lab for each engine that was asked for, by its name."""
    found: dict[str, Lab] = {}
    yield found
    for lab in found.values():
        lab.close()


@pytest.fixture
def lab(
    request: pytest.FixtureRequest, labs: dict[str, Lab], tmp_path_factory: pytest.TempPathFactory, starter: Starter
) -> Lab:
    """The lab on the engine of the test."""
    name: str = request.getfixturevalue("engine")
    if name not in labs:
        made: Engine = DuckDBEngine() if name == "duckdb" else PostgresEngine(shared())
        labs[name] = Lab(made, tmp_path_factory.mktemp("faults"), starter)
    return labs[name]


def verdicts(lab: Lab, kind: str, round: int, family: Family, count: int) -> Iterator[Verdict]:
    """What comes of that many points."""
    prepared = lab.prepared(kind, round)
    chance = random.Random(f"{SEED} {lab.engine.name} {kind} {family.name} {round}")
    for point in spread(family.points(prepared, chance), count, chance):
        scene = lab.scene(kind, round, family.arguments)
        yield tried(scene, point.fault, name=family.name, point=point.label, recovery=family.recovery)
        scene.stand.drop()


def told(verdict: Verdict) -> str:
    """A verdict that is not good, in words."""
    wrong = [*verdict.torn, *verdict.repairs, *verdict.wrong]
    return (
        f"{verdict.engine}, {verdict.kind}, round {verdict.round}, {verdict.fault}, {verdict.point} [{verdict.where}]:"
        f" {verdict.lost} rows lost, {verdict.duplicated} duplicated; {'; '.join(wrong)} (seed {SEED})\n{verdict.output}"
    )


PROJECTS = [(engine, kind) for engine in ("duckdb", "postgres") for kind in kinds_of(engine)]


def chosen(engine: str, kind: str) -> Iterator[tuple[Family, int]]:
    """The faults that are tried on a project, each at how many points."""
    for name, (count, kinds) in SHORT.items():
        family = families()[name]
        if family.suits(engine, kind) and (not kinds or kind in kinds) and not family.why_not():
            yield family, count


@pytest.mark.parametrize(("engine", "kind"), PROJECTS, ids=[f"{engine}-{kind}" for engine, kind in PROJECTS])
def test_nothing_is_lost(lab: Lab, engine: str, kind: str) -> None:
    """After each fault stands the old or the new; after a plain next run the new, exactly, and nothing else."""
    rounds = (0, 1) if kind in FIRST_RUNS else (1,)
    found = [
        verdict
        for family, count in chosen(engine, kind)
        for round in rounds
        if round in family.rounds
        for verdict in verdicts(lab, kind, round, family, count)
    ]
    assert any(verdict.hit for verdict in found), "no fault came before the end of its run"
    assert not [told(verdict) for verdict in found if not verdict.good]


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_a_full_disk(lab: Lab, engine: str) -> None:
    """The old stands, and with room again the new."""
    family = families()["disk full: small tmpfs"]
    if family.why_not():
        pytest.skip(family.why_not())
    found = list(verdicts(lab, "table", 1, family, 2))
    assert not [told(verdict) for verdict in found if not verdict.good]


def test_a_server_that_crashes(tmp_path: Path, starter: Starter) -> None:
    """Nothing is lost with the server's processes."""
    with own(fsync="on") as server:
        lab = Lab(PostgresEngine(server), tmp_path, starter)
        names = ("server restarted", "server killed -9")
        found = [verdict for name in names for verdict in verdicts(lab, TOGETHER, 1, families()[name], 1)]
        lab.close()
    assert not [told(verdict) for verdict in found if not verdict.good]
