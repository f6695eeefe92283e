"""Constraints that are asked refuse the same rows as constraints that the engine enforces."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from conformance.bench import Bench

from eltbuild.errors import CompileError, DatabaseError
from eltbuild.plan.nouns import Facts, Inquiry
from eltbuild.plan.promises import of_query
from eltbuild.project.resources import ColumnSpec, Node
from eltbuild.relation import Column, Relation
from eltbuild.run.performing import perform

VALUES = ("null", "1", "2")
CONSTRAINTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "not_null": ("{a} {int} not null, {b} {int}", {"type": "not_null", "columns": ["a"]}),
    "check": ("{a} {int}, {b} {int}, check ({a} < {b})", {"type": "check", "expression": "{a} < {b}"}),
    "unique": ("{a} {int}, {b} {int}, unique ({a})", {"type": "unique", "columns": ["a"]}),
    "unique of two": ("{a} {int}, {b} {int}, unique ({a}, {b})", {"type": "unique", "columns": ["a", "b"]}),
    "primary_key": ("{a} {int}, {b} {int}, primary key ({a}, {b})", {"type": "primary_key", "columns": ["a", "b"]}),
    "foreign_key": (
        "{a} {int}, {b} {int}, foreign key ({a}) references {parent} (id)",
        {"type": "foreign_key", "columns": ["a"], "to": "{parent}", "to_columns": ["id"]},
    ),
}
"""What the engine is told to enforce, and the same in a contract."""

NAMES = {"a": 'The "key"', "b": "b"}
ROWS = (*itertools.product(VALUES, VALUES),)
TABLES = [(one,) for one in ROWS] + list(itertools.combinations_with_replacement(ROWS, 2))


def filled(bench: Bench, value: Any) -> Any:
    """The value with the names of the test in it, as the engine writes them."""
    if isinstance(value, list):
        return [NAMES.get(item, item) for item in value]
    parent = bench.writer.relation(Relation(None, bench.schema.schema, "parent"))
    names = {key: bench.writer.quote(name) for key, name in NAMES.items()}
    return value.format(**names, int=bench.writer.type_name("integer"), parent=parent)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_what_is_asked_and_what_is_enforced_refuse_the_same(bench: Bench, name: str) -> None:
    lines, constraint = CONSTRAINTS[name]
    if constraint["type"] not in bench.adapter.capabilities.enforced_constraints:
        pytest.skip("the engine does not enforce it")
    bench.made("parent", "select 1 as id")
    bench.connection.execute(f"alter table {bench.spelled('parent')} add primary key (id)")
    bench.connection.execute(f"create table {bench.spelled('t')} ({filled(bench, lines)})")
    given = {key: filled(bench, value) if key != "type" else value for key, value in constraint.items()}
    refused = 0
    for rows in TABLES:
        values = ", ".join(f"({a}, {b})" for a, b in rows)
        enforced = _is_refused_by_engine(bench, values)
        assert _is_refused_by_question(bench, values, given) == enforced, rows
        refused += enforced
    assert 0 < refused < len(TABLES)
    bench.connection.execute(bench.writer.drop(bench.at("t")))


def _is_refused_by_engine(bench: Bench, values: str) -> bool:
    bench.connection.execute(f"delete from {bench.spelled('t')}")
    try:
        bench.connection.execute(f"insert into {bench.spelled('t')} values {values}")
    except DatabaseError:
        return True
    return False


def _is_refused_by_question(bench: Bench, values: str, constraint: Mapping[str, Any]) -> bool:
    kind = bench.writer.type_name("integer")
    names = [bench.writer.quote(NAMES[key]) for key in "ab"]
    query = f"select cast(x as {kind}) as {names[0]}, cast(y as {kind}) as {names[1]} from (values {values}) as v(x, y)"
    columns = {name: ColumnSpec(name, data_type=kind) for name in NAMES.values()}
    node = Node(
        id="model.shop.v", resource_type="model", name="v", package="shop", path="v.sql", original_path="models/v.sql",
        columns=columns, constraints=(constraint,), config={"contract": {"enforced": True}},
    )  # fmt: skip
    described = tuple(Column(name, kind) for name in NAMES.values())
    facts = Facts(node=node, query=query, relation=bench.at("v"), columns=described, now=datetime.now(UTC))
    questions = of_query(facts, bench.writer)
    assert questions
    assert all(isinstance(question, Inquiry) for question in questions)
    try:
        perform(bench.connection, questions)
    except CompileError as error:
        assert "cannot be checked" not in str(error)
        return True
    return False
