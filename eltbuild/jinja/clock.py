"""The clock of a rendering: it counts steps, time and memory, and ends a template that goes beyond its bounds.

One clock runs in a thread at a time. A rendering inside of another one runs on the clock of the outer one, so that
nobody gets more by asking twice.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import thread_time
from typing import Any

from eltbuild.jinja.errors import RenderLimitError
from eltbuild.jinja.limits import VARIABLES, Limits, limits

SELDOM = 32
"""Steps between two looks at the time; what is large is looked at by itself."""
NOTED = 65_536
"""Results smaller than this are not counted as memory."""
LOOKED = 100_000_000
"""After results of this size, the memory of the process is looked at."""


class Clock:
    """Counts for one rendering, and raises `RenderLimitError` where it has run for too long or made too much.

    The time is that of the processor in this thread, so that a busy machine and other threads take nothing from it.
    Nor does time that the warehouse takes count: whoever asks it calls `pause`.
    """

    __slots__ = ("_began", "_deadline", "_made", "_next", "limits", "steps")

    def __init__(self, bounds: Limits | None = None) -> None:
        self.limits = bounds or limits()
        self.steps = 0
        self._next = SELDOM
        self._deadline = thread_time() + self.limits.seconds
        self._made = 0
        self._began = 0

    def step(self, weight: int = 1) -> None:
        """Count steps; now and then, look at the time."""
        self.steps = steps = self.steps + weight
        if steps >= self._next:
            self._next = steps + SELDOM
            self.look()

    def look(self) -> None:
        """Look at the time, and how many steps it were."""
        if self.steps > self.limits.steps:
            raise stopped(f"it took more than {self.limits.steps:,} steps", "steps")
        if thread_time() > self._deadline:
            raise stopped(f"it ran for longer than {self.limits.seconds:g} seconds of processor time", "seconds")

    def pause(self, seconds: float) -> None:
        """Add time that somebody else took."""
        self._deadline += seconds

    @property
    def left(self) -> float:
        """How many seconds remain."""
        return self._deadline - thread_time()

    def made(self, size: int) -> None:
        """Count a result of so many bytes. Only where it is much is the memory of the process looked at."""
        if size < NOTED:
            return
        self.look()
        if not self._began:
            self._began = resident()
        self._made += size
        if self._made > min(LOOKED, self.limits.memory):
            self._made = 0
            if resident() - self._began > self.limits.memory:
                raise stopped(f"it filled more than {self.limits.memory:,} bytes of memory", "memory")


def stopped(why: str, bound: str) -> RenderLimitError:
    """The error that ends a template, with the variable that allows more."""
    return RenderLimitError(f"the template was stopped: {why}", f"if it needs more, set {VARIABLES[bound]}")


def resident() -> int:
    """The bytes of memory that the process holds now; the most it ever held, where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
        import sys
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class _Running(threading.local):
    clock: Clock | None = None


_RUNNING = _Running()


@contextmanager
def running(clock: Clock | None = None) -> Iterator[Clock]:
    """Run on this clock, a new one without it, or on the one that is running already."""
    held = _RUNNING.clock
    if held is not None:
        yield held
        return
    _RUNNING.clock = made = clock or Clock()
    try:
        yield made
    finally:
        _RUNNING.clock = None


def is_running() -> bool:
    """Whether a clock runs, which a rendering inside of another one does not change."""
    return _RUNNING.clock is not None


def current() -> Clock:
    """The clock that runs; where none does, one that nobody else looks at."""
    return _RUNNING.clock or Clock()


def tick(weight: int = 1) -> None:
    """Count a step of what runs."""
    clock = _RUNNING.clock
    if clock is not None:
        clock.step(weight)


def pause(seconds: float) -> None:
    """Time that somebody else took."""
    clock = _RUNNING.clock
    if clock is not None:
        clock.pause(seconds)


def ticking(items: Iterable[Any]) -> Iterator[Any]:
    """The items, each of them a step."""
    for item in items:
        tick()
        yield item
