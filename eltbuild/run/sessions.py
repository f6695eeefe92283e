"""Connections of a run: one for each thread, all of them cancelled and closed together."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from eltbuild.adapter import Adapter
from eltbuild.errors import DatabaseError
from eltbuild.run.aside import foreground
from eltbuild.run.commented import Commented, Log
from eltbuild.run.stop import PATIENCE, TICK, Stop


class Connections:
    """One connection for each thread that asks, from one adapter."""

    def __init__(self, adapter: Adapter, log: Log | None = None, stop: Stop | None = None) -> None:
        self.stop = stop or Stop()
        self.down = False
        """Whether the warehouse could not be reached when it was last asked for, however often that was tried."""
        self._adapter = adapter
        self._log = log
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[Commented] = []
        self._shared: Commented | None = None
        self.cancelled = False
        """Whether nothing may begin, on any connection."""

    def mine(self) -> Commented:
        """This thread's connection, with a session or without."""
        if self._shared is not None:
            return self._shared
        held: Commented | None = getattr(self._local, "connection", None)
        if held is None:
            held = Commented(lambda: foreground(self._adapter, self.stop), self._log)
            self._local.connection = held
            with self._lock:
                self._open.append(held)
                if self.cancelled:
                    held.halted.set()
        return held

    def here(self) -> Commented:
        """This thread's connection; its session is opened when it is first asked for, and again when it was lost.

        Raises `DatabaseError`.
        """
        held = self.mine()
        if held.lost:
            if held.encloses and held.connected:
                raise DatabaseError("the session is lost in which all of the run was to be published", lost=True)
            held.renew()
            self.down = False
        return held

    def share(self) -> Commented:
        """One connection for all threads, which take turns, until `leave`; its session is open. Raises `DatabaseError`.

        It has one transaction around all that they do.
        """
        held = Commented(self._adapter.connect, self._log)
        with self._lock:
            self._open.append(held)
            if self.cancelled:
                held.halted.set()
        held.renew()
        held.encloses = True
        self._shared = held
        return held

    def leave(self) -> None:
        """Each thread has its own connection again."""
        self._shared = None

    def pause(self, seconds: float) -> bool:
        """Wait; whether somebody wants to stop what this thread does. Then it returns at once."""
        halted = self.mine().halted
        if threading.current_thread() is not threading.main_thread():
            return halted.wait(seconds)
        end = time.monotonic() + seconds
        while not halted.is_set() and (left := end - time.monotonic()) > 0:
            self.stop.sleep(min(left, TICK))
        return halted.is_set()

    def cancel(self) -> None:
        """Stop whatever runs on any of them; nothing begins until `go_on`. Does not wait for anything."""
        with self._lock:
            self.cancelled = True
            for connection in self._open:
                connection.halt()

    def go_on(self) -> None:
        """Things may begin again."""
        with self._lock:
            self.cancelled = False
            for connection in self._open:
                connection.go_on()

    def close(self) -> None:
        """Close all of them. After a stop, what never ended is left to the end of the process."""
        with self._lock:
            # A session that does not answer cannot be closed in safety.
            answering = [one for one in self._open if not (self.stop.number and one.asked)]
            self._open.clear()
        closing = threading.Thread(target=_close, args=(answering,), name="close", daemon=True)
        closing.start()
        closing.join(PATIENCE if self.stop.number else None)


def _close(connections: Sequence[Commented]) -> None:
    for connection in connections:
        with suppress(DatabaseError):
            connection.close()
