"""The faults of the matrix as data: what each does, to which projects, at which points. Nothing is run here."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from faults import company, damage, disks, readers, repeated
from faults.lab import Prepared
from faults.postgres_databases import LOCAL
from faults.trials import Fault
from faults.weaponry import AWAY, at_byte, at_moment, at_statement, at_system_call, system_calls

BOTH = frozenset({"duckdb", "postgres"})
ALL = BOTH | {LOCAL}
DUCKDB, POSTGRES, SERVERS = frozenset({"duckdb"}), frozenset({"postgres"}), frozenset({"postgres", LOCAL})
TOGETHER = "all together"


@dataclass(frozen=True, slots=True)
class Point:
    """Where in a run a fault comes, in words, and the fault."""

    label: str
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of fault."""

    name: str
    points: Callable[[Prepared, random.Random], Sequence[Point]]
    """All points at which the long form tries it, in the order of the run."""
    engines: frozenset[str] = BOTH
    only: frozenset[str] = frozenset()
    """The projects to which it is done; empty for all."""
    never: frozenset[str] = frozenset()
    """The projects to which it is not done."""
    rounds: tuple[int, ...] = (0, 1)
    share: float = 1.0
    """How many of the points the long form tries."""
    arguments: tuple[str, ...] = ("build",)
    """The run that is hurt."""
    recovery: str = "build"
    """The command that must put all in order afterwards."""
    why_not: Callable[[], str] = str
    """Why it cannot be tried here; "" where it can."""

    def suits(self, engine: str, kind: str) -> bool:
        """Whether it is done to that project on that engine."""
        return engine in self.engines and (not self.only or kind in self.only) and kind not in self.never


def spread(points: Sequence[Point], count: int, random: random.Random) -> list[Point]:
    """So many of the points, spread evenly, beginning anywhere."""
    if count >= len(points):
        return list(points)
    start = random.random()
    return [points[int((start + number) * len(points) / count)] for number in range(count)]


def _statements(deed: str, whens: Iterable[str] = ("before", "after")) -> Callable[..., Sequence[Point]]:
    def points(prepared: Prepared, random: random.Random) -> list[Point]:
        numbers = range(1, len(prepared.statements) + 1)
        return [Point(f"{when} statement {n}", at_statement(deed, n, when)) for n in numbers for when in whens]

    return points


def _moments(deed: str, count: int) -> Callable[..., Sequence[Point]]:
    def points(prepared: Prepared, random: random.Random) -> list[Point]:
        shares = [(number + random.random()) / count for number in range(count)]
        return [Point(f"{share:.0%} of its time", at_moment(deed, share)) for share in shares]

    return points


def _bytes(kill: bool) -> Callable[..., Sequence[Point]]:
    """Sizes at which the files of a database are cut off: within the log of writes, and around each block."""

    def points(prepared: Prepared, random: random.Random) -> list[Point]:
        size = max(getattr(prepared.stand.database, "sizes", dict)().values(), default=0)
        log = [int(2 ** random.uniform(8, 16)) for _ in range(20)]
        blocks = [max(size + random.randrange(-(1 << 18), 1 << 20), 1) for _ in range(20)]
        return [Point(f"byte {place}", at_byte(place, kill)) for place in sorted(log + blocks)]

    return points


def _system_calls(prepared: Prepared, random: random.Random) -> list[Point]:
    return [
        Point(f"{name} {number}", at_system_call(number, name))
        for name, count in system_calls(prepared).items()
        for number in range(1, count + 1)
    ]


def _no_strace() -> str:
    return "" if shutil.which("strace") else "there is no strace"


def _fixed(points: Callable[[random.Random], Iterator[tuple[str, Fault]]]) -> Callable[..., Sequence[Point]]:
    def made(prepared: Prepared, random: random.Random) -> list[Point]:
        return [Point(label, fault) for label, fault in points(random)]

    return made


FAMILIES: tuple[Family, ...] = (
    Family(name="kill -9 at a statement", engines=ALL, points=_statements("kill -9")),
    # What is published is not done again: rows that had failed before may stay until its next audit.
    Family(name="kill -9 at a statement, then retry", engines=ALL, points=_statements("kill -9"), share=0.5, recovery="retry",
           never=frozenset({"refused"})),
    Family(name="kill -9 at a moment", points=_moments("kill -9", 16), only=frozenset({TOGETHER})),
    Family(name="kill -9 at a system call", points=_system_calls, engines=DUCKDB, share=0.5, why_not=_no_strace,
           only=frozenset({TOGETHER, "table", "delete_insert", "snapshot check", "microbatch", "seed"})),
    Family(name="kill -9 at a byte of a file", points=_bytes(True), engines=DUCKDB, share=0.5),
    Family(name="kill -9 in a full refresh", points=_statements("kill -9"), share=0.5, rounds=(1,),
           arguments=("build", "--full-refresh"),
           only=frozenset({"table", "view", "delete_insert", "merge", "insert_overwrite", "microbatch", "seed"})),
    Family(name="kill -9 again and again", points=_fixed(repeated.points)),
    # The server has not heard yet that the run is gone: the next one waits for that.
    Family(name="a statement that comes late", points=_statements("late", ["before"]), engines=POSTGRES, share=0.3,
           recovery="build --wait"),
    Family(name="SIGTERM at a statement", engines=ALL, points=_statements("SIGTERM", ["before"])),
    Family(name="SIGTERM at a statement, then retry", engines=ALL, points=_statements("SIGTERM", ["after"]), share=0.5,
           recovery="retry", never=frozenset({"refused"})),
    Family(name="SIGINT at a moment", points=_moments("SIGINT", 8), only=frozenset({TOGETHER})),
    Family(name="backend terminated", points=_statements("backend terminated"), engines=SERVERS),
    Family(name="connection cut", points=_statements("connection cut"), engines=SERVERS),
    Family(name="server restarted", points=_statements("server restarted"), engines=POSTGRES, share=0.2),
    Family(name="server killed -9", points=_statements("server killed -9"), engines=POSTGRES, share=0.1),
    Family(name="server away", points=_statements(f"server away for {AWAY:.0f} s", ["before"]), engines=POSTGRES,
           share=0.1),
    Family(name="disk full: a file's limit", points=_bytes(False), engines=DUCKDB, share=0.5,
           only=frozenset({TOGETHER, "table", "merge", "seed"})),
    Family(name="disk full: small tmpfs", points=_fixed(disks.points), why_not=disks.why_not,
           only=frozenset({TOGETHER, "table", "merge", "seed"})),
    # Of two runs each tells what is not published: none ends well.
    Family(name="two runs at once", points=_fixed(company.points), never=frozenset({"refused"})),
    Family(name="two runs on different nodes", points=_fixed(company.apart), engines=POSTGRES,
           only=frozenset({TOGETHER})),
    Family(name="a zombie", points=_fixed(company.zombies), engines=POSTGRES, rounds=(1,),
           only=frozenset({"table", "append", "delete_insert", "microbatch"})),
    Family(name="a polling reader", points=_fixed(readers.points), rounds=(1,)),
    Family(name="damaged files", points=_fixed(damage.points), rounds=(1,),
           only=frozenset({TOGETHER, "append", "microbatch"})),
)  # fmt: skip


def families() -> Mapping[str, Family]:
    """All of them by name."""
    return {family.name: family for family in FAMILIES}
