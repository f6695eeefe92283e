"""A process that has eltbuild imported already, and forks a child for each run that is asked for on stdin.

A request is a line of JSON: `{"arguments": [...], "folder": "...", "environ": {...}, "output": file}`. The answers are
`start <pid>` at once and `end <pid> <exit code>` later, negative for a signal. The child is a process of its own like
any `python -m eltbuild`, only that it starts in a few milliseconds.
"""

import atexit
import contextlib
import importlib
import json
import os
import pkgutil
import signal
import sys


def load():
    """Import all that a run may need; nothing of it starts a thread."""
    for name in ("pyarrow", "sqlglot.dialects.duckdb", "sqlglot.dialects.postgres", "rich.console", "yaml", "pytz"):
        importlib.import_module(name)
    for package in ("eltbuild", "eltbuild_duckdb", "eltbuild_postgres"):
        load_package(package)


def load_package(name):
    """Import a package with all its modules; what cannot be imported is told by the run that needs it."""
    with contextlib.suppress(Exception):
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                with contextlib.suppress(Exception):
                    importlib.import_module(module.name)


def become(request):
    """Be the run that was asked for."""
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.argv = ["eltbuild", *request["arguments"]]
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    import trigger

    trigger.arm()
    from eltbuild.cli import main

    code = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # As an interpreter that ends: what is registered for its end is done.
        for step in (atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
            with contextlib.suppress(OSError):
                step()
        os._exit(code)


def say(text):
    """An answer to whoever asks."""
    os.write(1, f"{text}\n".encode())


def bury():
    """Tell of the children that have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        say(f"end {pid} {os.waitstatus_to_exitcode(status)}")


def serve():
    """Fork a child for each request, until nobody asks any more."""
    import select

    ears, mouth = os.pipe()
    os.set_blocking(mouth, False)
    os.set_blocking(ears, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    asked = b""
    while True:
        ready, _, _ = select.select([0, ears], [], [], 1.0)
        if ears in ready:
            os.read(ears, 4096)
        bury()
        if 0 not in ready:
            continue
        more = os.read(0, 65536)
        if not more:
            return
        *lines, asked = (asked + more).split(b"\n")
        for line in lines:
            request = json.loads(line)
            pid = os.fork()
            if not pid:
                os.close(ears)
                os.close(mouth)
                become(request)
            say(f"start {pid}")


if __name__ == "__main__":
    load()
    serve()
