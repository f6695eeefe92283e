"""A plan as text and as JSON."""

from __future__ import annotations

import json

from eltbuild.plan.nouns import Decision, Plan
from eltbuild.project.project import Project
from eltbuild.report.labels import Label, labels
from eltbuild.report.plan_text import plan_json, plan_text


def test_decisions_are_grouped_by_action_and_reason(project: Project) -> None:
    plan = Plan(
        (
            Decision("seed.shop.countries", "reuse", "unchanged"),
            Decision("model.shop.orders.v2", "build", "its text changed"),
            Decision("snapshot.shop.old", "build", "always built"),
            Decision("test.shop.unique_orders_v2_id.1234567890", "build", "its text changed"),
            Decision("test.shop.positive", "skip", "not selected"),
        )
    )
    assert (
        plan_text(plan, labels(project))
        == """\
3 nodes to build
  its text changed
    table     main.orders_v2
    test      unique_orders_v2_id
  always built
    snapshot  snaps.old

1 node to reuse as they stand
  unchanged
    seed  main.countries

1 node to skip
  not selected
    test  positive

Plan: 3 to build, 1 to reuse, 1 to skip"""
    )


def test_many_of_one_reason_are_counted_unless_all_are_asked_for() -> None:
    plan = Plan(tuple(Decision(f"model.a.m{index}", "reuse", "unchanged") for index in range(100)))

    def lookup(node: str) -> Label:
        return Label("table", node)

    assert "… and 90 more" in plan_text(plan, lookup)
    assert "... and 90 more" in plan_text(plan, lookup, unicode=False)
    assert "model.a.m99" in plan_text(plan, lookup, full=True)


def test_an_empty_plan(project: Project) -> None:
    assert plan_text(Plan(()), labels(project)) == "Plan: nothing to do"
    assert json.loads(plan_json(Plan(()), labels(project))) == {"decisions": []}


def test_json(project: Project) -> None:
    plan = Plan((Decision("seed.shop.countries", "build", "new"),))
    assert json.loads(plan_json(plan, labels(project)))["decisions"] == [
        {"node": "seed.shop.countries", "action": "build", "reason": "new", "kind": "seed", "name": "main.countries"}
    ]
