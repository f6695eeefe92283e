"""The rows that the lab's models read, round after round. Nothing is stored here.

Each round adds rows, changes rows and deletes rows; whatever a model should hold after a round follows from these
functions alone, so what a warehouse holds can be compared row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

NEW_ROWS = 20
"""How many events each round adds."""
DAYS = 4
"""Over how many days before today the first round's events lie."""


@dataclass(frozen=True, slots=True)
class Event:
    """A row of `src.events`. One of them has no id."""

    id: int | None
    day: date
    value: int
    changed: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """A row of `src.items`."""

    id: int
    value: int
    changed: datetime


@dataclass(frozen=True, slots=True)
class World:
    """All rounds, as seen from one day: microbatch models count their days back from it."""

    today: date

    @classmethod
    def now(cls) -> World:
        """The world of today, UTC."""
        return cls(datetime.now(UTC).date())

    @property
    def begin(self) -> date:
        """The day of the oldest event."""
        return self.today - timedelta(days=DAYS)

    def moment(self, round: int) -> datetime:
        """When the rows of a round were written."""
        return datetime(2024, 1, 1) + timedelta(hours=round)

    def events(self, round: int) -> tuple[Event, ...]:
        """What stands in `src.events` in that round."""
        rows = [self._event(number, round) for number in range(1, NEW_ROWS * (round + 1) + 1)]
        return (*rows, Event(None, self.today - timedelta(days=1), -round, self.moment(round)))

    def _event(self, number: int, round: int) -> Event:
        born = (number - 1) // NEW_ROWS
        day = self.begin + timedelta(days=number % DAYS) if not born else self.today - timedelta(days=number % 2)
        # Only events of the last two days change: a microbatch model looks no further back.
        old = day < self.today - timedelta(days=1)
        touched = [r for r in range(born + 1, round + 1) if (number + r) % 3 == 0 and not old]
        last = touched[-1] if touched else born
        return Event(number, day, number * 10 + 1000 * last, self.moment(last))

    def items(self, round: int) -> tuple[Item, ...]:
        """What stands in `src.items` in that round: round `r` changes a third, adds item `10 + r`, deletes item `r`."""
        return tuple(self._item(id, round) for id in range(round + 1, 11 + round))

    def _item(self, id: int, round: int) -> Item:
        born = max(0, id - 10)
        touched = [r for r in range(born + 1, round + 1) if (id + r) % 3 == 0]
        last = touched[-1] if touched else born
        return Item(id, id * 10 + 1000 * last, self.moment(last))

    def rates(self, round: int) -> tuple[tuple[int, int], ...]:
        """What the seed's file holds in that round."""
        return tuple((id, id * 7 + 1000 * round) for id in range(1, 31 + 10 * round))
