"""Relations that a project built and no longer contains, on a real DuckDB: listed, archived, dropped, made again."""

from __future__ import annotations

import io
import json
import stat
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyarrow import parquet
from shops import Shop, ended

from eltbuild.cli import main

TABLE = "{{ config(materialized='table') }} "


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project that has built two tables and a view on one of them."""
    made = Shop(tmp_path / "shop")
    made.write(
        {"models/old.sql": TABLE + "select unnest([1, 2, 3]) as id", "models/base.sql": TABLE + "select 1 as id"}
    )
    made.write({"models/seen.sql": "select * from {{ ref('old') }}"})
    assert all(event.status == "success" for event in made.run().values())
    return made


def orphans(shop: Shop, *flags: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `eltbuild orphans`."""
    out, said = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(said), pytest.raises(SystemExit) as left:
        main(["orphans", "--project-dir", str(shop.root), *flags])
    return int(left.value.code or 0), out.getvalue(), said.getvalue()


def listed(shop: Shop, *flags: str) -> list[dict[str, Any]]:
    code, out, said = orphans(shop, "--output", "json", *flags)
    assert code == 0, said
    return json.loads(out)


def gone(shop: Shop, *names: str) -> Shop:
    for name in names:
        (shop.root / f"models/{name}.sql").unlink()
    return shop


def test_what_the_project_contains_is_no_orphan(shop: Shop) -> None:
    assert listed(shop) == []
    # Not what is selected counts, but what there is; a source is there, too.
    shop.write({"models/s.yml": "sources: [{name: main, tables: [{name: old}]}]"})
    assert listed(gone(shop, "old", "seen"))[0]["name"] == "seen"


def test_orphans_are_told_with_what_built_them(shop: Shop) -> None:
    found = listed(gone(shop, "old", "seen"))
    assert [(row["name"], row["kind"], row["rows"], row["node"], row["status"]) for row in found] == [
        ("old", "table", 3, "model.shop.old", "orphan"),
        ("seen", "view", None, "model.shop.seen", "orphan"),
    ]
    assert found[0]["at"].startswith("20")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("models/base.sql", "{{ config(materialized='table', alias='other') }} select 1 as id"),
        ("models/base.sql", "{{ config(materialized='ephemeral') }} select 1 as id"),
        ("models/base.sql", "{{ config(materialized='table', schema='elsewhere') }} select 1 as id"),
        ("models/base.sql", "{{ config(materialized='table', enabled=false) }} select 1 as id"),
    ],
)
def test_what_stands_no_more_where_its_model_is_is_an_orphan(shop: Shop, path: str, text: str) -> None:
    shop.write({path: text})
    assert [row["name"] for row in listed(shop)] == ["base"]


def test_what_was_dropped_by_hand_is_no_orphan(shop: Shop) -> None:
    shop.sql("drop table old")
    assert [row["name"] for row in listed(gone(shop, "old", "seen"))] == ["seen"]


def test_what_another_project_or_target_has_is_not_looked_at(shop: Shop, tmp_path: Path) -> None:
    gone(shop, "old", "seen")
    sales = Shop(tmp_path / "sales", "sales").write({"models/old.sql": TABLE + "select 8 as id"})
    assert ended(sales.run(adopt=True), "old") == ("success", "")
    assert [row["name"] for row in listed(shop)] == ["seen"]
    # A colleague's target of the same name, with a schema of its own, in the same database.
    mate = Shop(tmp_path / "mate").write({"models/old.sql": TABLE + "select 9 as id"})
    profile = f"shop: {{outputs: {{dev: {{type: duckdb, path: '{mate.database}', schema: mate}}}}}}\n"
    assert ended(mate.write({"profiles.yml": profile}).run(), "old") == ("success", "")
    assert [row["name"] for row in listed(shop)] == ["seen"]
    assert "1 relation of dev/mate is not looked at" in orphans(shop)[2]
    assert orphans(shop, "--drop")[0] == 0
    assert shop.sql("from mate.old") == [(9,)]
    assert shop.sql("from old") == [(8,)]


def test_what_is_dropped_lies_in_a_file_first(shop: Shop) -> None:
    gone(shop, "old", "seen")
    code, out, _ = orphans(shop, "--drop")
    assert code == 0
    assert shop.standing() == ["base"]
    table, view = (shop.root / line.split()[-1] for line in sorted(out.splitlines()))
    assert parquet.read_table(table).to_pydict() == {"id": [1, 2, 3]}
    assert view.read_text().endswith('create view "warehouse"."main"."seen" as (\n' + SEEN + "\n);\n")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (table, view)} == {0o600}
    assert stat.S_IMODE(table.parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in table.parent.iterdir()) == sorted((table.name, view.name))
    assert listed(shop) == []
    assert orphans(shop, "--drop")[2].endswith("nothing to drop\n")


SEEN = 'SELECT * FROM main."old"'


