"""What stands in the warehouse."""

from __future__ import annotations

import pytest
from conformance.bench import HOSTILE, Bench

from eltbuild.errors import DatabaseError
from eltbuild.relation import Relation


def test_a_table_with_its_columns(bench: Bench) -> None:
    kinds = {"z": "integer", "a": "text", "m": "decimal(12, 3)", "t": "timestamp"}
    bench.with_columns("facts", **kinds)
    found = bench.connection.relation(bench.at("facts"))
    assert found is not None
    assert (found.kind, [column.name for column in found.columns]) == ("table", list(kinds))
    assert all(column.type for column in found.columns)
    assert found.relation.key == bench.at("facts").key


def test_a_view_with_its_columns(bench: Bench) -> None:
    bench.connection.execute(bench.writer.create_view_as(bench.at("v"), "select 1 as b, 'x' as a"))
    found = bench.connection.relation(bench.at("v"))
    assert found is not None
    assert (found.kind, [column.name for column in found.columns]) == ("view", ["b", "a"])


def test_types_are_spelled_as_the_engine_takes_them(bench: Bench) -> None:
    kinds = ("integer", "bigint", "double", "boolean", "text", "date", "timestamp", "timestamptz", "decimal(12, 3)")
    bench.with_columns("t", **{f"c{index}": kind for index, kind in enumerate(kinds)})
    first = bench.connection.relation(bench.at("t"))
    assert first is not None
    bench.connection.execute(
        bench.writer.create_table(bench.at("u"), list(map(bench.writer.definition, first.columns)))
    )
    second = bench.connection.relation(bench.at("u"))
    assert second is not None
    assert second.columns == first.columns
    described = bench.connection.columns(f"select * from {bench.spelled('t')}")
    assert [(column.name, column.type) for column in described] == [
        (column.name, column.type) for column in first.columns
    ]


def test_whether_a_column_may_be_null(bench: Bench) -> None:
    bench.connection.execute(bench.writer.create_table(bench.at("t"), ["a integer not null", "b integer"]))
    found = bench.connection.relation(bench.at("t"))
    assert found is not None
    assert [column.nullable for column in found.columns] == [False, True]


def test_nothing_stands_where_nothing_stands(bench: Bench) -> None:
    assert bench.connection.relation(bench.at("nothing_such")) is None
    assert bench.connection.relation(Relation(bench.schema.database, "no_such_schema", "t")) is None
    assert bench.connection.relation(Relation("no_such_database", "no_such_schema", "t")) is None
    assert bench.connection.execute("select 1").scalar() == 1


def test_asking_for_nothing_harms_no_transaction(bench: Bench) -> None:
    with bench.connection.transaction():
        bench.made("t")
        assert bench.connection.relation(bench.at("nothing_such")) is None
        assert bench.connection.relation(bench.at("t")) is not None
        assert [info.relation.identifier for info in bench.connection.relations([bench.schema])] == ["t"]
    assert bench.count("t") == 1


def test_all_relations_of_a_schema(bench: Bench) -> None:
    for name in ("b", "c", "a"):
        bench.made(name)
    bench.connection.execute(bench.writer.create_view_as(bench.at("v"), "select 1 as a"))
    found = bench.connection.relations([bench.schema])
    assert [(info.relation.identifier, info.kind) for info in found] == [
        ("a", "table"), ("b", "table"), ("c", "table"), ("v", "view"),
    ]  # fmt: skip
    assert {info.relation.schema for info in found} == {bench.schema.schema}


def test_all_relations_of_several_schemas(bench: Bench) -> None:
    other = Relation(bench.schema.database, "other schema", None)
    bench.connection.execute(bench.writer.create_schema(other))
    bench.made("here")
    bench.connection.execute(bench.writer.create_table_as(other.named("there"), "select 1 as a"))
    both = bench.connection.relations([bench.schema, other, bench.schema])
    assert sorted(info.relation.identifier or "" for info in both) == ["here", "there"]
    assert [info.relation.identifier for info in bench.connection.relations([other])] == ["there"]
    assert bench.connection.relation(bench.at("there")) is None
    bench.connection.execute(bench.writer.drop_schema(other))


def test_no_schema_has_no_relations(bench: Bench) -> None:
    bench.made("t")
    assert list(bench.connection.relations([])) == []
    assert list(bench.connection.relations([Relation(bench.schema.database, "no_such_schema", None)])) == []


