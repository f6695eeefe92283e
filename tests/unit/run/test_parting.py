"""What is refused as a whole is asked in parts: nothing that could be answered stays alone for long."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from eltbuild.run.testing.parting import FEW, in_parts


class Engine:
    """Takes no query with anything broken in it, and tells beforehand only what is not sound."""

    def __init__(self, broken: set[int], unsound: set[int], most: int = 10_000) -> None:
        self.broken = broken | unsound
        self.unsound = unsound
        self.most = most
        self.asked = 0
        self.answered: list[int] = []

    def ask(self, some: Sequence[int]) -> bool:
        self.asked += 1
        takes = len(some) <= self.most and not self.broken & set(some)
        self.answered += some if takes else ()
        return takes

    def is_sound(self, one: int) -> bool:
        return one not in self.unsound

    def left(self, number: int) -> list[int]:
        return list(in_parts(range(1000, 1000 + number), self.ask, self.is_sound))


some = st.sets(st.integers(1000, 1400), max_size=6)


@given(st.integers(1, 400), some, some, st.integers(1, 500))
def test_what_is_left_is_all_that_was_not_answered(number: int, broken: set[int], unsound: set[int], most: int) -> None:
    engine = Engine(broken, unsound, most)
    left = engine.left(number)
    assert left == sorted(left)
    assert sorted([*left, *engine.answered]) == list(range(1000, 1000 + number))
    assert engine.asked <= 6 * number.bit_length() + 6


def test_what_is_not_sound_costs_one_query_however_many_there_are() -> None:
    engine = Engine(set(), set(range(1000, 1100, 3)))
    assert set(engine.left(100)) == engine.unsound
    assert engine.asked == 1


def test_one_that_fails_as_it_runs_is_soon_almost_alone() -> None:
    engine = Engine({1123}, set())
    left = engine.left(300)
    assert 1123 in left
    assert len(left) <= FEW
    assert engine.asked <= 2 * 9


def test_where_nothing_works_the_search_ends() -> None:
    engine = Engine(set(range(1000, 1300)), set())
    assert len(engine.left(300)) == 300
    assert engine.asked <= 18
