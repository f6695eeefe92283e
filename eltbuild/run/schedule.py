"""A run in time: at most so many nodes at once, each after what it stands on; events come out as they happen.

What a node does, and SQL, are not known here: `work` does it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from math import inf
from queue import SimpleQueue
from time import monotonic

from eltbuild.errors import UsageError
from eltbuild.graph.graph import Graph
from eltbuild.project.resources import NodeId
from eltbuild.run.events import FAILED, Event, Finished, Message, Started, Status
from eltbuild.run.order import UNIT_TEST, Steps, arrange
from eltbuild.run.stop import PATIENCE, TICK, Stop
from eltbuild.run.titles import name, title, verb
from eltbuild.run.workers import Together, Work, Worker, Workers
from eltbuild.values import dataclass, field, replace

BLOCKING: frozenset[str] = FAILED | {"skipped"}
"""The statuses after which nothing is run that stands on the node."""


TICKS_BETWEEN_CANCELS = 5


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for the order of a run, beside its graph."""

    fail_fast: bool = False
    """After the first failure all that runs is cancelled and awaited, and the rest is skipped."""
    tests: Collection[NodeId] = ()
    """The tests that hold back what stands on what they test (in `build`): a data test the common descendants of all
    its parents, a unit test its model; once one has failed, unit tests of that model that have not begun are skipped,
    as in dbt. Any other test holds back nothing."""
    on_error: Mapping[NodeId, str] = field(default_factory=dict)
    """`continue` for a node whose own failure shall not count."""
    after: Mapping[NodeId, Iterable[NodeId]] = field(default_factory=dict)
    """Nodes that wait for others all the same, however these end."""
    cost: Mapping[NodeId, float] = field(default_factory=dict)
    """How long nodes take (seconds of earlier runs, say); 1 for each that is not here."""
    together: Together | None = None
    """Groups of nodes: those that could begin at the same moment are given to one worker, in the order in which they
    would begin. It may take only some of them, or give some of them back; these are done each by itself, and begin
    only once."""


