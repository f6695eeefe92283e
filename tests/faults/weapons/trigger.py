"""A trap inside a process: at the n-th statement it sends the process a signal. Part of the test, not of eltbuild.

What it shall do stands in ELTBUILD_TRAP as JSON: `{"log": file, "at": n, "when": "before" | "after", "signal": 9}`.
Without `at` the statements are only counted: each is a line of the log. It stands between the adapter and DuckDB's own
connections; statements to a server are counted on the wire instead.
"""

import json
import os
import resource
import signal
import threading

NAME = "ELTBUILD_TRAP"
COUNTED = ("execute", "sql", "begin", "commit", "rollback")


class Trap:
    """Counts statements, and acts at one of them."""

    def __init__(self, order):
        self.at = order.get("at", 0)
        self.when = order.get("when", "before")
        self.signal = order.get("signal", signal.SIGKILL)
        self.log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.count = 0
        self.lock = threading.Lock()

    def pass_through(self, method, words, call):
        """Do a statement; the trap may close before it or after it."""
        with self.lock:
            self.count += 1
            mine = self.count == self.at
            if mine or not self.at:
                text = " ".join(str(words[0] if words else "").split())[:100]
                os.write(self.log, f"{self.count} {method} {text}\n".encode())
            if mine and self.when == "before":
                os.kill(os.getpid(), self.signal)
        answer = call()
        if mine and self.when == "after":
            os.kill(os.getpid(), self.signal)
        return answer


class Watched:
    """A connection of DuckDB's whose statements pass the trap."""

    def __init__(self, inner, trap):
        self.__dict__.update(inner=inner, trap=trap)

    def __getattr__(self, name):
        found = getattr(self.inner, name)
        if name == "cursor":
            return lambda: Watched(found(), self.trap)
        if name not in COUNTED:
            return found

        def call(*words, **more):
            return self.trap.pass_through(name, words, lambda: found(*words, **more))

        return call

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.inner.close()


def arm():
    """Set the trap that the environment asks for."""
    text = os.environ.get(NAME)
    if not text:
        return
    order = json.loads(text)
    if "bytes" in order:
        limit_files(order["bytes"], order.get("kill", True))
    if "log" in order:
        set_trap(order)


def limit_files(size, kill):
    """No file of the process can grow past that size: the write that tries it is cut, and is the process's last one

    or, without `kill`, fails as on a full disk.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kill else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def set_trap(order):
    """Every connection that is made from now on is watched."""
    import duckdb

    trap = Trap(order)
    connect = duckdb.connect
    duckdb.connect = lambda *words, **more: Watched(connect(*words, **more), trap)
