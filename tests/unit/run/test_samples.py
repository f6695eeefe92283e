"""The span of time that `--sample` means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eltbuild.errors import UsageError
from eltbuild.run.samples import window

NOW = datetime(2025, 1, 3, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("1 day", datetime(2025, 1, 2, tzinfo=UTC)),
        ("2 days", datetime(2025, 1, 1, tzinfo=UTC)),
        ("3 hours", datetime(2025, 1, 2, 23, tzinfo=UTC)),
        ("1 month", datetime(2024, 12, 1, tzinfo=UTC)),
        ("2 years", datetime(2023, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_span_is_so_many_whole_ones_and_the_one_under_way(text: str, start: datetime) -> None:
    assert window(text, NOW) == (start, NOW)


def test_two_times() -> None:
    assert window("{start: '2024-12-01', end: '2024-12-05'}", NOW) == (
        datetime(2024, 12, 1, tzinfo=UTC),
        datetime(2024, 12, 5, tzinfo=UTC),
    )


def test_what_is_no_span() -> None:
    with pytest.raises(UsageError, match="no span of time"):
        window("a while", NOW)