@dataclass(frozen=True, slots=True)
class Control:
    """How a run and what is around it speak with each other."""

    cancel: Callable[[], None] = lambda: None
    """Ends what runs now."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    inbox: SimpleQueue[Message | int] = field(default_factory=SimpleQueue)
    """What others put there (things said while nodes run) comes out between the events, in order."""
    stop: Stop = field(default_factory=Stop)
    """Asked for, it is an interrupt."""


def schedule(
    graph: Graph,
    nodes: Iterable[NodeId],
    work: Work,
    *,
    threads: int,
    rules: Rules | None = None,
    control: Control | None = None,
) -> Generator[Event, None, bool]:
    """Run the nodes; give a `Started` for each that begins and exactly one `Finished` for each of all.

    * `work` is called in a thread named `Thread-1` ... What it raises becomes a `Finished` with status `error`.
    * A node waits for all chosen nodes above it, also those above nodes that were not chosen. When one of them ends in
      `BLOCKING`, the node is skipped, and the message names that one.
    * Of what could begin, that begins first which has the longest way below it, by its cost; ties by id.

    An interrupt is a stop asked for, or a `KeyboardInterrupt` raised in the thread that iterates: while it waits here,
    or handed in with `throw`. Then what runs is cancelled and awaited and ends as `cancelled` if it fails, and
    the rest is `skipped`; all these `Finished` still come. What does not end within `PATIENCE` is abandoned, and so is
    everything at a second interrupt. The value that the iterator returns (`stopped = yield from schedule(...)`) is
    whether it was interrupted.

    Closing the iterator early cancels what runs, waits for it, and ends the threads. Raises `UsageError` for less than
    one thread.
    """
    if threads < 1:
        raise UsageError(f"a run needs at least one thread, not {threads}")
    rules, control = rules or Rules(), control or Control()
    chosen = tuple(dict.fromkeys(nodes))
    steps = arrange(graph, chosen, rules.tests, rules.cost, rules.after)
    threads = min(threads, max(len(chosen), 1))
    workers = Workers(work, threads, control.now, control.inbox, control.stop, rules.together)
    run = _Run(graph, steps, chosen, workers, rules, control)
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

    A `KeyboardInterrupt` may come between any two of its steps. So what has ended is put into `out` before it is
    counted, and what was given out is noted in `told` in the same breath: nothing is lost and nothing told twice.
    """

    def __init__(
        self, graph: Graph, steps: Steps, chosen: tuple[NodeId, ...], workers: Workers, rules: Rules, control: Control
    ) -> None:
        self.graph = graph
        self.steps = steps
        self.chosen = chosen
        self.workers = workers
        self.fail_fast = rules.fail_fast
        self.lenient = frozenset(id for id, rule in rules.on_error.items() if rule == "continue")
        self.cancel = control.cancel
        self.now = control.now
        self.groups = rules.together.groups if rules.together is not None else {}
        self.ready_of: dict[Hashable, list[int]] = {}
        """For each group, those of its steps that could begin."""
        self.given = bytearray(len(steps.ids))
        """Which steps a worker has been given."""
        self.single = bytearray(len(steps.ids))
        """Which are not of any group any more."""
        self.again: dict[NodeId, Started] = {}
        """What was begun with its group and is to be done by itself."""
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
        self.broken = 0
        """Which crossings have ended, and which of them badly, as bits."""
        self.parked: dict[int, list[int]] = {}
        self.index = 0
        self.why = ""
        self.stopped_by_user = False

    def forward(self) -> Generator[Event]:
        """All events of a run that nobody interrupts."""
        self._settle([step for step, missing in enumerate(self.waiting) if not missing])
        while not self.why:
            self.workers.stop.heed()
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
        with suppress(KeyboardInterrupt):
            yield from self._wind_down(PATIENCE)
        if self.workers.busy:
            self.workers.abandon()
            for worker in self.workers.at_work():
                self._count(worker, self._stop)
                for id, started in worker.started.items():
                    self._stop(worker.steps[id], self.workers.ended(started, "cancelled"))
        while True:
            try:
                return (yield from self._skip_rest(self.why))
            except KeyboardInterrupt:
                continue

    def close(self) -> None:
        """End the threads; what still runs is cancelled first."""
        if self.workers.busy:
            self._call_cancel()
        self.workers.end()

    def _begin(self) -> None:
        """Give work to idle workers."""
        while self.ready and self.workers.idle:
            step = self.by_urgency[heappop(self.ready)]
            if self.given[step] or self._is_spared(step):
                continue
            steps = self._with_its_group(step)
            for id in steps.values():
                self.given[id] = 1
            worker = self.workers.take()
            if len(steps) > 1:
                worker.give_all(steps)
            else:
                worker.give(step, self._started(next(iter(steps)), worker))

    def _is_spared(self, step: int) -> bool:
        """Whether the step is a unit test that another one of its model's has made idle by failing: it is skipped."""
        id = self.steps.ids[step]
        if id is None or not id.startswith(UNIT_TEST):
            return False
        guilty = next((self.blame[model] for model in self.steps.followers[step] if model in self.blame), None)
        if guilty is None:
            return False
        self._skip(id, f"skipped: {self._reason(id, guilty)}")
        self._settle(self._pass(step, None))
        return True

    def _with_its_group(self, step: int) -> dict[NodeId, int]:
        """The step and what can begin with it, the most urgent first."""
        id = self.steps.ids[step]
        assert id is not None
        group = None if self.single[step] else self.groups.get(id)
        others = () if group is None else self.ready_of.pop(group, ())
        free = sorted((one for one in others if not self.given[one]), key=self.steps.urgency.__getitem__)
        return {own: one for one in free if (own := self.steps.ids[one]) is not None} or {id: step}

    def _started(self, id: NodeId, worker: Worker) -> Started:
        before = self.again.pop(id, None)
        if before is not None:
            return replace(before, thread=worker.name)
        self.index += 1
        started = Started(id, self.index, len(self.chosen), worker.name, self.now())
        self.out.append(started)
        return started

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
        """Wait until something has ended or was said, and count it; once somebody wants to stop, nothing is counted."""
        for item in self.workers.wait():
            if isinstance(item, int):
                if self.workers.stop.number:
                    continue
                self._count(self.workers.all[item], self._finish)
            else:
                self.out.append(item)

    def _count(self, worker: Worker, end: Callable[[int, Finished], None]) -> None:
        """Count what a worker has left: `end` is told of each node that has ended. It is idle again when all have."""
        if not worker.active:
            return
        over = worker.over  # What it left before that is there.
        self._count_begun(worker, over)
        while worker.ended:
            finished = worker.ended[0]
            started = worker.started.get(finished.node)
            if started is not None:
                end(worker.steps[finished.node], self.workers.complete(finished, started))
                del worker.started[finished.node]
            worker.ended.popleft()
        if over:
            for id, started in worker.started.items():
                if id in worker.left:
                    self.again[id] = started
                    self._give_back(worker.steps[id])
                else:
                    end(worker.steps[id], self.workers.ended(started, error=worker.cause))
            self.workers.release(worker)

    def _count_begun(self, worker: Worker, over: bool) -> None:
        """Tell what a worker has begun, and take back what it leaves to others."""
        begun = () if over and worker.begun is None else worker.begun
        if worker.counted or begun is None:
            return
        worker.counted = True
        for id in begun:
            worker.started[id] = self._started(id, worker)
        for id, step in worker.steps.items():
            if id not in worker.started:
                self._give_back(step)

    def _give_back(self, step: int) -> None:
        """Let the step begin by itself."""
        self.given[step], self.single[step] = 0, 1
        heappush(self.ready, self.steps.urgency[step])

    def _finish(self, step: int, finished: Finished) -> None:
        """Count the end of a node: tell it, and let go what waited for it."""
        self.out.append(finished)
        culprit = None
        if finished.status in BLOCKING:
            self.statuses[step] = finished.status
            forgiven = finished.node in self.lenient and finished.status != "skipped"
            culprit = None if forgiven else step
            if self.fail_fast and not self.why and finished.status in FAILED:
                self.why = f"{title(finished.node)} {verb(finished.status)} and the run stops at the first failure"
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
                self.broken |= 1 << crossing
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
                    self.parked.setdefault(_lowest(still), []).append(step)
                    continue
                broken = held & self.broken
                if broken:
                    guilty = self.crossing_blame[_lowest(broken)]
                    self.blame[step] = min(guilty, self.blame.get(step, guilty))
            culprit = None if step in self.steps.forgiving else self.blame.get(step)
            id = self.steps.ids[step]
            if culprit is None and id is not None:
                heappush(self.ready, self.steps.urgency[step])
                if id in self.groups:
                    self.ready_of.setdefault(self.groups[id], []).append(step)
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
        return f"{role} {verb(self.statuses[culprit])}"

    def _skip(self, id: NodeId, message: str) -> None:
        begun = self.again.pop(id, None)
        if begun is None:
            self.index += 1
        self.out.append(
            Finished(
                node=id,
                status="skipped",
                message=message,
                index=begun.index if begun is not None else self.index,
                total=len(self.chosen),
                at=self.now(),
            )
        )

    def _wind_down(self, patience: float = inf) -> Generator[Event]:
        """Cancel what runs and wait for its end; again and again, for a worker may have been between two statements."""
        end = monotonic() + patience
        for tick in count():
            if tick % TICKS_BETWEEN_CANCELS == 0 and (self.workers.busy or not tick):
                self._call_cancel()
            for worker in self.workers.at_work():
                self._count(worker, self._stop)
            yield from self._deliver()
            if not self.workers.busy or monotonic() > end or self.workers.stop.urgent:
                return
            self.workers.stop.heed()
            self.out.extend(item for item in self.workers.wait(TICK) if not isinstance(item, int))

    def _stop(self, step: int, finished: Finished) -> None:
        """Tell the end of a node that was running when all was cancelled; an error is put down to that."""
        if finished.status in ("error", "runtime error", "cancelled"):
            finished = replace(finished, status="cancelled", message=f"cancelled: {self.why}")
        self.out.append(finished)

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


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
