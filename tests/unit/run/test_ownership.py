"""Whose a relation is, on a real DuckDB: what the project did not build stays as it is, or is kept when it is adopted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow
import pytest
from pyarrow import feather
from shops import Shop, ended

from eltbuild.run.ownership import owner as ownership

HEAD = "{{{{ config(materialized='{0}') }}}}"
NODES: Mapping[str, Mapping[str, str]] = {
    "view": {"models/orders.sql": "{{ config(materialized='view') }} select 7 as id"},
    "table": {"models/orders.sql": "{{ config(materialized='table') }} select 7 as id"},
    "incremental": {"models/orders.sql": "{{ config(materialized='incremental') }} select 7 as id"},
    "microbatch": {
        "models/orders.sql": "{{ config(materialized='incremental', incremental_strategy='microbatch', batch_size='day',"
        " begin='2020-01-01', event_time='at') }} select 7 as id, timestamp '2020-01-01' as at where"
        " '{{ model.batch.event_time_start }}' like '2020-01-01%'",
    },
    "python": {
        "models/orders.py": "import pathlib\n\n\ndef model(dbt, session):\n    dbt.config(materialized='table')\n"
        "    pathlib.Path('called').touch()\n    return session.sql('select 7 as id')\n",
    },
    "seed": {"seeds/orders.csv": "id\n7\n"},
    "snapshot": {
        "models/src.sql": "select 7 as id",
        "snapshots/s.yml": "snapshots: [{name: orders, relation: ref('src'),"
        " config: {unique_key: id, strategy: check, check_cols: all}}]",
    },
    "own materialization": {
        "models/orders.sql": "{{ config(materialized='mine') }} select 7 as id",
        "macros/mine.sql": "{% materialization mine, default %}{% call statement('main') %}"
        "create or replace table {{ this }} as {{ sql }}{% endcall %}{{ return({'relations': [this]}) }}"
        "{% endmaterialization %}",
    },
    "own strategy": {
        "models/orders.sql": "{{ config(materialized='incremental', incremental_strategy='mine') }} select 7 as id",
        "macros/mine.sql": "{% macro get_incremental_mine_sql(arg_dict) %}insert into {{ arg_dict['target_relation'] }}"
        " select * from {{ arg_dict['temp_relation'] }}{% endmacro %}",
    },
}
GOING_ON = ("incremental", "own strategy")
"""What adds its rows to those that are there."""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


REFUSED = "`warehouse.main.orders` is a table (3 rows) that this project did not build"


@pytest.mark.parametrize("kind", NODES)
def test_what_the_project_did_not_build_is_refused_and_stays(shop: Shop, kind: str) -> None:
    shop.write(NODES[kind]).sql("create table orders as select unnest([1, 2, 3]) as id")
    finished = shop.run()
    assert ended(finished) == ("error", REFUSED)
    error = finished["orders"].error
    assert error is not None
    assert error.place is not None
    assert error.name == ownership.FOREIGN
    assert "--adopt" in error.hint
    assert "`orders__kept_<date>_<run>`" in error.hint
    assert shop.sql("from orders order by id") == [(1,), (2,), (3,)]
    assert not shop.kept()
    assert not Path("called").exists()


@pytest.mark.parametrize("kind", NODES)
def test_what_is_adopted_is_kept_and_the_next_run_needs_no_word(
    shop: Shop, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    shop.write(NODES[kind]).sql(f"create table orders as {STOOD.get(kind, 'select unnest([1, 2, 3]) as id')}")
    before = shop.sql("from orders order by all")
    assert ended(shop.run(adopt=True)) == ("success", "")
    [kept] = shop.kept()
    assert shop.sql(f"from {kept} order by all") == before
    now = [row[0] for row in shop.sql("from orders order by all")]
    assert now == ([1, 2, 3, 7] if kind in GOING_ON else [7])
    assert ended(shop.run()) == ("success", "")
    assert shop.kept() == [kept]


HASHED = "md5(id::varchar || '|') as dbt_scd_id"
STOOD = {
    "snapshot": f"select 7 as id, {HASHED}, timestamp '2020-01-01' as dbt_updated_at,"
    " timestamp '2020-01-01' as dbt_valid_from, null::timestamp as dbt_valid_to",
    "microbatch": "select 7 as id, timestamp '2020-01-01' as at",
    "seed": "select 3 as id",
}
"""What may stand there for a node that goes on with it."""


@pytest.mark.parametrize("kind", ["view", "table", "incremental", "python", "own materialization"])
def test_a_view_of_others_is_no_less_theirs(shop: Shop, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.root)
    shop.write(NODES[kind]).sql("create view orders as select 1 as id")
    refused = "`warehouse.main.orders` is a view that this project did not build"
    if kind == "own materialization":
        # It would fail on a view in any case.
        assert ended(shop.run()) == ("error", refused)
        return
    assert ended(shop.run()) == ("error", refused)
    assert shop.sql("from orders") == [(1,)]
    assert ended(shop.run(adopt=True)) == ("success", "")
    assert shop.sql("from orders") == [(7,)]
    assert shop.sql(f"from {shop.kept()[0]}") == [(1,)]
    assert shop.sql("select view_name from duckdb_views() where view_name like '%kept%'") == [(shop.kept()[0],)]


def test_a_table_that_its_index_holds_to_its_name_is_copied(shop: Shop) -> None:
    shop.write(NODES["table"]).sql("create table orders as select 1 as id; create unique index by_id on orders(id)")
    assert ended(shop.run(adopt=True)) == ("success", "")
    assert shop.sql("from orders") == [(7,)]
    assert shop.sql(f"from {shop.kept()[0]}") == [(1,)]


def test_a_table_that_is_renamed_keeps_what_is_its_own(shop: Shop) -> None:
    shop.write(NODES["table"]).sql(
        "create table orders(id integer primary key check (id > 0)); insert into orders values (1)"
    )
    assert ended(shop.run(adopt=True)) == ("success", "")
    with pytest.raises(duckdb.ConstraintException):
        shop.sql(f"insert into {shop.kept()[0]} values (1)")


def test_a_full_refresh_replaces_what_it_adopts(shop: Shop) -> None:
    shop.write(NODES["incremental"]).sql("create table orders as select 1 as id")
    assert ended(shop.run(adopt=True, full_refresh=True)) == ("success", "")
    assert shop.sql("from orders") == [(7,)]
    assert shop.sql(f"from {shop.kept()[0]}") == [(1,)]


@pytest.mark.parametrize("kind", ["table", "incremental"])
def test_an_adoption_that_fails_leaves_everything_as_it_was(shop: Shop, kind: str) -> None:
    shop.write({"models/orders.sql": HEAD.format(kind) + " select 1 as id, error('no') as x"})
    shop.sql("create table orders as select 1 as id, 2 as x")
    assert ended(shop.run(adopt=True))[0] == "error"
    assert shop.standing() == ["orders"]
    assert shop.sql("from orders") == [(1, 2)]
    # It is still nobody's.
    shop.write({"models/orders.sql": HEAD.format(kind) + " select 7 as id, 7 as x"})
    assert "did not build" in ended(shop.run())[1]


def test_two_projects_do_not_touch_what_the_other_built(shop: Shop, tmp_path: Path) -> None:
    sales = Shop(tmp_path / "sales", "sales").write(NODES["table"])
    assert ended(sales.run()) == ("success", "")
    shop.write(NODES["view"])
    refused = "`warehouse.main.orders` is a table (1 row) that the project `sales` built"
    assert ended(shop.run()) == ("error", refused)
    assert ended(shop.run(adopt=True)) == ("success", "")
    assert "view that the project `shop` built" in ended(sales.run())[1]


@pytest.mark.parametrize(
    ("config", "flag", "status"),
    [("true", False, "success"), ("false", True, "error"), ("none", True, "success"), ("none", False, "error")],
)
def test_the_word_of_a_node_goes_before_that_of_the_call(shop: Shop, config: str, flag: bool, status: str) -> None:
    shop.write({"models/orders.sql": f"{{{{ config(materialized='table', adopt={config}) }}}} select 7 as id"})
    shop.sql("create table orders as select 1 as id")
    finished = shop.run(adopt=flag)
    assert ended(finished)[0] == status
    error = finished["orders"].error
    assert ("--adopt" in error.hint if error else True) == (config != "false")


def test_a_project_can_adopt_all_that_it_finds(shop: Shop) -> None:
    shop.write(NODES["table"])
    shop.write({"dbt_project.yml": "name: shop\nprofile: shop\nmodels: {shop: {+adopt: true}}\n"})
    shop.sql("create table orders as select 1 as id")
    assert ended(shop.run()) == ("success", "")
    assert len(shop.kept()) == 1


def test_failing_rows_are_not_stored_over_what_others_have_there(shop: Shop) -> None:
    shop.write(
        {
            "models/orders.sql": "select null as id",
            "models/s.yml": "models: [{name: orders, columns: [{name: id, data_tests: [not_null]}]}]",
        }
    )
    name = '"main_dbt_test__audit"."not_null_orders_id"'
    shop.sql(f"create schema main_dbt_test__audit; create table {name} as select 1 as mine")
    status, message = ended(shop.run(store_failures=True), "not_null_orders_id")
    assert (status, "did not build" in message) == ("error", True)
    assert shop.sql(f"from {name}") == [(1,)]
    assert ended(shop.run(store_failures=True, adopt=True), "not_null_orders_id")[0] == "fail"
    assert shop.sql(f"from {name}") == [(None,)]
    assert shop.sql(f'from main_dbt_test__audit."{shop.kept()[0]}"') == [(1,)]
    assert ended(shop.run(store_failures=True), "not_null_orders_id")[0] == "fail"


def test_an_arrow_file_is_not_loaded_over_what_others_have_there(shop: Shop) -> None:
    shop.write(
        {
            "models/orders.sql": "select * from {{ source('raw', 'rows') }}",
            "models/s.yml": "sources: [{name: raw, schema: main, tables:"
            " [{name: rows, config: {external_location: rows.arrow}}]}]",
        }
    )
    feather.write_feather(pyarrow.table({"id": [7]}), shop.root / "rows.arrow", compression="uncompressed")
    shop.sql("create table rows as select 1 as id")
    finished = shop.run()
    assert ended(finished)[1] == "`warehouse.main.rows` is a table (1 row) that this project did not build"
    assert shop.sql("from rows") == [(1,)]
    assert ended(shop.run(adopt=True)) == ("success", "")
    assert shop.sql("from orders") == [(7,)]
    assert shop.sql(f"from {shop.kept()[0]}") == [(1,)]
    assert ended(shop.run()) == ("success", "")


def test_how_many_are_in_the_way_is_told_with_those_that_were_skipped(shop: Shop) -> None:
    shop.write({"models/a.sql": "select 1 as x", "models/b.sql": "select * from {{ ref('a') }}"})
    shop.write({"models/c.sql": "select * from {{ ref('b') }}"})
    shop.sql("create table a as select 1 as x; create table b as select 1 as x")
    finished = shop.run("run")
    assert [finished[name].status for name in "abc"] == ["error", "skipped", "skipped"]
    assert [text for text in shop.said if "2 relations" in text and "eltbuild run --adopt" in text]
    shop.run("run", adopt=True)
    assert not [text for text in shop.said if "relations stand" in text]


def test_many_rows_are_not_counted_to_the_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "COUNTED", 1000)
    shop.write(NODES["table"]).sql("create table orders as from range(1001)")
    assert "(more than 1,000 rows)" in ended(shop.run())[1]
