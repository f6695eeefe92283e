"""Which slices of a microbatch model are built now: what the call or the clock asks for, and what is missing.

Nothing is built here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from eltbuild.plan.nouns import Batch
from eltbuild.project.resources import Node
from eltbuild.relation import RelationInfo
from eltbuild.run.batches import batch_id, batches, floor, shifted
from eltbuild.run.work import Work, refreshes
from eltbuild.state.records import Interval


def slices(work: Work, node: Node, existing: RelationInfo | None) -> tuple[bool, tuple[Batch, ...]]:
    """Whether they are added to what stands there, and the slices, oldest first; missing ones are told.

    Of a table whose slices are not known only those are built that the call or the clock asks for. What the run had
    done that this one continues is not done again. Raises `CompileError`.
    """
    assert node.relation is not None
    table = existing is not None and existing.kind == "table"
    known = (work.ledger.intervals(node.relation) if table else None) or ()
    done = {one.start for one in known if work.continues and one.run == work.continues and one.start < one.end}
    # Slices that are left of a table are no reason to build it anew once more, whatever its first run was asked.
    given = work.batches.get(node.id) if table else None
    anew = refreshes(work, node) and not given
    incremental = table and (not anew or bool(done))
    if not incremental:
        work.ledger.afresh(node.relation)
    start, end = work.window
    planned = given or batches(node, now=work.now, incremental=table and not anew, start=start, end=end)
    if known and incremental and not (anew or given or start or end):
        lacking = missing(known, planned, str(node.config.get("batch_size")))
        _tell(work, node, lacking)
        planned = (*lacking, *planned)
    if table and not incremental and (start or end) and planned:
        _tell_span(work, node, planned)
    return incremental, tuple(batch for batch in planned if batch.start not in done)


def missing(known: Sequence[Interval], planned: Sequence[Batch], size: str) -> tuple[Batch, ...]:
    """The slices that do not stand whole, from the first known one to the first planned one.

    `known` are in order; one without length stands for nothing but the beginning.
    """
    if not planned:
        return ()
    whole = _joined(known)
    at, until = floor(known[0].start, size), planned[0].start
    out = []
    while at < until:
        following = shifted(at, size, 1)
        if not any(start <= at and following <= end for start, end in whole):
            out.append(Batch(at, following, batch_id(at, size)))
        at = following
    return tuple(out)


def _joined(known: Sequence[Interval]) -> list[tuple[datetime, datetime]]:
    """The spans that slices side by side come to."""
    spans: list[tuple[datetime, datetime]] = []
    for one in known:
        if one.start == one.end:
            continue
        if spans and one.start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], one.end))
        else:
            spans.append((one.start, one.end))
    return spans


def _tell(work: Work, node: Node, lacking: Sequence[Batch]) -> None:
    if lacking:
        one = len(lacking) == 1
        number = "1 batch" if one else f"{len(lacking)} batches"
        between = f"between {lacking[0].start:%Y-%m-%d %H:%M} and {lacking[-1].end:%Y-%m-%d %H:%M}"
        never = "was never built, and is built now" if one else "were never built, and are built now"
        work.session.say(f"`{node.name}`: {number} {between} {never}", "info", "note", node.id)


def _tell_span(work: Work, node: Node, planned: Sequence[Batch]) -> None:
    span = f"from {planned[0].start:%Y-%m-%d %H:%M} to {planned[-1].end:%Y-%m-%d %H:%M}"
    text = f"`{node.name}` is built anew, and only {span}: rows of other times will not be in it"
    work.session.say(text, "warn", "warning", node.id)
