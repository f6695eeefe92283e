"""What is asked in one query and refused, asked in parts: the many keep their answers, and that takes a few queries."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Part = TypeVar("Part")
FEW = 3
"""So many are asked one by one rather than in halves."""


def in_parts(
    parts: Sequence[Part], ask: Callable[[Sequence[Part]], bool], is_sound: Callable[[Part], bool]
) -> Sequence[Part]:
    """Ask all that were refused as a whole, and give those that are to be asked one by one, in their order.

    `ask`: whether the query for those is answered. `is_sound`: whether the engine takes the question for this one,
    without running it. Mostly what is refused is not sound, and one more query answers all others. What fails as it
    runs is looked for by halves. Of refusals there are at most about twice as many as halves are halves of.
    """
    sound = [place for place, part in enumerate(parts) if is_sound(part)]
    waiting: deque[Sequence[int]] = deque([sound] if len(sound) < len(parts) else _halves(sound))
    left = 2 * len(parts).bit_length()
    answered: set[int] = set()
    while waiting and left:
        places = waiting.popleft()
        if len(places) > 1 and ask([parts[place] for place in places]):
            answered.update(places)
            continue
        left -= 1
        waiting.extend(_halves(places))
    return [part for place, part in enumerate(parts) if place not in answered]


def _halves(places: Sequence[int]) -> Iterable[Sequence[int]]:
    middle = len(places) // 2
    return (places[:middle], places[middle:]) if len(places) > FEW else ()
