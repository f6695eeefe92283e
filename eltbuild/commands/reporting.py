"""Who is told of a run: the console or the structured log, the log file, and the artifacts at its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from eltbuild.commands.opening import Opened, folder_of, mask_of
from eltbuild.compile.compiled import Compiled
from eltbuild.disk import PRIVATE, holds, read_whole, sweep, write_whole
from eltbuild.errors import Problem
from eltbuild.project.resources import NodeId
from eltbuild.report.artifacts import write_artifact
from eltbuild.report.invocation import Invocation, custom_environment
from eltbuild.run.events import Event, Finished, Results
from eltbuild.run.stop import INTERRUPT
from eltbuild.secrecy import Mask
from eltbuild.values import dataclass

if TYPE_CHECKING:
    from eltbuild.commands.execution import Execution


@dataclass(frozen=True, slots=True)
class Exit:
    """The exit codes of commands."""

    ok: int = 0
    failed: int = 1
    wrong: int = 2


EXIT = Exit()
NOT_RETRIED = frozenset({"clone", "freshness"})
"""Commands with results of nodes that `retry` does not go on with."""


def exit_code(results: Results | None) -> int:
    """0 where nothing failed, 1 where a node did, 128 and the signal's number where the run was stopped."""
    if results is None or results.interrupted:
        return 128 + (results.signal if results else INTERRUPT)
    return EXIT.ok if results.success else EXIT.failed


def invocation_of(opened: Opened) -> Invocation:
    """The call as artifacts and logs name it."""
    call = opened.session.invocation
    mask = masking(opened)
    return Invocation(
        id=call.invocation_id,
        command=call.command,
        started_at=call.started_at,
        arguments=dict(call.args),
        environment=custom_environment(opened.project.environment),
        command_line=mask(str(call.flags.get("INVOCATION_COMMAND") or "")),
        project_name=opened.project.settings.name,
        adapter_type=opened.project.target.type,
    )


def masking(opened: Opened) -> Mask:
    """A function that hides the secrets of a call in a text."""
    return mask_of(opened.project, opened.options)


