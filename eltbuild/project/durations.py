"""Limits as people write them in configs and profiles: spans of time (`90`, `90s`, `10m`, `1h30m`), and retries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

UNITS: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhd])\s*")
_SPAN = re.compile(rf"(?:{_PART.pattern})+")
SPAN = "seconds, or a text such as `90s`, `10m` or `1h30m`"
RETRIES = "a whole number from 0 on"
"""What these must be, for messages."""


def seconds_of(value: Any) -> float:
    """The seconds that a value means: a number, or numbers with units. Raises `ValueError` for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    else:
        text = str(value).strip().lower()
        if _SPAN.fullmatch(text):
            seconds = sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))
        else:
            seconds = float(text) if re.fullmatch(r"\d+(?:\.\d+)?", text) else -1.0
    if not 0 < seconds < 1e9:
        raise ValueError(f"`{value}` is no span of time")
    return seconds


def retries_of(value: Any) -> int:
    """How often something is tried again. Raises `ValueError` for what is no such number."""
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or not text.isascii() or len(text) > 4:
        raise ValueError(f"`{value}` is no number of retries")
    return int(text)
