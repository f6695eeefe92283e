from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eltbuild.jinja.mentions import Block, Mentions
from eltbuild.jinja.scan import scan
from eltbuild.project.cache import Cache
from eltbuild.project.entries import PropertiesFile
from eltbuild.project.loading import carried
from eltbuild.project.properties import read_properties
from eltbuild.project.seal import sealed, unsealed


def kept(path: Path) -> Any:
    """What stands behind the seal of a file."""
    return json.loads(unsealed(path.read_bytes(), b""))


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    numbers: tuple[int, ...] = ()


def test_what_was_put_is_found_by_the_next_process(tmp_path: Path) -> None:
    first = Cache(tmp_path)
    assert first.kind("things", Thing).get("d1") is None
    first.kind("things", Thing).put("d1", Thing("a", (1, 2)))
    assert first.save() == ()
    second = Cache(tmp_path)
    assert second.kind("things", Thing).get("d1") == Thing("a", (1, 2))
    assert second.kind("things", Thing).get("d2") is None
    assert second.save() == ()


def test_without_a_folder_nothing_is_kept() -> None:
    cache = Cache(None)
    cache.kind("things", Thing).put("d1", Thing("a"))
    assert cache.kind("things", Thing).get("d1") is None
    assert cache.save() == ()


def test_only_what_was_used_is_kept_when_something_new_is_written(tmp_path: Path) -> None:
    first = Cache(tmp_path)
    for digest in ("d1", "d2", "d3"):
        first.kind("things", Thing).put(digest, Thing(digest))
    first.save()
    second = Cache(tmp_path)
    second.kind("things", Thing).get("d2")
    second.kind("things", Thing).put("d4", Thing("d4"))
    second.save()
    assert kept(tmp_path / "things.json")["entries"].keys() == {"d2", "d4"}


def test_nothing_is_written_when_nothing_is_new(tmp_path: Path) -> None:
    first = Cache(tmp_path)
    first.kind("things", Thing).put("d1", Thing("a"))
    first.save()
    before = (tmp_path / "things.json").stat().st_mtime_ns
    second = Cache(tmp_path)
    second.kind("things", Thing).get("d1")
    second.save()
    assert (tmp_path / "things.json").stat().st_mtime_ns == before


def test_another_recipe_finds_nothing_and_says_nothing(tmp_path: Path) -> None:
    first = Cache(tmp_path, recipe="1")
    first.kind("things", Thing).put("d1", Thing("a"))
    first.save()
    second = Cache(tmp_path, recipe="2")
    assert second.kind("things", Thing).get("d1") is None
    assert second.save() == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"recipe": 1, "entries": {}}',
        b'{"entries": {}}',
        b'{"recipe": "r", "entries": []}',
        b"\xff\xfe\x00",
        b"\x80\x04K\x01.",
        b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:20]),
)
def test_a_damaged_file_is_a_warning_and_is_made_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "things.json").write_bytes(content)
    cache = Cache(tmp_path, recipe="r")
    things = cache.kind("things", Thing)
    assert things.get("d1") is None
    things.put("d1", Thing("a"))
    (problem,) = cache.save()
    assert problem.severity == "warning"
    assert "things.json" in str(problem.place)
    assert Cache(tmp_path, recipe="r").kind("things", Thing).get("d1") == Thing("a")


@pytest.mark.parametrize("value", ['{"name": 1}', "[]", '{"numbers": [1]}', '{"name": "a", "numbers": ["x"]}', "nul"])
def test_an_entry_of_another_shape_is_not_trusted(tmp_path: Path, value: str) -> None:
    (tmp_path / "things.json").write_bytes(sealed(b'{"recipe": "r", "entries": {"d1": ' + value.encode() + b"}}", b""))
    cache = Cache(tmp_path, recipe="r")
    things = cache.kind("things", Thing)
    assert things.get("d1") is None
    assert len(cache.save()) == 1


def test_an_entry_that_is_damaged_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    entries = b'{"recipe": "r", "entries": {"d1": {"name": 1}, "d2": {"name": "b"}}}'
    (tmp_path / "things.json").write_bytes(sealed(entries, b""))
    things = Cache(tmp_path, recipe="r").kind("things", Thing)
    assert things.get("d1") is None
    assert things.get("d2") == Thing("b")


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    cache = Cache(tmp_path / "file")
    cache.kind("things", Thing).put("d1", Thing("a"))
    (problem,) = cache.save()
    assert problem.severity == "warning"


def test_values_that_json_cannot_carry_are_left_out(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    kind = cache.kind("mentions", Mentions)
    kind.put("d1", Mentions(config={"x": object()}))
    kind.put("d2", Mentions(config={"x": "\ud800"}))
    kind.put("d3", Mentions(calls=("a",)))
    cache.save()
    again = Cache(tmp_path).kind("mentions", Mentions)
    assert again.get("d1") is None
    assert again.get("d2") is None
    assert again.get("d3") == Mentions(calls=("a",))


def test_writers_beside_each_other_leave_a_whole_file(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            cache = Cache(tmp_path)
            things = cache.kind("things", Thing)
            assert cache.kind("things", Thing).problems == []
            things.get("d0")
            things.put(f"d{number}", Thing("x" * 10_000))
            assert cache.save() == ()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in tmp_path.iterdir()] == ["things.json"]
    kept(tmp_path / "things.json")


@pytest.mark.parametrize(
    "text",
    [
        "select * from {{ ref('a') }} join {{ source('r', 't') }}",
        "{{ config(tags=('a', 'b'), meta={'x': [1, none, 2.5]}) }}select 1",
        "{% if var('x') %}{{ ref('b') }}{% endif %}{{ dbt_utils.star(ref('c')) }}",
    ],
)
def test_mentions_come_back_as_they_were(tmp_path: Path, text: str) -> None:
    value = carried(scan(text))
    cache = Cache(tmp_path)
    cache.kind("mentions", Mentions).put("d", value)
    cache.save()
    assert Cache(tmp_path).kind("mentions", Mentions).get("d") == value


def test_properties_and_blocks_come_back_as_they_were(tmp_path: Path) -> None:
    shop = Path(__file__).parents[2] / "fixtures/project/shop"
    value = read_properties((shop / "models/schema.yml").read_text("utf-8"), {"var": lambda name: name})
    assert value.lasting
    assert value.models
    block = Block("macro", "m", "text", "body", 3, (("a", "int"), ("b", "")), languages=("sql", "python"))
    cache = Cache(tmp_path)
    cache.kind("properties", PropertiesFile).put("d", value)
    cache.kind("blocks", tuple[Block, ...]).put("d", (block,))
    cache.save()
    again = Cache(tmp_path)
    assert again.kind("properties", PropertiesFile).get("d") == value
    assert again.kind("blocks", tuple[Block, ...]).get("d") == (block,)
