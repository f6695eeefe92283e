"""What a unit test's inputs and expectations mean, as values and queries."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from planning import node, writer

from eltbuild.adapter import Target
from eltbuild.compile.given import input_id
from eltbuild.compile.lookup import Lookup
from eltbuild.errors import CompileError, Place, Problem
from eltbuild.project.project import Project, Settings
from eltbuild.project.resources import Node, Source, UnitTest
from eltbuild.quality import unit_tests
from eltbuild.quality.unit_tests import Fixture, Input, Known, fixture_of
from eltbuild.relation import Column

KNOWN = (Column("id", "INTEGER"), Column("Name", "VARCHAR"), Column("day", "DATE"))


def unit_test(given: list[dict[str, Any]] | None = None, expect: dict[str, Any] | None = None, **more: Any) -> UnitTest:
    return UnitTest(
        id="unit_test.shop.orders.works", name="works", package="shop", path="u.yml", original_path="models/u.yml",
        model="orders", given=tuple(given or ()), expect=expect or {}, place=Place("models/u.yml", 3), **more,
    )  # fmt: skip


def versioned(name: str, version: int) -> Node:
    made = node({}, name, version=version, latest_version=2)
    return Node(
        **{field: getattr(made, field) for field in Node.__dataclass_fields__} | {"id": f"{made.id}.v{version}"}
    )


def lookup() -> Lookup:
    settings = Settings(name="shop")
    nodes = [node({}, "orders"), node({}, "raw", resource_type="seed"), versioned("dim", 1), versioned("dim", 2)]
    source = Source(
        id="source.shop.app.orders", name="orders", source_name="app", package="shop", path="s.yml",
        original_path="models/s.yml",
    )  # fmt: skip
    return Lookup.of(
        Project(
            root="/shop",
            settings=settings,
            packages={"shop": settings},
            target=Target("shop", "dev", "duckdb", "shop", "main"),
            nodes={one.id: one for one in nodes},
            sources={source.id: source},
        )
    )


# Inputs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("ref('orders')", "model.shop.orders"),
        ('ref( "orders" )', "model.shop.orders"),
        ("ref('shop', 'orders')", "model.shop.orders"),
        ("{{ ref('raw') }}", "seed.shop.raw"),
        ("ref('dim')", "model.shop.dim.v2"),
        ("ref('dim', v=1)", "model.shop.dim.v1"),
        ("ref('dim', version='1')", "model.shop.dim.v1"),
        ("source('app', 'orders')", "source.shop.app.orders"),
        ("this", "model.shop.tested"),
    ],
)
def test_inputs_mean_resources(text, id):
    assert input_id(text, unit_test(), "model.shop.tested", lookup()) == id


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("ref('order')", "gives rows for `order`, which was not found", "did you mean `orders`?"),
        ("ref('dim', v=3)", "gives rows for version 3 of `dim`", "versions: 1, 2"),
        ("source('app', 'order')", "gives rows for source `app.order`", "did you mean `orders`?"),
        ("orders", "an input that is no reference: `orders`", "write `ref('model')`"),
        ("ref(name)", "no reference", "write"),
        ("ref('a', 'b', 'c')", "no reference", "write"),
        ("ref('orders', z=1)", "no reference", "write"),
        ("source('app')", "no reference", "write"),
        ("this()", "no reference", "write"),
        ("__import__('os')", "no reference", "write"),
        (None, "no reference: `None`", "write"),
    ],
)
def test_inputs_that_mean_nothing_are_told_with_a_hint(text, message, hint):
    found = input_id(text, unit_test(), "model.shop.tested", lookup())
    assert isinstance(found, Problem)
    assert message in found.message
    assert hint in found.hint
    assert found.place == Place("models/u.yml", 3)


def test_rows_for_one_thing_twice_are_refused():
    test = unit_test([{"input": "ref('raw')", "rows": []}, {"input": "ref('shop', 'raw')", "rows": []}])
    with pytest.raises(CompileError, match="gives rows for ref\\('shop', 'raw'\\) twice"):
        unit_tests.inputs_of(test, "model.shop.orders", lookup())


def test_rows_of_each_format():
    assert fixture_of({"rows": [{"a": 1}, {"B": 2, "A": 3}]}) == Fixture(("a", "B"), ((1, None), (3, 2)))
    assert fixture_of({"rows": [{"a": "1"}], "format": "csv"}) == Fixture(("a",), (("1",),), words=True)
    assert fixture_of({"rows": "select 1", "format": "sql"}) == Fixture(query="select 1")
    assert fixture_of({"rows": []}) == Fixture()
    assert fixture_of({}) == Fixture(absent=True)


def test_names_of_ctes_are_all_different():
    source = lookup().sources["app", "orders"]
    odd = node({}, "odd-name")
    names = unit_tests.cte_names([node({}, "orders"), source, versioned("dim", 1), versioned("dim", 2), odd], writer())
    assert list(names.values()) == [
        "__dbt__cte__orders", "__dbt__cte__orders__2", "__dbt__cte__dim_v1", "__dbt__cte__dim_v2",
        '"__dbt__cte__odd-name"',
    ]  # fmt: skip
    long = unit_tests.cte_names([node({}, "x" * 90), node({}, "x" * 90 + "y")], writer("postgres"))
    assert all(len(name) <= 63 for name in long.values())


# Queries --------------------------------------------------------------------------------------------------


def rows_of(fixture: Fixture, known: Known = Known(KNOWN, complete=True), read: tuple[str, ...] = ()) -> Any:  # noqa: B008
    query = unit_tests.given_query(unit_test(), Input("ref('raw')", fixture), known, read, writer(), set(read))
    result = duckdb.execute(query)
    return [(part[0], str(part[1])) for part in result.description], result.fetchall()


def test_given_rows_have_all_columns_of_their_relation():
    columns, rows = rows_of(Fixture(("NAME", "id"), (("Ann", "7"),)))
    assert columns == [("id", "INTEGER"), ("Name", "VARCHAR"), ("day", "DATE")]
    assert rows == [(7, "Ann", None)]


def test_names_in_the_same_case_win():
    given = Input("ref('raw')", Fixture(("a", "A"), ((1, 2),)))
    known = Known((Column("A", "integer"), Column("a", "integer")), complete=True)
    query = unit_tests.given_query(unit_test(), given, known, (), writer("postgres"))
    assert '(2, 1)\n) as given_rows ("A", "a")' in query


def test_a_column_that_the_relation_lacks_is_refused_with_the_nearest_one():
    with pytest.raises(CompileError) as caught:
        rows_of(Fixture(("idd", "nothing"), ((1, 2),)))
    first, second = caught.value.problems
    assert first.message == ("Invalid column name: 'idd' in unit test fixture for 'raw'. ref('raw') has no such column")
    assert first.hint == "did you mean `id`?"
    assert second.hint == "its columns: id, Name, day"


def test_declared_types_come_before_those_of_the_values():
    declared = Known((Column("n", "decimal(4,1)"), Column("more", "date")))
    columns, rows = rows_of(Fixture(("N", "b"), (("1", 2.5),)), declared)
    assert columns == [("n", "DECIMAL(4,1)"), ("more", "DATE"), ("b", "DOUBLE")]
    assert [str(value) for value in rows[0]] == ["1.0", "None", "2.5"]


def test_words_of_csv_are_typed_by_what_they_look_like():
    columns, _ = rows_of(Fixture(("n", "t", "d"), (("1", "x", "2020-01-01"), (None, None, None)), words=True), Known())
    assert columns == [("n", "BIGINT"), ("t", "VARCHAR"), ("d", "DATE")]


def test_nothing_known_of_an_input_is_an_error():
    with pytest.raises(CompileError, match="no column of ref\\('raw'\\) is known"):
        rows_of(Fixture(), Known())


def test_what_the_model_reads_of_an_input_that_is_not_known_is_null():
    columns, rows = rows_of(Fixture(("id",), ((1,),)), Known((Column("day", "date"),)), ("ID", "day", "paid"))
    assert columns == [("day", "DATE"), ("id", "BIGINT"), ("paid", '"NULL"')]
    assert rows == [(None, 1, None)]


@pytest.mark.parametrize("read", [("id", "amount"), ("id",)])
def test_a_column_that_is_not_read_and_nearly_the_name_of_one_that_is_not_given_is_refused(read):
    known = Known((Column("id", "integer"), Column("amount", "integer")) if read == ("id",) else ())
    with pytest.raises(CompileError) as caught:
        rows_of(Fixture(("id", "amuont"), ((1, 2),)), known, read)
    assert caught.value.problems[0].hint == "did you mean `amount`?"
    assert rows_of(Fixture(("id", "other"), ((1, 2),)), known, read)


def asked(expect: dict[str, Any], named: tuple[Column, ...] = ()) -> unit_tests.Questions:
    sql = "select 1::integer as id, 'x' as name, null as nothing"
    given = (Column("id", "INTEGER"), Column("name", "VARCHAR"), Column("nothing", '"NULL"'))
    return unit_tests.questions(unit_test(expect=expect), node({}, "orders"), sql, given, named, writer())


def answers(questions: unit_tests.Questions) -> tuple[Any, Any]:
    return duckdb.execute(questions.expected).fetchall(), duckdb.execute(questions.actual).fetchall()


def test_only_the_columns_that_are_named_are_compared_as_the_type_of_the_model():
    assert answers(asked({"rows": [{"Name": 5, "ID": "1"}]})) == ([("5", 1)], [("x", 1)])
    assert answers(asked({"rows": []})) == ([], [(1, "x", None)])
    assert answers(asked({"rows": [{"nothing": "x"}]})) == ([("x",)], [(None,)])


def test_an_expected_query_may_name_some_columns_only():
    query = {"rows": "select 'x' as NAME -- the name", "format": "sql"}
    assert answers(asked(query, (Column("NAME", "VARCHAR"),))) == ([("x",)], [("x",)])


def test_an_expected_column_that_the_model_lacks_is_refused():
    with pytest.raises(CompileError) as caught:
        asked({"rows": [{"nam": 1}]})
    assert "'nam' in unit test fixture for expected output. Model `orders` gives" in str(caught.value)
    assert caught.value.problems[0].hint == "did you mean `name`?"


def test_the_verdict_counts_rows_that_differ():
    questions = asked({"rows": [{"id": 1}]})
    model = node({}, "orders")
    same = unit_tests.comparison(questions, [(1,)], [(1,)], "duckdb")
    assert unit_tests.outcome(model, same) == unit_tests.Outcome(0)
    outcome = unit_tests.outcome(model, unit_tests.comparison(questions, [(1,), (2,)], [(3,)], "duckdb"))
    assert outcome.failures == 3
    assert outcome.message is not None
    assert outcome.message.startswith("model `orders` gives other rows than expected: 2 are missing, 1 is not expected")


def test_overrides():
    test = unit_test(overrides={"macros": {"is_incremental": True}, "vars": None})
    assert unit_tests.overridden(test, "macros") == {"is_incremental": True}
    assert unit_tests.overridden(test, "vars") == unit_tests.overridden(test, "env_vars") == {}
    assert unit_tests.pretends_incremental(test)
    assert unit_tests.pretends_incremental(unit_test(overrides={"macros": {"is_incremental": "true"}}))
    assert not unit_tests.pretends_incremental(unit_test(overrides={"macros": {"is_incremental": False}}))
    assert not unit_tests.pretends_incremental(unit_test())
