"""Constraints without an index that stand on a table: which the next one has, too. Nothing is run.

Where the contract of a model is enforced it decides on them; elsewhere they are their makers' and stay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from eltbuild.errors import Problem
from eltbuild.plan import contract
from eltbuild.plan.nouns import Facts, Operation, Statement
from eltbuild.relation import Column, Relation, Rule
from eltbuild.sql.writer import Writer


def kept(
    facts: Facts, kind: str, columns: Sequence[Column], writer: Writer
) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Those that the new relation has, too: what is to be checked in its rows, and what points to other tables."""
    if kind != "table" or contract.is_enforced(facts.node):
        return (), ()
    found = [rule for rule in facts.belongings.rules if not _missing(rule, columns)]
    pointing = [rule for rule in found if _points(rule)]
    return tuple(rule for rule in found if rule not in pointing), tuple(pointing)


def made(facts: Facts, rules: Sequence[Rule], relation: Relation, writer: Writer) -> tuple[Operation, ...]:
    """Make them. Raises, when carried out, `CompileError` where the rows do not let one be made.

    What points to another table is not checked in the rows that come, for that may be the next to be made anew.
    """
    return tuple(
        Statement(writer.add_constraint(relation, rule.name, _definition(rule)), "constraint", _doubt(facts, rule))
        for rule in rules
    )


def losses(facts: Facts, kind: str, columns: Sequence[Column], writer: Writer) -> tuple[Problem, ...]:
    """Those that go with the old table, as warnings."""
    stay = {rule.name for rules in kept(facts, kind, columns, writer) for rule in rules}
    return tuple(
        Problem(
            f"the constraint `{rule.name}` goes with the old `{facts.relation}`: {_why_lost(facts, rule, columns)}",
            facts.node.place,
            severity="warning",
            name="ConstraintDropped",
        )
        for rule in facts.belongings.rules
        if rule.name not in stay and not _is_of_contract(facts, rule, writer)
    )


def _is_of_contract(facts: Facts, rule: Rule, writer: Writer) -> bool:
    """Whether the contract makes it, or has made one of such a name as the engine gives to what has none."""
    name = re.escape(facts.relation.identifier or "")
    given = re.fullmatch(rf"{name}_(?:.*_)?(?:check|fkey)\d*", rule.name) is not None
    return contract.is_enforced(facts.node) and (given or rule.name in contract.names(facts, writer))


def _why_lost(facts: Facts, rule: Rule, columns: Sequence[Column]) -> str:
    if contract.is_enforced(facts.node):
        return "the contract does not name it"
    gone = ", ".join(f"`{name}`" for name in _missing(rule, columns))
    return f"the new one has no {gone}" if gone else "the new one is no table"


def _missing(rule: Rule, columns: Sequence[Column]) -> tuple[str, ...]:
    there = {column.name for column in columns}
    return tuple(name for name in rule.columns if columns and name not in there)


def _points(rule: Rule) -> bool:
    return rule.definition.casefold().startswith("foreign key")


def _definition(rule: Rule) -> str:
    known = not _points(rule) or rule.definition.casefold().rstrip().endswith("not valid")
    return rule.definition if known else f"{rule.definition} not valid"


def _doubt(facts: Facts, rule: Rule) -> str:
    return (
        f"the constraint `{rule.name}` of the standing `{facts.relation}` ({rule.definition}) does not hold for the new"
        " rows. Drop it first if it is not meant any more"
    )
