"""The lines of the console: one for each start and end of a node, in columns. Pure functions of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from eltbuild.quality.freshness import aged
from eltbuild.report.labels import Label, Lookup
from eltbuild.report.text import count, cut, duration, padded, styled, width_of
from eltbuild.run.events import Finished, Started
from eltbuild.values import dataclass

Safe = Callable[[str], str]
"""Takes secrets and control characters out of a text."""


@dataclass(frozen=True, slots=True)
class Word:
    """How a status is written."""

    text: str
    style: str
    tally: str
    """Under which of dbt's counters it falls."""
    plain: str
    """In a sentence: `3 failed`."""


WORDS: Mapping[str, Word] = {
    "success": Word("OK", "green", "PASS", "OK"),
    "pass": Word("PASS", "green", "PASS", "passed"),
    "warn": Word("WARN", "bold yellow", "WARN", "with warnings"),
    "fail": Word("FAIL", "bold red", "ERROR", "failed"),
    "error": Word("ERROR", "bold red", "ERROR", "in error"),
    "runtime error": Word("ERROR", "bold red", "ERROR", "in error"),
    "partial success": Word("PARTIAL", "bold yellow", "ERROR", "done in part"),
    "skipped": Word("SKIP", "dim", "SKIP", "skipped"),
    "no-op": Word("NO-OP", "dim", "NO-OP", "without effect"),
    "cancelled": Word("CANCEL", "yellow", "ERROR", "cancelled"),
}
STATUS_WIDTH = 7
DURATION_WIDTH = 7


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a run's lines: chosen once, so that all lines stand below each other."""

    width: int = 0
    digits: int = 1
    kind: int = 0
    name: int = 0
    clock: bool = True
    index: bool = True
    detail: bool = True
    colour: bool = False
    ellipsis: str = "…"

    def prefix(self, time: str) -> str:
        """What stands before a line: the time, where there is room."""
        return f"{time}  " if self.clock else ""


def layout_of(nodes: Sequence[str], lookup: Lookup, *, width: int, colour: bool, unicode: bool) -> Layout:
    """Columns wide enough for every node of a run, and narrow enough for the terminal."""
    seen = [lookup(node) for node in nodes]
    digits = len(str(len(nodes)))
    kind = max((len(label.kind) for label in seen), default=0)
    longest = max((width_of(label.name) for label in seen), default=0)
    ellipsis = "…" if unicode else "..."
    if width <= 0:
        return Layout(0, digits, kind, min(longest, 72), colour=colour, ellipsis=ellipsis)
    detail = width >= 80
    clock = width >= 90
    index = width >= 60
    kind = kind if width >= 60 else 0
    taken = (
        (10 if clock else 0)
        + (2 * digits + 6 if index else 0)
        + STATUS_WIDTH + 2
        + (kind + 2 if kind else 0)
        + (16 if detail else 0)
        + DURATION_WIDTH + 2
    )  # fmt: skip
    return Layout(width, digits, kind, max(min(longest, width - taken), 8), clock, index, detail, colour, ellipsis)


def started_line(event: Started, label: Label, layout: Layout, time: str) -> str:
    """A node begins."""
    return _line(layout, time, event.index, event.total, Word("START", "cyan", "", ""), label).rstrip()


def built_line(event: Finished, label: Label, layout: Layout, time: str) -> str:
    """A node was built, and is not published yet."""
    return _line(layout, time, event.index, event.total, Word("BUILT", "cyan", "", ""), label).rstrip()


def finished_line(event: Finished, label: Label, layout: Layout, time: str, safe: Safe) -> str:
    """A node ended: status, rows or failures, time taken."""
    word = WORDS.get(event.status, Word(event.status.upper(), "", "", event.status))
    head = _line(layout, time, event.index, event.total, word, label)
    note = safe(detail(event)) if layout.detail else ""
    if event.status == "skipped":
        line = f"{head}  {note}".rstrip()
        return cut(line, layout.width, layout.ellipsis) if layout.width and not layout.colour else line
    note = padded(cut(note, 14, layout.ellipsis) if layout.width else note, 14, right=True)
    taken = padded(duration(event.seconds), DURATION_WIDTH, right=True)
    return f"{head}  {note}  {taken}" if layout.detail else f"{head}  {taken}"


def _line(layout: Layout, time: str, index: int, total: int, word: Word, label: Label) -> str:
    parts = [time] if layout.clock else []
    if layout.index:
        parts.append(f"{index:>{layout.digits}} of {total:<{layout.digits}}")
    parts.append(styled(f"{word.text:<{STATUS_WIDTH}}", word.style, layout.colour))
    if layout.kind:
        parts.append(padded(label.kind, layout.kind))
    name = cut(label.name, layout.name, layout.ellipsis) if layout.width else label.name
    parts.append(padded(name, layout.name))
    return "  ".join(parts)


def detail(event: Finished) -> str:
    """The one number or word that matters about an end."""
    match event.status:
        case "fail" | "warn" if "score" in event.extra:
            return f"score {event.extra['score']:,}"
        case "pass" if event.message:
            return event.message.partition(":")[0]
        case "fail" | "warn" if event.failures:
            return count(event.failures, "failure")
        case "skipped":
            return (event.message or "").removeprefix("skipped: ")
        case "partial success" if event.batches:
            good, bad = (len(event.batches.get(key, ())) for key in ("successful", "failed"))
            return f"{good} of {good + bad} batches"
    if event.rows is not None:
        return count(event.rows, "row")
    age = event.extra.get("age")
    if event.extra.get("empty"):
        return "never loaded"
    return aged(float(age)) if isinstance(age, (int, float)) else ""
