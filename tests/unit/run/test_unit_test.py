"""Unit tests run on a real DuckDB: what passes, what fails and why, and that no table is read or written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from eltbuild import Project
from eltbuild.errors import ProjectError
from eltbuild.run.events import Finished, Message

FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nvars: {floor: 10}\n",
    "seeds/raw.csv": "id,customer,amount,day\n1,7,5.5,2020-01-01\n2,7,20,2020-01-02\n",
    "macros/m.sql": "{% macro twice(c) %}({{ c }} * 2){% endmacro %}",
    "models/orders.sql": "select * from {{ ref('raw') }}",
    "models/eph.sql": "{{ config(materialized='ephemeral') }} select id, upper('x') as letter from {{ ref('raw') }}",
    "models/large.sql": (
        "select id, amount, {{ twice('amount') }} as doubled, {{ dbt.current_timestamp() }} as at\n"
        "from {{ ref('orders') }}\nwhere amount >= {{ var('floor') }} and '{{ env_var(\"SKIP\", \"-\") }}' <> 'all'\n"
    ),
    "models/joined.sql": "select o.id, e.letter from {{ ref('orders') }} o join {{ ref('eph') }} e on o.id = e.id",
    "models/inc.sql": (
        "{{ config(materialized='incremental', unique_key='id') }}\n"
        "select id, day, amount as spent from {{ ref('orders') }}\n"
        "{% if is_incremental() %} where day > (select max(day) from {{ this }} where spent > 0) {% endif %}"
    ),
    "models/people.sql": "select name from {{ source('files', 'people') }}",
    "models/broken.sql": "select id,\n  nosuch\nfrom {{ ref('orders') }}",
    "data/people.csv": "name,age\nAnn,40\n",
    "models/s.yml": (
        "sources:\n  - name: files\n    tables:\n"
        "      - {name: people, config: {external_location: 'data/{name}.csv'}}\n"
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path, FILES)


def write(root: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def unit(name: str, model: str, given: str, expect: str, more: str = "") -> str:
    """A unit test in YAML, its parts in flow style."""
    return f"  - name: {name}\n    model: {model}\n    given: {given}\n    expect: {expect}\n" + (
        f"    {more}\n" if more else ""
    )


def run(root: Path, *tests: str, command: str = "test", **flags: Any) -> tuple[dict[str, Finished], list[str]]:
    """What became of each node by its name, and what was said on the way."""
    write(root, {"models/u.yml": "unit_tests:\n" + "".join(tests)})
    finished, said = {}, []
    for event in Project.load(root, environ={}).events(command, **flags):
        if isinstance(event, Finished):
            finished[event.node.rpartition(".")[2]] = event
        elif isinstance(event, Message) and event.kind == "warning":
            said.append(event.text)
    return finished, said


def one(root: Path, *given: str, **flags: Any) -> Finished:
    """What became of the only unit test."""
    return run(root, unit("t", *given), **flags)[0]["t"]


ORDERS = "[{input: ref('orders'), rows: [{id: 1, amount: 5}, {id: 2, amount: 10}]}]"


def test_a_test_that_holds(root):
    found = one(root, "large", ORDERS, "{rows: [{id: 2, doubled: 20}]}")
    assert (found.status, found.failures, found.message, found.relation_name) == ("pass", 0, None, None)
    assert found.node == "unit_test.shop.large.t"
    assert found.compiled_code is not None
    assert found.compiled_code.startswith("with __dbt__cte__orders as (")
    assert "from __dbt__cte__orders\n" in found.compiled_code


def test_a_test_that_does_not(root):
    found = one(root, "large", ORDERS, "{rows: [{id: 2, doubled: 21}, {id: 3, doubled: 1}]}")
    assert (found.status, found.failures, found.error) == ("fail", 2, None)
    assert found.message is not None
    assert "- expected        2     21.0\n+ actual          2     20.0\n" in found.message
    assert "            integer   double\n" in found.message


def test_run_results_are_those_of_dbt(root):
    run(root, unit("t", "large", ORDERS, "{rows: [{id: 2}]}"))
    (result,) = json.loads((root / "target/run_results.json").read_text())["results"]
    assert result["unique_id"] == "unit_test.shop.large.t"
    assert (result["status"], result["failures"], result["message"]) == ("pass", 0, None)
    assert (result["compiled"], result["relation_name"]) == (True, None)
    assert result["adapter_response"] == {"_message": "OK"}


def test_nothing_is_read_from_tables_nor_written(root):
    run(root, unit("t", "large", ORDERS, "{rows: [{id: 2}]}"))
    assert not (root / "shop.duckdb").exists()
    run(root, unit("t", "large", ORDERS, "{rows: [{id: 2}]}"), on_target=True)
    with duckdb.connect(str(root / "shop.duckdb"), read_only=True) as connection:
        assert connection.execute("select table_name from information_schema.tables").fetchall() == []


def test_types_come_from_what_stands_there(root):
    run(root, unit("t", "large", ORDERS, "{rows: []}"), command="build", select="raw orders")
    with duckdb.connect(str(root / "shop.duckdb")) as connection:
        connection.execute("create or replace view orders as select 1::utinyint as id, 1.5::decimal(9, 1) as amount")
    found = one(root, "large", ORDERS, "{rows: [{id: 2, amount: 10}]}", on_target=True)
    assert found.status == "pass"
    assert 'cast("id" as UTINYINT) as "id", cast("amount" as DECIMAL(9,1)) as "amount"' in str(found.compiled_code)


def test_the_types_of_a_model_that_is_not_built_come_from_its_query(root):
    run(root, command="seed")
    found = one(
        root,
        "joined",
        "[{input: ref('orders'), rows: [{id: 1}]}, {input: ref('eph'), rows: [{letter: a, id: 1}]}]",
        "{rows: [{letter: a}]}",
    )
    assert found.status == "pass"
    assert 'given_rows ("id", "customer", "amount", "day")' in str(found.compiled_code)
    assert 'given_rows ("id", "letter")' in str(found.compiled_code)


def test_the_rows_of_a_seed_are_its_own_where_none_are_given(root):
    assert (
        one(
            root, "orders", "[{input: ref('raw')}]", "{rows: [{id: 2, day: 2020-01-02}, {id: 1, day: 2020-01-01}]}"
        ).status
        == "pass"
    )
    found = one(root, "large", "[{input: ref('orders')}]", "{rows: []}")
    assert found.error is not None
    assert found.error.message == "unit test `t` gives no rows for ref('orders')"


def test_a_source_over_a_file(root):
    given = "[{input: \"source('files', 'people')\", rows: [{name: Bob}]}]"
    assert one(root, "people", given, "{rows: [{name: Bob}]}").status == "pass"
    found = one(root, "people", given, "{rows: [{name: Bob}]}", on_target=True)
    assert found.status == "pass"
    assert '"age"' in str(found.compiled_code)


@pytest.mark.parametrize(
    ("overrides", "expect"),
    [
        ("vars: {floor: 1}", "{rows: [{id: 1}, {id: 2}]}"),
        ("env_vars: {SKIP: all}", "{rows: []}"),
        ("macros: {twice: '42'}", "{rows: [{id: 2, doubled: 42}]}"),
        ("macros: {dbt.current_timestamp: \"'now'\"}", "{rows: [{id: 2, at: now}]}"),
        ("macros: {current_timestamp: \"'now'\"}", "{rows: [{id: 2, at: now}]}"),
    ],
)
def test_overrides(root, overrides, expect):
    assert one(root, "large", ORDERS, expect, f"overrides: {{{overrides}}}").status == "pass"


def test_overriding_what_does_not_exist_is_told(root):
    finished, said = run(root, unit("t", "large", ORDERS, "{rows: [{id: 2}]}", "overrides: {macros: {twic: 1}}"))
    assert finished["t"].status == "pass"
    assert said == [
        "models/u.yml:2:5: unit test `t` overrides macro `twic`, which was not found; did you mean `twice`?"
    ]


THIS = "{input: this, rows: [{day: 2020-01-15, spent: 1}]}"
DAYS = "{input: ref('orders'), rows: [{id: 1, day: 2020-01-01}, {id: 2, day: 2020-02-01}]}"
INCREMENTAL = "overrides: {macros: {is_incremental: true}}"


def test_incremental_models_before_they_have_been_built(root):
    tests = [
        unit("later", "inc", f"[{DAYS}, {THIS}]", "{rows: [{id: 2}]}", INCREMENTAL),
        unit("first", "inc", f"[{DAYS}]", "{rows: [{id: 1}, {id: 2}]}"),
        unit("never", "inc", f"[{DAYS}]", "{rows: []}", INCREMENTAL),
    ]
    run(root, command="seed")
    finished, _ = run(root, *tests)
    assert [finished[name].status for name in ("later", "first", "never")] == ["pass", "pass", "error"]
    assert "has no input `this`" in str(finished["never"].message)
    assert 'given_rows ("id", "day", "spent")' in str(finished["later"].compiled_code)


def test_a_macro_that_asks_whether_a_model_is_incremental_may_do_without_its_rows(root):
    write(root, {
        "macros/since.sql": "{% macro since() %}{% if is_incremental() %} where day > date '2020-01-15' {% endif %}{% endmacro %}",
        "models/asks.sql": "{{ config(materialized='incremental') }} select id from {{ ref('orders') }} {{ since() }}",
    })  # fmt: skip
    run(root, command="seed")
    assert one(root, "asks", f"[{DAYS}]", "{rows: [{id: 2}]}", INCREMENTAL).status == "pass"


def test_an_incremental_model_that_stands_is_not_read(root):
    write(root, {"models/u.yml": ""})
    assert Project.load(root).run(command="build", exclude="broken").success
    assert one(root, "inc", f"[{DAYS}]", "{rows: [{id: 1}, {id: 2}]}").status == "pass"
    assert one(root, "inc", f"[{DAYS}, {THIS}]", "{rows: [{id: 2}]}", INCREMENTAL).status == "pass"


def test_this_is_a_name_without_a_table_where_no_rows_are_given(root):
    write(
        root,
        {
            "models/named.sql": "-- {{ this }}\nselect id, '{{ this.schema }}.{{ this.name }}' as place from {{ ref('orders') }}",
            "models/reading.sql": "select id from {{ ref('orders') }} where id not in (select id from {{ this }})",
        },
    )
    tests = [unit(name, name, ORDERS, "{rows: [{id: 1}, {id: 2}]}") for name in ("named", "reading")]
    finished, _ = run(root, *tests)
    assert finished["named"].status == "pass"
    assert "'main.named' as place" in str(finished["named"].compiled_code)
    assert "__dbt__cte__reading does not exist" in str(finished["reading"].message)


def test_an_input_that_the_model_does_not_use_is_told(root):
    given = f"{ORDERS[:-1]}, {{input: ref('raw'), rows: [{{id: 1}}]}}]"
    finished, said = run(root, unit("t", "large", given, "{rows: [{id: 2}]}"))
    assert finished["t"].status == "pass"
    assert said == ["models/u.yml:2:5: unit test `t` gives rows for ref('raw'), which model `large` does not refer to"]


@pytest.mark.parametrize(
    ("test", "place", "message", "hint"),
    [
        (("joined", ORDERS, "{rows: []}"), "models/joined.sql:1:58", "ref('eph') has no rows", "- input: ref('eph')"),
        (("broken", ORDERS, "{rows: []}"), "models/broken.sql:2:3", '"nosuch" not found', ""),
        (("large", ORDERS, "{rows: [{idd: 1}]}"), "models/u.yml:2:5", "'idd' in unit test fixture for expected output. Model `large`", "`id`"),
        (("large", ORDERS, "{rows: [{id: x}]}"), "models/u.yml:2:5", "the expected rows cannot be used: ", ""),
        (("large", ORDERS, "{format: sql, rows: selec}"), "models/u.yml:2:5", "the expected rows cannot be used: ", ""),
        (
            ("large", "[{input: ref('orders'), format: sql, rows: selec}]", "{rows: []}"),
            "models/u.yml:2:5", "the rows given for ref('orders') cannot be used: ", "",
        ),
        (
            ("large", "[{input: ref('orders'), format: sql, rows: select 1 as id}]", "{rows: []}"),
            "models/large.sql:3", '"amount" not found', "",
        ),
        (
            ("large", ORDERS, "{rows: []}", "overrides: {vars: {floor: ')'}}"),
            "models/large.sql:3", "syntax error", "",
        ),
    ],
)  # fmt: skip
def test_errors_have_a_place(root, test, place, message, hint):
    run(root, command="seed")
    found = one(root, *test)
    assert found.status == "error"
    assert found.error is not None
    assert str(found.error.place).startswith(place)
    assert message in found.error.message
    assert hint in found.error.hint


def test_an_input_that_means_nothing_is_refused_before_anything_runs(root):
    with pytest.raises(ProjectError, match="gives rows for `order`, which was not found"):
        one(root, "large", "[{input: ref('order'), rows: []}]", "{rows: []}")


def test_a_failing_test_keeps_its_model_and_what_follows_from_being_built(root):
    write(root, {"models/after.sql": "select * from {{ ref('large') }}"})
    test = unit("t", "large", ORDERS, "{rows: []}")
    finished, _ = run(root, test, command="build", exclude="broken")
    order = list(finished)
    assert finished["t"].status == "fail"
    assert (finished["large"].status, finished["after"].status) == ("skipped", "skipped")
    assert order.index("orders") < order.index("t") < order.index("large")
    assert finished["joined"].status == "success"


def test_each_version_is_tested(root):
    write(
        root,
        {
            "models/dim_v1.sql": "select id from {{ ref('orders') }}",
            "models/dim_v2.sql": "select id + 1 as id from {{ ref('orders') }}",
            "models/v.yml": "models:\n  - {name: dim, latest_version: 2, versions: [{v: 1}, {v: 2}]}\n",
            "models/both.sql": "select a.id, b.id as other from {{ ref('dim', v=1) }} a, {{ ref('dim') }} b",
        },
    )
    tests = [
        unit("each", "dim", "[{input: ref('orders'), rows: [{id: 1}]}]", "{rows: [{id: 1}]}"),
        unit(
            "second",
            "dim",
            "[{input: ref('orders'), rows: [{id: 1}]}]",
            "{rows: [{id: 2}]}",
            "versions: {include: [2]}",
        ),
        unit(
            "both",
            "both",
            "[{input: \"ref('dim', v=1)\", rows: [{id: 1}]}, {input: ref('dim'), rows: [{id: 5}]}]",
            "{rows: [{id: 1, other: 5}]}",
        ),
    ]
    finished, _ = run(root, *tests)
    statuses = {name: event.status for name, event in finished.items()}
    assert statuses == {"each_v1": "pass", "each_v2": "fail", "second_v2": "pass", "both": "pass"}


def test_fixtures_from_files(root):
    write(
        root,
        {
            "tests/fixtures/some.csv": "id,amount\n1,\n2,12.5\n",
            "tests/fixtures/wanted.sql": "select 2 as id, 12.5 as amount\n",
        },
    )
    given = "[{input: ref('orders'), format: csv, fixture: some}]"
    assert one(root, "large", given, "{format: sql, fixture: wanted}").status == "pass"


def test_a_python_model_cannot_be_tested(root):
    write(root, {"models/py.py": "def model(dbt, session):\n    return dbt.ref('orders')\n"})
    found = one(root, "py", ORDERS, "{rows: []}")
    assert found.status == "error"
    assert "which is no SQL model" in str(found.message)


def test_a_model_without_end_is_not_fetched_whole(root):
    write(root, {"models/many.sql": "select range as id from range(10000000), {{ ref('orders') }}"})
    found = one(root, "many", ORDERS, "{rows: []}")
    assert found.status == "error"
    assert "more than 100,000 rows" in str(found.message)


# In memory


MEMORY = {
    "dbt_project.yml": "name: shop\non-run-start: create table hooked as select 1\n",
    "seeds/rates.csv": "currency,rate\nEUR,1.5\n",
    "seeds/s.yml": "seeds: [{name: rates, config: {column_types: {rate: 'decimal(9, 4)'}}}]\n",
    "functions/half.sql": "quarter(x) * 2".replace("quarter(x)", "{{ function('quarter') }}(x)"),
    "functions/quarter.sql": "x / 4",
    "functions/f.yml": (
        "functions:\n"
        "  - {name: half, arguments: [{name: x, data_type: double}], returns: {data_type: double}}\n"
        "  - {name: quarter, arguments: [{name: x, data_type: double}], returns: {data_type: double}}\n"
    ),
    "models/stg.sql": "select *, amount * 2 as twice from {{ source('raw', 'orders') }}",
    "models/kept.sql": "select id, cast(day as date) as day, twice, upper(note) as note from {{ ref('stg') }}",
    "models/promised.sql": "{{ config(contract={'enforced': true}) }} select id, amount from {{ ref('stg') }}",
    "snapshots/history.yml": (
        "snapshots:\n  - name: history\n    relation: ref('kept')\n"
        "    config: {strategy: check, unique_key: id, check_cols: all}\n"
    ),
    "models/last.sql": "select id, day, dbt_valid_from from {{ ref('history') }} where dbt_valid_to is null",
    "models/halves.sql": "select {{ function('half') }}(rate) as h from {{ ref('rates') }}",
    "models/foreign.sql": "select my_own_function(id) as id from {{ ref('kept') }}",
    "models/asks.sql": "select 1 as id\n\n{{ adapter.get_relation(database=none, schema='main', identifier='x') }}",
    "models/from_promised.sql": "select amount from {{ ref('promised') }}",
    "models/from_kept.sql": "select day, twice, note from {{ ref('kept') }}",
    "models/s.yml": (
        "sources:\n  - name: raw\n    tables:\n      - name: orders\n        columns:\n"
        "          - {name: id, data_type: smallint}\n          - {name: amount}\n"
        "models:\n  - name: promised\n    columns: [{name: id, data_type: int}, {name: amount, data_type: 'decimal(5,1)'}]\n"
    ),
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path, MEMORY)


def types_of(found: Finished) -> dict[str, str]:
    """The types to which the first input's columns are cast."""
    head = str(found.compiled_code).partition("\nfrom (values")[0].partition("\nwhere false")[0]
    return {name: kind for kind, name in re.findall(r'cast\([^()]* as (\w+(?:\([\d, ]+\))?)\) as "(\w+)"', head)}


