"""Slices of time: without gap or overlap, aligned, in UTC whatever the zone of what was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning import node

from eltbuild.errors import CompileError
from eltbuild.run.batches import SIZES, batches, ceiling, floor, moment, shifted

ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe")
times = st.builds(
    lambda at, zone: at.replace(tzinfo=ZoneInfo(zone)),
    st.datetimes(datetime(2019, 1, 1), datetime(2021, 12, 31)),
    st.sampled_from(ZONES),
)
sizes = st.sampled_from([size for size in SIZES if size != "hour"])


def model(size: str, **more: object) -> object:
    return node({"batch_size": size, "event_time": "at", "begin": "2019-06-15", **more})


@given(times, times, sizes)
def test_what_is_asked_for_is_covered_once(one: datetime, other: datetime, size: str) -> None:
    start, end = sorted((one, other))
    found = batches(model(size), now=end, incremental=True, start=start, end=end)  # type: ignore[arg-type]
    if start == end:
        assert len(found) <= 1
        return
    assert found[0].start <= start
    assert end <= found[-1].end
    assert start < found[0].end
    assert found[-1].start < end
    assert all(before.end == after.start for before, after in pairwise(found))
    assert all(
        floor(batch.start, size) == batch.start and shifted(batch.start, size, 1) == batch.end for batch in found
    )
    assert len({batch.id for batch in found}) == len(found)


@given(times, st.sampled_from(SIZES), st.integers(0, 5))
def test_a_later_run_goes_back_as_far_as_it_shall(now: datetime, size: str, lookback: int) -> None:
    found = batches(model(size, lookback=lookback), now=now, incremental=True)  # type: ignore[arg-type]
    assert len(found) == lookback + 1
    assert found[-1].end == ceiling(now, size)


def test_clocks_that_are_changed_make_no_difference() -> None:
    """In Berlin the 31st of March 2024 has 23 hours, and the 27th of October 25."""
    berlin = ZoneInfo("Europe/Berlin")
    for day, hours in ((datetime(2024, 3, 31), 23), (datetime(2024, 10, 27), 25)):
        start, end = day.replace(tzinfo=berlin), (day + timedelta(days=1)).replace(tzinfo=berlin)
        found = batches(model("hour"), now=end, incremental=True, start=start, end=end)  # type: ignore[arg-type]
        assert len(found) == hours
        assert all(batch.end - batch.start == timedelta(hours=1) for batch in found)


def test_the_first_build_begins_where_time_does() -> None:
    now = datetime(2019, 8, 1, tzinfo=UTC)
    found = batches(model("month"), now=now, incremental=False)  # type: ignore[arg-type]
    assert [batch.id for batch in found] == ["20190601", "20190701"]
    assert moment("2019-06-15T02:00:00+02:00") == datetime(2019, 6, 15, tzinfo=UTC)
    with pytest.raises(CompileError, match="is no time"):
        moment("yesterday")
