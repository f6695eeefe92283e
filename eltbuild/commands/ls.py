"""`eltbuild ls`."""

from __future__ import annotations

import sys
from contextlib import suppress

from eltbuild.commands.opening import PROBLEM_OF_CACHES, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, keep_manifest, masking
from eltbuild.commands.selecting import choose
from eltbuild.errors import UsageError


def command(options: Options) -> int:
    """Print the selected resources, one a line; the exit code."""
    from eltbuild.report.listing import listing

    opened = open_project(options, "ls")
    chosen = choose(opened, "ls")
    keys = tuple(key for word in opened.options.output_keys for key in word.split())
    output = opened.options.output or "selector"
    rows = listing(chosen.resources(opened.project), opened.project, output=output, keys=keys)  # type: ignore[arg-type]
    with suppress(OSError, UsageError):
        # A folder that cannot be written is no reason to list nothing.
        keep_manifest(opened)
    with Reporter(opened) as reporter:
        reporter.problems((*(p for p in opened.project.problems if p.name == PROBLEM_OF_CACHES), *chosen.warnings))
        for row in map(masking(opened), rows):
            if reporter.log is not None:
                reporter.log.listed(row)
            else:
                sys.stdout.write(row + "\n")
        reporter.completed(True)
    return EXIT.ok
