"""Writing artifacts: whole or not at all, whatever the values."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from eltbuild.errors import UsageError
from eltbuild.report.artifacts import encode_json, replacing, write_artifact, write_sections


class Colour(Enum):
    RED = "red"


class Text(str):
    """Text as a YAML reader may give it: with a memory of its line."""


class Number(int):
    """A number of a type of its own."""


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 1, 2), '"2026-01-02"'),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), '"2026-01-02T03:00:00Z"'),
        (Decimal("1.50"), "1.50"),
        ({3}, "[3]"),
        ((1, 2), "[1,2]"),
        (float("nan"), "null"),
        (10**30, str(10**30)),
        (Colour.RED, '"red"'),
        (Text("x"), '"x"'),
        (Number(7), "7"),
        (MappingProxyType({"a": 1}), '{"a":1}'),
        ({None: 1, True: 2, 3: 4}, '{"null":1,"true":2,"3":4}'),
        (Path("a/b"), '"a/b"'),
        ("é", '"é"'),
    ],
)
def test_every_value_has_a_form(value: Any, written: str) -> None:
    assert encode_json(value).decode() == written


def test_hostile_values_are_written_all_the_same() -> None:
    endless: list[Any] = []
    endless.append(endless)
    deep: Any = "end"
    for _ in range(5000):
        deep = [deep]
    written = json.loads(encode_json({"endless": endless, "deep": deep, "text": "\ud800", "big": 2**100, ("a", 1): 2}))
    assert written["text"] == "\\ud800"
    assert int(written["big"]) == 2**100
    assert written["('a', 1)"] == 2
    assert "nested too deep" in json.dumps(written["endless"])


def test_what_stood_there_stays_until_the_new_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "manifest.json"
    write_artifact(path, {"version": 1})

    def broken() -> Iterator[tuple[str, Any]]:
        yield "a", 1
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_sections(path, broken())
    assert json.loads(path.read_text()) == {"version": 1}
    assert os.listdir(path.parent) == ["manifest.json"]


def test_sections_are_one_object(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_sections(path, iter([("a", 1), ("b", iter([("x", [1]), ('q"', {})])), ("c", iter(()))]))
    assert json.loads(path.read_text()) == {"a": 1, "b": {"x": [1], 'q"': {}}, "c": {}}
    write_sections(path, [])
    assert json.loads(path.read_text()) == {}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot write"):
        write_artifact(tmp_path / "x.json", {})


def test_a_folder_that_is_a_file_is_a_usage_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("not a folder")
    with pytest.raises(UsageError) as caught:
        write_artifact(tmp_path / "target" / "x.json", {})
    assert "--target-path" in caught.value.problems[0].hint


def test_writers_at_the_same_time_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with replacing(path) as first, replacing(path) as second:
        first.write(b"1")
        second.write(b"2")
    assert path.read_bytes() == b"1"
