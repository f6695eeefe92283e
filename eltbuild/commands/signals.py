"""Signals that ask the process to end, handed to a run so that it ends in order. Exit codes are not decided here."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType

from eltbuild.run.aside import BETWEEN
from eltbuild.run.stop import Stop

LONGEST = 9.0
"""Seconds after which the process ends whatever still hangs. Container engines kill after 10."""

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


def asking() -> tuple[signal.Signals, ...]:
    """The signals that ask this process to end: those that whoever started it did not have ignored."""
    known = (getattr(signal, name) for name in NAMES if hasattr(signal, name))
    return tuple(number for number in known if signal.getsignal(number) not in (signal.SIG_IGN, None))


@contextmanager
def heeding(stop: Stop, cancel: Callable[[], None], leave: Callable[[int], object] = os._exit) -> Iterator[None]:
    """Inside, such a signal asks `stop` and calls `cancel`; nothing is raised wherever the main thread happens to be.

    `cancel` is called again and again, from a thread of its own, until the block ends. A process that still hangs
    after `LONGEST` is left with 128 and the signal's number. Does nothing outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: SimpleQueue[int] = SimpleQueue()

    def noticed(number: int, frame: FrameType | None) -> None:
        # Neither takes a lock that the interrupted code may hold.
        stop.ask(number)
        asked.put(number)

    before = {number: signal.signal(number, noticed) for number in asking()}
    threading.Thread(target=_enforce, args=(asked, cancel, leave), name="signals", daemon=True).start()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        asked.put(0)


def _enforce(asked: SimpleQueue[int], cancel: Callable[[], None], leave: Callable[[int], object]) -> None:
    """Wait for a signal; then cancel until the block is over, and end the process if it does not do so itself."""
    number = asked.get()
    if not number:
        return
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        cancel()
        try:
            over = not asked.get(timeout=BETWEEN)
        except Empty:
            continue
        if over:
            break
    time.sleep(max(end - time.monotonic(), 0))
    leave(128 + number)
