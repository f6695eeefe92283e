"""All that is done to get a node done: its attempts, within its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from eltbuild.project.resources import Node, Source, UnitTest
from eltbuild.run.events import Finished
from eltbuild.run.failure.attempts import Attempts, repeated
from eltbuild.run.failure.limits import attempts_of, limit_of, limited
from eltbuild.run.titles import title
from eltbuild.run.work import Work, is_idempotent
from eltbuild.values import replace

T = TypeVar("T")


def retried(work: Work, resource: Node | Source | UnitTest, call: Callable[[], T], twice: bool = False) -> T:
    """What the call gives; a part of a node is tried again as the node itself would be.

    `twice`: the part does the same when it is done twice, whatever the node does.
    """
    node = resource if isinstance(resource, Node) else None
    idempotent = twice or node is None or is_idempotent(work, node)

    def tell(text: str) -> None:
        work.session.say(f"{title(resource.id)}: {text}", "info", "note", resource.id)

    # What has ended the transaction of the whole run cannot be tried again.
    attempts = attempts_of(node, work.session.project.target) if work.whole is None else Attempts(0)
    return repeated(call, work.connections, attempts, tell, idempotent)


def attempted(work: Work, resource: Node | Source | UnitTest, call: Callable[[], Finished]) -> Finished:
    """How the node ended; it is tried again where that can help and repeats nothing that stands already.

    Raises what the last attempt raises; `DatabaseError` where its time was over.
    """
    limit = limit_of(resource if isinstance(resource, Node) else None, work.session.project.target)
    with limited(work.connections, limit) as over:
        result = retried(work, resource, call)
    if over.is_set() and result.error is not None:
        # A node that keeps what it has done before an error ends with a result of its own.
        problem = replace(result.error, message=str(limit))
        return replace(result, error=problem, message=str(problem))
    return result
