"""A run in time: at most so many nodes at once, each after what it stands on; events come out as they happen.

What a node does, and SQL, are not known here: `work` does it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from queue import Empty, SimpleQueue
from typing import TypeAlias

from eltbuild.errors import EltbuildError, Interrupted, Problem, UsageError
from eltbuild.graph.graph import Graph
from eltbuild.project.resources import NodeId
from eltbuild.run.events import FAILED, Event, Finished, Message, Started, Status
from eltbuild.run.order import Steps, arrange

Work: TypeAlias = Callable[[NodeId, Started], Finished]

BLOCKING: frozenset[str] = FAILED | {"skipped"}
"""The statuses after which nothing is run that stands on the node."""

TICK = 0.04
"""Seconds after which the waiting thread looks up, so that Ctrl-C is noticed where waiting cannot be interrupted."""

PATIENCE = 1.0
"""Seconds after which an idle worker looks whether the program is ending without it."""


def _now() -> datetime:
    return datetime.now(UTC)


def schedule(
    graph: Graph,
    nodes: Iterable[NodeId],
    work: Work,
    *,
    threads: int,
    fail_fast: bool = False,
    tests: Collection[NodeId] = (),
    cancel: Callable[[], None] | None = None,
    now: Callable[[], datetime] | None = None,
    on_error: Mapping[NodeId, str] | None = None,
    cost: Mapping[NodeId, float] | None = None,
    inbox: SimpleQueue[Message | int] | None = None,
) -> Generator[Event, None, bool]:
    """Run the nodes; give a `Started` for each that begins and exactly one `Finished` for each of all.

    * `work` is called in a thread named `Thread-1` ... What it raises becomes a `Finished` with status `error`.
    * A node waits for all chosen nodes above it, also those above nodes that were not chosen. When one of them ends in
      `BLOCKING`, the node is skipped, and the message names that one; `on_error` can say `continue` for a node whose
      own failure shall not count.
    * `tests` are the tests that hold back what stands on what they test (in `build`): a data test the common
      descendants of all its parents, a unit test its model. A test outside of `tests` holds back nothing.
    * Of what could begin, that begins first which has the longest way below it, by `cost` (seconds of earlier runs,
      say; 1 for each node that it does not name); ties by id.
    * `fail_fast`: after the first failure `cancel` is called, what runs is awaited, the rest is skipped.
    * What others put into `inbox` (things said while nodes run) comes out between the events, in order.

    An interrupt is a `KeyboardInterrupt` raised in the thread that iterates: while it waits here, or handed in with
    `throw`. Then `cancel` is called, what runs is awaited and ends as `cancelled` if it fails, and the rest is
    `skipped`; all these `Finished` still come. A second interrupt does not wait any longer. The value that the iterator
    returns (`stopped = yield from schedule(...)`) is whether it was interrupted.

    Closing the iterator early cancels what runs, waits for it, and ends the threads. Raises `UsageError` for less than
    one thread.
    """
    if threads < 1:
        raise UsageError(f"a run needs at least one thread, not {threads}")
    chosen = tuple(dict.fromkeys(nodes))
    run = _Run(
        graph=graph,
        steps=arrange(graph, chosen, tests, cost),
        chosen=chosen,
        workers=_Workers(work, min(threads, max(len(chosen), 1)), now or _now, inbox or SimpleQueue()),
        fail_fast=fail_fast,
        cancel=cancel or (lambda: None),
        now=now or _now,
        lenient=frozenset(id for id, rule in (on_error or {}).items() if rule == "continue"),
    )
    try:
        yield from run.forward()
    except KeyboardInterrupt:
        yield from run.interrupted()
        return True
    finally:
        run.close()
    return run.stopped_by_user


class _Run:
    """The state of one run. Only the iterating thread touches it.

    An interrupt may come between any two of its steps. So what has ended is put into `out` before it is counted, and
    what was given out is noted in `told` in the same breath: nothing is lost and nothing told twice.
    """

    def __init__(
        self,
        *,
        graph: Graph,
        steps: Steps,
        chosen: tuple[NodeId, ...],
        workers: _Workers,
        fail_fast: bool,
        cancel: Callable[[], None],
        now: Callable[[], datetime],
        lenient: frozenset[NodeId],
    ) -> None:
        self.graph = graph
        self.steps = steps
        self.chosen = chosen
        self.workers = workers
        self.fail_fast = fail_fast
        self.cancel = cancel
        self.now = now
        self.lenient = lenient
        self.step_of = {id: step for step, id in enumerate(steps.ids) if id is not None}
        self.told = bytearray(len(steps.ids))
        self.out: deque[Event] = deque()
        self.waiting = list(steps.before)
        self.blame: dict[int, int] = {}
        """For steps below a failure: the first step, in topological order, that is to blame."""
        self.statuses: dict[int, Status] = {}
        self.ready: list[int] = []
        self.by_urgency = [0] * len(steps.urgency)
        for step, rank in enumerate(steps.urgency):
            self.by_urgency[rank] = step
        self.crossing_of = {test: bit for bit, crossing in enumerate(steps.crossings) for test in crossing.tests}
        self.crossing_left = [len(crossing.tests) for crossing in steps.crossings]
        self.crossing_blame: dict[int, int] = {}
        self.closed = 0
        self.parked: dict[int, list[int]] = {}
        self.index = 0
        self.why = ""
        self.stopped_by_user = False

    def forward(self) -> Generator[Event]:
        """All events of a run that nobody interrupts."""
        self._settle([step for step, count in enumerate(self.waiting) if not count])
        while not self.why:
            self._begin()
            yield from self._deliver()
            if not self.workers.busy:
                break
            self._collect()
        if self.why:
            yield from self._wind_down()
        yield from self._skip_rest(self.why or "what it waits for never ended")

    def interrupted(self) -> Generator[Event]:
        """All events that are left after an interrupt."""
        self.stopped_by_user = True
        self.why = "the run was interrupted"
        try:
            yield from self._wind_down()
        except KeyboardInterrupt:
            self.workers.abandon()
            for worker in self.workers.at_work():
                self.out.append(self._stopped(worker))
        yield from self._skip_rest(self.why)

    def close(self) -> None:
        """End the threads; what still runs is cancelled first."""
        if self.workers.busy:
            self._call_cancel()
        self.workers.stop()

    def _begin(self) -> None:
        """Give work to idle workers."""
        while self.ready and self.workers.idle:
            step = self.by_urgency[heappop(self.ready)]
            id = self.steps.ids[step]
            assert id is not None
            self.index += 1
            worker = self.workers.take()
            started = Started(id, self.index, len(self.chosen), worker.name, self.now())
            self.out.append(started)
            worker.give(step, started)

    def _deliver(self) -> Generator[Event]:
        out, told = self.out, self.told
        while out:
            event = out[0]
            if type(event) is Finished:
                step = self.step_of[event.node]
                if told[step]:
                    del out[0]
                    continue
                told[step] = 1
            del out[0]
            yield event

    def _collect(self) -> None:
        """Wait until something has ended or was said, and count it."""
        for item in self.workers.wait():
            if isinstance(item, int):
                worker = self.workers.all[item]
                if worker.finished is not None:
                    self._finish(worker.step, worker.finished)
                    self.workers.release(worker)
            else:
                self.out.append(item)

    def _finish(self, step: int, finished: Finished) -> None:
        """Count the end of a node: tell it, and let go what waited for it."""
        self.out.append(finished)
        culprit = None
        if finished.status in BLOCKING:
            self.statuses[step] = finished.status
            forgiven = finished.node in self.lenient and finished.status != "skipped"
            culprit = None if forgiven else step
            if self.fail_fast and not self.why and finished.status in FAILED:
                self.why = f"{title(finished.node)} {_verb(finished.status)} and the run stops at the first failure"
        self._settle(self._pass(step, culprit))

    def _pass(self, step: int, culprit: int | None) -> list[int]:
        """Let go of what waits for the step; the steps that wait for nothing more."""
        freed = []
        waiting, blame = self.waiting, self.blame
        for follower in self.steps.followers[step]:
            if culprit is not None:
                blame[follower] = min(culprit, blame.get(follower, culprit))
            waiting[follower] -= 1
            if not waiting[follower]:
                freed.append(follower)
        crossing = self.crossing_of.get(step)
        if crossing is not None:
            if culprit is not None:
                self.crossing_blame[crossing] = min(culprit, self.crossing_blame.get(crossing, culprit))
            self.crossing_left[crossing] -= 1
            if not self.crossing_left[crossing]:
                self.closed |= 1 << crossing
                freed += self.parked.pop(crossing, ())
        return freed

    def _settle(self, freed: list[int]) -> None:
        """Decide for each step that waits for nothing more: it is ready, skipped, or passes on what came to it."""
        while freed:
            step = freed.pop()
            held = self.steps.held.get(step)
            if held is not None:
                still = held & ~self.closed
                if still:
                    self.parked.setdefault((still & -still).bit_length() - 1, []).append(step)
                    continue
                for crossing, guilty in self.crossing_blame.items():
                    if held >> crossing & 1:
                        self.blame[step] = min(guilty, self.blame.get(step, guilty))
            culprit = self.blame.get(step)
            id = self.steps.ids[step]
            if culprit is None and id is not None:
                heappush(self.ready, self.steps.urgency[step])
                continue
            if id is not None and culprit is not None:
                self._skip(id, f"skipped: {self._reason(id, culprit)}")
            freed += self._pass(step, culprit)

    def _reason(self, id: NodeId, culprit: int) -> str:
        guilty = self.steps.ids[culprit]
        assert guilty is not None
        role = title(guilty)
        if guilty in self.graph.parents.get(id, ()):
            role = f"parent {name(guilty)}"
        return f"{role} {_verb(self.statuses[culprit])}"

    def _skip(self, id: NodeId, message: str) -> None:
        self.index += 1
        self.out.append(
            Finished(
                node=id,
                status="skipped",
                message=message,
                index=self.index,
                total=len(self.chosen),
                at=self.now(),
            )
        )

    def _wind_down(self) -> Generator[Event]:
        """Cancel what runs and wait for its end."""
        self._call_cancel()
        yield from self._deliver()
        while self.workers.busy:
            for worker in self.workers.at_work():
                if worker.finished is not None:
                    self.out.append(self._stopped(worker))
                    self.workers.release(worker)
            yield from self._deliver()
            if self.workers.busy:
                self.out.extend(item for item in self.workers.wait(TICK) if not isinstance(item, int))

    def _stopped(self, worker: _Worker) -> Finished:
        """The end of a node that was running when all was cancelled; an error is put down to that."""
        finished = worker.finished or self.workers.ended(worker, status="cancelled")
        if finished.status not in ("error", "runtime error", "cancelled"):
            return finished
        return replace(finished, status="cancelled", message=f"cancelled: {self.why}")

    def _skip_rest(self, why: str) -> Generator[Event]:
        yield from self._deliver()
        for id in self.graph.sort([id for id in self.chosen if not self.told[self.step_of[id]]]):
            self._skip(id, f"skipped: {why}")
        yield from self._deliver()

    def _call_cancel(self) -> None:
        try:
            self.cancel()
        except Exception as error:
            self.out.append(Message(f"what runs could not be cancelled: {error}", level="warn", kind="warning"))


_VERBS: Mapping[str, str] = {
    "skipped": "was skipped",
    "cancelled": "was cancelled",
    "partial success": "succeeded only in part",
}


def _verb(status: str) -> str:
    return _VERBS.get(status, "failed")


def name(id: NodeId) -> str:
    """What people call the node: its id without type, package and the digest of a test."""
    parts = id.split(".")
    if parts[0] == "test" and len(parts) > 3 and len(parts[-1]) == 10:
        del parts[-1]
    return ".".join(parts[2:]) or id


def title(id: NodeId) -> str:
    """The node's type and name: `model orders`, `unit test report.works`."""
    return f"{id.partition('.')[0].replace('_', ' ')} {name(id)}" if "." in id else id


