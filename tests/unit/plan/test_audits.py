"""Where among the operations of a materialization its tests are asked: when its rows are whole, before they are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import planning
import pytest

from eltbuild.errors import CompileError
from eltbuild.plan.materialize import MATERIALIZATIONS
from eltbuild.plan.nouns import Audit, Facts, Operation, Seize, Statement
from eltbuild.relation import Column, Relation, RelationInfo
from eltbuild.sql.writer import Writer

PLACE = Relation("shop", "main", "orders")
COLUMNS = (Column("id", "integer"), Column("mark", "integer"))
STANDING = RelationInfo(PLACE, "table", COLUMNS)
QUERY = "select 1 as id, 2 as mark"


def planned(dialect: str, existing: RelationInfo | None, able: Any = None, **config: Any) -> Sequence[Operation]:
    """The operations of an audited model."""
    node = planning.node(config, relation=PLACE)
    facts = Facts(
        node=node, query=QUERY, relation=PLACE, existing=existing, columns=COLUMNS, now=planning.NOON,
        temporary="0badf00d", audited=True,
    )  # fmt: skip
    writer = Writer(dialect, able or planning.CAPABILITIES[dialect])
    return MATERIALIZATIONS[node.materialized].materialize(facts, writer)


def texts(operations: Sequence[Operation]) -> list[str]:
    """The statements in order, those behind locks as well; an audit is told by its place."""
    found: list[str] = []
    for one in operations:
        match one:
            case Statement(sql=sql):
                found.append(sql)
            case Audit(place=place):
                found.append(f"AUDIT {place.identifier}")
            case Seize(then=then):
                found += texts(then)
            case _:
                pass
    return found


def touched(sql: str, dialect: str) -> bool:
    """Whether a statement changes what stands in the place itself, and not only reads of something beside it."""
    place = planning.writer(dialect).relation(PLACE)
    return any(f"{verb} {place}" in sql for verb in ("table", "view", "into", "exists", "from", "update", "to"))


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "snowflake"])
@pytest.mark.parametrize("existing", [None, STANDING, RelationInfo(PLACE, "view", COLUMNS)])
@pytest.mark.parametrize("made", ["table", "view"])
def test_nothing_in_its_place_is_touched_before(dialect: str, existing: RelationInfo | None, made: str) -> None:
    """What is made whole lies beside until then, whatever stands there."""
    found = texts(planned(dialect, existing, materialized=made))
    (at,) = [number for number, text in enumerate(found) if text.startswith("AUDIT")]
    assert found[at] == "AUDIT orders__dbt_tmp0badf00d"
    assert not [text for text in found[:at] if touched(text, dialect)]
    assert [text for text in found[at:] if "orders" in text]


@pytest.mark.parametrize("strategy", ["append", "delete+insert", "merge", "insert_overwrite"])
def test_new_rows_are_audited_by_themselves_and_in_the_table(strategy: str) -> None:
    """They lie apart until the second audit is over, since they are kept if it fails."""
    found = texts(
        planned("postgres", STANDING, materialized="incremental", incremental_strategy=strategy, unique_key="id")
    )
    audits = [number for number, text in enumerate(found) if text.startswith("AUDIT")]
    assert [found[number] for number in audits] == ["AUDIT orders__dbt_tmp0badf00d", "AUDIT orders"]
    assert not [text for text in found[: audits[0]] if touched(text, "postgres")]
    assert found[-1].startswith("drop table")
    assert audits[1] == len(found) - 2


def test_a_merge_that_sifts_asks_nothing_of_the_new_rows_alone() -> None:
    """A value that is not written cannot fail."""
    found = texts(planned("duckdb", STANDING, materialized="incremental", incremental_strategy="merge", unique_key="id",
                          merge_update_columns=["mark"]))  # fmt: skip
    assert [text for text in found if text.startswith("AUDIT")] == ["AUDIT orders"]


@pytest.mark.parametrize(
    "standing", [(*COLUMNS, Column("gone", "integer")), (COLUMNS[0], Column("mark", "smallint"))], ids=["less", "other"]
)
def test_new_rows_that_become_others_in_the_table_are_asked_about_there(standing: tuple[Column, ...]) -> None:
    """A column that they lack is NULL by then, and a number may be rounded: what a test says of it is another matter."""
    found = planned("postgres", RelationInfo(PLACE, "table", standing), materialized="incremental",
                    incremental_strategy="merge", unique_key="id")  # fmt: skip
    assert [text for text in texts(found) if text.startswith("AUDIT")] == ["AUDIT orders"]


def test_an_engine_that_renames_nothing_cannot_audit() -> None:
    """It says so; nothing is published without an audit."""
    able = replace(planning.CAPABILITIES["snowflake"], rename_relation=False)
    with pytest.raises(CompileError, match="cannot be audited"):
        planned("snowflake", STANDING, able, materialized="table")


def test_a_table_stays_where_readers_would_wait_for_long() -> None:
    """Its rows are exchanged; another is made only where its columns change."""
    node = planning.node({"materialized": "table"}, relation=PLACE)
    facts = Facts(
        node=node, query=QUERY, relation=PLACE, existing=STANDING, columns=COLUMNS, now=planning.NOON,
        temporary="0badf00d", steady=True,
    )  # fmt: skip
    writer, recipe = planning.writer("postgres"), MATERIALIZATIONS["table"]
    found = texts(recipe.materialize(facts, writer))
    assert [text.split()[0] for text in found] == ["create", "delete", "insert", "drop"]
    wider = replace(facts, columns=(COLUMNS[0],))
    assert any("rename" in text for text in texts(recipe.materialize(wider, writer)))


def test_a_view_of_the_same_text_stays_there() -> None:
    """Unless its columns are others by now."""
    node = planning.node({"materialized": "view"}, relation=PLACE)
    facts = Facts(
        node=node, query=QUERY, relation=PLACE, existing=RelationInfo(PLACE, "view", COLUMNS), columns=COLUMNS,
        now=planning.NOON, steady=True, unaltered=True,
    )  # fmt: skip
    recipe, writer = MATERIALIZATIONS["view"], planning.writer("postgres")
    assert texts(recipe.materialize(facts, writer)) == []
    assert texts(recipe.materialize(replace(facts, unaltered=False), writer))
    assert texts(recipe.materialize(replace(facts, columns=(*COLUMNS, Column("more", "integer"))), writer))
