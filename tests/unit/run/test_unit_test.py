"""Unit tests run on a real DuckDB: what passes, what fails and why, and that no table is read or written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

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


def run(root: Path, *tests: str, command: str = "test", **flags: str) -> tuple[dict[str, Finished], list[str]]:
    """What became of each node by its name, and what was said on the way."""
    write(root, {"models/u.yml": "unit_tests:\n" + "".join(tests)})
    finished, said = {}, []
    for event in Project.load(root, environ={}).events(command, **flags):
        if isinstance(event, Finished):
            finished[event.node.rpartition(".")[2]] = event
        elif isinstance(event, Message) and event.kind == "warning":
            said.append(event.text)
    return finished, said


def one(root: Path, *given: str, **flags: str) -> Finished:
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
    assert "- expected   2       21\n+ actual     2       20\n" in found.message
    assert "- missing    3        1" in found.message


def test_run_results_are_those_of_dbt(root):
    run(root, unit("t", "large", ORDERS, "{rows: [{id: 2}]}"))
    (result,) = json.loads((root / "target/run_results.json").read_text())["results"]
    assert result["unique_id"] == "unit_test.shop.large.t"
    assert (result["status"], result["failures"], result["message"]) == ("pass", 0, None)
    assert (result["compiled"], result["relation_name"]) == (True, None)
    assert result["adapter_response"] == {"_message": "OK"}


def test_nothing_is_read_from_tables_nor_written(root):
    run(root, unit("t", "large", ORDERS, "{rows: [{id: 2}]}"))
    with duckdb.connect(str(root / "shop.duckdb"), read_only=True) as connection:
        assert connection.execute("select table_name from information_schema.tables").fetchall() == []


def test_types_come_from_what_stands_there(root):
    run(root, unit("t", "large", ORDERS, "{rows: []}"), command="build", select="raw orders")
    with duckdb.connect(str(root / "shop.duckdb")) as connection:
        connection.execute("create or replace view orders as select 1::utinyint as id, 1.5::decimal(9, 1) as amount")
    found = one(root, "large", ORDERS, "{rows: [{id: 2, amount: 10}]}")
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
    found = one(root, "people", given, "{rows: [{name: Bob}]}")
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
        "models/u.yml:2:5: unit test `t` overrides macro `twic`, which does not exist; did you mean `twice`?"
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
    with pytest.raises(ProjectError, match="gives rows for `order`, which does not exist"):
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
