"""What a run has left to do, by its results or by the journal: data in, data out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from eltbuild.errors import Problem, UsageError
from eltbuild.plan.nouns import Batch
from eltbuild.project.resources import NodeId
from eltbuild.run.batches import batch_id
from eltbuild.state.records import Built, Ended, Run
from eltbuild.values import dataclass, field

AGAIN = frozenset({"error", "fail", "skipped", "runtime error", "partial success", "cancelled"})
"""The statuses of nodes that are tried again."""
COMMANDS = frozenset({"build", "run", "test", "unit-test", "seed", "snapshot", "compile"})
KEPT_FLAGS: Mapping[str, type] = {
    "full_refresh": bool, "store_failures": bool, "empty": bool, "fail_fast": bool, "adopt": bool, "sample": str,
    "publish": str, "skip_proven": bool, "example_values": bool,
    "event_time_start": str, "event_time_end": str, "vars": dict,
}  # fmt: skip
"""The flags of the run that its retry takes over where it is given no other, and what they must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that did not do all that it was to do."""

    command: str
    arguments: Mapping[str, Any]
    nodes: tuple[NodeId, ...]
    """What is left, in no order."""
    batches: Mapping[NodeId, tuple[Batch, ...]] = field(default_factory=dict)
    """Of nodes that failed in part: the slices that are left."""
    continues: int = 0
    """The number of the run, where what it has recorded of a node in part stays."""
    note: str = ""
    """What is gone on with, in words."""


def of_results(last: Mapping[str, Any]) -> Unfinished:
    """What `run_results.json` says."""
    ids: list[str] = []
    batches: dict[str, tuple[Batch, ...]] = {}
    for result in last["results"]:
        if not isinstance(result, dict) or result.get("status") not in AGAIN:
            continue
        id = str(result.get("unique_id"))
        ids.append(id)
        failed = (result.get("batch_results") or {}).get("failed") if result.get("batch_results") else None
        if failed and result.get("status") == "partial success":
            batches[id] = tuple(_batch(pair) for pair in failed)
    arguments = last.get("args") or {}
    return Unfinished(command=_command(arguments.get("which")), arguments=arguments, nodes=tuple(ids), batches=batches)


def _batch(pair: list[str]) -> Batch:
    start, end = (datetime.fromisoformat(text) for text in pair)
    size = "hour" if (end - start).total_seconds() <= 3600 else "day"
    return Batch(start, end, batch_id(start, size))


def of_run(run: Run, built: Iterable[Built], ended: Iterable[Ended], alone: Collection[NodeId]) -> Unfinished:
    """What the journal says of a run, cut short or not.

    What was built has ended well, though nobody could say so any more; but for nodes that have `alone` their own word
    for it, since more belongs to them than one transaction.
    """
    statuses = {one.node: one.status for one in ended}
    done = {one.node for one in built if one.event == "built"} - set(alone)
    nodes = run.nodes or tuple(dict.fromkeys((*statuses, *done)))
    well = {id for id in nodes if (statuses[id] not in AGAIN if id in statuses else id in done)}
    began = f"{run.started:%H:%M:%S}" if run.started else "?"
    how = "killed" if run.status in ("running", "lost") else run.status
    count = "1 node is" if len(nodes) == 1 else f"{len(nodes)} nodes are"
    return Unfinished(
        command=_command(run.command),
        arguments=run.arguments,
        nodes=tuple(id for id in nodes if id not in well),
        continues=run.number,
        note=f"continues {run.command} of {began} UTC ({how}): {len(well)} of {count} done",
    )


def _command(name: Any) -> str:
    if name == "clone":
        hint = "call it again with the same flags: what stands is left as it is"
        raise UsageError(Problem("the last run was `clone`, which is not retried", hint=hint))
    return name if name in COMMANDS else "build"


def resumable(runs: Sequence[Run], results: str | None, since: datetime | None, host: str, folder: str) -> Run | None:
    """The run, of those of a project and target, newest first, that a retry goes on with in place of local results.

    `results` is the invocation that the local ones are of, `since` when it began; None where there are none: then it
    is the last run, wherever it was. Else one of this machine and folder that came later and was cut short.
    """
    for run in runs:
        if run.command not in COMMANDS:
            continue
        if results is None:
            return run
        if run.invocation == results:
            return None
        if since is not None and run.started is not None and run.started < since:
            return None
        if (run.host, run.folder) == (host, folder) and run.status in ("running", "lost"):
            return run
    return None


def taken_over(arguments: Mapping[str, Any], given: Collection[str], hidden: Collection[str]) -> dict[str, Any]:
    """The flags of a run for its retry, those left out that it is `given` itself, and what is no value for them.

    Raises `UsageError` where one is needed that is `hidden`, because a secret stands in it.
    """
    for name in hidden:
        if name in KEPT_FLAGS and name not in given:
            flag = name.replace("_", "-")
            text = f"the run was given --{flag} with a secret in it, which is not kept"
            raise UsageError(Problem(text, hint=f"give it again: eltbuild retry --{flag} ..."))
    return {
        name: arguments[name]
        for name, kind in KEPT_FLAGS.items()
        if name not in given and arguments.get(name) is not None and isinstance(arguments[name], kind)
    }
