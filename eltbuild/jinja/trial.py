"""A process beside ours that tries a search, so that one that does not end can be ended.

It knows nothing but the standard library, reads one request a line and answers each with the time it took. It lives as
long as our process, or until a search takes too long.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from threading import Lock
from typing import Any

SHORT = 2000
"""Texts up to this length are remembered with what became of them."""

WORKER = """
import json, re, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
except (ImportError, ValueError, OSError):
    pass
for line in sys.stdin:
    pattern, flags, method, text, binary = json.loads(line)
    if binary:
        pattern, text = pattern.encode("latin-1"), text.encode("latin-1")
    compiled = re.compile(pattern, flags)
    if method == "findall":
        for _ in compiled.finditer(text):
            pass
    else:
        getattr(compiled, method)(text)
    print("done", flush=True)
"""


class Trial:
    """The process, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def ends(self, request: Sequence[Any], seconds: float) -> bool:
        """Whether a search comes to an end within so many seconds."""
        with self._lock:
            try:
                self._process = self._process or self._started()
                return self._asked(self._process, json.dumps(request).encode() + b"\n", seconds)
            except OSError:
                self._end()
                return False

    def close(self) -> None:
        """The process is gone."""
        with self._lock:
            self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,
        )

    def _asked(self, process: subprocess.Popen[bytes], line: bytes, seconds: float) -> bool:
        from select import select

        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        process.stdin.flush()
        ready, _, _ = select([process.stdout], [], [], seconds)
        if ready and process.stdout.readline().startswith(b"done"):
            return True
        self._end()
        return False

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()


@lru_cache(maxsize=1)
def _trial() -> Trial:
    return Trial()


def _ended(pattern: Any, flags: int, method: str, text: Any, seconds: float) -> bool:
    binary = isinstance(pattern, bytes)
    plain = [part.decode("latin-1") if isinstance(part, bytes) else part for part in (pattern, text)]
    return _trial().ends([plain[0], flags, method, plain[1], binary], seconds)


_remembered = lru_cache(maxsize=1024)(_ended)


def tried(pattern: Any, flags: int, method: str, text: Any, seconds: float) -> bool:
    """Whether the search ends within so many seconds, about."""
    ended = _remembered if len(text) <= SHORT else _ended
    return ended(pattern, flags, method, text, float(max(1, round(seconds))))
