"""A run whose nodes are published together: whether that can still be, as the threads that do them find out.

Nothing is begun, committed or told here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress

from eltbuild.errors import DatabaseError, EltbuildError, Problem
from eltbuild.plan.showing import SHOWN
from eltbuild.project.resources import Node, NodeId
from eltbuild.run.commented import Commented
from eltbuild.run.events import FAILED, Finished, Started
from eltbuild.run.titles import title, verb

ALONE = frozenset({*SHOWN, "function"})
"""The types of what is built, which is in vain once something has failed."""
AGAIN = 60.0
"""So many seconds what was built may have taken that is built again to go on asking tests."""
OFTEN = 10
"""How often that is done in a run."""
Do = Callable[[NodeId, Started], Finished]
Tell = Callable[[Sequence[Finished]], None]
Say = Callable[[str], None]
Keeping = Callable[[], Callable[[], None]]


def _silent(text: str) -> None:
    """Nobody is told."""


class Undone(Exception):
    """The transaction of the run is rolled back, to be begun again."""


class Whole:
    """A run whose nodes are published together. What `vain` says is why nothing will be; "" as long as all is well."""

    def __init__(
        self, connection: Commented, able: bool = False, known: Sequence[Keeping] = (), say: Say = _silent
    ) -> None:
        self.connection = connection
        """The one session of the run."""
        self._able = able
        """Whether the engine can take back what was refused, and go on with the transaction."""
        self._known = known
        """What keeps what is known of the warehouse, each of them giving what has it known again."""
        self._say = say
        self._before: Sequence[Callable[[], None]] = ()
        """Has all of it known as it was before the transaction began."""
        self._transaction: AbstractContextManager[None] | None = None
        self._built: list[tuple[Do, NodeId, Started]] = []
        """What was built in the transaction, and how that is done."""
        self._took = 0.0
        self._often = 0
        self._noted: set[NodeId] = set()
        self.vain = ""
        self._spoiled = False
        """Whether the transaction can do nothing more."""
        self._untold: Problem | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside commits together or not at all. It may be begun again in the midst, by `goes_on`."""
        self._before = [keep() for keep in self._known]
        self._begin()
        try:
            yield
        except BaseException as error:
            if not self._end(error):
                raise
        else:
            self._end(None)

    def _begin(self) -> None:
        self._transaction = self.connection.transaction()
        self._transaction.__enter__()

    def _end(self, error: BaseException | None) -> bool | None:
        assert self._transaction is not None
        return self._transaction.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)

    def goes_on(self, why: str) -> bool:
        """Whether more tests can be asked after one was refused.

        Where that has ended the transaction, all that it had built is built again, if it was not long: nothing of it
        will be published, and the other tests are asked of the same rows.
        """
        with suppress(DatabaseError):
            self.connection.execute("select 1")
            return True
        if self.connection.lost or self.connection.halted.is_set():
            return False
        self._often += 1
        if self._often > OFTEN or self._took > AGAIN:
            return False
        number = len(self._built)
        self._say(f"{why}: {number} node{'' if number == 1 else 's'} built again, to ask the other tests")
        return self._is_built_again()

    def _is_built_again(self) -> bool:
        try:
            with suppress(Undone):
                self._end(Undone())
            for forget in self._before:
                forget()
            self._begin()
        except DatabaseError:
            return False
        return all(do(id, started).status not in FAILED for do, id, started in tuple(self._built))

    def guarded(self, do: Do, nodes: Mapping[NodeId, Node]) -> Do:
        """The same, but for what would be done in vain: that is skipped."""

        def one(id: NodeId, started: Started) -> Finished:
            node = nodes.get(id)
            if self._untold is not None:
                problem, self._untold = self._untold, None
                told = Finished(node=id, status="error", error=problem, message=str(problem))
                self.note(told)
                return told
            if self._spoiled or (self.vain and node is not None and node.resource_type in ALONE):
                return Finished(
                    node=id, status="skipped", message=f"skipped: nothing will be published, since {self.vain}"
                )
            finished, lasts = self._done(do, id, started, node)
            self.note(finished, lasts)
            return finished

        return one

    def _done(self, do: Do, id: NodeId, started: Started, node: Node | None) -> tuple[Finished, bool]:
        """How a node ended, and whether the transaction lasts though that is an error: a test can be taken back."""
        if node is None or node.resource_type != "test":
            ended = do(id, started)
            if ended.status not in FAILED and node is not None and node.resource_type in ALONE:
                self._built.append((do, id, started))
                self._took += ended.seconds
            return ended, False
        if not self._able:
            ended = do(id, started)
            refused = ended.status in FAILED and ended.status != "fail"
            return ended, refused and self.goes_on(f"{title(id)} cannot be asked")
        finished: Finished | None = None
        lasts = False
        with suppress(DatabaseError), self.connection.trial(self._able) as back:
            finished = do(id, started)
            lasts = finished.status in FAILED and finished.status != "fail" and back()
        return finished or do(id, started), lasts

    def noting(self, tell: Tell) -> Tell:
        """The same, and what has failed is noted."""

        def telling(found: Sequence[Finished]) -> None:
            for finished in found:
                self.note(finished)
            tell(found)

        return telling

    def note(self, finished: Finished, lasts: bool = False) -> None:
        """A node has ended; after an error nothing more can be done, after a failed test nothing need be built.

        `lasts`: what it has done was taken back. Does nothing the second time.
        """
        if finished.status not in FAILED or finished.node in self._noted:
            return
        self._noted.add(finished.node)
        self.vain = self.vain or f"{title(finished.node)} {verb(finished.status)}"
        self._spoiled = self._spoiled or (finished.status != "fail" and not lasts)

    def spoil(self, error: EltbuildError) -> None:
        """Something has ended the transaction that is no node: the next one tells of it."""
        self._untold, self._spoiled = error.problems[0], True

    @property
    def spoiled(self) -> bool:
        """Whether the transaction can do nothing more."""
        return self._spoiled
