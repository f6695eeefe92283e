"""Whether a materialization goes on with what stands there, or replaces it whole. Nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from eltbuild.plan.incremental import is_whole
from eltbuild.plan.nouns import Facts
from eltbuild.sql.writer import Writer

ROWS = frozenset({"table", "materialized_view"})
"""The kinds that hold rows of their own."""


def is_movable(facts: Facts, writer: Writer) -> bool:
    """Whether what stands there may take another name when it is replaced.

    Not where its rows are gone on with; nor where something hangs on it that cannot be made again on what comes.
    """
    able, hangs = writer.capabilities, facts.belongings
    fast = [view for view in hangs.dependants if not view.ours or view.kind == "materialized_view"]
    fast_keys = [key for key in hangs.references if not key.ours]
    free = not (fast or fast_keys or hangs.bound)
    return able.rename_relation and able.transactional_ddl and free and not goes_on(facts)


def goes_on(facts: Facts) -> bool:
    """Whether the materialization goes on with the rows that stand there, as far as it is known."""
    if facts.existing is None or facts.existing.kind not in ROWS:
        return False
    return GOING_ON.get(facts.node.materialized, _unknown)(facts)


def _same_kind(kind: str) -> Callable[[Facts], bool]:
    def goes_on(facts: Facts) -> bool:
        return facts.existing is not None and facts.existing.kind == kind and not facts.full_refresh

    return goes_on


def _history(facts: Facts) -> bool:
    return facts.existing is not None and facts.existing.kind == "table"


def _never(facts: Facts) -> bool:
    return False


def _unknown(facts: Facts) -> bool:
    """A materialization of the project's own may do anything."""
    return True


GOING_ON: Mapping[str, Callable[[Facts], bool]] = {
    "view": _never,
    "table": _never,
    "test": _never,
    "incremental": lambda facts: not is_whole(facts),
    "seed": _same_kind("table"),
    "materialized_view": _same_kind("materialized_view"),
    "snapshot": _history,
}
"""By materialization: whether it goes on with what stands there."""
