"""`eltbuild retry`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Required, TypedDict, TypeGuard

from eltbuild.commands.claiming import HIDDEN, books_of, home_of
from eltbuild.commands.execution import Execution
from eltbuild.commands.following import follow
from eltbuild.commands.opening import Opened, folder_of, looking, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.rendered import BUILDS_NOTHING, LAST_RUN, RESULTS, which
from eltbuild.commands.reporting import EXIT, exit_code
from eltbuild.commands.selecting import Chosen
from eltbuild.commands.unfinished import Unfinished, of_results, of_run, resumable, taken_over
from eltbuild.disk import read_whole
from eltbuild.errors import DatabaseError, Problem, UsageError
from eltbuild.graph.graph import Graph
from eltbuild.project.resources import NodeId
from eltbuild.run.ledger.claims import described, host, is_dead
from eltbuild.run.ledger.database_store import DatabaseStore
from eltbuild.run.ledger.local_store import LocalStore
from eltbuild.run.ledger.opening import Books, Waiting, journals
from eltbuild.run.ledger.run_ledger import is_in_parts
from eltbuild.state.records import Run
from eltbuild.values import replace


def command(options: Options) -> int:
    """Run again what did not end well in the last run, or was not begun when it was cut short; the exit code."""
    opened = looking(open_project(options, "retry"))
    try:
        left = unfinished(opened)
    finally:
        opened.adapter.close()
    opened = reopened(options, left)
    try:
        ids = [id for id in left.nodes if opened.project.resource(id) is not None and not id.startswith("operation.")]
        if left.note and not opened.options.quiet:
            sys.stderr.write(f"retry: {left.note}\n")
        if not ids:
            sys.stderr.write("nothing to retry: the last run left no failed or skipped node\n")
            return EXIT.ok
        graph = Graph.of(opened.project)
        execution = Execution(
            opened=opened,
            statements=bool(opened.options.debug),
            command=left.command,
            chosen=Chosen(graph, graph.sort(ids)),
            batches=left.batches,
            continues=left.continues,
        )
        return exit_code(follow(execution, opened))
    finally:
        opened.adapter.close()


def unfinished(opened: Opened) -> Unfinished:
    """What the last run left: by its local results, or by the journal where that knows of a later one that was cut

    short, or there are no local results. Raises `UsageError` where nothing is known of any run.
    """
    if opened.options.state:
        return of_results(last_results(folder_of(opened.root, opened.options.state)))
    try:
        last = last_results(opened.target_folder)
    except UsageError:
        found = from_journal(opened, None)
        if found is None:
            raise
        return found
    return from_journal(opened, last) or of_results(last)


def last_results(folder: Path) -> dict[str, Any]:
    """The results of the last run that built something. Raises `UsageError` where there is none that can be read."""
    path = folder / RESULTS
    missing = f"there is no {path}"
    if (command := which(path)) in BUILDS_NOTHING:
        # What `compile` and its like have written says nothing of the run before them.
        missing = f"{path} is of `{command}`, with no run before it"
        path = folder / LAST_RUN
    try:
        value = json.loads(read_whole(path))
        if is_sound(value):
            return value
    except FileNotFoundError:
        hint = "retry needs the results of a run: eltbuild build"
        raise UsageError(Problem(f"{missing}, and no run in the target's state", hint=hint)) from None
    except (OSError, ValueError, RecursionError):
        pass
    raise UsageError(Problem(f"{path} is damaged", hint="run again: eltbuild build"))


class _Results(TypedDict, total=False):
    """What is read of `run_results.json`, whoever wrote it."""

    metadata: dict[str, Any]
    args: dict[str, Any]
    results: Required[list[_Result]]


class _Result(TypedDict, total=False):
    unique_id: Required[str]
    status: Required[str]
    batch_results: _Batches | None


class _Batches(TypedDict, total=False):
    failed: list[tuple[str, str]]


def is_sound(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value has the shape of the results of a run."""
    import msgspec

    try:
        found = msgspec.convert(value, _Results)
        for result in found["results"]:
            for pair in (result.get("batch_results") or {}).get("failed") or ():
                start, end = map(datetime.fromisoformat, pair)
                _ = end - start
    except (msgspec.ValidationError, ValueError, TypeError, RecursionError):
        return False
    return isinstance((value.get("args") or {}).get("which") or "", str)


def from_journal(opened: Opened, last: dict[str, Any] | None) -> Unfinished | None:
    """What the journal of the target says in place of local results. Raises `UsageError` where that run goes on."""
    books = books_of(opened)
    connecting = Waiting(books, opened.options.wait).connected()
    try:
        session = _told(connecting)
    except DatabaseError:
        if last is None:
            raise
        return None
    try:
        # What is in a file came later than what is in a target that can only be read.
        found = (_left(opened, books, store, last) for store in reversed(journals(books, session)))
        return next((left for left in found if left is not None), None)
    finally:
        session.close()


def _left(
    opened: Opened, books: Books, store: DatabaseStore | LocalStore, last: dict[str, Any] | None
) -> Unfinished | None:
    """What one journal says. Raises `UsageError` where that run goes on."""
    metadata = (last or {}).get("metadata") or {}
    results = None if last is None else str(metadata.get("invocation_id"))
    runs = store.runs(books.project, home_of(opened))
    run = resumable(runs, results, _time(metadata.get("invocation_started_at")), host(), str(opened.root))
    if run is None:
        return None
    if run.ended is None:
        _, now = store.running()
        if is_dead(store, run, now) is False:
            raise UsageError(Problem(f"the last run still goes on: {described(run, now)}", hint="let it end"))
    built, _, ended = store.of_run(run)
    return of_run(run, built, ended, in_parts(opened, run))


def in_parts(opened: Opened, run: Run) -> set[NodeId]:
    """The nodes of a run that are done in more than one transaction."""
    nodes = opened.project.nodes
    return {id for id in run.nodes if id in nodes and is_in_parts(nodes[id])}


def reopened(options: Options, left: Unfinished) -> Opened:
    """The project as the run saw it whose rest is done."""
    hidden: Iterable[Any] = left.arguments.get(HIDDEN) or ()
    given = options.given()
    flags = taken_over(left.arguments, given, tuple(map(str, hidden)))
    opened = open_project(replace(options, **flags), left.command)
    call = opened.session.invocation
    arguments = {key: value for key, value in left.arguments.items() if key != HIDDEN}
    call = replace(call, args={**arguments, **given, "which": left.command})
    return replace(opened, session=replace(opened.session, invocation=call))


def _told(connecting: Any) -> Any:
    """What a generator of messages gives in the end; the messages are told."""
    while True:
        try:
            message = next(connecting)
        except StopIteration as end:
            return end.value
        sys.stderr.write(f"{message.text}\n")


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
