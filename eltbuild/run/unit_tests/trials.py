"""Rows of pools in memory, and as few of them as notice what all of them notice.

What rows are worth is told by changes of the model's query (those of `mutate`): a row that makes a predicate true, one
that makes it false, one that finds no partner in a join, one for each branch of a CASE; each is needed to notice some
change. So rows are dropped as long as every change is still noticed that the whole pool of rows notices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from eltbuild.errors import DatabaseError
from eltbuild.quality.mutations.changes import changed, mutants
from eltbuild.quality.mutations.words import words_of
from eltbuild.quality.row_comparison import differ
from eltbuild.relation import Column
from eltbuild.run.commented import Commented
from eltbuild.run.unit_tests.bench import Bench
from eltbuild.run.unit_tests.mutating import limited
from eltbuild.run.unit_tests.nouns import ROWS
from eltbuild.run.unit_tests.pool import Pooled, Row
from eltbuild.sql.ctes import with_ctes
from eltbuild.sql.inline import rows_query
from eltbuild.values import dataclass, field, replace

SECONDS = 14.0
"""How long rows are dropped, at most, as this process counts the time in which it works."""
LONGEST = 30.0
"""How long by the clock."""
EACH = 0.7
"""How long rows are looked for that notice one change: others have their turn, too."""
THINNING = 0.6
"""The part of it in which rows are dropped that nothing needs; then come those that are too many."""
Kept = tuple[tuple[int, ...], ...]
"""The numbers of the rows that are kept, for each input."""


Change = str | int
"""A changed query; or an input, by its number, that has no rows: some of them must be of consequence."""


@dataclass(slots=True)
class Trials:
    """The model's query, and changed ones, over rows of the pools that stand in memory."""

    bench: Bench
    connection: Commented
    names: Sequence[str]
    pools: Sequence[Pooled]
    query: str
    columns: tuple[Column, ...] = ()
    changes: list[Change] = field(default_factory=list)
    """What the rows must notice, that first which was missed last."""
    end: float = 0.0
    latest: float = 0.0
    """When no more rows are dropped, by the time of the process and by the clock."""

    def changed(self) -> Iterator[str]:
        """Every changed query."""
        dialect = self.bench.writer.dialect
        return (changed(self.query, mutant) for mutant in mutants(words_of(self.query, dialect)))

    def sql(self, query: str, kept: Kept) -> str:
        """The statement for a query over the rows that are kept."""
        own = zip(self.names, self.pools, kept, strict=True)
        ctes = [
            (name, f"select {self._listed(pool)} from {_table(number)} where {_kept(rows)}")
            for number, (name, pool, rows) in enumerate(own)
        ]
        return with_ctes(query, ctes, self.bench.writer.dialect)

    def rows(self, query: str, kept: Kept) -> tuple[Row, ...]:
        """What a query gives for the rows that are kept. Raises `DatabaseError`."""
        with limited(self.connection.cancel):
            return self.connection.execute(self.bench.writer.limited(self.sql(query, kept), ROWS)).rows

    def _listed(self, pool: Pooled) -> str:
        return self.bench.writer.names(column.name for column in pool.columns)

    def differs(self, change: Change, kept: Kept, base: Sequence[Row]) -> bool:
        """Whether a change gives other rows than the model's query; an error is no difference."""
        try:
            if isinstance(change, int):
                found = self.rows(self.query, (*kept[:change], (), *kept[change + 1 :]))
            else:
                found = self.rows(change, kept)
        except DatabaseError:
            return False
        if not base or len(found) != len(base) or (found and len(found[0]) != len(base[0])):
            return found != base
        return differ(self.columns, base, found, self.bench.writer.dialect)

    def notices(self, change: Change, kept: Kept) -> bool:
        """Whether the rows notice a change."""
        return self.differs(change, kept, self.rows(self.query, kept))

    def noticed(self, kept: Kept) -> list[Change]:
        """The changes that the rows notice."""
        base = self.rows(self.query, kept)
        return [change for change in self.changes if self.differs(change, kept, base)]

    def is_enough(self, kept: Kept, some: bool) -> bool:
        """Whether the rows notice every change, and, for `some`, the model gives a row."""
        base = self.rows(self.query, kept)
        if some and not base:
            return False
        for index, change in enumerate(self.changes):
            if not self.differs(change, kept, base):
                self.changes.insert(0, self.changes.pop(index))
                return False
        return True

    @property
    def is_over(self) -> bool:
        """Whether no more time may be taken."""
        return time.process_time() > self.end or time.monotonic() > self.latest


def stand(trials: Trials) -> None:
    """The pools stand in memory, and the changes of the query are known that they notice. Raises `DatabaseError`."""
    writer = trials.bench.writer
    for number, pool in enumerate(trials.pools):
        columns = (*pool.columns, Column("__row", "bigint"))
        rows = [(*row, index) for index, row in enumerate(pool.rows)]
        trials.connection.execute(
            f"create or replace temp table {_table(number)} as {rows_query(columns, rows, writer)}"
        )
    trials.columns = tuple(trials.connection.columns(trials.sql(trials.query, all_of(trials.pools))))
    trials.end = time.process_time() + SECONDS * THINNING
    trials.latest = time.monotonic() + LONGEST
    trials.changes = [*range(len(trials.pools)), *trials.changed()]
    trials.changes = trials.noticed(all_of(trials.pools))


