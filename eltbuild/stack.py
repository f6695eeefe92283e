"""Room on Python's own stack of frames, so that deep templates do not make and free a piece of it with every call.

CPython keeps the frames of Python functions in chunks of 16 KB. Where a loop's calls happen to cross the end of a
chunk, each of them maps a new one and unmaps it again: a quarter of the time of a template that calls macros a hundred
thousand times. A frame that asks for more than a chunk gets a chunk of the next power of two, and what it leaves of
that is there for all that it calls. See `push_chunk` in CPython's `Python/pystate.c`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SLOTS = 70_000
"""Slots of eight bytes that the frame asks for: just above half a megabyte, so that nearly as much is left over."""


def with_room(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function gives for the arguments, called with room for some thousand frames in one piece."""
    return function(*arguments)


with_room.__code__ = with_room.__code__.replace(co_stacksize=SLOTS)
