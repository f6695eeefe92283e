"""Ways to hurt a run. Each gives what it did as a `Hurt`; none of them judges what stands afterwards."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

from faults.lab import Prepared
from faults.postgres_databases import PORT, Base
from faults.processes import Run
from faults.trials import Fault, Hurt, Scene
from faults.wire import Door, Passage

SIGNALS: Mapping[str, int] = {
    "kill -9": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT, "SIGSTOP": signal.SIGSTOP,
}  # fmt: skip
AWAY = 3.0
"""Seconds for which a server is away."""
LATE = 2.0
"""Seconds by which a statement of a run that was killed reaches the server later than it was sent."""
WRITING = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink")
"""The system calls by which a process changes files."""

Deed: TypeAlias = Callable[[Base, Door, Passage], None]
"""Something done to a server, or to a session on it."""


def _terminated(base: Base, door: Door, passage: Passage) -> None:
    base.server.execute(f"select pg_terminate_backend({passage.backend}, 10000)")


def _cut(base: Base, door: Door, passage: Passage) -> None:
    passage.cut()


def _restarted(base: Base, door: Door, passage: Passage) -> None:
    base.server.restart("immediate")


def _killed(base: Base, door: Door, passage: Passage) -> None:
    base.server.kill()
    base.server.start()


def _away(base: Base, door: Door, passage: Passage) -> None:
    base.server.stop("immediate")
    time.sleep(AWAY)
    base.server.start()


DEEDS: Mapping[str, Deed] = {
    "backend terminated": _terminated,
    "connection cut": _cut,
    "server restarted": _restarted,
    "server killed -9": _killed,
    f"server away for {AWAY:.0f} s": _away,
}


STOPPED = {"SIGTERM": (0, 143), "SIGINT": (0, 130)}
"""The exit codes of a run that was asked to stop: as shells tell signals, or 0 where it had nothing left to do."""


def _stopped_badly(deed: str, code: int | None, scene: Scene) -> tuple[str, ...]:
    """What is wrong with the exit code of a run that got a signal."""
    fine = (*STOPPED[deed], scene.stand.kind.code) if deed in STOPPED else (code,)
    return () if code in fine else (f"a run that got {deed} ended with {code}",)


def at_statement(deed: str, number: int, when: str) -> Fault:
    """Do that before a run's n-th statement reaches the engine, or after the engine has carried it out."""

    def hurt(scene: Scene) -> Hurt:
        base = scene.stand.database
        if isinstance(base, Base):
            return _at_door(scene, base, deed, number, when)
        return _in_trap(scene, deed, number, when)

    return hurt


def _in_trap(scene: Scene, deed: str, number: int, when: str) -> Hurt:
    log = scene.stand.folder.with_suffix(".trap")
    run = scene.start(trap={"log": str(log), "at": number, "when": when, "signal": SIGNALS[deed]})
    code = ended(run)
    where = log.read_text().strip() if log.exists() else ""
    return Hurt(bool(where), code, run.text(), where, _stopped_badly(deed, code, scene) if where else ())


def _at_door(scene: Scene, base: Base, deed: str, number: int, when: str) -> Hurt:
    door = Door((base.server.host, base.server.port), number, when, late=LATE if deed == "late" else 0)

    def act(passage: Passage) -> None:
        if deed in SIGNALS:
            door.signal(SIGNALS[deed])
        elif deed == "late":
            door.signal(signal.SIGKILL)
        else:
            DEEDS[deed](base, door, passage)

    door.act = act
    run = scene.start(environ={PORT: str(door.port)})
    door.belongs_to(run)
    code = ended(run)
    if deed == "late":
        # What was sent is still on its way while the next run goes on.
        return Hurt(bool(door.where), code, run.text(), door.where, after=door.close)
    door.close()
    return Hurt(bool(door.where), code, run.text(), door.where, _stopped_badly(deed, code, scene) if door.where else ())


def at_moment(deed: str, share: float) -> Fault:
    """Send the run a signal once that share of its usual time has passed."""

    def hurt(scene: Scene) -> Hurt:
        run = scene.start()
        time.sleep(share * scene.seconds)
        hit = run.signal(SIGNALS[deed])
        code = ended(run)
        where = f"{share:.0%} of {scene.seconds:.2f} s"
        return Hurt(hit and code != 0, code, run.text(), where, _stopped_badly(deed, code, scene) if hit else ())

    return hurt


def at_byte(size: int, kill: bool) -> Fault:
    """No file can grow past that size: the write that tries is cut short, and kills the process or fails."""

    def hurt(scene: Scene) -> Hurt:
        run = scene.start(trap={"bytes": size, "kill": kill})
        code = ended(run)
        return Hurt(code != 0, code, run.text(), f"byte {size}")

    return hurt


def system_calls(prepared: Prepared) -> Mapping[str, int]:
    """How often a run that nobody hurts makes each call by which a process changes files, in its busiest thread."""
    stand = prepared.stand.copied(prepared.stand.folder.with_name(f"{prepared.stand.folder.name}.traced"))
    log = stand.folder.with_suffix(".calls")
    how = ("strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(WRITING)}")
    run = prepared.starter.start(stand.folder, ("build",), before=how)
    assert ended(run) == stand.kind.code, run.text()
    found = re.findall(r"^(\d+) +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE)
    counts = Counter(found)
    stand.drop()
    return {name: max((n for (_, call), n in counts.items() if call == name), default=0) for name in WRITING}


def at_system_call(number: int, name: str) -> Fault:
    """Kill the run at its n-th system call of that name, by strace."""

    def hurt(scene: Scene) -> Hurt:
        run = scene.start(before=("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}",
                                  "-e", f"inject={name}:signal=KILL:when={number}"))  # fmt: skip
        code = ended(run)
        return Hurt(code != 0, code, run.text(), f"{name} {number}")

    return hurt


def ended(run: Run) -> int | None:
    """The exit code of a run; None where it had to be killed because it hung."""
    code = run.wait()
    run.close()
    return code
