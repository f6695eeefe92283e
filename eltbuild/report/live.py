"""The moving foot of a terminal, drawn with rich: lines scroll above it, whatever else is printed too."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import TYPE_CHECKING, TextIO

from eltbuild.report.terminal import Terminal

if TYPE_CHECKING:
    from rich.live import Live

INTERVAL = 0.125


class Foot:
    """Drawn when `show` is first called; `close` wipes it away. One thread at a time."""

    def __init__(self, stream: TextIO, terminal: Terminal) -> None:
        self._stream = stream
        self._terminal = terminal
        self._live: Live | None = None

    @property
    def shown(self) -> bool:
        """Whether it stands on the screen."""
        return self._live is not None

    @property
    def size(self) -> tuple[int, int]:
        """The columns and lines of the terminal as they are now."""
        if self._live is None:
            return self._terminal.width, self._terminal.height
        size = self._live.console.size
        return size.width, size.height

    def show(self, lines: Sequence[str]) -> None:
        """These lines stand at the foot."""
        from rich.text import Text

        text = Text.from_ansi("\n".join(lines))
        text.no_wrap = True
        text.overflow = "crop"
        if self._live is None:
            self._live = self._open()
        self._live.update(text, refresh=True)

    def _open(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        console = Console(
            file=self._stream,
            force_terminal=True,
            no_color=not self._terminal.colour,
            highlight=False,
            markup=False,
            emoji=False,
        )
        # What is printed to a terminal scrolls above the foot; what is printed to a pipe is data and stays there.
        live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
            redirect_stdout=_is_terminal(sys.stdout),
            redirect_stderr=_is_terminal(sys.stderr),
        )
        live.start()
        return live

    def print_above(self, lines: Sequence[str]) -> None:
        """These lines scroll by above the foot."""
        from rich.text import Text

        if self._live is not None:
            self._live.console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)

    def close(self) -> None:
        """The foot is gone, the cursor back."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


class Ticker:
    """Calls a function again and again from a thread of its own, until it is stopped."""

    def __init__(self, interval: float, tick: Callable[[], None]) -> None:
        self._interval = interval
        self._tick = tick
        self._stop = Event()
        self._thread = Thread(target=self._run, name="console", daemon=True)

    def start(self) -> None:
        """The function is called from now on."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._tick()

    def stop(self) -> None:
        """The function is called at most once more: it may be waiting for a lock that the caller holds."""
        self._stop.set()
