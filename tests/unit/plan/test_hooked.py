"""What hooks make on a new relation: which of it comes along from the old one, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from planning import node, writer

from eltbuild.plan.hooked import LATE, RESTORED, is_hooked, made_by_hooks, restored, stands
from eltbuild.plan.nouns import Facts, Restore
from eltbuild.relation import Belongings, Index, Reference, Relation, RelationInfo, Rule

PLACE, POSTGRES = Relation("shop", "main", "orders"), writer("postgres")
KEY = Index("orders_pkey", "using btree (id)", True, ("id",), "PRIMARY KEY (id)")
BY_DAY = Index("by_day", "using btree (day)", False, ("day",))
POSITIVE = Rule("positive", "CHECK ((id > 0))", ("id",))


def facts(*hooks: Any, **hangs: Any) -> Facts:
    made = node({"materialized": "table", "post-hook": list(hooks)})
    standing = RelationInfo(PLACE, "table")
    now = datetime(2024, 1, 1, tzinfo=UTC)
    return Facts(
        node=made, query="select 1", relation=PLACE, existing=standing, now=now, belongings=Belongings(**hangs)
    )


def test_hooks_without_a_text_are_none() -> None:
    assert not is_hooked(facts(" ", {"sql": ""}).node)
    assert is_hooked(facts({"sql": "select 1", "transaction": False}).node)


@pytest.mark.parametrize(
    ("hook", "made"),
    [
        ("CREATE TRIGGER quiet ...", ("trigger quiet",)),
        ("{{ add_policy(this) }}", ("policy own",)),
        ("alter table t enable row level security", ("row security",)),
        ("analyze", ()),
        ("alter table t disable trigger all", ()),
        ({"sql": "create trigger quiet ...", "transaction": False}, ("trigger quiet",)),
        ({"sql": "{{ add_policy(this) }}", "transaction": False}, ()),
    ],
)
def test_hooks_make_what_they_speak_of(hook: Any, made: tuple[str, ...]) -> None:
    assert made_by_hooks(facts(hook, bound=("trigger quiet", "policy own", "row security"))) == made


def test_all_comes_along_behind_the_last_hook() -> None:
    points = Reference(PLACE.named("lines"), "lines_fkey", "FOREIGN KEY (id) REFERENCES main.orders(id)", True)
    hangs: dict[str, Any] = {"indexes": (KEY, BY_DAY), "rules": (POSITIVE,), "references": (points,)}
    for hook, label in (
        ("analyze", RESTORED),
        ({"sql": "alter table t add primary key (id)", "transaction": False}, LATE),
    ):
        first, *rest = restored(facts(hook, **hangs), "table", (), POSTGRES, frozenset({"by_day"}))
        assert isinstance(first, Restore)
        assert [thing for thing, _ in first.things] == [KEY, POSITIVE]
        assert {one.label for one in (first, *rest)} == {label}
        assert len(rest) == 1


@pytest.mark.parametrize(
    ("hook", "late"),
    [
        ("analyze", []),
        ("create index concurrently on {{ this }} (day)", [BY_DAY]),
        ("alter table {{ this }} add check (id > 0)", [KEY, POSITIVE]),
        ("{{ add_keys(this) }}", [KEY, BY_DAY, POSITIVE]),
    ],
)
def test_only_what_a_hook_behind_the_transaction_may_make_waits_for_it(hook: str, late: list[Any]) -> None:
    points = Reference(PLACE.named("lines"), "lines_fkey", "FOREIGN KEY (id) REFERENCES main.orders(id)", True)
    hangs: dict[str, Any] = {"indexes": (KEY, BY_DAY), "rules": (POSITIVE,), "references": (points,)}
    found = restored(facts({"sql": hook, "transaction": False}, **hangs), "table", (), POSTGRES, frozenset())
    by_label = {one.label: [thing for thing, _ in one.things] for one in found if isinstance(one, Restore)}
    assert by_label.get(LATE, []) == late
    assert by_label.get(RESTORED, []) == [one for one in (KEY, BY_DAY, POSITIVE) if one not in late]
    # What points to a key comes when that stands.
    assert [one.label for one in found if not isinstance(one, Restore)] == [LATE if KEY in late else RESTORED]


def test_what_stands_by_now_is_not_made_again() -> None:
    other = Index("other_key", "using btree (day)", True, ("day",), "PRIMARY KEY (day)")
    same = Index("orders_day_idx", "using btree (day)", False, ("day",))
    assert stands(KEY, Belongings(indexes=(other,)))
    assert stands(BY_DAY, Belongings(indexes=(same,)))
    assert not stands(BY_DAY, Belongings(indexes=(KEY,)))
    points = Rule("b", "FOREIGN KEY (id) REFERENCES main.a(id) NOT VALID")
    assert stands(points, Belongings(rules=(Rule("c", "FOREIGN KEY (id) REFERENCES main.a(id)"),)))
    assert not stands(POSITIVE, Belongings(rules=(points,)))