def test_no_warehouse_is_opened_and_no_hook_runs(shop):
    found, said = run(shop, unit("t", "last", "[{input: ref('history'), rows: [{id: 1}]}]", "{rows: [{id: 1}]}"))
    assert found["t"].status == "pass"
    assert said == []
    assert not list(shop.glob("*.duckdb"))


def test_types_follow_from_what_the_project_tells(shop):
    given = "[{input: ref('kept'), rows: [{id: 1, day: 2024-01-01, twice: 2.5, note: x}]}]"
    found = one(shop, "from_kept", given, "{rows: [{twice: 2.5, note: x}]}")
    assert found.status == "pass", found
    assert types_of(found) == {"id": "SMALLINT", "day": "DATE", "twice": "double", "note": "TEXT"}
    given = "[{input: ref('promised'), rows: [{amount: 2.55}]}]"
    found = one(shop, "from_promised", given, "{rows: [{amount: 2.6}]}")
    assert (found.status, types_of(found)["amount"]) == ("pass", "decimal(5,1)")
    given = "[{input: ref('history'), rows: [{id: 1}]}]"
    assert "dbt_valid_from" in types_of(one(shop, "last", given, "{rows: [{id: 1}]}"))


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        ("from_kept", "[{input: ref('kept'), rows: [{id: 1, other: 2}]}]", "Invalid column name: 'other'"),
        ("from_promised", "[{input: ref('promised'), rows: [{other: 2}]}]", "Invalid column name: 'other'"),
        ("kept", "[{input: ref('stg'), rows: [{id: 1, twicee: 2}]}]", "Invalid column name: 'twicee'"),
    ],
)
def test_columns_that_an_input_does_not_have_are_errors(shop, model, given, message):
    found = one(shop, model, given, "{rows: []}")
    assert found.error is not None
    assert message in found.error.message


