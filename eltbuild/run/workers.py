"""The threads of a run: each does one piece of work at a time and leaves how it ended. Order is not known here.

A piece of work is one node, or several nodes that are done together.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from heapq import heapify, heappop, heappush
from queue import Empty, SimpleQueue
from typing import TypeAlias

from eltbuild.errors import EltbuildError, Interrupted, Problem
from eltbuild.project.resources import NodeId
from eltbuild.run.events import Finished, Message, Started, Status
from eltbuild.run.stop import TICK, Stop
from eltbuild.stack import with_room
from eltbuild.values import dataclass, replace

Work: TypeAlias = Callable[[NodeId, Started], Finished]
Begin: TypeAlias = Callable[[Collection[NodeId]], None]
"""Says which of the nodes that could be done together are begun now; the others are left to be done one by one."""
Tell: TypeAlias = Callable[[Sequence[Finished]], None]
"""Says how some of them ended, as soon as that is known."""


@dataclass(frozen=True, slots=True)
class Together:
    """Nodes that are done together, where they can begin at once."""

    groups: Mapping[NodeId, Hashable]
    """Nodes with equal values are of one group; one that is not named is done by itself."""
    work: Callable[[Sequence[NodeId], Begin, Tell], Collection[NodeId] | None]
    """Does some of a group: calls `begin` once, and then tells of each that it has begun how it ended.

    It gives those, if any, that it has begun and that are to be done one by one after all. What it raises before it
    has begun anything leaves all to be done so.
    """


IDLE = 1.0
"""Seconds after which an idle worker looks whether the program is ending without it."""


class Worker:
    """One thread and what it does.

    `begun`, `ended`, `left`, `cause` and `over` are set by the thread, all else by the one that iterates.
    """

    __slots__ = (
        "active", "begun", "cause", "counted", "ended", "left", "name", "number", "over", "queue", "started", "steps",
        "thread",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"Thread-{number + 1}"
        self.queue: SimpleQueue[Started | tuple[NodeId, ...] | None] = SimpleQueue()
        self.thread: threading.Thread | None = None
        self.active = False
        """Whether it was given something whose end is not counted yet."""
        self.steps: dict[NodeId, int] = {}
        """What it was given."""
        self.counted = False
        """Whether it is counted what of that it has begun."""
        self.started: dict[NodeId, Started] = {}
        """What of it has begun, without what has ended."""
        self.begun: tuple[NodeId, ...] | None = None
        """Of several nodes, those that it does; None before it has said so."""
        self.ended: deque[Finished] = deque()
        self.cause: BaseException | None = None
        """Why it does not say of all how they ended."""
        self.left: Collection[NodeId] = ()
        """What it has begun and leaves to others."""
        self.over = False

    def give(self, step: int, started: Started) -> None:
        """Let the thread do a node."""
        self._given({started.node: step})
        self.counted = True
        self.started[started.node] = started
        self.queue.put(started)

    def give_all(self, steps: Mapping[NodeId, int]) -> None:
        """Let the thread do several nodes together."""
        self._given(steps)
        self.queue.put(tuple(steps))

    def _given(self, steps: Mapping[NodeId, int]) -> None:
        self.active, self.counted = True, False
        self.begun, self.cause, self.left, self.over = None, None, (), False
        self.ended.clear()
        self.started = {}
        self.steps = dict(steps)


class Workers:
    """The threads of one run, started when they are first needed."""

    def __init__(
        self,
        work: Work,
        count: int,
        now: Callable[[], datetime],
        inbox: SimpleQueue[Message | int],
        stop: Stop,
        together: Together | None = None,
    ) -> None:
        self.work = work
        self.together = together
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
        return len(self.idle) < len(self.all) and any(worker.active for worker in self.all)

    def at_work(self) -> list[Worker]:
        """The workers that have been given something that is not counted yet."""
        return [worker for worker in self.all if worker.active]

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
        worker.active = False
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
                given = worker.queue.get(timeout=IDLE)
            except Empty:
                if main.is_alive():
                    continue
                return
            if given is None:
                return
            try:
                if isinstance(given, Started):
                    worker.ended.append(self.complete(self.work(given.node, given), given))
                else:
                    self._several(worker, given)
            except BaseException as error:
                worker.cause = error
            worker.over = True
            self.inbox.put(worker.number)

    def _several(self, worker: Worker, ids: tuple[NodeId, ...]) -> None:
        """Do nodes together; what is begun and how that ended is left as soon as it is known."""

        def begin(chosen: Collection[NodeId]) -> None:
            worker.begun = tuple(id for id in ids if id in chosen)
            self.inbox.put(worker.number)

        def tell(finished: Sequence[Finished]) -> None:
            if finished:
                worker.ended.extend(finished)
                self.inbox.put(worker.number)

        assert self.together is not None
        worker.left = self.together.work(ids, begin, tell) or ()

    def complete(self, finished: Finished, started: Started) -> Finished:
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

    def ended(self, started: Started, status: Status = "error", error: BaseException | None = None) -> Finished:
        """The end of a node whose work did not say how it ended."""
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
