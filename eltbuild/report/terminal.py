"""What the place that output goes to can show."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TextIO

from eltbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Terminal:
    """`width` in cells, 0 where lines may be of any length; `live`: whether the cursor can be moved."""

    width: int = 0
    height: int = 24
    colour: bool = False
    live: bool = False
    unicode: bool = True

    def able(self, text: str) -> str:
        """The text with `?` for what cannot be shown."""
        return text if self.unicode else text.encode("ascii", "replace").decode("ascii")


def terminal_of(
    stream: TextIO, environ: Mapping[str, str], *, colours: bool | None = None, width: int | None = None
) -> Terminal:
    """What `stream` can show.

    `colours` is what the user asked for, None when nothing: then `NO_COLOR`, `FORCE_COLOR`, `TERM=dumb` and
    whether it is a terminal decide. Output is live only on a terminal that is not dumb and not a CI's.
    """
    is_terminal = _is_terminal(stream)
    dumb = environ.get("TERM", "") in ("dumb", "unknown") or (is_terminal and not _understands_sequences())
    size = shutil.get_terminal_size((80, 24)) if is_terminal else os.terminal_size((0, 24))
    if colours is None:
        colours = _wanted_colours(environ, is_terminal and not dumb)
    return Terminal(
        width=size.columns if width is None else width,
        height=size.lines,
        colour=colours,
        live=is_terminal and not dumb and "CI" not in environ,
        unicode=_shows_unicode(stream),
    )


def _wanted_colours(environ: Mapping[str, str], able: bool) -> bool:
    if environ.get("NO_COLOR"):
        return False
    forced = environ.get("FORCE_COLOR") or environ.get("CLICOLOR_FORCE")
    return able if forced is None else forced != "0"


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _shows_unicode(stream: TextIO) -> bool:
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").replace("_", "")
    return encoding.startswith("utf")


def _understands_sequences() -> bool:
    """Whether a Windows console can be told to follow terminal sequences; True on every other system."""
    if sys.platform != "win32":
        return True
    import ctypes

    kernel = ctypes.windll.kernel32
    handle = kernel.GetStdHandle(-12)
    mode = ctypes.c_ulong()
    virtual_terminal = 0x0004
    return bool(kernel.GetConsoleMode(handle, ctypes.byref(mode))) and bool(
        kernel.SetConsoleMode(handle, mode.value | virtual_terminal)
    )
