"""Small pictures of numbers in a line of text: trends, bars, histograms; in ASCII where nothing else can be shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-:=+*#"
EIGHTHS = " ▏▎▍▌▋▊▉█"


def spark(values: Sequence[float | None], *, unicode: bool = True, zero: bool = True) -> str:
    """One character for each value, as high as it is; a space where there is none.

    `zero`: heights begin at nothing, else at the least value.
    """
    steps = BLOCKS if unicode else ASCII_BLOCKS
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return " " * len(values)
    least = min(0.0, *known) if zero else min(known)
    most = max(known)
    return "".join(_step(value, least, most, steps) for value in values)


def _step(value: float | None, least: float, most: float, steps: str) -> str:
    if value is None or not math.isfinite(value):
        return " "
    # Halves, as the difference of two numbers may be more than a float holds.
    room = most / 2 - least / 2
    share = (value / 2 - least / 2) / room if room > 0 else 0.5
    return steps[min(len(steps) - 1, max(0, round(share * (len(steps) - 1))))]


def bar(share: float, width: int, *, unicode: bool = True) -> str:
    """A bar of at most `width` cells for a share from 0 to 1; what is there at all shows."""
    cells = max(0.0, min(1.0, share)) * width
    if not unicode:
        return "#" * max(round(cells), int(share > 0))
    whole, part = divmod(round(cells * 8), 8)
    text = EIGHTHS[8] * whole + (EIGHTHS[part] if part else "")
    return text or (EIGHTHS[1] if share > 0 else "")
