"""Every materialization as text: facts in the head of a file, the operations of each dialect below."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pytest
import yaml
from planning import CAPABILITIES, NOON, hours, node

from eltbuild.errors import EltbuildError
from eltbuild.plan.materialize import MATERIALIZATIONS, asks_columns
from eltbuild.plan.nouns import Facts, Load, Operation, Statement
from eltbuild.relation import Column, Relation, RelationInfo
from eltbuild.sql.writer import Writer

ROOT = Path(__file__).parents[2] / "fixtures"
AREAS = ("whole", "incremental", "snapshot", "seed", "extras")
CASES = sorted(path for area in AREAS for path in (ROOT / area).glob("*.sql"))
MARK = "-- >>> "


def columns(given: dict[str, str] | None) -> tuple[Column, ...]:
    return tuple(Column(name, type_name) for name, type_name in (given or {}).items())


def facts_of(head: dict[str, Any], query: str) -> Facts:
    relation = Relation(*head.get("relation", ["shop", "main", "orders"]))
    made = node(head["config"], relation.identifier or "", **head.get("node", {}))
    existing = head.get("existing")
    standing = existing and RelationInfo(relation, existing["kind"], columns(existing.get("columns")))
    rows = pyarrow.table(head["rows"]) if "rows" in head else None
    batch = hours(*head["batch"]) if "batch" in head else None
    return Facts(
        node=made, query=query, relation=relation, existing=standing, columns=columns(head.get("columns")), now=NOON,
        full_refresh=head.get("full_refresh", False), batch=batch, rows=rows,
        grants=head.get("grants"), temporary="_7",
    )  # fmt: skip


def shown(operation: Operation) -> str:
    match operation:
        case Statement(sql, label):
            return f"{label}\n{sql};\n"
        case Load(relation, rows, label):
            return f"{label}\n-- load {rows.num_rows} rows into {relation}\n"
    raise AssertionError(operation)


def planned(head: dict[str, Any], query: str, dialect: str) -> str:
    capabilities = replace(CAPABILITIES[dialect], **head.get("capabilities", {}))
    facts, writer = facts_of(head, query), Writer(dialect, capabilities)
    recipe = MATERIALIZATIONS[facts.node.materialized]
    assert not asks_columns(recipe, facts) or facts.columns, "the case must give the columns"
    try:
        operations = recipe.materialize(facts, writer)
    except EltbuildError as error:
        told = "\n".join(f"-- {line}".rstrip() for line in str(error).splitlines())
        return f"{MARK}{dialect}: error\n{told}\n"
    return "".join(f"{MARK}{dialect}: {shown(operation)}" for operation in operations) or f"{MARK}{dialect}: nothing\n"


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_operations_are_as_written(path: Path, update: bool) -> None:
    text = path.read_text(encoding="utf-8")
    given, _, expected = text.partition(MARK)
    written, query = given.removeprefix("/*\n").split("*/\n", 1)
    head = yaml.safe_load(written)
    found = "".join(planned(head, query.rstrip("\n"), dialect) for dialect in head.get("dialects", ["duckdb"]))
    if update:
        path.write_text(given.rstrip("\n") + "\n\n" + found, encoding="utf-8")
        return
    assert MARK + expected == found


def test_every_materialization_has_a_case() -> None:
    shown = {
        yaml.safe_load(path.read_text().removeprefix("/*\n").split("*/")[0])["config"]["materialized"] for path in CASES
    }
    assert shown == set(MATERIALIZATIONS)
