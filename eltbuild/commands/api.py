"""The Python API: a project that can be planned and run as often as one likes, from any thread."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eltbuild.commands.execution import Execution
from eltbuild.commands.freshness import EVERYTHING, watched
from eltbuild.commands.opening import Opened, Surroundings, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import write_manifest, write_results
from eltbuild.commands.selecting import choose, of_ids
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import Live
from eltbuild.errors import Problem, UsageError
from eltbuild.plan.nouns import Plan
from eltbuild.project import project
from eltbuild.run.aside import foreground
from eltbuild.run.events import Event, Results
from eltbuild.values import dataclass, replace

COMMANDS = frozenset({"build", "run", "test", "seed", "snapshot", "freshness"})


@dataclass(frozen=True, slots=True)
class Project:
    """A project as it stands on disk when `load` is called. Frozen: load again to see changes.

    Every call opens what it needs and gives it back; nothing is shared between calls but the warehouse.
    """

    options: Options
    opened: Opened

    @classmethod
    def load(
        cls,
        path: str | Path = ".",
        *,
        target: str | None = None,
        profile: str | None = None,
        profiles_dir: str | Path | None = None,
        vars: Mapping[str, Any] | None = None,
        threads: int | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Project:
        """Read, check and settle the project in a folder.

        Raises `ProjectError` with all that is wrong in it, `UsageError` where there is no project or target.
        """
        options = Options(
            project_dir=str(path),
            target=target,
            profile=profile,
            profiles_dir=None if profiles_dir is None else str(profiles_dir),
            vars=dict(vars or {}),
            threads=threads,
        )
        around = Surroundings.here()
        if environ is not None:
            around = replace(around, environ=dict(environ))
        opened = open_project(options, "build", around=around)
        opened.adapter.close()
        return cls(options, opened)

    @property
    def resources(self) -> project.Project:
        """Every resource by id, settled."""
        return self.opened.project

    def _again(self, command: str, **flags: Any) -> Opened:
        """The same project for another command, with an adapter and an invocation of its own."""
        from eltbuild.adapter import open_adapter
        from eltbuild.commands.invocation import invocation_of

        chosen: dict[str, Any] = {
            key: _words(value) if key in ("select", "exclude") else value for key, value in flags.items()
        }
        options = replace(self.opened.options, **chosen)
        invocation = invocation_of(options, command, Surroundings.here().now)
        session = replace(self.opened.session, invocation=invocation)
        return replace(self.opened, options=options, session=session, adapter=open_adapter(self.opened.project.target))

    def select(self, select: str | Sequence[str] = (), exclude: str | Sequence[str] = ()) -> tuple[str, ...]:
        """The ids of all resources that a selection names, in topological order."""
        opened = self._again("ls", select=select, exclude=exclude)
        return choose(opened, "ls").ids

    def plan(self, select: str | Sequence[str] = (), exclude: str | Sequence[str] = (), **flags: Any) -> Plan:
        """What a build of that selection would do, with a reason for each node. Nothing is done."""
        from eltbuild.commands.plan import plan_of

        opened = self._again("plan", select=select, exclude=exclude, **flags)
        try:
            return plan_of(opened, choose(opened, "plan"))[0]
        finally:
            opened.adapter.close()

    def events(
        self,
        command: str = "build",
        select: str | Sequence[str] = (),
        exclude: str | Sequence[str] = (),
        *,
        ids: Collection[str] | None = None,
        **flags: Any,
    ) -> Iterator[Event]:
        """Do a command (build, run, test, seed, snapshot, freshness); what happens, as it happens.

        `ids` in place of a selection takes exactly these nodes. Closing the iterator early stops the run. Artifacts
        are written when it is exhausted, unless `write_json=False`.
        """
        if command not in COMMANDS:
            raise UsageError(Problem(f"`{command}` gives no events", hint=f"use one of {', '.join(sorted(COMMANDS))}"))
        opened = self._again(command, select=select, exclude=exclude, **flags)
        try:
            chosen = (
                choose(opened, EVERYTHING if opened.options.everything else command)
                if ids is None
                else of_ids(opened, ids)
            )
            chosen = watched(opened, chosen) if command == "freshness" else chosen
            execution = Execution(opened=opened, command=command, chosen=chosen)
            yield from execution.events()
            if opened.options.write_json is not False and execution.results is not None:
                write_results(opened, execution, execution.results)
        finally:
            opened.adapter.close()

    def run(
        self,
        plan: Plan | None = None,
        *,
        command: str = "build",
        select: str | Sequence[str] = (),
        exclude: str | Sequence[str] = (),
        **flags: Any,
    ) -> Results:
        """Do a plan, or a command on a selection, to its end; the results. What fails is told there, not raised."""
        from eltbuild.run.events import Finished, RunFinished

        if plan is not None and not isinstance(plan, Plan):
            raise TypeError(f"a plan is what `plan()` gives; a command is named by itself: run(command={plan!r})")
        finished = []
        seconds, interrupted = 0.0, False
        ids = None if plan is None else plan.nodes
        for event in self.events(command, select, exclude, ids=ids, **flags):
            if isinstance(event, Finished):
                finished.append(event)
            elif isinstance(event, RunFinished):
                seconds, interrupted = event.seconds, event.interrupted
        return Results(tuple(finished), seconds, interrupted)

    def compile(self, name: str) -> str:
        """The SQL of one node, by name or id; the warehouse is asked where its template asks."""
        opened = self._again("compile", select=(name,))
        try:
            found = self.opened.project.nodes.get(name)
            if found is None:
                matches = [r for r in choose(opened, "compile").resources(opened.project) if r.name == name]
                if not matches:
                    raise UsageError(Problem(f"there is no node `{name}`"))
                found = matches[0]  # type: ignore[assignment]
            assert found is not None
            connection = foreground(opened.adapter)
            try:
                return Compiler(opened.session).compile(found, Live(connection)).sql or ""
            finally:
                connection.close()
        finally:
            opened.adapter.close()

    def write_manifest(self) -> Path:
        """Write `manifest.json` of the project as loaded; its path."""
        return write_manifest(self.opened, {})


def _words(value: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(value.split()) if isinstance(value, str) else tuple(value)