def all_of(pools: Sequence[Pooled]) -> Kept:
    """All rows."""
    return tuple(tuple(range(len(pool.rows))) for pool in pools)


def _table(number: int) -> str:
    return f"__eltbuild_pool_{number}"


def _kept(rows: Sequence[int]) -> str:
    """The condition that a row is one of those; rows in a row are told as one span."""
    spans: list[list[int]] = []
    for row in rows:
        if spans and row == spans[-1][1] + 1:
            spans[-1][1] = row
        else:
            spans.append([row, row])
    return " or ".join(f"__row between {first} and {last}" for first, last in spans) or "false"


# Fewer rows


def reduced(trials: Trials, limit: int) -> Kept:
    """As few rows as notice every change that all of them notice; not more than `limit` of an input where it can be.

    For each change that the rows so far do not notice, the few are added that do; then rows are dropped again that
    others make needless.
    """
    everything = all_of(trials.pools)
    some = bool(trials.rows(trials.query, everything))
    kept: Kept = tuple(() for _ in everything)
    few = limit * max(len(everything), 1)
    for change in list(trials.changes):
        if not trials.is_over and not trials.notices(change, kept):
            found = _witness(trials, everything, partial(trials.notices, change))
            if sum(map(len, found)) <= few:
                kept = _joined(kept, found)
    if some and not trials.rows(trials.query, kept):
        kept = _joined(kept, _witness(trials, everything, lambda rows: bool(trials.rows(trials.query, rows))))
    trials.changes = trials.noticed(kept)
    for number in sorted(range(len(kept)), key=lambda number: -len(kept[number])):
        kept = _thinned(trials, kept, number, some)
    trials.end += SECONDS * (1 - THINNING)
    for number in range(len(kept)):
        kept = _cut(trials, kept, number, limit, some)
    return kept


def _joined(kept: Kept, more: Kept) -> Kept:
    return tuple(tuple(sorted({*one, *other})) for one, other in zip(kept, more, strict=True))


def _witness(trials: Trials, everything: Kept, holds: Callable[[Kept], bool]) -> Kept:
    """A few rows for which something holds that holds for all: none of them can be left out alone.

    First the shortest beginnings of all inputs are taken, twice as long each time; of these, pieces are left out, half
    as long each time (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002).
    """
    size, kept = 8, everything
    while size < max(map(len, everything), default=0):
        first = tuple(own[:size] for own in everything)
        if holds(first):
            kept = first
            break
        size *= 2
    items = [(number, row) for number, own in enumerate(kept) for row in own]
    parts = 2
    end = time.process_time() + EACH
    while len(items) > 1 and not trials.is_over and time.process_time() < end:
        length = -(-len(items) // parts)
        for at in range(0, len(items), length):
            if time.process_time() > end:
                break
            fewer = items[:at] + items[at + length :]
            if holds(_of_items(fewer, len(everything))):
                items, parts = fewer, max(parts - 1, 2)
                break
        else:
            if length == 1:
                break
            parts = min(parts * 2, len(items))
    return _of_items(items, len(everything))


def _of_items(items: Sequence[tuple[int, int]], count: int) -> Kept:
    return tuple(tuple(row for number, row in items if number == own) for own in range(count))


def _thinned(trials: Trials, kept: Kept, number: int, some: bool) -> Kept:
    """One input with all rows left out that the others are enough without; pieces of it are tried, then single rows."""
    size = max(len(kept[number]) // 2, 1)
    while True:
        at = 0
        while at < len(kept[number]) and not trials.is_over:
            fewer = _without(kept, number, range(at, at + size))
            if trials.is_enough(fewer, some):
                kept = fewer
            else:
                at += size
        if size == 1 or trials.is_over:
            return kept
        size //= 2


def _cut(trials: Trials, kept: Kept, number: int, limit: int, some: bool) -> Kept:
    """One input with not more rows than that, those left out that notice the fewest changes."""
    while len(kept[number]) > limit:
        best, most = None, -1
        for at in reversed(range(len(kept[number]))):
            fewer = _without(kept, number, range(at, at + 1))
            if some and not trials.rows(trials.query, fewer):
                continue
            count = 0 if trials.is_over else len(trials.noticed(fewer))
            if count > most:
                best, most = fewer, count
            if trials.is_over:
                break
        if best is None:
            return kept
        kept = best
    return kept


def narrowed(trials: Trials, kept: Kept, number: int) -> Pooled:
    """The pool of one input without the columns that the query does not miss."""
    pools = tuple(trials.pools)
    base = sorted(map(repr, trials.rows(trials.query, kept)))
    pool = pools[number]
    for column in pool.columns:
        fewer = pool.without(column.name)
        if not fewer.columns:
            break
        tried = replace(trials, pools=(*pools[:number], fewer, *pools[number + 1 :]))
        try:
            same = sorted(map(repr, tried.rows(trials.query, kept))) == base
        except DatabaseError:
            continue
        pool = fewer if same else pool
    return pool


def _without(kept: Kept, number: int, places: range) -> Kept:
    own = tuple(row for at, row in enumerate(kept[number]) if at not in places)
    return (*kept[:number], own, *kept[number + 1 :])
