"""The threads of a run: each does one piece of work at a time and leaves how it ended. Order is not known here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from heapq import heapify, heappop, heappush
from queue import Empty, SimpleQueue
from typing import TypeAlias

from eltbuild.errors import EltbuildError, Interrupted, Problem
from eltbuild.project.resources import NodeId
from eltbuild.run.events import Finished, Message, Started, Status
from eltbuild.run.stop import TICK, Stop
from eltbuild.stack import with_room

Work: TypeAlias = Callable[[NodeId, Started], Finished]

IDLE = 1.0
"""Seconds after which an idle worker looks whether the program is ending without it."""


class Worker:
    """One thread and what it does. `finished` is set by the thread, all else by the one that iterates."""

    __slots__ = ("finished", "name", "number", "queue", "started", "step", "thread")

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"Thread-{number + 1}"
        self.queue: SimpleQueue[Started | None] = SimpleQueue()
        self.thread: threading.Thread | None = None
        self.step = -1
        self.started: Started | None = None
        self.finished: Finished | None = None

    def give(self, step: int, started: Started) -> None:
        """Let the thread do it."""
        self.finished = None
        self.started = started
        self.step = step
        self.queue.put(started)


class Workers:
    """The threads of one run, started when they are first needed."""

    def __init__(
        self, work: Work, count: int, now: Callable[[], datetime], inbox: SimpleQueue[Message | int], stop: Stop
    ) -> None:
        self.work = work
        self.stop = stop
        self.now = now
        self.inbox = inbox
        self.all = [Worker(number) for number in range(count)]
        self.idle = list(range(count))
        heapify(self.idle)
        self.abandoned = False

    @property
    def busy(self) -> bool:
        """Whether any worker has something to do."""
        return len(self.idle) < len(self.all) and any(worker.step >= 0 for worker in self.all)

    def at_work(self) -> list[Worker]:
        """The workers that have been given something that is not counted yet."""
        return [worker for worker in self.all if worker.step >= 0]

    def take(self) -> Worker:
        """The idle worker with the lowest number, its thread running."""
        worker = self.all[heappop(self.idle)]
        if worker.thread is None:
            worker.thread = threading.Thread(
                target=with_room, args=(self._serve, worker), name=worker.name, daemon=False
            )
            worker.thread.start()
        return worker

    def release(self, worker: Worker) -> None:
        """The worker is idle again."""
        worker.step = -1
        heappush(self.idle, worker.number)

    def wait(self, seconds: float | None = None) -> list[Message | int]:
        """What has come in, at least one thing; after `seconds`, or when somebody wants to stop, possibly nothing."""
        while True:
            if seconds is None and self.stop.number:
                return []
            try:
                items = [self.inbox.get(timeout=TICK if seconds is None else seconds)]
            except Empty:
                if seconds is None:
                    continue
                return []
            while not self.inbox.empty():
                items.append(self.inbox.get())
            return items

    def end(self) -> None:
        """End every thread, and wait for that unless what they do was abandoned."""
        for worker in self.all:
            if worker.thread is not None:
                worker.queue.put(None)
        for worker in self.all:
            if worker.thread is not None and not self.abandoned:
                with suppress(RuntimeError):  # an interrupt came before it had begun
                    worker.thread.join()

    def abandon(self) -> None:
        """Wait for nothing any more."""
        self.abandoned = True

    def _serve(self, worker: Worker) -> None:
        """The life of a thread."""
        main = threading.main_thread()
        while True:
            try:
                started = worker.queue.get(timeout=IDLE)
            except Empty:
                if main.is_alive():
                    continue
                return
            if started is None:
                return
            try:
                finished = self._complete(self.work(started.node, started), started)
            except BaseException as error:
                finished = self.ended(worker, error=error)
            worker.finished = finished
            self.inbox.put(worker.number)

    def _complete(self, finished: Finished, started: Started) -> Finished:
        """What the work gave, with what only the schedule knows."""
        if not isinstance(finished, Finished):
            raise TypeError(f"the work gave {finished!r}, not how the node ended")
        if finished.index and finished.total and finished.thread and finished.at and finished.node == started.node:
            return finished
        return replace(
            finished,
            node=started.node,
            index=finished.index or started.index,
            total=finished.total or started.total,
            thread=finished.thread or started.thread,
            at=finished.at or self.now(),
        )

    def ended(self, worker: Worker, status: Status = "error", error: BaseException | None = None) -> Finished:
        """The end of a node whose work did not say how it ended."""
        started = worker.started
        assert started is not None
        at = self.now()
        problem = None if error is None else _problem(error)
        return Finished(
            node=started.node,
            status="cancelled" if isinstance(error, Interrupted) else status,
            seconds=max((at - started.at).total_seconds(), 0.0),
            thread=started.thread,
            index=started.index,
            total=started.total,
            message=problem.message.partition("\n")[0] if problem else None,
            error=problem,
            at=at,
        )


def _problem(error: BaseException) -> Problem:
    """The error as a problem, whatever it is."""
    try:
        if isinstance(error, EltbuildError) and error.problems:
            first, *more = error.problems
            return replace(first, message="\n".join([first.message, *map(str, more)])) if more else first
        return Problem(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    except Exception:
        return Problem(type(error).__name__)
