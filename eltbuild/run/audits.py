"""What the audits of a run have found so far, and which nodes have had their turn. Safe to use from several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from eltbuild.adapter import Connection
from eltbuild.errors import AuditError
from eltbuild.project.resources import NodeId

Asked = TypeVar("Asked")
"""How one test went."""
LOOK = 0.1
"""Seconds between two looks whether somebody wants the run to end."""


class Audits(Generic[Asked]):
    """One run's."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._turns: dict[NodeId, int] = {}
        self._ended: set[NodeId] = set()
        self._asked: dict[NodeId, Asked] = {}
        self._later: dict[NodeId, Callable[[Connection], None]] = {}
        self.refused: dict[NodeId, Asked] = {}
        """Tests that have spoiled a transaction: none of them is asked again."""
        self.kept: set[NodeId] = set()
        """The nodes of which this run has kept rows that failed."""

    def begun(self, node: NodeId, others: Collection[NodeId], halted: Callable[[], bool]) -> frozenset[NodeId]:
        """The audit of a node begins, or another attempt at it, or the next part of it; those of the others, nodes of
        this run, that have ended by now.

        One that was audited first, and has not ended, is waited for: it has left their common tests to this one.
        """
        with self._turn:
            mine = self._turns.setdefault(node, len(self._turns))
            before = {id for id in others if self._turns.get(id, mine) < mine}
            while not before <= self._ended and not halted():
                self._turn.wait(LOOK)
            return frozenset(self._ended & set(others))

    def ended(self, node: NodeId) -> None:
        """A node has ended, whether well or not."""
        with self._turn:
            self._ended.add(node)
            self._turn.notify_all()

    def later(self, node: NodeId, do: Callable[[Connection], None]) -> None:
        """That is to be done once the node is published."""
        self._later[node] = do

    def published(self, node: NodeId, connection: Connection) -> None:
        """A node is published: what was left for then is done."""
        do = self._later.pop(node, None)
        if do is not None:
            do(connection)

    def note(self, test: NodeId, asked: Asked) -> None:
        """A test was asked before its model was published: that is its result."""
        with self._turn:
            self._asked[test] = asked

    def knows(self, test: NodeId) -> bool:
        """Whether a test was asked in an audit, and its result not taken yet."""
        return test in self._asked

    def take(self, test: NodeId) -> Asked | None:
        """How a test went that was asked in an audit; None the second time."""
        with self._turn:
            return self._asked.pop(test, None)


class Refused(Exception):
    """Tests failed on what was to be published. What comes of that is said by `settle`, once the transaction is over.

    `commits`: the rows have been kept in it, and nothing else was done: it may end well.
    """

    def __init__(self, commits: bool, settle: Callable[[Connection], AuditError]) -> None:
        super().__init__("tests failed on what was to be published")
        self.commits = commits
        self.settle = settle