def test_columns_of_what_nobody_knows_are_taken_as_they_are(shop):
    given = "[{input: ref('stg'), rows: [{id: 1, note: x, more: 1}]}]"
    assert one(shop, "kept", given, "{rows: [{id: 1, note: X, day: null}]}").status == "pass"


def test_functions_of_the_project_are_made_in_memory(shop):
    found = one(shop, "halves", "[{input: ref('rates')}]", "{rows: [{h: 0.75}]}")
    assert found.status == "pass", found


@pytest.mark.parametrize(
    ("model", "message", "place"),
    [
        ("foreign", "my_own_function does not exist", "models/foreign.sql:1"),
        ("asks", "asks the warehouse while it is compiled, and in memory there is none", "models/asks.sql:3"),
    ],
)
def test_what_memory_cannot_tell_is_an_error_with_a_way_out(shop, model, message, place):
    given = "[]" if model == "asks" else "[{input: ref('kept'), rows: [{id: 1}]}]"
    found = one(shop, model, given, "{rows: [{id: 1}]}")
    assert found.status == "error"
    assert found.error is not None
    assert message in found.error.message
    assert str(found.error.place) == place
    assert "--on-target" in found.error.hint


def test_a_test_of_the_target_runs_there(shop):
    given = "[{input: ref('stg'), format: sql, rows: \"select 1 as id, 2 as twice, 'x' as note, null as day\"}]"
    found = one(shop, "kept", given, "{rows: [{id: 1}]}", on_target=True)
    assert found.status == "pass", found
    assert list(shop.glob("*.duckdb"))


def test_inputs_that_are_not_known_are_told_apart_in_a_join(tmp_path):
    files = {
        "dbt_project.yml": "name: shop\n",
        "models/j.sql": (
            "select a.id, name, qty from {{ source('x', 'a') }} a join {{ source('x', 'b') }} b using (id) where size is null"
        ),
        "models/s.yml": "sources: [{name: x, tables: [{name: a}, {name: b}]}]\n",
    }
    given = "[{input: \"source('x', 'a')\", rows: [{id: 1, name: n}]}, {input: \"source('x', 'b')\", rows: [{id: 1, qty: 2}]}]"
    found = one(write(tmp_path, files), "j", given, "{rows: [{id: 1, name: n, qty: 2}]}")
    assert found.status == "pass", found
