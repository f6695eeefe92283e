"""How far a run is: what runs, what is left, how long it may take. State and text; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.project.resources import NodeId
from eltbuild.report.labels import Label, Lookup
from eltbuild.report.text import cut, duration, padded, styled
from eltbuild.run.events import FAILED, Finished, Started
from eltbuild.values import dataclass, field

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
SPINNER_ASCII = "|/-\\"


@dataclass(slots=True)
class Progress:
    """Folded over the events of one run. Times are seconds of a monotonic clock."""

    lookup: Lookup
    nodes: tuple[NodeId, ...]
    began: float
    expected: Mapping[NodeId, float] = field(default_factory=dict)
    """How long each node took the last time, where that is known."""
    running: dict[NodeId, float] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    busy: float = 0.0
    _by_kind: dict[str, list[float]] = field(default_factory=dict)
    _left: dict[str, int] = field(default_factory=dict)
    _left_known: float = 0.0

    def __post_init__(self) -> None:
        for node in self.nodes:
            self._count(node, 1)

    def _count(self, node: NodeId, step: int) -> None:
        if node in self.expected:
            self._left_known += step * self.expected[node]
        else:
            kind = self.lookup(node).kind
            self._left[kind] = self._left.get(kind, 0) + step

    def started(self, event: Started, now: float) -> None:
        """A node runs from now on."""
        self.running[event.node] = now

    def built(self, event: Finished) -> None:
        """A node runs no more; how it ended is told later."""
        self.running.pop(event.node, None)

    def finished(self, event: Finished) -> None:
        """A node runs no more."""
        self.running.pop(event.node, None)
        self.done += 1
        self.failed += event.status in FAILED
        self.busy += event.seconds
        self._count(event.node, -1)
        if event.status != "skipped":
            sums = self._by_kind.setdefault(self.lookup(event.node).kind, [0.0, 0.0])
            sums[0] += event.seconds
            sums[1] += 1

    def seconds_left(self, now: float) -> float | None:
        """An estimate from earlier runs and from nodes of the same kind; None while nothing is known."""
        gone = now - self.began
        if gone < 1 or (self.done < 3 and not self.expected):
            return None
        total, number = (sum(sums[i] for sums in self._by_kind.values()) for i in (0, 1))
        average = total / number if number else None
        work = max(self._left_known, 0.0)
        for kind, left in self._left.items():
            spent, ended = self._by_kind.get(kind, (0.0, 0.0))
            mean = spent / ended if ended else average
            if left and mean is None:
                return None
            work += left * (mean or 0.0)
        under_way = sum(now - since for since in self.running.values())
        work = max(work - under_way, 0.0)
        at_once = max((self.busy + under_way) / gone, 1.0)
        return work / at_once


def region(
    progress: Progress, now: float, *, width: int, height: int, colour: bool, unicode: bool, tick: int = 0
) -> list[str]:
    """The foot of a terminal, no line wider than `width`: what runs, the longest first, and a bar."""
    room = max(1, min(8, height // 3))
    running = sorted(progress.running.items(), key=lambda item: item[1])
    shown = [(progress.lookup(node), now - since) for node, since in running[:room]]
    kind = max((len(label.kind) for label, _ in shown), default=0) if width >= 60 else 0
    lines = [running_line(label, seconds, kind, width, colour, unicode, tick) for label, seconds in shown]
    if len(running) > room:
        more = f"  {'…' if unicode else '...'} and {len(running) - room} more"
        lines.append(styled(cut(more, width), "dim", colour))
    lines.append(bar_line(progress, now, width, colour, unicode))
    return lines


def running_line(label: Label, seconds: float, kind: int, width: int, colour: bool, unicode: bool, tick: int) -> str:
    """One node at work; `kind` is the width of that column, 0 for none."""
    spinner = SPINNER if unicode else SPINNER_ASCII
    turn = styled(spinner[tick % len(spinner)], "cyan", colour)
    head = f"{label.kind:<{kind}}  " if kind else ""
    room = max(width - len(head) - 11, 4)
    name = padded(cut(label.name, room, "…" if unicode else "..."), room)
    time = padded(duration(seconds) if seconds >= 10 else f"{seconds:.1f}s", 7, right=True)
    return f" {turn} {head}{name} {time}"


def bar_line(progress: Progress, now: float, width: int, colour: bool, unicode: bool) -> str:
    """`━━━━───  14 of 28 · 1 failed · 42s · about 40s left`: what does not fit is left out from the end."""
    total = len(progress.nodes)
    parts = [f"{progress.done} of {total}"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    parts.append(rounded(now - progress.began))
    left = progress.seconds_left(now)
    if left is not None and left >= 1 and progress.done < total:
        parts.append(f"about {rounded(left)} left")
    separator = " · " if unicode else " - "
    text = parts[0]
    for part in parts[1:]:
        if len(text) + len(separator) + len(part) + 12 <= width:
            text += separator + part
    cells = max(min(width - len(text) - 4, 32), 0)
    full = round(cells * progress.done / total) if total else cells
    ahead, behind = ("━", "─") if unicode else ("#", "-")
    bar = styled(ahead * full, "red" if progress.failed else "green", colour)
    bar += styled(behind * (cells - full), "dim", colour)
    return f" {bar}  {text}" if cells >= 4 else cut(f" {text}", width)


def rounded(seconds: float) -> str:
    """Whole seconds: `42s`, `3m 05s`."""
    return f"{round(seconds)}s" if seconds < 59.5 else duration(seconds)
