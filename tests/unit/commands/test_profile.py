"""Where a profile is written, whatever a node is called."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.commands.profile import file_name


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=400), st.text(st.characters(codec="utf-8")))
def test_every_id_has_a_file_of_its_own_within_the_folder(one: str, other: str) -> None:
    name = file_name(f"model.{one}")
    assert PurePosixPath(name).name == name
    assert len(name.encode()) < 255
    assert (file_name(f"model.{other}") == name) == (one == other)


@pytest.mark.parametrize("id", ["model.shop.orders", "model.shop.orders.v2", "source.shop.raw.Grüße"])
def test_a_plain_id_is_its_name(id: str) -> None:
    assert file_name(id) == f"{id}.json"
