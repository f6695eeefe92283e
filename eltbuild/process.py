"""How the process of a command begins and ends: signals, streams, faults told in words, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

import click

from eltbuild._version import __version__


def run_and_leave(command: click.Command, arguments: Sequence[str] | None) -> None:
    """Call the command with the arguments, or those of the process; the process ends with its exit code."""
    import gc
    from errno import ENOSPC

    from eltbuild.errors import EltbuildError, Interrupted
    from eltbuild.stack import with_room

    # A command makes many small values and keeps them: looking for cycles among them each time is wasted.
    gc.set_threshold(1_000_000, 20, 20)
    _stop_on_termination()
    _open_closed_streams()
    try:
        args = None if arguments is None else list(arguments)
        left = with_room(partial(command.main, args=args, prog_name="eltbuild", standalone_mode=False))
        # click hands back the code of `ctx.exit`, and what a command returns.
        code = left if isinstance(left, int) else 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (KeyboardInterrupt, click.exceptions.Abort, Interrupted) as error:
        with suppress(OSError):
            click.echo("stopped", err=True)
        code = _stopped(error)
    except EltbuildError as error:
        code = _tell(error)
    except RecursionError:
        click.echo("[ERROR]: something in the project is nested, or calls itself, without end", err=True)
        code = 2
    except MemoryError:
        click.echo("[ERROR]: the memory is full", err=True)
        code = 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else "cannot write: " if error.errno == ENOSPC else ""
        click.echo(f"[ERROR]: {where}{error.strerror or error}", err=True)
        code = 2
    except Exception as error:
        code = _confess(error)
    _leave(code, whole=arguments is None)


def _stopped(error: BaseException) -> int:
    """128 and the number of the signal that stopped the command."""
    causes = (error, error.__cause__, error.__context__)
    numbers = (getattr(cause, "number", 0) for cause in causes)
    return 128 + next(filter(None, numbers), 2)


def _leave(code: int, whole: bool) -> NoReturn:
    """The process ends with that code, or 2 where its output could not be written; what still hangs is not waited for.

    A reader that has gone does not count. `whole`: the process is there for this command alone.
    """
    import os
    import signal

    if code > 128:
        # From here on nobody is there to answer a signal that is sent again.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    code = _flush(code)
    if code > 128:
        # No other way ends work that was abandoned; the engine undoes what it has not committed.
        os._exit(code)
    if whole and _is_alone():
        _end(code)
    sys.exit(code)


def _flush(code: int) -> int:
    """What was printed is written; the code, or 2 in place of 0 where that could not be."""
    import os

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            # Python would try that once more, and complain.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout and not isinstance(error, BrokenPipeError):
                reason = getattr(error, "strerror", None) or error
                click.echo(f"[ERROR]: the output could not be written: {reason}", err=True)
                code = code or 2
    return code


def _is_alone() -> bool:
    """Whether all that this process has done is eltbuild's own: no Python model has run, and no thread goes on."""
    import threading

    others = (thread for thread in threading.enumerate() if thread is not threading.current_thread())
    return "eltbuild.run.python_models" not in sys.modules and all(thread.daemon for thread in others)


def _end(code: int) -> NoReturn:
    """End the process, without freeing every value that it holds: that takes as long as a small build's queries.

    What was registered for the end of the process is done before.
    """
    import atexit
    import os

    atexit._run_exitfuncs()
    os._exit(_flush(code))


def _confess(error: Exception) -> int:
    """A fault of eltbuild's own: said in a line, the details in a file that can be sent with a report."""
    import tempfile
    import traceback

    from eltbuild.secrecy import hidden

    with tempfile.NamedTemporaryFile("w", prefix="eltbuild-fault-", suffix=".txt", delete=False) as file:
        told = hidden("".join(traceback.format_exception(error)))
        file.write(f"eltbuild {__version__}\n{sys.version}\n\n{told}")
    click.echo(hidden(f"[ERROR]: a fault in eltbuild itself: {type(error).__name__}: {error}"), err=True)
    click.echo(f"    hint: please report it, with {file.name}", err=True)
    return 2


AGAIN = 0.05
"""Seconds after which a request to stop that came to nothing is made again."""


class Stopped(KeyboardInterrupt):
    """Another signal than that of Ctrl-C asked the process to end; it is answered in the same way."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop_on_termination() -> None:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: what runs is cancelled, what was done is told."""
    import signal

    def stop(number: int, frame: object) -> None:
        raise Stopped(number)

    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        # What was ignored on purpose, as by `nohup`, stays so.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, stop)
    sys.unraisablehook = _unraisable


def _unraisable(ignored: Any) -> None:
    """What was raised where Python can only ignore it, as within an import: a request to stop is made again."""
    import signal
    import threading

    if not isinstance(ignored.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(ignored)
        return
    number = getattr(ignored.exc_value, "number", signal.SIGINT)
    again = threading.Timer(AGAIN, signal.raise_signal, (number,))
    again.daemon = True
    again.start()


def _open_closed_streams() -> None:
    """Let what is written go nowhere where whoever started the process closed its streams."""
    import os

    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


def _tell(error: Any) -> int:
    from eltbuild.report.problems import tell

    return tell(error, sys.stderr)