class Reporter:
    """Hands each event to whoever shows or writes it. Use it with `with`.

    `progress_is_output`: the lines of the console are what the command is called for, and go to stdout, as dbt's do.
    Other commands keep stdout for what they print, and their lines go to stderr.
    """

    def __init__(self, opened: Opened, *, progress_is_output: bool = False) -> None:
        self._opened = opened
        self._stream = sys.stdout if progress_is_output else sys.stderr
        self._sinks: list[Any] = []
        self.console: Any = None
        self.log: Any = None

    def __enter__(self) -> Reporter:
        options = self._opened.options
        if options.log_format == "json":
            self._sinks.append(self._json())
        else:
            self._sinks.append(self._console())
        file = self._file()
        if file is not None:
            self._sinks.append(file)
        return self

    def __exit__(self, *error: object) -> None:
        for sink in self._sinks:
            close = getattr(sink, "finish", None) or getattr(sink, "close", None)
            if close is not None:
                close()

    def _console(self) -> Any:
        from eltbuild.report.console import Console
        from eltbuild.report.labels import labels
        from eltbuild.report.terminal import terminal_of

        opened, options = self._opened, self._opened.options
        command = opened.session.invocation.command
        quiet = bool(options.quiet) or options.log_level in ("error", "none")
        debug = bool(options.debug) or options.log_level == "debug" or options.log_format == "debug"
        self.console = Console(
            self._stream,
            labels(opened.project, "view" if command == "clone" else ""),
            terminal_of(self._stream, opened.project.environment, colours=options.use_colors),
            verbosity="quiet" if quiet else "debug" if debug else "normal",
            mask=masking(opened),
            out=sys.stdout,
            program="" if command in NOT_RETRIED else "eltbuild",
        )
        return self.console

    def _json(self) -> Any:
        from eltbuild.report.log import Log
        from eltbuild.report.recorder import Recorder

        opened, options = self._opened, self._opened.options
        level = "debug" if options.debug else "error" if options.quiet else options.log_level or "info"
        self.log = Log(sys.stdout, invocation_of(opened), format="json", level=level, mask=masking(opened))
        self.log.follow(Recorder(opened.project))
        self.log.begun()
        self.log.adapter_registered(opened.project.target.type)
        return self.log

    def _file(self) -> Any:
        from eltbuild.report.log import Log
        from eltbuild.report.recorder import Recorder
        from eltbuild.report.rotating import RotatingFile

        opened, options = self._opened, self._opened.options
        level = options.log_level_file or "debug"
        if level == "none":
            return None
        folder = folder_of(opened.root, options.log_path or opened.project.settings.log_path)
        format = options.log_format_file or "debug"
        log = Log(
            RotatingFile(folder / "eltbuild.log", self._warn),
            invocation_of(opened),
            format="debug" if format == "default" else format,  # type: ignore[arg-type]
            level=level,
            mask=masking(opened),
        )
        log.follow(Recorder(opened.project))
        log.begun()
        log.adapter_registered(opened.project.target.type)
        if opened.environment_read:
            log.environment_read(opened.environment_read)
        return log

    def _warn(self, text: str) -> None:
        if self.console is not None:
            self.console.problems([Problem(text, severity="warning")])

    def handle(self, event: Event) -> None:
        """Tell everybody."""
        for sink in self._sinks:
            sink.handle(event)

    def problems(self, problems: Iterable[Problem]) -> None:
        """Show warnings that are about no node's run."""
        found = tuple(problems)
        for sink in self._sinks:
            if hasattr(sink, "problems"):
                sink.problems(found)

    def completed(self, success: bool) -> None:
        """The command is over."""
        for sink in self._sinks:
            if hasattr(sink, "completed"):
                sink.completed(success=success)


