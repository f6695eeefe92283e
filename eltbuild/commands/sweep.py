"""`eltbuild clean`."""

from __future__ import annotations

import sys

from eltbuild.commands.clean import clean
from eltbuild.commands.opening import Surroundings, ground
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT


def command(options: Options) -> int:
    """Delete the clean-targets and say which; the exit code."""
    base = ground(options, Surroundings.here())
    for path in clean(base.root, base.settings):
        if not options.quiet:
            sys.stderr.write(f"deleted {path}\n")
    return EXIT.ok
