"""The wish to end a run, and who notices it. Nothing is cancelled here."""

from __future__ import annotations

import time

TICK = 0.04
"""Seconds after which whoever waits looks up: not every wait can be interrupted."""

PATIENCE = 5.0
"""Seconds that what runs is given to end once it has been cancelled. Container engines kill after 10."""

ECHO = 1.5
"""Seconds within which a second signal is taken for the first one, handed on by a parent process."""

INTERRUPT = 2
"""The number of SIGINT."""


class Asked(KeyboardInterrupt):
    """Somebody wants the run to end, by the signal of that number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Stop:
    """The wish to end. It can be uttered at any moment, also by a signal handler: nothing here takes a lock.

    `heed` turns it into a `KeyboardInterrupt`, once: what comes after that is the orderly end, which goes on.
    """

    __slots__ = ("_heeded", "_since", "number", "urgent")

    def __init__(self) -> None:
        self.number = 0
        """The signal that asked; 0 while nobody has."""
        self.urgent = False
        """Whether somebody asked again, and does not want to wait for what runs."""
        self._since = 0.0
        self._heeded = False

    def ask(self, number: int = INTERRUPT) -> None:
        """Somebody wants the run to end."""
        if not self.number:
            self._since = time.monotonic()
            self.number = number
        elif time.monotonic() - self._since > ECHO:
            self.urgent = True

    def heed(self) -> None:
        """Raises `KeyboardInterrupt` the first time after somebody has asked."""
        if self.number and not self._heeded:
            self._heeded = True
            raise Asked(self.number)

    def sleep(self, seconds: float) -> None:
        """The time has passed. Raises `KeyboardInterrupt` as soon as somebody asks."""
        end = time.monotonic() + seconds
        while True:
            self.heed()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(TICK, left))
