"""What a project did not build stays as it is, or is kept when it is adopted; what it no longer contains can go."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from conformance.bench import Bench
from conformance.projects import Project, ended

from eltbuild.adapter import open_adapter
from eltbuild.commands.claiming import books_of, home_of
from eltbuild.commands.orphans import dropped_rows
from eltbuild.run.ledger.opening import reading
from eltbuild.run.ledger.port import Forgetful
from eltbuild.run.ownership import restoring
from eltbuild.run.ownership.orphans import found

TABLE = "{{ config(materialized='table') }} "
NODES: Mapping[str, Mapping[str, str]] = {
    "view": {"models/orders.sql": "select 7 as id"},
    "table": {"models/orders.sql": TABLE + "select 7 as id"},
    "incremental": {"models/orders.sql": "{{ config(materialized='incremental', unique_key='id') }} select 7 as id"},
    "seed": {"seeds/orders.csv": "id\n7\n"},
}


@pytest.fixture
def shop(bench: Bench, tmp_path: Path) -> Project:
    return Project(bench, tmp_path / "shop")


def kept(bench: Bench) -> list[str]:
    """The names of all that was put aside."""
    names = [info.relation.identifier or "" for info in bench.connection.relations((bench.schema,))]
    return sorted(name for name in names if "__kept_" in name)


def values(bench: Bench, name: str, column: str = "id") -> list[object]:
    return [row[0] for row in bench.connection.execute(f"select {column} from {bench.spelled(name)} order by 1").rows]


@pytest.mark.parametrize("stood", ["table", "view"])
@pytest.mark.parametrize("kind", NODES)
def test_what_others_built_is_refused_then_adopted(shop: Project, bench: Bench, kind: str, stood: str) -> None:
    shop.write(NODES[kind])
    writer, place = bench.writer, bench.at("orders")
    make = writer.create_view_as if stood == "view" else writer.create_table_as
    bench.connection.execute(make(place, "select 3 as id"))
    status, message = ended(shop.run())
    what = "a view" if stood == "view" else "a table (1 row)"
    assert (status, message) == ("error", f"`{place}` is {what} that this project did not build")
    assert values(bench, "orders") == [3]
    assert kept(bench) == []

    assert ended(shop.run(adopt=True)) == ("success", "")
    [name] = kept(bench)
    assert values(bench, name) == [3]
    info = bench.connection.relation(bench.at(name))
    assert info is not None
    assert info.kind == stood
    assert values(bench, "orders") == ([3, 7] if (kind, stood) == ("incremental", "table") else [7])
    assert ended(shop.run()) == ("success", "")
    assert kept(bench) == [name]


@pytest.mark.parametrize("kind", ["table", "incremental"])
def test_an_adoption_that_fails_leaves_everything_as_it_was(shop: Project, bench: Bench, kind: str) -> None:
    shop.write({"models/orders.sql": f"{{{{ config(materialized='{kind}') }}}} select 1 / (id - 3) as id from {{{{ ref('n') }}}}",
                "models/n.sql": "select cast(3 as integer) as id"})  # fmt: skip
    if bench.warehouse.type == "duckdb":
        shop.write({"models/orders.sql": f"{{{{ config(materialized='{kind}') }}}} select error('no') as id"})
    bench.made("orders", "select 3 as id")
    assert ended(shop.run(adopt=True))[0] == "error"
    assert kept(bench) == []
    assert values(bench, "orders") == [3]
    assert "did not build" in ended(shop.run())[1]


def test_an_index_goes_with_the_old_table_and_comes_to_the_new_one(shop: Project, bench: Bench) -> None:
    if not bench.adapter.capabilities.indexes:
        pytest.skip("this engine has no indexes")
    shop.write(NODES["table"])
    bench.made("orders", "select 3 as id")
    bench.connection.execute(bench.writer.create_index(bench.at("orders"), ["id"], name="By Hand", unique=True))
    assert ended(shop.run(adopt=True)) == ("success", "")
    assert values(bench, kept(bench)[0]) == [3]
    assert values(bench, "orders") == [7]
    if bench.adapter.capabilities.belongings:
        assert "By Hand" in [index.name for index in bench.connection.belongings(bench.at("orders")).indexes]


def test_views_and_rights_of_others_are_there_on_what_comes(shop: Project, bench: Bench) -> None:
    if not bench.adapter.capabilities.binds_views:
        pytest.skip("views of this engine are bound to names")
    shop.write(NODES["table"])
    place = bench.made("orders", "select 3 as id")
    bench.connection.execute(bench.writer.create_view_as(bench.at("watch"), f"select id from {place}"))
    bench.connection.execute(f"grant select on {place} to public")
    assert ended(shop.run(adopt=True)) == ("success", "")
    assert values(bench, "watch") == [7]
    assert values(bench, kept(bench)[0]) == [3]
    rights = {(grant.privilege, grant.grantee) for grant in bench.connection.belongings(bench.at("orders")).grants}
    assert ("select", "public") in rights


def test_what_appears_while_a_run_goes_on_is_not_replaced(shop: Project, bench: Bench) -> None:
    if bench.adapter.capabilities.single_process:
        pytest.skip("nobody else can be there meanwhile")
    made = bench.writer.create_view_as(bench.at("orders"), "select 3 as id")
    # Made by a hook, after the run has looked what stands.
    shop.write({"models/first.sql": f"{{{{ config(post_hook='{made}') }}}} select 1 as id".replace("\n", " ")})
    shop.write({"models/orders.sql": "-- depends_on: {{ ref('first') }}\nselect 7 as id"})
    assert "is a view that this project did not build" in ended(shop.run())[1]
    assert values(bench, "orders") == [3]


def test_where_the_state_is_a_file_the_old_table_is_kept_before_anything_else(bench: Bench, tmp_path: Path) -> None:
    """A file is no part of a transaction: what fails after that has been kept, and that is known."""
    if bench.warehouse.type != "postgres":
        pytest.skip("everybody may make schemas there")
    schema, role = bench.writer.quote(bench.schema.schema or ""), f"builder_{os.getpid()}"
    bench.connection.execute(f"create role {role} login")
    bench.connection.execute(f"grant usage, create on schema {schema} to {role}")
    given = bench.adapter.target
    adapter = open_adapter(replace(given, fields={**given.fields, "user": role}))
    shop = Project(replace(bench, adapter=adapter), tmp_path / "shop", state_schema="not for them")
    try:
        shop.write({"models/orders.sql": TABLE + "select 1 / (id - 1) as id from (select 1 as id) as t"})
        bench.made("orders", "select 3 as id")
        bench.connection.execute(f"alter table {bench.spelled('orders')} owner to {role}")
        assert "did not build" in ended(shop.run())[1]
        assert kept(bench) == []
        assert "division by zero" in ended(shop.run(adopt=True))[1]
        assert values(bench, "orders") == [3]
        [name] = kept(bench)
        assert values(bench, name) == [3]
        shop.write(NODES["table"])
        assert ended(shop.run()) == ("success", "")
        assert values(bench, "orders") == [7]
        assert kept(bench) == [name]
        assert values(bench, name) == [3]
    finally:
        adapter.close()
        bench.connection.execute(f"drop owned by {role}; drop role {role}")


def test_orphans_go_into_files_and_come_back(shop: Project, bench: Bench) -> None:
    texts = [text for text, _ in bench.warehouse.values.values() if not text.startswith(NO_COLUMN)]
    own = ", ".join(f"{text} as c{number}" for number, text in enumerate(texts))
    shop.write({"models/old.sql": f"{TABLE}select 1 as id, {own}"})
    shop.write({"models/seen.sql": "select id from {{ ref('old') }}", "models/new.sql": TABLE + "select 1 as id"})
    assert {event.status for event in shop.run().values()} == {"success"}
    before = bench.connection.execute(f"select * from {bench.spelled('old')}").rows
    for name in ("old", "seen"):
        (shop.root / f"models/{name}.sql").unlink()

    with shop.opened("orphans", drop=True) as opened:
        memory = reading(books_of(opened), bench.connection)
        listed = found(opened.project, home_of(opened), memory, bench.connection)
        assert [orphan.relation.identifier for orphan in listed.orphans] == ["old", "seen"]
        assert [row["problem"] for row in dropped_rows(opened, _Silent())] == [None, None]  # type: ignore[arg-type]
    assert bench.connection.relation(bench.at("old")) is None
    assert bench.connection.relation(bench.at("seen")) is None

    files = sorted((shop.root / ".eltbuild/archive").iterdir())
    assert [file.suffix for file in files] == [".parquet", ".sql"]
    for file in files:
        restoring.restore(file, restoring.content(file), Forgetful(), bench.connection, bench.writer)
    assert bench.connection.execute(f"select * from {bench.spelled('old')}").rows == before
    assert values(bench, "seen") == [1]


NO_COLUMN = ("sum(", "row(")
"""Values that are no column's."""


class _Silent:
    """Nobody is told."""

    def handle(self, event: object) -> None:
        """Nothing happens."""

    def problems(self, problems: object) -> None:
        """Nothing happens."""


def test_of_two_names_that_differ_in_letter_case_only_ones_own_is_its_own(shop: Project, bench: Bench) -> None:
    if not bench.adapter.capabilities.exact_names:
        pytest.skip(f"on {bench.warehouse.name} they are one name")
    shop.write(NODES["table"])
    assert ended(shop.run()) == ("success", "")
    bench.connection.execute(bench.writer.create_table_as(bench.at("Orders"), "select 3 as id"))
    shop.write({"models/orders.sql": "{{ config(materialized='table', alias='Orders') }} select 8 as id"})
    status, message = ended(shop.run())
    assert (status, message.partition(" that ")[0]) == ("error", f"`{bench.at('Orders')}` is a table (1 row)")
    assert (values(bench, "Orders"), values(bench, "orders")) == ([3], [7])
    assert ended(shop.run(adopt=True)) == ("success", "")
    shop.write(NODES["table"])
    assert ended(shop.run()) == ("success", "")
