"""The structured log: one JSON object a line, or one line of text, for each record; to a stream or a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from threading import RLock
from time import monotonic
from typing import Any, Literal, Protocol

from eltbuild._version import __version__
from eltbuild.errors import Problem
from eltbuild.project.resources import NodeId
from eltbuild.report.artifacts import encode_json
from eltbuild.report.invocation import DBT_VERSION, Invocation, stamp
from eltbuild.report.recorder import Recorder
from eltbuild.report.records import Record, problem_record
from eltbuild.report.text import duration
from eltbuild.run.events import Event, Finished, Started
from eltbuild.secrecy import Hider, Mask, unmasked

Format = Literal["json", "text", "debug"]

LEVELS: Mapping[str, int] = {"debug": 0, "info": 1, "warn": 2, "error": 3, "none": 4}
STREAMED = frozenset({"NodeStart", "NodeFinished"})
"""Debug records that readers of a stream wait for: they are written at level `info` too."""


SOON = 0.02
"""Seconds for which what was written of a test may wait for what comes behind it."""


class Sink(Protocol):
    """Where text goes: a stream, or a `RotatingFile`."""

    def write(self, text: str, /) -> object:
        """The text is written."""
        ...


def masked(value: Any, mask: Mask) -> Any:
    """The value with every text in it masked: before it becomes JSON, so that JSON it stays."""
    return mask.in_value(value) if isinstance(mask, Hider) else value


class Log:
    """Writes records at or above a level. `handle` takes the events of runs, the other methods what is said beside.

    Threads may write at once. Secrets are masked. A stream that a reader closed is written to no more.
    """

    def __init__(
        self,
        sink: Sink,
        invocation: Invocation,
        *,
        format: Format = "json",
        level: str = "info",
        mask: Mask = unmasked,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sink = sink
        self._invocation = invocation
        self._format = format
        self._level = LEVELS[level]
        self._streamed = format == "json" and level == "info"
        self._mask = mask
        self._now = now
        self._recorder: Recorder | None = None
        self._broken = False
        self._flushed = 0.0
        self._pid = os.getpid()
        self._lock = RLock()

    def follow(self, recorder: Recorder) -> None:
        """The events given to `handle` from now on are of the recorder's project."""
        self._recorder = recorder
        recorder.plain = self._format != "json"

    def handle(self, event: Event) -> None:
        """The records of an event are written; before `follow`, none."""
        if self._recorder is not None:
            with self._lock:
                self.write(self._recorder.records(event), not self._is_one_of_many(event))

    def _is_one_of_many(self, event: Event) -> bool:
        """Whether it begins or passes a test just behind others: there are many, and something comes behind them."""
        match event:
            case Started(node=id) | Finished(node=id, status="pass"):
                return id.startswith("test.") and monotonic() - self._flushed < SOON
        return False

    def write(self, records: Iterable[Record], flush: bool = True) -> None:
        """Records at or above the level are written, one a line, and flushed."""
        with self._lock:
            lines = [self._line(record) for record in records if self._wanted(record)]
            if lines:
                self._put("".join(lines), flush)

    def _wanted(self, record: Record) -> bool:
        if LEVELS.get(record.level, 1) >= self._level:
            return True
        if not self._streamed or record.name not in STREAMED:
            return False
        # dagster-dbt looks for every finished node among the manifest's nodes, where unit tests are not.
        info = record.data.get("node_info") or {}
        return not (record.name == "NodeFinished" and info.get("resource_type") == "unit_test")

    def _put(self, lines: str, flush: bool) -> None:
        if self._broken:
            return
        try:
            self._sink.write(lines)
            flushed = getattr(self._sink, "flush", None)
            if flush and flushed is not None:
                flushed()
                self._flushed = monotonic()
        except (OSError, ValueError):
            self._broken = True

    def _line(self, record: Record) -> str:
        if self._format == "json":
            return encode_json(masked(self._envelope(record), self._mask)).decode() + "\n"
        time = (record.at or self._now()).astimezone().isoformat(timespec="microseconds")[11:26]
        text = self._mask(record.text)
        if self._format == "text":
            return f"{time[:8]}  {text}\n"
        return f"{time} [{record.level:<5}] [{record.thread}]: {text}\n"

    def _envelope(self, record: Record) -> dict[str, Any]:
        return {
            "info": {
                "name": record.name,
                "code": record.code,
                "level": record.level,
                "msg": record.text,
                "ts": stamp(record.at or self._now()),
                "invocation_id": self._invocation.id,
                "pid": self._pid,
                "thread": record.thread,
                "category": "",
                "extra": dict(self._invocation.environment),
            },
            "data": record.data,
        }

    def emit(self, name: str, level: str, text: str, **data: Any) -> None:
        """One record."""
        self.write([Record(name, level, text, data)])

    def begun(self) -> None:
        """The version, and the arguments of the call."""
        version = f"={DBT_VERSION}"
        self.emit(
            "MainReportVersion",
            "info",
            f"Running with dbt{version} (eltbuild {__version__})",
            version=version,
            log_version=3,
        )
        arguments = {key: str(value) for key, value in self._invocation.arguments.items()}
        self.emit("MainReportArgs", "debug", f"running with arguments {arguments}", args=arguments)

    def environment_read(self, names: Iterable[str]) -> None:
        """Which environment variables the project's files ask for; what they hold is not told."""
        self.emit("Note", "debug", f"environment variables that templates name: {', '.join(names)}")

    def adapter_registered(self, name: str) -> None:
        """Which adapter will be used: they come with eltbuild, and have its version."""
        text = f"Registered adapter: {name}={__version__}"
        self.emit("AdapterRegistered", "info", text, adapter_name=name, adapter_version=f"={__version__}")

    def listed(self, row: str) -> None:
        """One row of `ls`, or of anything else whose output is data."""
        self.emit("PrintEvent", "info", row, msg=row)

    def artifact_written(self, kind: str, path: str) -> None:
        """An artifact stands at a path; `kind` as dbt names it: `WritableManifest`, `RunExecutionResult` ..."""
        self.emit(
            "ArtifactWritten", "debug", f"Wrote artifact {kind} to {path}", artifact_type=kind, artifact_path=path
        )

    def printed(
        self,
        node: str,
        text: str,
        *,
        said: str,
        compiled: bool,
        id: NodeId = "",
        inline: bool = False,
        style: str = "text",
    ) -> None:
        """What `show` or, with `compiled`, `compile` prints of a node; `said` is the text under its heading."""
        data = {"node_name": node, "is_inline": inline, "output_format": style, "unique_id": id, "quiet": False}
        if compiled:
            self.emit("CompiledNode", "info", said, compiled=text, **data)
        else:
            self.emit("ShowNode", "info", said, preview=text, **data)

    def problems(self, problems: Iterable[Problem]) -> None:
        """Problems of the project or the call."""
        self.write(problem_record(problem, {}) for problem in problems)

    def completed(self, *, success: bool) -> None:
        """The command is over."""
        now = self._now()
        elapsed = (now - self._invocation.started_at).total_seconds()
        command = f"dbt {self._invocation.command}"
        text = f"Command `{command}` {'succeeded' if success else 'failed'} after {duration(elapsed)}"
        self.emit(
            "CommandCompleted",
            "debug",
            text,
            command=command,
            success=success,
            completed_at=stamp(now),
            elapsed=elapsed,
        )

    def close(self) -> None:
        """Everything is written; a file is closed."""
        close = getattr(self._sink, "close", None)
        if close is not None and not hasattr(self._sink, "isatty"):
            with suppress(OSError, ValueError):
                close()
