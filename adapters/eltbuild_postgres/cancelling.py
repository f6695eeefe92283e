"""Whether a session is at work, and how it is stopped from another thread. Nothing is asked of the server but that."""

from __future__ import annotations

import threading
import time

import psycopg

from eltbuild_postgres.connecting import Session

REQUEST = 1.0
"""Seconds for one request to the server to stop what runs."""
PAUSES = (0.01, 0.02, 0.05, 0.1)
"""Seconds between requests: one that comes before its statement has begun stops nothing."""
CLOSING = 5.0
"""Seconds for which closing waits for a statement to end."""


class Interruptible:
    """What of a session concerns other threads. A transaction in which something was cancelled goes no further."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._guard = threading.Lock()
        self._asking = threading.Lock()
        self._busy = False
        self._number = 0
        self._within = False
        self.cancelled = False
        self.closed = False

    def begin(self) -> bool:
        """A statement begins; False where it may not: the session is closed, or its transaction was cancelled."""
        with self._guard:
            if self.closed or (self._within and self.cancelled):
                return False
            self.cancelled = False
            self._busy = True
            self._number += 1
            return True

    def end(self) -> None:
        """The statement has ended. No request to stop it is under way any more, which would meet the next one."""
        with self._guard:
            self._busy = False
            closed = self.closed
        with self._asking:
            pass
        if closed:
            self._session.close()

    def within(self, inside: bool) -> None:
        """A transaction begins, or has ended; with its end a request to stop is served."""
        with self._guard:
            self._within = inside
            self.cancelled = False

    def go_on(self) -> None:
        """What was cancelled is taken back, and its transaction goes on."""
        with self._guard:
            self.cancelled = False

    def use(self, session: Session) -> None:
        """Another session takes the place of the one that was lost."""
        with self._guard:
            self._session = session

    def cancel(self) -> None:
        """Stop what runs now, and what of its transaction is still to come."""
        with self._guard:
            if self.closed or not (self._busy or self._within):
                return
            self.cancelled = True
        self._stop()

    def close(self) -> bool:
        """The session is closed, or will be by the thread that it works for; False where it was before."""
        with self._guard:
            if self.closed:
                return False
            self.closed = True
            busy = self._busy
        if busy:
            self._stop()
            deadline = time.monotonic() + CLOSING
            while self._busy and time.monotonic() < deadline:
                time.sleep(0.01)
        else:
            self._session.close()
        return True

    def _stop(self) -> None:
        """Ask the server to stop the statement that runs, again while it goes on; for less than a second."""
        number = self._number
        for pause in PAUSES:
            with self._asking:
                if not self._busy or self._number != number:
                    return
                try:
                    self._session.cancel_safe(timeout=REQUEST)
                except (psycopg.Error, OSError):
                    return
            time.sleep(pause)
