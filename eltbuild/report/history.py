"""The history of runs, nodes, tests and metrics as text for people. What it is made of is asked elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from eltbuild.quality.trends import Trend
from eltbuild.report.sparks import spark
from eltbuild.report.terminal import Terminal
from eltbuild.report.text import clean, count, cut, duration, padded, styled, width_of
from eltbuild.state.views import FAILED

Row: TypeAlias = Mapping[str, Any]

MARKS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("pass", "success", "no-op"), ("·", ".")),
    **dict.fromkeys(FAILED, ("✗", "F")),
    "warn": ("!", "!"), "skipped": ("-", "-"),
}  # fmt: skip
"""How a run of a test is drawn, where more than ASCII can be shown and where not."""
COLOURS: Mapping[str, str] = {
    **dict.fromkeys(("success", "pass"), "green"), **dict.fromkeys((*FAILED, "lost"), "red"),
    "warn": "yellow", "running": "cyan",
}  # fmt: skip
SHOWN = 24
"""How many runs a picture shows at most."""


def text_of_runs(rows: Sequence[Row], terminal: Terminal) -> Iterator[str]:
    """Runs, the latest first, and how long those of the latest one's command took."""
    header = ("started (UTC)", "command", "status", "nodes", "failed", "warned", "skipped", "seconds")
    cells = [
        (_moment(row["started"]), row["command"], row["status"], *_numbers(row), _seconds(row["seconds"]))
        for row in rows
    ]
    yield from aligned(header, cells, (3, 4, 5, 6, 7), terminal, status=2)
    alike = [row for row in reversed(rows) if row["command"] == rows[0]["command"] and row["seconds"] is not None]
    if len(alike) > 1:
        yield ""
        line = spark([float(row["seconds"]) for row in alike[-SHOWN:]], unicode=terminal.unicode)
        yield f"{line}  seconds of {count(len(alike[-SHOWN:]), 'run')} of {rows[0]['command']}, the latest one last"


def _numbers(row: Row) -> tuple[str, ...]:
    return tuple(f"{row[name]:,}" if row[name] else "" for name in ("nodes", "failed", "warned", "skipped"))


def text_of_nodes(trends: Sequence[Trend], terminal: Terminal) -> Iterator[str]:
    """Nodes, those that take longest first."""
    header = ("node", "runs", "status", "usual", "last", "trend", "")
    ordered = sorted(trends, key=lambda one: (-one.usual, one.name))
    cells = [
        (
            f"{one.kind} {one.name}", f"{one.runs:,}", one.status, duration(one.usual), duration(one.seconds[-1]),
            spark(one.seconds[-SHOWN:], unicode=terminal.unicode), "; ".join(notes(one)),
        )
        for one in ordered
    ]  # fmt: skip
    yield from aligned(header, cells, (1, 3, 4), terminal, status=2)


def text_of_tests(trends: Sequence[Trend], terminal: Terminal) -> Iterator[str]:
    """Tests: first those that fail, then those that are flaky or warn, then the others."""

    def order(one: Trend) -> tuple[Any, ...]:
        return (one.status not in FAILED, not one.is_flaky, one.status != "warn", one.name)

    header = ("test", "runs", "failed", "status", "trend", "")
    cells = [
        (one.name, f"{one.runs:,}", f"{one.failed:,}" if one.failed else "", one.status, marks(one, terminal),
         "; ".join(notes(one)))
        for one in sorted(trends, key=order)
    ]  # fmt: skip
    yield from aligned(header, cells, (1, 2), terminal, status=3)


def marks(trend: Trend, terminal: Terminal) -> str:
    """One character for each run."""
    return "".join(MARKS.get(status, ("?", "?"))[not terminal.unicode] for status in trend.statuses[-SHOWN:])


def notes(trend: Trend) -> Iterator[str]:
    """What is remarkable about a node."""
    if trend.failing_since is not None and trend.status in FAILED:
        yield f"failing since {_moment(trend.failing_since)}"
    elif trend.failed and not trend.is_flaky:
        yield f"failed in {trend.failed} of {trend.runs}"
    if trend.is_flaky:
        yield f"flaky: failed in {trend.failed} of {trend.runs}"
    if trend.slower:
        yield f"{trend.slower:.1f} times slower than usual"


def text_of_results(rows: Sequence[Row], trends: Sequence[Trend], terminal: Terminal) -> Iterator[str]:
    """The results of nodes that were named, the latest first, and each one's trend."""
    several = len(trends) > 1
    is_test = all(one.kind in ("test", "unit_test") for one in trends)
    numbers = "failures" if is_test else "rows"
    header = ("started (UTC)", *(("node",) if several else ()), "command", "status", numbers, "seconds", "message")
    cells = [
        (
            _moment(row["started"]), *((row["name"],) if several else ()), row["command"], row["status"],
            f"{row[numbers]:,}" if row[numbers] is not None else "", _seconds(row["seconds"]), row["message"] or "",
        )
        for row in rows
    ]  # fmt: skip
    shift = int(several)
    yield from aligned(header, cells, (3 + shift, 4 + shift), terminal, status=2 + shift)
    for one in trends:
        yield ""
        drawn = marks(one, terminal) if is_test else spark(one.seconds[-SHOWN:], unicode=terminal.unicode)
        told = [count(one.runs, "run"), f"usually {duration(one.usual)}", *notes(one)]
        yield f"{drawn}  {clean(one.name)}: {', '.join(told)}"


def text_of_metrics(rows: Sequence[Row], terminal: Terminal) -> Iterator[str]:
    """What was observed: for each measure its last value, and how it went."""
    series: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        series.setdefault((row["subject"], row["name"]), []).append(row)
    header = ("observed of", "measure", "times", "last", "status", "trend")
    cells = [
        (
            subject.partition(".")[2].partition(".")[2] or subject, name, f"{len(told):,}", number(told[-1]["value"]),
            told[-1]["status"], spark([row["value"] for row in told[-SHOWN:]], unicode=terminal.unicode, zero=False),
        )
        for (subject, name), told in sorted(series.items())
    ]  # fmt: skip
    yield from aligned(header, cells, (2, 3), terminal, status=4)


def number(value: float | None) -> str:
    """A number as short as it can be told."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}"


def aligned(
    header: Sequence[str], rows: Iterable[Sequence[str]], rights: Sequence[int], terminal: Terminal, status: int = -1
) -> Iterator[str]:
    """Lines with aligned columns. On a terminal the first and the last column give way where not everything fits."""
    cells = [[clean(str(cell)).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(width_of, column)) for column in zip(header, *cells, strict=True)]
    over = sum(widths) + 2 * (len(widths) - 1) - terminal.width if terminal.width else 0
    for index in (len(widths) - 1, 0):
        if over > 0:
            given = min(over, max(0, widths[index] - max(12, width_of(header[index]))))
            widths[index], over = widths[index] - given, over - given
    ellipsis = "…" if terminal.unicode else "..."
    for number, line in enumerate((list(header), *cells)):
        parts = []
        for index, (cell, width) in enumerate(zip(line, widths, strict=True)):
            text = padded(cut(cell, width, ellipsis), width, right=index in rights)
            style = "dim" if number == 0 else COLOURS.get(cell, "") if index == status else ""
            parts.append(styled(text, style, terminal.colour) if style else text)
        yield "  ".join(parts).rstrip()


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment is not None else ""


def _seconds(value: Any) -> str:
    return "" if value is None else f"{float(value):,.2f}"
