"""Text for people: widths on a terminal, cutting, numbers and times, secrets, colours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

STYLES = {
    "green": "32", "red": "31", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1", "bold red": "1;31",
    "bold yellow": "1;33", "bold green": "1;32",
}  # fmt: skip
CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)|"
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
"""Terminal sequences, control characters and those that turn the direction of writing: what comes from data must not
steer the terminal."""
LINE_END = re.compile("\r\n|[\r\u2028\u2029]")


def clean(text: str) -> str:
    """The text without terminal sequences and control characters; tabs become spaces, line ends stay."""
    if text.isprintable():
        return text
    return CONTROL.sub("", LINE_END.sub("\n", text).expandtabs(4))


def width_of(text: str) -> int:
    """How many cells of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


@lru_cache(maxsize=4096)
def _cells(character: str) -> int:
    from unicodedata import category, east_asian_width

    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """The text in at most `width` cells, the end replaced by an ellipsis where it is longer."""
    if width_of(text) <= width:
        return text
    room = width - width_of(ellipsis)
    if room <= 0:
        return ellipsis[: max(width, 0)]
    taken = 0
    for position, character in enumerate(text):
        taken += _cells(character)
        if taken > room:
            return text[:position] + ellipsis
    return text


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text filled with spaces to `width` cells."""
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def styled(text: str, style: str, colour: bool) -> str:
    """The text in a style of `STYLES`, when there is colour."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if colour and style and text else text


def duration(seconds: float) -> str:
    """`0.42s`, `12.3s`, `1m 05s`, `2h 03m`."""
    if seconds < 9.995:
        return f"{max(seconds, 0.0):.2f}s"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `336,776 rows`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    known = list(words)
    return " and ".join(([", ".join(known[:-1])] if known[1:] else []) + known[-1:])


def clock(moment: datetime) -> str:
    """The time of day, local."""
    return moment.astimezone().isoformat(timespec="seconds")[11:19]
