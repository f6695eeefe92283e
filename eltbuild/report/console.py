"""What people see while eltbuild works: progress on a terminal, plain lines elsewhere, a summary at the end.

A fold over events. All goes to one stream, standard error, but for `print()` in templates: that is data.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from threading import RLock
from typing import Literal, TextIO, assert_never

from eltbuild.errors import Problem
from eltbuild.project.resources import NodeId
from eltbuild.report.blocks import CHARACTERS, outcome_blocks, problem_lines, tag
from eltbuild.report.labels import Lookup
from eltbuild.report.lines import Layout, built_line, finished_line, layout_of, started_line
from eltbuild.report.live import INTERVAL, Foot, Ticker
from eltbuild.report.progress import Progress, region
from eltbuild.report.summary import summary_lines, timing_note
from eltbuild.report.terminal import Terminal
from eltbuild.report.text import clean, clock, count, cut, duration, styled
from eltbuild.run.events import Built, Event, Finished, Message, RunFinished, RunStarted, Started
from eltbuild.secrecy import Mask, unmasked

Verbosity = Literal["quiet", "normal", "debug"]

PATIENCE = 0.4
"""Seconds before the foot of the terminal appears: short runs should not flicker."""
HEARTBEAT = 60.0
"""Seconds without a line after which plain output says what still runs."""
ALIKE = 5
"""How many warnings of one name are shown in full."""
PROBLEMS = 200
"""How many problems are shown at once."""


class Console:
    """Handles events one by one; `finish` must be called at the end: use it with `with`."""

    def __init__(
        self,
        stream: TextIO,
        lookup: Lookup,
        terminal: Terminal | None = None,
        *,
        verbosity: Verbosity = "normal",
        mask: Mask = unmasked,
        out: TextIO | None = None,
        expected: Mapping[NodeId, float] | None = None,
        program: str = "eltbuild",
        now: Callable[[], datetime] = datetime.now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._out = out
        self._lookup = lookup
        self._terminal = terminal or Terminal()
        self._verbosity = verbosity
        self._mask = mask
        self._expected = expected or {}
        self._program = program
        self._now = now
        self._monotonic = monotonic
        self._lock = RLock()
        self._layout = Layout(colour=self._terminal.colour)
        self._progress: Progress | None = None
        self._finished: list[Finished] = []
        self._foot: Foot | None = None
        self._ticker: Ticker | None = None
        self._pending: list[str] = []
        self._ticks = 0
        self._spoke = monotonic()
        self._alike: Counter[str] = Counter()
        self._broken = False

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *error: object) -> None:
        self.finish()

    def handle(self, event: Event) -> None:
        """The event is told, as far as it concerns a person."""
        with self._lock:
            match event:
                case RunStarted():
                    self._run_started(event)
                case Started():
                    self._started(event)
                case Message():
                    self._message(event)
                case Built():
                    self._built(event)
                case Finished():
                    self._ended(event)
                case RunFinished():
                    self._run_finished(event)
                case _:
                    assert_never(event)

    def _run_started(self, event: RunStarted) -> None:
        self._finished = []
        terminal = self._terminal
        self._progress = Progress(self._lookup, event.nodes, self._monotonic(), self._expected)
        if self._verbosity == "quiet":
            return
        self._layout = layout_of(
            event.nodes, self._lookup, width=terminal.width, colour=terminal.colour, unicode=terminal.unicode
        )
        target = f" on target {event.target}" if event.target else ""
        nodes = count(len(event.nodes), "node")
        self._say([f"{event.command}{target}: {nodes}, {count(event.threads, 'thread')}"], event.at)
        self._foot = Foot(self._stream, terminal) if terminal.live else None
        self._ticker = Ticker(INTERVAL if self._foot else HEARTBEAT / 4, self._tick)
        self._ticker.start()

    def _started(self, event: Started) -> None:
        if self._progress is not None:
            self._progress.started(event, self._monotonic())
        if self._foot is None and self._verbosity != "quiet":
            self._write([started_line(event, self._lookup(event.node), self._layout, clock(event.at))])

    def _built(self, event: Built) -> None:
        one = event.finished
        if self._progress is not None:
            self._progress.built(one)
        if self._verbosity != "quiet":
            self._write([built_line(one, self._lookup(one.node), self._layout, clock(one.at or self._now()))])

    def _ended(self, event: Finished) -> None:
        self._finished.append(event)
        if self._progress is not None:
            self._progress.finished(event)
        if self._verbosity == "quiet":
            return
        moment = event.at or self._now()
        lines = [finished_line(event, self._lookup(event.node), self._layout, clock(moment), self._safe)]
        if event.error is not None:
            first = self._safe(event.error.message).strip().partition("\n")[0]
            first = cut(first, (self._layout.width or CHARACTERS) - 14, self._layout.ellipsis)
            lines.append(self._layout.prefix(" " * 8) + styled(f"    {first}", "red", self._terminal.colour))
        if self._verbosity == "debug" and event.timing:
            note = styled(f"    {timing_note(event)}", "dim", self._terminal.colour)
            lines.append(self._layout.prefix(" " * 8) + note)
        self._write(lines)

    def _message(self, event: Message) -> None:
        if event.kind == "print":
            self._print(event.text)
        elif not self._audible(event):
            return
        elif event.problem is not None:
            self.problems([event.problem])
        elif event.kind == "warning" or event.level == "warn":
            self._say(f"{tag('warning', self._terminal.colour)}: {self._safe(event.text)}".splitlines())
        elif event.kind == "sql":
            self._say(self._sql(event))
        elif event.level == "error":
            self._say(f"{tag('error', self._terminal.colour)}: {self._safe(event.text)}".splitlines())
        else:
            self._say(self._safe(event.text).splitlines() or [""])

    def _audible(self, event: Message) -> bool:
        if self._verbosity == "quiet":
            return event.level == "error"
        return event.level != "debug" or self._verbosity == "debug"

    def _sql(self, event: Message) -> list[str]:
        taken = f" in {duration(event.seconds)}" if event.seconds is not None else ""
        name = f"{self._lookup(event.node).name}: " if event.node else ""
        lines = self._safe(event.text).strip().splitlines()
        return [styled(f"{name}SQL{taken}", "dim", self._terminal.colour), *(f"    {line}" for line in lines)]

    def _run_finished(self, event: RunFinished) -> None:
        self._close()
        colour = self._terminal.colour
        if self._verbosity == "quiet":
            failures = [one for one in self._finished if one.status != "warn"]
            lines = list(outcome_blocks(failures, self._lookup, colour=colour, safe=self._safe))
        else:
            lines = list(
                summary_lines(
                    self._finished,
                    self._lookup,
                    event,
                    planned=len(self._progress.nodes) if self._progress else 0,
                    colour=colour,
                    safe=self._safe,
                    program=self._program,
                )
            )
        self._say(lines, event.at)
        self._progress = None

    def problems(self, problems: Iterable[Problem]) -> None:
        """Each problem is shown as a block; of warnings alike only the first few."""
        with self._lock:
            shown = 0
            for problem in problems:
                if problem.severity == "warning" and not self._wants(problem):
                    continue
                shown += 1
                if shown <= PROBLEMS:
                    self._say(problem_lines(problem, colour=self._terminal.colour, safe=self._safe))
            if shown > PROBLEMS:
                self._say([f"... and {shown - PROBLEMS:,} more problems"])

    def _wants(self, problem: Problem) -> bool:
        if self._verbosity == "quiet":
            return False
        self._alike[problem.name] += bool(problem.name)
        return self._verbosity == "debug" or self._alike[problem.name] <= ALIKE

    def note(self, text: str) -> None:
        """A line for the user, unless quiet."""
        with self._lock:
            if self._verbosity != "quiet":
                self._say(self._safe(text).splitlines() or [""])

    def finish(self) -> None:
        """Nothing moves any more, and all that was said stands there. May be called twice."""
        with self._lock:
            self._close()
            more = {name: number - ALIKE for name, number in self._alike.items() if number > ALIKE}
            if self._verbosity == "normal":
                head = tag("warning", self._terminal.colour)
                for name, number in sorted(more.items()):
                    self._say([f"{head}: {number:,} more warnings `{name}` (--debug shows all)"])
            self._alike.clear()

    def _safe(self, text: str) -> str:
        return clean(self._mask(text))

    def _say(self, lines: Iterable[str], at: datetime | None = None) -> None:
        """Lines with the time before each where the output is no terminal: readers of logs need it."""
        if self._terminal.live:
            self._write(list(lines))
        else:
            stamp = clock(at or self._now())
            self._write([f"{stamp}  {line}".rstrip() for line in lines])

    def _print(self, text: str) -> None:
        if self._out is None or (self._foot is not None and self._out.isatty()):
            self._write(self._mask(text).splitlines() or [""])
        else:
            self._put(self._out, self._mask(text) + "\n")

    def _write(self, lines: list[str]) -> None:
        self._spoke = self._monotonic()
        if self._foot is not None and self._foot.shown:
            self._pending.extend(lines)
        elif lines:
            self._put(self._stream, "\n".join(lines) + "\n")

    def _put(self, stream: TextIO, text: str) -> None:
        if self._broken:
            return
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                encoding = getattr(stream, "encoding", None) or "ascii"
                stream.write(text.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except (OSError, ValueError):
            # A reader that went away (`| head`) must not end the run.
            self._broken = True

    def _tick(self) -> None:
        with self._lock:
            if self._progress is None:
                return
            if self._foot is None:
                self._heartbeat(self._progress)
            elif self._foot.shown or self._monotonic() - self._progress.began >= PATIENCE:
                with suppress(OSError, ValueError):
                    self._draw(self._foot, self._progress)

    def _draw(self, foot: Foot, progress: Progress) -> None:
        if self._pending:
            foot.print_above(self._pending)
            self._pending.clear()
        self._ticks += 1
        width, height = foot.size
        terminal = self._terminal
        foot.show(
            region(
                progress,
                self._monotonic(),
                width=width - 1,
                height=height,
                colour=terminal.colour,
                unicode=terminal.unicode,
                tick=self._ticks,
            )
        )

    def _heartbeat(self, progress: Progress) -> None:
        now = self._monotonic()
        if now - self._spoke < HEARTBEAT or not progress.running:
            return
        names = [
            f"{self._lookup(node).name} ({duration(now - since)})"
            for node, since in sorted(progress.running.items(), key=lambda item: item[1])[:5]
        ]
        self._say([f"still running: {', '.join(names)}"])

    def _close(self) -> None:
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.stop()
        foot, self._foot = self._foot, None
        if foot is not None:
            with suppress(OSError, ValueError):
                foot.close()
        if self._pending:
            pending, self._pending = self._pending, []
            self._put(self._stream, "\n".join(pending) + "\n")
