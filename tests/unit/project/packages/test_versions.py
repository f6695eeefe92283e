"""The order of versions, and ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.project.packages.versions import newest, read_bounds, read_version


def test_order_of_versions() -> None:
    texts = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    keys = [read_version(text).key for text in texts]
    assert keys == sorted(keys)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1), st.tuples(*[st.integers(0, 3)] * 3))
def test_newest_is_the_greatest_that_a_bound_allows(
    numbers: list[tuple[int, int, int]], bound: tuple[int, int, int]
) -> None:
    versions = [read_version(".".join(map(str, one))) for one in numbers]
    text = ".".join(map(str, bound))
    found = newest(read_bounds([f"<={text}"]), versions, prereleases=False)
    fitting = [one for one in numbers if one <= bound]
    assert (found.numbers if found else None) == max(fitting, default=None)


@pytest.mark.parametrize("text", ["1", "1.0", "one", "", "1.0.0.0", ">=", "~1.0.0", "1" * 500, "1.0.0" + "-a" * 500])
def test_versions_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a version|`"):
        read_version(text)
