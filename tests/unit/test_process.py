"""How the process of a command ends: with its code, its output whole, and what others registered for the end done."""

from __future__ import annotations

import subprocess
import sys

BEFORE = """
import atexit, sys, threading, time
class Held:
    def __del__(self):
        print("freed", flush=True)
held = Held()
atexit.register(lambda: print("registered"))
sys.argv = ["eltbuild", *sys.argv[1:]]
from eltbuild.cli import main
"""


def left(script: str, *arguments: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + script, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout.splitlines()[1:]


def test_what_is_registered_is_done_and_nothing_is_freed() -> None:
    assert left("main()", "--version") == (0, ["registered"])


def test_the_code_is_that_of_the_command() -> None:
    code, _ = left("main()", "no-such-command")
    assert code == 2


def test_a_thread_that_goes_on_is_waited_for() -> None:
    script = "threading.Thread(target=lambda: (time.sleep(0.3), print('went on', flush=True))).start()\nmain()"
    code, lines = left(script, "--version")
    assert (code, lines[:2]) == (0, ["went on", "registered"])


def test_a_process_that_called_a_command_goes_on() -> None:
    script = "try:\n    main(['--version'])\nexcept SystemExit as left:\n    print('here', left.code)\nsys.exit(5)"
    code, lines = left(script)
    assert (code, lines[:2]) == (5, ["here 0", "registered"])
