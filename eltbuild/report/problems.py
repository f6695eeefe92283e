"""Errors that end a command, told on standard error: what, where, hint."""

from __future__ import annotations

import os
from typing import TextIO

from eltbuild.errors import EltbuildError
from eltbuild.report.blocks import problem_lines
from eltbuild.report.terminal import terminal_of
from eltbuild.report.text import clean
from eltbuild.secrecy import hidden

ENDED = 2
"""The exit code of a command that did not come to its end: 1 is for what it did and what failed then."""


def tell(error: EltbuildError, stream: TextIO) -> int:
    """Print every problem of an error that ended a command; its exit code."""
    terminal = terminal_of(stream, os.environ)
    for problem in sorted(error.problems, key=lambda problem: problem.severity == "error"):
        for line in problem_lines(problem, colour=terminal.colour, safe=lambda text: clean(hidden(text))):
            stream.write(line + "\n")
    errors = sum(problem.severity == "error" for problem in error.problems)
    if errors > 1:
        stream.write(f"\n{errors} errors\n")
    return ENDED
