"""Unit tests written down: what the file says is what was meant, and nothing else in it changes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
import yaml

from eltbuild.quality.fixture_text import Entry, appended, as_given, entry_text

ENTRY = Entry(
    "works: well",
    "orders",
    [
        (
            "ref('raw')",
            [{"id": 1, "note": "it's {{ odd }}: # yes", "day": date(2024, 1, 2), "amount": Decimal("2.50")}],
        ),
        ("source('a', 'b')", "select 1 as id\n\nunion all select 2"),
    ],
    [{"at": datetime(2024, 1, 2, 3, 4, 5), "list": [1, None], "word": "no", "nothing": None, "big": Decimal(10) ** 20}],
    "Recorded.",
    2,
    {"is_incremental": False},
)


def test_what_is_read_again_is_what_was_meant():
    (found,) = yaml.safe_load(entry_text(ENTRY, 4))
    given, expect = as_given(ENTRY)
    assert found["name"] == "works: well"
    assert found["versions"] == {"include": [2]}
    assert found["overrides"] == {"macros": {"is_incremental": False}}
    assert [one["rows"] for one in found["given"]] == [given[0]["rows"], given[1]["rows"] + "\n"]
    assert found["expect"]["rows"] == expect["rows"]
    assert found["expect"]["rows"][0]["at"] == "2024-01-02 03:04:05"


@pytest.mark.parametrize(
    "text",
    ["", "# of mine\n", "version: 2\n\nunit_tests:\n  - name: a\n    model: m\n", "unit_tests:\n- name: a # mine\n\n"],
)
def test_an_entry_is_put_behind_the_others(text: str) -> None:
    found = appended(text, ENTRY)
    if text == "# of mine\n":
        # Nothing is known of what the file is for.
        assert found is None
        return
    assert found is not None
    assert found.startswith(text.rstrip("\n"))
    tests = yaml.safe_load(found)["unit_tests"]
    assert [test["name"] for test in tests] == [*(["a"] if text else []), "works: well"]


@pytest.mark.parametrize(
    "text",
    ["models:\n- name: a\n", "unit_tests:\n- name: a\nmodels: []\n", "unit_tests: [{name: a}]\n", "unit_tests:\n"],
)
def test_where_it_cannot_be_the_last_nothing_is_written(text: str) -> None:
    assert appended(text, ENTRY) is None
