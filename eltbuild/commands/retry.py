"""`eltbuild retry`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from eltbuild.commands.execution import Execution
from eltbuild.commands.opening import Opened, folder_of, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, exit_code, follow
from eltbuild.commands.selecting import Chosen
from eltbuild.errors import Problem, UsageError
from eltbuild.graph.graph import Graph
from eltbuild.plan.nouns import Batch
from eltbuild.run.batches import batch_id

AGAIN = frozenset({"error", "fail", "skipped", "runtime error", "partial success", "cancelled"})
COMMANDS = frozenset({"build", "run", "test", "seed", "snapshot", "compile"})


def command(options: Options) -> int:
    """Run again what did not end well in the last run; the exit code."""
    opened = open_project(options, "retry")
    try:
        folder = folder_of(opened.root, options.state) if options.state else opened.target_folder
        last = last_results(folder)
        which = str((last.get("args") or {}).get("which") or "build")
        which = which if which in COMMANDS else "build"
        opened = _as_before(opened, last, which)
        wanted, batches = _unfinished(last)
        ids = [id for id in wanted if opened.project.resource(id) is not None and not id.startswith("operation.")]
        if not ids:
            sys.stderr.write("nothing to retry: the last run left no failed or skipped node\n")
            return EXIT.ok
        graph = Graph.of(opened.project)
        execution = Execution(
            opened=opened,
            statements=bool(opened.options.debug),
            command=which,
            chosen=Chosen(graph, graph.sort(ids)),
            batches=batches,
        )
        return exit_code(follow(execution, opened))
    finally:
        opened.adapter.close()


def last_results(folder: Path) -> dict[str, Any]:
    """`run_results.json` of the last run. Raises `UsageError` where there is none that can be read."""
    path = folder / "run_results.json"
    try:
        value = json.loads(path.read_bytes())
        if isinstance(value, dict) and isinstance(value.get("results"), list):
            return value
    except FileNotFoundError:
        raise UsageError(
            Problem(f"there is no {path}", hint="retry needs the results of a run: eltbuild build")
        ) from None
    except (OSError, ValueError):
        pass
    raise UsageError(Problem(f"{path} is damaged", hint="run again: eltbuild build"))


def _as_before(opened: Opened, last: Mapping[str, Any], which: str) -> Opened:
    """The call with the flags of the run that is retried."""
    args = last.get("args") or {}
    flags = dict(opened.session.invocation.flags)
    flags["WHICH"] = which
    for name in ("full_refresh", "store_failures", "empty"):
        if args.get(name) is not None and getattr(opened.options, name) is None:
            flags[name.upper()] = bool(args[name])
    invocation = replace(opened.session.invocation, command=which, flags=flags, args={**args, "which": which})
    return replace(opened, session=replace(opened.session, invocation=invocation))


def _unfinished(last: Mapping[str, Any]) -> tuple[list[str], dict[str, tuple[Batch, ...]]]:
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
    return ids, batches


def _batch(pair: list[str]) -> Batch:
    start, end = (datetime.fromisoformat(text) for text in pair)
    size = "hour" if (end - start).total_seconds() <= 3600 else "day"
    return Batch(start, end, batch_id(start, size))
