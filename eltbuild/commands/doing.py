"""What does the nodes of a run: each by itself, or the tests of one relation together. When, is the schedule's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from eltbuild.project.resources import NodeId
from eltbuild.run.events import Finished, Started
from eltbuild.run.node import do
from eltbuild.run.testing.alone import asks_itself
from eltbuild.run.testing.running import run_together
from eltbuild.run.testing.together import groups_of
from eltbuild.run.work import Work
from eltbuild.run.workers import Begin, Tell, Together


def doing(work: Work) -> Callable[[NodeId, Started], Finished]:
    """What does one node; what would be done in vain, in a run that is published together, is skipped."""

    def one(id: NodeId, started: Started) -> Finished:
        return do(work, id, started)

    return one if work.whole is None else work.whole.guarded(one, work.session.project.nodes)


def by_itself(work: Work) -> Callable[[NodeId], Finished]:
    """What does one of several that are one piece of work."""
    do_one = doing(work)

    def one(id: NodeId) -> Finished:
        # The schedule knows the rest.
        return do_one(id, Started(id, 0, 0, "", datetime.now(UTC)))

    return one


def tests_together(work: Work, ids: Sequence[NodeId]) -> Together | None:
    """The tests of one relation are one piece of work, but where the project asks tests in its own way."""
    if work.clones is not None or asks_itself(work):
        return None
    one, whole = by_itself(work), work.whole

    def several(ids: Sequence[NodeId], begin: Begin, tell: Tell) -> Sequence[NodeId]:
        if whole is None:
            return run_together(work, ids, begin, tell, one)
        if whole.spoiled:
            begin(())
            return ()
        return run_together(work, ids, begin, whole.noting(tell), one)

    return Together(groups_of(work.session.project, ids), several)
