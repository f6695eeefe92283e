"""Room on the stack of frames: the same answers, and no mapping of memory with every call."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eltbuild.stack import with_room


def test_the_answer_and_the_error_are_those_of_the_function() -> None:
    assert with_room(divmod, 7, 3) == (2, 1)
    with pytest.raises(ZeroDivisionError):
        with_room(divmod, 7, 0)


def deep(levels: int) -> int:
    return 1 + deep(levels - 1) if levels else 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="page faults are counted in /proc")
def test_deep_calls_map_nothing() -> None:
    """Each depth in turn, so that some of them end just beyond a chunk of frames."""

    def faults() -> int:
        return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[7])

    def work() -> None:
        for levels in range(200):
            for _ in range(200):
                deep(levels)

    def counted() -> int:
        work()
        before = faults()
        work()
        return faults() - before

    assert with_room(counted) < 2_000, os.uname()
