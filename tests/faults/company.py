"""Two runs at once: each ends well or is told who is in its way; and runs that come back from the dead."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from faults.postgres_databases import PORT, Base
from faults.processes import Run
from faults.trials import Fault, Hurt, Scene
from faults.weaponry import ended
from faults.wire import Door, Passage

REFUSALS = ("another run", "is open in another process", "is held by")
"""Words of which one stands in a refusal."""
BUILD = ("build",)


def points(random: random.Random) -> Iterator[tuple[str, Fault]]:
    """The second run begins at several moments of the first."""
    for share in (0.0, 0.3, 0.6):
        yield f"refused, {share:.0%}", together(BUILD, BUILD, share, _refused)
        yield f"waits, {share:.0%}", together(BUILD, ("build", "--wait"), share, _waited)
    yield "both wait", together(("build", "--wait"), ("build", "--wait"), 0.0, _both_well)


def apart(random: random.Random) -> Iterator[tuple[str, Fault]]:
    """Two runs that share no relation: neither is in the other's way."""
    half = ("whole", "over_table", "append", "sliced", "rates")
    first, second = ("build", "--select", *half), ("build", "--exclude", *half)
    for share in (0.0, 0.2, 0.4):
        yield f"apart, {share:.0%}", together(first, second, share, _both_well)


def together(
    first: Sequence[str], second: Sequence[str], delay: float, judge: Callable[[Run, Run], list[str]]
) -> Fault:
    """Two runs at once."""

    def hurt(scene: Scene) -> Hurt:
        one = scene.starter.start(scene.stand.folder, first)
        time.sleep(delay * scene.seconds)
        overlap = not one.ended.is_set()
        other = scene.starter.start(scene.stand.folder, second)
        codes = ended(one), ended(other)
        text = f"{one.text()}\n-- the other run:\n{other.text()}"
        hangs = None in codes
        code = None if hangs else max(code or 0 for code in codes)
        return Hurt(overlap, code, text, f"codes {codes}", tuple(judge(one, other)))

    return hurt


def _refused(one: Run, other: Run) -> list[str]:
    """At least one ends well; one that does not was refused in words."""
    both = ["neither of two runs ended well"] if one.code and other.code else []
    silent = [run for run in (one, other) if run.code and not any(words in run.text() for words in REFUSALS)]
    return both + [f"a run that was not alone ended with {run.code} and does not say why" for run in silent]


def _waited(one: Run, other: Run) -> list[str]:
    """The one that waits ends well; the first may have found it there already, and was refused in words."""
    wrong = [f"a run that waits ended with {other.code}"] if other.code else []
    return wrong + [text for text in _refused(one, other) if one.code]


def _both_well(one: Run, other: Run) -> list[str]:
    return [f"a run ended with {run.code} beside one that waits" for run in (one, other) if run.code]


def zombies(random: random.Random) -> Iterator[tuple[str, Fault]]:
    """A run is stopped and its sessions are cut; another takes over; then the first one goes on."""
    for share in (0.2, 0.4, 0.6, 0.8):
        yield f"stopped at {share:.0%} of its statements", _zombie(share)


def _zombie(share: float) -> Fault:
    def hurt(scene: Scene) -> Hurt:
        base = scene.stand.database
        assert isinstance(base, Base)
        door = Door((base.server.host, base.server.port), max(1, int(share * scene.statements)))

        def stop(passage: Passage) -> None:
            door.signal(signal.SIGSTOP)
            for each in tuple(door.passages):
                each.cut()

        door.act = stop
        zombie = scene.start(environ={PORT: str(door.port)})
        door.belongs_to(zombie)
        while not door.where and not zombie.ended.is_set():
            time.sleep(0.01)
        other = scene.start("--wait")
        other_code = ended(other)
        zombie.signal(signal.SIGCONT)
        code = ended(zombie)
        door.close()
        wrong = [] if other_code == 0 else [f"the run that should take over ended with {other_code}"]
        text = f"{zombie.text()}\n-- the run that takes over:\n{other.text()}"
        return Hurt(bool(door.where), code, text, door.where, tuple(wrong))

    return hurt
