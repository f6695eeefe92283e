"""A run whose nodes are published together: whether that can still be, as the threads that do them find out.

Nothing is begun, committed or told here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from eltbuild.errors import DatabaseError, EltbuildError, Problem
from eltbuild.plan.showing import SHOWN
from eltbuild.project.resources import Node, NodeId
from eltbuild.run.commented import Commented
from eltbuild.run.events import FAILED, Finished, Started
from eltbuild.run.titles import title, verb

ALONE = frozenset({*SHOWN, "function"})
"""The types of what is built, which is in vain once something has failed."""
Do = Callable[[NodeId, Started], Finished]
Tell = Callable[[Sequence[Finished]], None]


class Whole:
    """A run whose nodes are published together. What `vain` says is why nothing will be; "" as long as all is well."""

    def __init__(self, connection: Commented, able: bool = False) -> None:
        self.connection = connection
        """The one session of the run."""
        self._able = able
        """Whether the engine can take back what was refused, and go on with the transaction."""
        self._noted: set[NodeId] = set()
        self.vain = ""
        self._spoiled = False
        """Whether the transaction can do nothing more."""
        self._untold: Problem | None = None

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
        if node is None or node.resource_type != "test" or not self._able:
            return do(id, started), False
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