class CompiledFiles:
    """Writes the compiled text of each node under `target/compiled` as it ends, and what was executed of it under

    `target/run`. Those of tests that pass are written when all is over: nobody waits for them, and there are many.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._mask = masking(opened)
        self._folder = opened.options.target_path or opened.project.settings.target_path
        self._top = os.path.realpath(opened.target_folder)
        self._made: set[str] = set()
        self._later: list[Finished] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        later, self._later = self._later, []
        for event in later:
            self._write(event)

    def handle(self, event: Event) -> None:
        """The texts of a node that ended."""
        if not isinstance(event, Finished):
            return
        if event.status == "pass":
            self._later.append(event)
        else:
            self._write(event)

    def _write(self, event: Finished) -> None:
        if event.compiled_code is not None:
            self.write(event.node, event.compiled_code)
        node = self._opened.project.nodes.get(event.node)
        if event.executed and node is not None and node.resource_type != "operation":
            from eltbuild.project.projection import file_in_target

            self._put(f"{self._folder}/run/{node.package}/{file_in_target(node)}", event.executed)

    def write(self, id: NodeId, code: str) -> None:
        """One compiled text."""
        from eltbuild.project.projection import compiled_path

        project = self._opened.project
        node = project.nodes.get(id) or project.unit_tests.get(id)
        if node is None or node.resource_type in ("seed", "operation"):
            return
        path = compiled_path(node, self._folder)
        if path is not None:
            self._put(path, code)

    def _put(self, path: str, code: str) -> None:
        """A text stands in the target folder. A folder that cannot be written is no reason to fail."""
        full = f"{self._opened.root}/{path}" if not path.startswith("/") else path
        with suppress(OSError):
            folder = full.rpartition("/")[0]
            if folder not in self._made:
                if not self._inside(folder):
                    return
                os.makedirs(folder, exist_ok=True)
                sweep(folder)
                self._made.add(folder)
            data = self._mask(code).encode("utf-8", "backslashreplace")
            if not holds(full, data):
                write_whole(full, data)

    def _inside(self, folder: str) -> bool:
        """Whether the folder is one of the target folder, and no link on the way leads elsewhere."""
        return os.path.realpath(folder).startswith(self._top + os.sep)


def write_manifest(opened: Opened, compiled: Mapping[NodeId, Compiled]) -> Path:
    """`manifest.json` of the project, with what was compiled, and `semantic_manifest.json` where there is one."""
    from eltbuild.report.manifest import write_manifest as write
    from eltbuild.report.semantic_manifest import write_semantic_manifest

    path = opened.target_folder / "manifest.json"
    project, mask, mode = opened.own or opened.project, masking(opened), artifact_mode(opened.project.environment)
    write(path, project, compiled, invocation=invocation_of(opened), now=datetime.now(UTC), mask=mask, mode=mode)
    write_semantic_manifest(path.with_name("semantic_manifest.json"), project, mask=mask, mode=mode)
    if opened.kept_at is not None:
        # Where that cannot be kept, the manifest is written again.
        with suppress(OSError):
            write_whole(_manifest_mark(opened.kept_at), _mark_of(path))
    return path


def has_manifest(opened: Opened) -> bool:
    """Whether `manifest.json` is there as the project is now: written for it, and by nobody else since."""
    if opened.fresh or opened.kept_at is None:
        return False
    try:
        return read_whole(_manifest_mark(opened.kept_at)) == _mark_of(opened.target_folder / "manifest.json")
    except OSError:
        return False


def keep_manifest(opened: Opened) -> None:
    """`manifest.json` tells of the project as it is now, by whichever command; one that holds compiled texts stays."""
    if opened.options.write_json is not False and not has_manifest(opened):
        write_manifest(opened, {})


def _manifest_mark(kept_at: Path) -> Path:
    return kept_at.with_suffix(".manifest")


def _mark_of(path: Path) -> bytes:
    """What another file at that place would have otherwise."""
    found = path.lstat()
    return f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ino}\n".encode(errors="surrogateescape")


def keep_artifact(opened: Opened, path: Path, value: Any) -> None:
    """An artifact of a call: no secret in it, readable as `artifact_mode` says. Raises `UsageError`."""
    write_artifact(path, value, mask=masking(opened), mode=artifact_mode(opened.project.environment))


SHARING = "ELTBUILD_SHARE_ARTIFACTS"
"""The environment variable that lets others read manifest.json and its like."""


def artifact_mode(environment: Mapping[str, str]) -> int | None:
    """The mode of artifacts: for their owner only, or what the umask leaves where they are meant to be shared."""
    return None if environment.get(SHARING, "").lower() in ("1", "true", "yes", "t", "on") else PRIVATE


def write_results(opened: Opened, execution: Execution, results: Results) -> None:
    """`run_results.json` or `sources.json`, and `manifest.json`."""
    from eltbuild.report.run_results import run_results
    from eltbuild.report.sources import sources

    now = datetime.now(UTC)
    invocation = invocation_of(opened)
    folder = opened.target_folder
    compiled = {
        event.node: Compiled(
            node=event.node, query=event.compiled_code, sql=event.compiled_code, ctes=execution.ctes(event.node)
        )
        for event in results.finished
        if event.compiled_code is not None
    }
    if execution.command == "freshness":
        given, everything = opened.options.output, bool(opened.options.everything)
        path = folder_of(opened.root, given) if given else folder / ("freshness.json" if everything else "sources.json")
        made = partial(sources, results, project=opened.project, invocation=invocation, now=now)
        keep_artifact(opened, path, made(everything=everything))
        if everything and not given and any(event.node in opened.project.sources for event in results.finished):
            # What reads sources.json expects sources, and nothing else.
            keep_artifact(opened, folder / "sources.json", made())
    else:
        value = run_results(results, project=opened.project, invocation=invocation, now=now)
        keep_artifact(opened, folder / "run_results.json", value)
    write_manifest(opened, {**execution.inlined(), **compiled})