def test_temporary_tables_are_nobody_s_business(bench: Bench) -> None:
    place = bench.writer.session(bench.at("passing"), "")
    bench.connection.execute(bench.writer.create_table_as(place, "select 1 as a", temporary=True))
    assert list(bench.connection.relations([bench.schema])) == []
    assert [column.name for column in bench.connection.columns(f"select * from {bench.writer.relation(place)}")] == [
        "a"
    ]
    other = bench.adapter.connect()
    with pytest.raises(DatabaseError):
        other.execute(f"select * from {bench.writer.relation(place)}")
    other.close()


def test_letter_case_as_the_engine_folds_it(bench: Bench) -> None:
    bench.connection.execute(f"create table {bench.writer.relation(bench.schema)}.unQuoted (someColumn integer)")
    (info,) = bench.connection.relations([bench.schema])
    assert (info.relation.identifier or "").lower() == "unquoted"
    found = bench.connection.relation(info.relation)
    assert found is not None
    assert [column.name.lower() for column in found.columns] == ["somecolumn"]


@pytest.mark.parametrize("kind", ["words", "double quote", "apostrophe", "emoji", "semicolon", "dots"])
def test_schemas_with_hostile_names(bench: Bench, kind: str) -> None:
    schema = Relation(bench.schema.database, HOSTILE[kind], None)
    bench.connection.execute(bench.writer.create_schema(schema))
    bench.connection.execute(bench.writer.create_table_as(schema.named("t"), "select 1 as a"))
    assert [str(info.relation) for info in bench.connection.relations([schema])] == [str(schema.named("t"))]
    assert bench.connection.relation(schema.named("t")) is not None
    bench.connection.execute(bench.writer.drop_schema(schema))


def test_a_change_is_seen_at_once(bench: Bench) -> None:
    bench.made("t", "select 1 as a")
    assert bench.connection.relation(bench.at("t")) is not None
    bench.connection.execute(bench.writer.drop(bench.at("t")))
    bench.connection.execute(bench.writer.create_view_as(bench.at("t"), "select 1 as b"))
    found = bench.connection.relation(bench.at("t"))
    assert found is not None
    assert (found.kind, [column.name for column in found.columns]) == ("view", ["b"])


def test_a_view_whose_table_is_gone_still_stands(bench: Bench) -> None:
    if bench.adapter.capabilities.binds_views:
        pytest.skip("a view goes with its table")
    bench.made("t")
    bench.connection.execute(bench.writer.create_view_as(bench.at("v"), f"select * from {bench.spelled('t')}"))
    bench.connection.execute(bench.writer.drop(bench.at("t"), cascade=False))
    found = bench.connection.relation(bench.at("v"))
    assert found is not None
    assert found.kind == "view"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("select 1 as a, 'x' as \"B c\"", ["a", "B c"]),
        ("with t as (select 1 as a) select * from t", ["a"]),
        ("(select 1 as a) union all (select 2) order by 1", ["a"]),
        ("select 1 as a;", ["a"]),
        ("-- said before\nselect 1 as a -- said after", ["a"]),
        ("select ';' as a", ["a"]),
        ("select 1 as a where 1 = 0", ["a"]),
    ],
)
def test_columns_of_a_query(bench: Bench, query: str, names: list[str]) -> None:
    columns = bench.connection.columns(query)
    assert [column.name for column in columns] == names
    assert all(column.type for column in columns)


def test_columns_are_told_without_running_the_query(bench: Bench) -> None:
    text = bench.writer.type_name("text")
    query = f"select cast(cast(a as {text}) || 'x' as integer) as b from (select 1 as a) as t"
    assert [column.name for column in bench.connection.columns(query)] == ["b"]
    assert len(bench.connection.columns(bench.warehouse.long_query)) == 1
    name = bench.made("kept")
    for harm in (f"select 1 as a; drop table {name}", f"drop table {name}", f"delete from {name}", "", "-- nothing"):
        with pytest.raises(DatabaseError):
            bench.connection.columns(harm)
    assert bench.count("kept") == 1


def test_columns_of_a_wrong_query_are_refused_with_its_place(bench: Bench) -> None:
    with pytest.raises(DatabaseError) as caught:
        bench.connection.columns("select\n  1 as a,\n  nothing_such as b")
    assert (caught.value.line, caught.value.column) == (3, 3)