def test_some_can_be_named(shop: Shop) -> None:
    gone(shop, "old", "seen")
    assert [row["name"] for row in listed(shop, "--select", "main.o*")] == ["old"]
    assert [row["name"] for row in listed(shop, "--exclude", "OLD")] == ["seen"]
    orphans(shop, "--drop", "-s", "seen")
    assert shop.standing() == ["base", "old"]
    code, _, said = orphans(shop, "--drop", "-s", "base")
    assert code == 2
    assert "no orphan is called `base`" in said
    assert shop.standing() == ["base", "old"]


def test_what_was_put_aside_goes_only_by_its_own_word(shop: Shop) -> None:
    shop.sql("create table mine as select 5 as id")
    shop.write({"models/mine.sql": TABLE + "select 6 as id"})
    assert ended(shop.run(adopt=True), "mine") == ("success", "")
    [row] = listed(shop)
    assert (row["status"], row["name"], row["rows"]) == ("kept", shop.kept()[0], 1)
    orphans(shop, "--drop")
    assert len(shop.kept()) == 1
    assert orphans(shop, "--drop", "--kept")[0] == 0
    assert shop.kept() == []
    assert shop.sql("from mine") == [(6,)]


def test_a_file_that_cannot_be_written_keeps_the_table(shop: Shop) -> None:
    gone(shop, "old", "seen")
    (shop.root / ".eltbuild").mkdir(exist_ok=True)
    (shop.root / ".eltbuild/archive").write_text("in the way")
    code, _, said = orphans(shop, "--drop")
    assert code == 1
    assert said.count("cannot write") == 2
    assert shop.standing() == ["base", "old", "seen"]
    assert [row["name"] for row in listed(shop)] == ["old", "seen"]


EXACT = """
    170141183460469231731687303715884105727::hugeint as a, '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid as b,
    '12:00:00+05'::timetz as c, time '12:00:00.5' as d, '1011'::bit as e, 'x'::enum('x', 'y') as f,
    interval '1 month 3 days' as g, [1, null] as h, {'p q': 'it''s "so"'} as i, map {'k': 2} as j,
    '{"a": 1}'::json as k, 1.25::decimal(10, 2) as l, '2020-01-01 00:00:00.123456789'::timestamp_ns as m,
    timestamptz '2020-01-01 00:00:00+00' as n, '\\x00\\xff'::blob as o, [1::hugeint, null] as p, date 'infinity' as q,
    timestamp '-infinity' as r, 'nan'::double as s, 18446744073709551615::ubigint as t, [1.5, 2]::float[2] as u,
    123456789012345678901234567890123456789012345::bignum as v, null::integer as w, '' as "X y"
"""


def test_every_value_comes_back_as_it_was(shop: Shop) -> None:
    shop.write({"models/exact.sql": TABLE + f"select {EXACT} from range(3)"})
    assert ended(shop.run(select="exact"), "exact") == ("success", "")
    shop.sql("create table before as from exact")
    gone(shop, "exact", "old", "seen")
    file = orphans(shop, "--drop", "-s", "exact")[1].split()[-1]
    code, _, said = orphans(shop, "--restore", file)
    assert code == 0
    assert "restored `warehouse.main.exact` (3 rows)" in said
    described = "select column_name, data_type from duckdb_columns() where table_name = '{}' order by column_index"
    assert shop.sql(described.format("exact")) == shop.sql(described.format("before"))
    assert shop.sql("select count(*) from (from before except from exact)") == [(0,)]
    assert "exact" in [row["name"] for row in listed(shop)]


def test_a_view_comes_back(shop: Shop) -> None:
    gone(shop, "seen")
    file = orphans(shop, "--drop")[1].split()[-1]
    assert orphans(shop, "--restore", file)[0] == 0
    assert shop.sql("from seen order by id") == [(1,), (2,), (3,)]


def test_restoring_touches_nothing_that_stands(shop: Shop) -> None:
    file = orphans(gone(shop, "old", "seen"), "--drop", "-s", "old")[1].split()[-1]
    shop.sql("create table old as select 'another' as id")
    code, _, said = orphans(shop, "--restore", file)
    assert code == 2
    assert "stands already: nothing was restored" in said
    assert shop.sql("from old") == [("another",)]


@pytest.mark.parametrize("damage", ["cut", "foreign", "text"])
def test_damaged_and_foreign_files_restore_nothing(shop: Shop, damage: str) -> None:
    file = shop.root / orphans(gone(shop, "old", "seen"), "--drop", "-s", "old")[1].split()[-1]
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    elif damage == "foreign":
        duckdb.sql(f"copy (select 1 as a) to '{file}' (format parquet)")
    else:
        file = file.with_suffix(".sql")
        file.write_text("drop table base;\n")
    code, _, said = orphans(shop, "--restore", str(file))
    assert code == 2
    assert "no archive of eltbuild's" in said
    assert shop.standing() == ["base", "seen"]


def test_flags_that_contradict_each_other_are_refused(shop: Shop) -> None:
    assert orphans(shop, "--drop", "--restore", "x")[0] == 2
    assert "x" in orphans(shop, "--restore", "x")[2]
    assert sys.exc_info() == (None, None, None)
