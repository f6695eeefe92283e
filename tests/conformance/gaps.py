"""What a warehouse cannot do, said at the test that shows it: a strict expected failure with one of three reasons.

`notimpl`: ours to do. `notyet`: theirs, and it may come. `never`: the engine means something else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import pytest

Reason = Literal["notimpl", "notyet", "never"]


def gap(type: str, reason: Reason, why: str, *, when: bool = True) -> pytest.MarkDecorator:
    """Marks a test as expected to fail on warehouses of that type; `when` limits it, to versions for instance."""
    if reason not in ("notimpl", "notyet", "never"):
        raise ValueError(f"{reason!r} is no reason for a gap")
    return pytest.mark.gap(type=type, reason=f"{reason}: {why}", when=when)


def expected_failures(marks: Iterable[pytest.Mark], type: str) -> list[pytest.MarkDecorator]:
    """The gaps among a test's marks that hold for warehouses of that type."""
    return [
        pytest.mark.xfail(strict=True, reason=mark.kwargs["reason"])
        for mark in marks
        if mark.kwargs["type"] == type and mark.kwargs["when"]
    ]
