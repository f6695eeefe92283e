"""Runs of eltbuild as processes that can be signalled and awaited."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

WEAPONS = Path(__file__).parent / "weapons"
PATIENCE = 120
"""Seconds after which a run hangs: a guard, no more."""
ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Run:
    """A run that has begun."""

    pid: int
    output: Path
    ended: threading.Event = field(default_factory=threading.Event)
    code: int | None = None

    def signal(self, number: int) -> bool:
        """Send it a signal; whether it was there to get it."""
        if self.ended.is_set():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False

    def wait(self, seconds: float = PATIENCE) -> int | None:
        """Its exit code, negative for a signal; None where it has not ended in time."""
        self.ended.wait(seconds)
        return self.code

    def text(self) -> str:
        """What it has said so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def close(self) -> None:
        """It has ended, one way or another."""
        if not self.ended.is_set():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self.ended.wait(PATIENCE)


class Starter:
    """Starts runs: as children of a process that has eltbuild imported already, or cold, as a user does."""

    def __init__(self, cold: bool = False) -> None:
        self.cold = cold
        self._warm: subprocess.Popen[bytes] | None = None
        self._started: SimpleQueue[int] = SimpleQueue()
        self._runs: dict[int, Run] = {}
        self._early: dict[int, int] = {}
        self._lock = threading.Lock()
        self._book = threading.Lock()
        self._number = 0

    def start(
        self,
        folder: Path,
        arguments: Sequence[str],
        trap: Mapping[str, Any] | None = None,
        before: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> Run:
        """Begin `eltbuild ARGUMENTS` in a folder, with a trap in it; `before` are words to put before the command."""
        with self._lock:
            self._number += 1
            output = folder.parent / f"{folder.name}.{self._number}.out"
        whole = {**surroundings(), **(environ or {})}
        if trap:
            whole["ELTBUILD_TRAP"] = json.dumps(trap)
        if self.cold or before:
            return self._start_cold(folder, [*before, sys.executable, "-m", "eltbuild", *arguments], whole, output)
        request = {"arguments": list(arguments), "folder": str(folder), "environ": whole, "output": str(output)}
        with self._lock:
            server = self._server()
            assert server.stdin is not None
            server.stdin.write(json.dumps(request).encode() + b"\n")
            server.stdin.flush()
            pid = self._started.get(timeout=PATIENCE)
            if not pid:
                raise RuntimeError("the process that starts runs has ended")
            run = Run(pid, output)
            with self._book:
                self._runs[pid] = run
                code = self._early.pop(pid, None)
        if code is not None:
            self._end(pid, code)
        return run

    def _start_cold(self, folder: Path, words: Sequence[str], environ: Mapping[str, str], output: Path) -> Run:
        path = os.pathsep.join(filter(None, [str(WEAPONS), environ.get("PYTHONPATH", "")]))
        with output.open("ab") as said:
            process = subprocess.Popen(
                words, cwd=folder, env={**environ, "PYTHONPATH": path}, stdin=subprocess.DEVNULL, stdout=said,
                stderr=said, start_new_session=True,
            )  # fmt: skip
        run = Run(process.pid, output)

        def wait() -> None:
            run.code = process.wait()
            run.ended.set()

        threading.Thread(target=wait, daemon=True).start()
        return run

    def _server(self) -> subprocess.Popen[bytes]:
        if self._warm is None:
            path = os.pathsep.join(filter(None, [str(WEAPONS), os.environ.get("PYTHONPATH", "")]))
            # The folder's own sitecustomize would look for a trap here.
            environ = {**surroundings(), "PYTHONPATH": path}
            self._warm = subprocess.Popen(
                [sys.executable, str(WEAPONS / "warm.py")], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            threading.Thread(target=self._listen, args=(self._warm,), daemon=True).start()
        return self._warm

    def _listen(self, server: subprocess.Popen[bytes]) -> None:
        assert server.stdout is not None
        for line in server.stdout:
            word, *numbers = line.split()
            if word == b"start":
                self._started.put(int(numbers[0]))
            else:
                self._end(int(numbers[0]), int(numbers[1]))
        self._started.put(0)

    def _end(self, pid: int, code: int) -> None:
        with self._book:
            run = self._runs.pop(pid, None)
            if run is None:
                self._early[pid] = code
                return
        run.code = code
        run.ended.set()

    def close(self) -> None:
        """The warm process is gone."""
        if self._warm is not None:
            assert self._warm.stdin is not None
            self._warm.stdin.close()
            self._warm.wait(PATIENCE)
            if self._warm.stdout is not None:
                self._warm.stdout.close()


def surroundings() -> dict[str, str]:
    """The environment of every run: nothing of whoever tests but where things lie."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "LANG", "TMPDIR", "USER", "PYTHONPATH")
    }
    return {**kept, "TZ": "UTC", "NO_COLOR": "1"}
