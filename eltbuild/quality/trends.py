"""How nodes did from run to run: slower than usual, flaky, failing since when. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from eltbuild.state.views import FAILED

SLOWER = 1.5
"""How many times the usual time is slower than usual."""
NOTABLE = 0.5
"""Seconds by which it must be slower: less is noise."""
ENOUGH = 3
"""Of so many runs it is known what is usual."""
FLIPS = 3
"""How often a test that is flaky has turned from passing to failing or back, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How one node did in some runs, of which the last one is told apart."""

    node: str
    name: str
    kind: str
    runs: int
    statuses: tuple[str, ...]
    """In the order of the runs."""
    seconds: tuple[float, ...]
    rows: tuple[int | None, ...] = ()
    last: datetime | None = None
    failing_since: datetime | None = None
    """When the row of failures began of which the last run is one."""

    @property
    def status(self) -> str:
        """How it ended last."""
        return self.statuses[-1]

    @property
    def failed(self) -> int:
        """In how many runs it failed."""
        return sum(status in FAILED for status in self.statuses)

    @property
    def usual(self) -> float:
        """The seconds that it usually takes: the median of the runs before the last one, where there are any."""
        took = self._took()
        return median(took[:-1] or took or [0.0])

    @property
    def slower(self) -> float:
        """How many times longer than usual the last run took; 0 where that is not remarkable, or not known."""
        took = self._took()
        if len(took) <= ENOUGH or self.status == "skipped":
            return 0.0
        times = took[-1] / max(self.usual, 1e-3)
        return times if times >= SLOWER and took[-1] - self.usual >= NOTABLE else 0.0

    @property
    def is_flaky(self) -> bool:
        """Whether it passes and fails by turns."""
        ended = [status in FAILED for status in self.statuses if status != "skipped"]
        return sum(one != other for one, other in pairwise(ended)) >= FLIPS

    def _took(self) -> list[float]:
        """The seconds of the runs in which it was not skipped."""
        return [took for took, status in zip(self.seconds, self.statuses) if status != "skipped"]


def trends(rows: Iterable[Mapping[str, Any]]) -> Sequence[Trend]:
    """The trend of each node, from rows of the history in the order of its runs; the latest ones last."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(str(row["node"]), []).append(row)
    return [_trend(node, told) for node, told in found.items()]


def _trend(node: str, told: Sequence[Mapping[str, Any]]) -> Trend:
    statuses = tuple(str(row["status"]) for row in told)
    failing = next((index + 1 for index in reversed(range(len(told))) if statuses[index] not in FAILED), 0)
    last = told[-1]
    return Trend(
        node=node,
        name=str(last["name"]),
        kind=str(last["kind"]),
        runs=len(told),
        statuses=statuses,
        seconds=tuple(float(row["seconds"] or 0) for row in told),
        rows=tuple(row["rows"] for row in told),
        last=last["started"],
        failing_since=told[failing]["started"] if failing < len(told) else None,
    )
