"""Every materialization as text: facts in the head of a file, the operations of each dialect below."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pytest
import yaml
from planning import CAPABILITIES, NOON, hours, node

from eltbuild.adapter import Answer
from eltbuild.errors import EltbuildError
from eltbuild.plan.materialize import MATERIALIZATIONS, asks_columns
from eltbuild.plan.nouns import Call, Check, Facts, Inquiry, Load, Operation, Seize, Statement
from eltbuild.relation import Belongings, Column, Dependant, Grant, Index, Reference, Relation, RelationInfo
from eltbuild.sql.writer import Writer

ROOT = Path(__file__).parents[2] / "fixtures"
AREAS = ("whole", "publish", "incremental", "snapshot", "seed", "extras")
CASES = sorted(path for area in AREAS for path in (ROOT / area).glob("*.sql"))
MARK = "-- >>> "


def columns(given: dict[str, str] | None) -> tuple[Column, ...]:
    return tuple(Column(name, type_name) for name, type_name in (given or {}).items())


def _described(given: dict[str, Any] | None) -> tuple[Column, ...]:
    """Columns with comments: `{id: [integer, "The key"]}`; without one, the type alone."""
    pairs = {name: told if isinstance(told, list) else [told, ""] for name, told in (given or {}).items()}
    return tuple(Column(name, type_name, comment=comment) for name, (type_name, comment) in pairs.items())


def _belongings(head: dict[str, Any]) -> Belongings:
    """What hangs on the standing relation: rights as `[privilege, role, grantable, column]`, the rest by its fields."""
    given = dict(head.get("belongings") or {})
    granted = [[privilege, name] for privilege, names in (head.get("grants") or {}).items() for name in names]
    grants = tuple(Grant(*grant) for grant in (*granted, *given.pop("grants", ())))
    made = {
        "indexes": tuple(_index(index) for index in given.pop("indexes", ())),
        "dependants": tuple(_dependant(view) for view in given.pop("dependants", ())),
        "references": tuple(
            Reference(**{**key, "relation": Relation(*key["relation"])}) for key in given.pop("references", ())
        ),
        "bound": tuple(given.pop("bound", ())),
    }
    return Belongings(grants=grants, **made, **given)


def _index(given: dict[str, Any]) -> Index:
    return Index(**{**given, "columns": tuple(given.get("columns", ()))})


def _dependant(given: dict[str, Any]) -> Dependant:
    made = {
        "kind": "view",
        **given,
        "relation": Relation(*given["relation"]),
        "columns": _described(given.get("columns")),
        "needs": tuple(given.get("needs", ())),
        "grants": tuple(Grant(*grant) for grant in given.get("grants", ())),
        "indexes": tuple(_index(index) for index in given.get("indexes", ())),
    }
    return Dependant(**made)


def facts_of(head: dict[str, Any], query: str) -> Facts:
    relation = Relation(*head.get("relation", ["shop", "main", "orders"]))
    made = node(head["config"], relation.identifier or "", **head.get("node", {}))
    existing = head.get("existing")
    standing = existing and RelationInfo(
        relation, existing["kind"], _described(existing.get("columns")), existing.get("comment", "")
    )
    rows = pyarrow.table(head["rows"]) if "rows" in head else None
    batch = hours(*head["batch"]) if "batch" in head else None
    return Facts(
        node=made, query=query, relation=relation, existing=standing, columns=columns(head.get("columns")), now=NOON,
        full_refresh=head.get("full_refresh", False), batch=batch, rows=rows,
        belongings=_belongings(head), temporary="_7",
        later=frozenset(Relation(*place).key for place in head.get("later", ())),
    )  # fmt: skip


class Heard:
    """A connection that only remembers what it is told; every question has the answer 0."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sql: str) -> Answer:
        self.statements.append(sql)
        return Answer(rows=((0,),))


def shown(operation: Operation) -> str:
    match operation:
        case Statement(sql, label):
            return f"{label}\n{sql};\n"
        case Load(relation, rows, label):
            return f"{label}\n-- load {rows.num_rows} rows into {relation}\n"
        case Check(sql, _, label):
            return f"{label}\n{sql};\n"
        case Inquiry(questions, _, label):
            return f"{label}\n" + "".join(f"{sql};\n" for sql in questions)
        case Call(run, label):
            heard = Heard()
            run(heard)  # type: ignore[arg-type]
            return f"{label}\n" + "".join(f"{sql};\n" for sql in heard.statements)
        case Seize(sql, _, _, _, then, otherwise, label):
            locks = sql.partition("array[")[2].partition("];")[0]
            head = f"{label}\n-- {locks.replace(chr(39), '')}\n"
            return head + "".join(
                f"-- >>> {word}: {shown(one)}"
                for word, ops in (("  then", then), ("  otherwise", otherwise))
                for one in ops
            )
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
