"""The state as lines of a file, for targets in which it cannot be kept. Texts and values only; no file is touched.

Each line is one JSON object: `{"what": "runs", "row": [...]}` holds the values of a table's row, and
`{"what": "end", "run": 7, "status": "error", "at": "..."}` is the end of a run. What cannot be read is counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from eltbuild.state.records import Built, Ended, Interval, Observed, Run
from eltbuild.state.rows import Record, built_of, ended_of, interval_of, observed_of, place, row, run_of
from eltbuild.values import dataclass, field, replace

NAMES: Mapping[type, str] = {
    Run: "runs", Built: "built", Interval: "intervals", Ended: "ended", Observed: "observed",
}  # fmt: skip
READERS: Mapping[str, Callable[[Sequence[Any]], Record]] = {
    "runs": run_of, "built": built_of, "intervals": interval_of, "ended": ended_of,
    "observed": observed_of,
}  # fmt: skip


@dataclass(slots=True)
class Remembered:
    """What the lines of a file come to."""

    runs: dict[int, Run] = field(default_factory=dict)
    """By number, in order."""
    built: list[Built] = field(default_factory=list)
    intervals: list[Interval] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    observed: list[Observed] = field(default_factory=list)
    damaged: int = 0
    """How many lines could not be read."""


def line(record: Record) -> str:
    """A record as a line."""
    values = [value.isoformat() if isinstance(value, datetime) else value for value in row(record)]
    return _line({"what": NAMES[type(record)], "row": values})


def end_line(run: int, status: str, at: datetime) -> str:
    """The end of a run as a line."""
    return _line({"what": "end", "run": run, "status": status, "at": at.astimezone(UTC).isoformat()})


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_lines(lines: Iterable[str]) -> Remembered:
    """What lines come to, in their order; those that cannot be read are passed over and counted."""
    found = Remembered()
    for text in lines:
        if not text.strip():
            continue
        try:
            _read(json.loads(text), found)
        except (ValueError, TypeError, KeyError, RecursionError):
            found.damaged += 1
    return found


def _read(value: Any, found: Remembered) -> None:
    if value["what"] == "end":
        run = found.runs[int(value["run"])]
        at = datetime.fromisoformat(value["at"])
        kept = run.nodes if value["status"] == "lost" else ()
        found.runs[run.number] = replace(run, ended=at, status=value["status"], nodes=kept, claims=())
        return
    match READERS[value["what"]](value["row"]):
        case Run() as run:
            found.runs[run.number] = run
        case Built() as built:
            found.built.append(built)
        case Interval() as interval:
            found.intervals.append(interval)
        case Ended() as ended:
            found.ended.append(ended)
        case Observed() as observed:
            found.observed.append(observed)


def condensed(found: Remembered, runs: int, endings: int, observed_since: datetime | None = None) -> Iterable[str]:
    """The lines that say the same of what is still of use: the latest events, so many of the last runs, and what was

    observed since then.
    """
    last = sorted(found.runs)[-runs:]
    told = set(last[-endings:])
    latest: dict[str, Built] = {}
    for built in found.built:
        # In the order in which they happened: where letter case means nothing, two texts are one relation.
        latest.pop(place(built.relation), None)
        latest[place(built.relation)] = built
    since: dict[str, int] = {}
    for interval in found.intervals:
        since[place(interval.relation)] = max(since.get(place(interval.relation), 0), interval.since)
    slices = {
        (place(one.relation), one.start): one for one in found.intervals if one.since == since[place(one.relation)]
    }  # fmt: skip
    for number in last:
        run = found.runs[number]
        yield line(replace(run, ended=None, status="running"))
        if run.ended is not None:
            yield end_line(number, run.status, run.ended)
    yield from map(line, latest.values())
    yield from map(line, slices.values())
    yield from map(line, (ended for ended in found.ended if ended.run in told))
    for one in found.observed:
        if observed_since is None or one.at is None or one.at >= observed_since:
            yield line(one)
