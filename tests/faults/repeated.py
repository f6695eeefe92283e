"""Runs that are killed one after another before one of them is let be."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from faults.trials import Fault, Hurt, Scene
from faults.weaponry import at_statement

TIMES = 6
KILLS = 4


def points(random: random.Random) -> Iterator[tuple[str, Fault]]:
    """Some rows of kills, each kill at a statement of its own."""
    for number in range(TIMES):
        yield (
            f"{KILLS} kills, {number}",
            _killed([(random.random(), random.choice(["before", "after"])) for _ in range(KILLS)]),
        )


def _killed(places: Sequence[tuple[float, str]]) -> Fault:
    def hurt(scene: Scene) -> Hurt:
        numbers = [(1 + int(share * scene.statements), when) for share, when in places]
        hurts = [at_statement("kill -9", number, when)(scene) for number, when in numbers]
        text = "\n-- again:\n".join(one.text for one in hurts)
        return Hurt(all(one.hit for one in hurts), hurts[-1].code, text, "; ".join(one.where[:40] for one in hurts))

    return hurt
