"""`run_results.json` of the commands that render and build nothing, and where the results of the last run stay then."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eltbuild.commands.inline import NAME
from eltbuild.commands.opening import Opened
from eltbuild.commands.reporting import invocation_of, keep_artifact, masking
from eltbuild.compile.compiled import Compiled
from eltbuild.disk import read_whole
from eltbuild.errors import EltbuildError
from eltbuild.project.resources import Node, NodeId
from eltbuild.run.events import Finished, Results, Timing
from eltbuild.run.locate import fault_of
from eltbuild.values import replace

BUILDS_NOTHING = frozenset({"compile", "show", "generate", "run-operation"})
"""The commands, as results name them, after which `retry` goes on with the run before."""
RESULTS = "run_results.json"
LAST_RUN = "run_results.last_run.json"
"""The results of the last run, where those of a command that builds nothing have taken their place."""


def standing_alone(nodes: Iterable[Node]) -> list[Node]:
    """Those of the nodes whose text does not stand in that of others only."""
    return [node for node in nodes if not node.ephemeral]


def endings(
    nodes: Iterable[Node], compiled: Mapping[NodeId, Compiled], errors: Mapping[NodeId, EltbuildError], began: datetime
) -> tuple[Finished, ...]:
    """How rendering ended for each node of which there is something to tell."""
    now = datetime.now(UTC)
    timing = (Timing("compile", began, now), Timing("execute", now, now))
    found = []
    for node in nodes:
        error, text = errors.get(node.id), compiled.get(node.id)
        if error is None and text is None and node.resource_type != "seed":
            continue
        problem = error.problems[0] if error is not None else None
        found.append(
            Finished(
                node=node.id if node.name != NAME else f"sql_operation.{node.package}.{NAME}",
                status="success" if error is None else "error",
                error=problem,
                fault=fault_of(node, problem, error) if problem is not None and error is not None else "",
                message=None if problem is None else str(problem),
                compiled_code=text.sql if text is not None else None,
                thread="MainThread",
                timing=timing,
                at=now,
            )
        )
    return tuple(found)


def write_rendered(opened: Opened, finished: tuple[Finished, ...], began: datetime) -> None:
    """The results stand in `run_results.json`; those of a run that stood there are kept. Raises `UsageError`."""
    if opened.options.write_json is False:
        return
    from eltbuild.report.run_results import run_results

    keep_last_run(opened.target_folder)
    mask, now = masking(opened), datetime.now(UTC)
    told = tuple(
        replace(one, error=replace(one.error, message=mask(one.error.message), hint=mask(one.error.hint)))
        if one.error is not None
        else one
        for one in finished
    )
    results = Results(told, (now - began).total_seconds())
    value = run_results(results, project=opened.project, invocation=invocation_of(opened), now=now)
    keep_artifact(opened, opened.target_folder / RESULTS, value)


def keep_last_run(folder: Path) -> None:
    """The results that stand in the folder are set aside, where they are those of a run."""
    with suppress(OSError):
        if which(folder / RESULTS) not in ("", *BUILDS_NOTHING):
            os.replace(folder / RESULTS, folder / LAST_RUN)


def which(path: Path) -> str:
    """The command that results are of; "" where there are none, or none that can be read."""
    import msgspec

    try:
        return which_of(msgspec.json.decode(read_whole(path)))
    except (OSError, ValueError, RecursionError, msgspec.DecodeError):
        return ""


def which_of(results: Any) -> str:
    """The same of results that were read already."""
    try:
        return str(results["args"]["which"])
    except (KeyError, TypeError):
        return ""


def is_of_a_run(results: Any) -> bool:
    """Whether results are of a command that built or tested something; so are those that do not say whose they are."""
    return bool(results) and which_of(results) not in BUILDS_NOTHING