class _Worker:
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


class _Workers:
    """The threads of one run, started when they are first needed."""

    def __init__(self, work: Work, count: int, now: Callable[[], datetime], inbox: SimpleQueue[Message | int]) -> None:
        self.work = work
        self.now = now
        self.inbox = inbox
        self.all = [_Worker(number) for number in range(count)]
        self.idle = list(range(count))
        heapify(self.idle)
        self.abandoned = False

    @property
    def busy(self) -> bool:
        """Whether any worker has something to do."""
        return len(self.idle) < len(self.all) and any(worker.step >= 0 for worker in self.all)

    def at_work(self) -> list[_Worker]:
        """The workers that have been given something that is not counted yet."""
        return [worker for worker in self.all if worker.step >= 0]

    def take(self) -> _Worker:
        """The idle worker with the lowest number, its thread running."""
        worker = self.all[heappop(self.idle)]
        if worker.thread is None:
            worker.thread = threading.Thread(target=self._serve, args=(worker,), name=worker.name, daemon=False)
            worker.thread.start()
        return worker

    def release(self, worker: _Worker) -> None:
        """The worker is idle again."""
        worker.step = -1
        heappush(self.idle, worker.number)

    def wait(self, seconds: float | None = None) -> list[Message | int]:
        """What has come in, at least one thing; after `seconds`, possibly nothing."""
        while True:
            try:
                items = [self.inbox.get(timeout=TICK if seconds is None else seconds)]
            except Empty:
                if seconds is None:
                    continue
                return []
            while not self.inbox.empty():
                items.append(self.inbox.get())
            return items

    def stop(self) -> None:
        """End every thread, and wait for that unless what they do was abandoned."""
        for worker in self.all:
            if worker.thread is not None:
                worker.queue.put(None)
        for worker in self.all:
            if worker.thread is not None and not self.abandoned:
                worker.thread.join()

    def abandon(self) -> None:
        """Wait for nothing any more."""
        self.abandoned = True

    def _serve(self, worker: _Worker) -> None:
        """The life of a thread."""
        main = threading.main_thread()
        while True:
            try:
                started = worker.queue.get(timeout=PATIENCE)
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

    def ended(self, worker: _Worker, status: Status = "error", error: BaseException | None = None) -> Finished:
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
