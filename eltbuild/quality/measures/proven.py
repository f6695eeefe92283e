"""Tests that need not be asked, since the model's own query proves what they would find. Nothing is run here.

A proof is about the rows of the query as it stands: it holds for a relation that holds just these. Only what is surely
so counts as one; whatever is not understood proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.adapter import Capabilities
from eltbuild.project.resources import Node
from eltbuild.quality.measures.builtin import Tested, tested
from eltbuild.quality.measures.limits import limits_of
from eltbuild.quality.measures.origins import origin_of
from eltbuild.quality.measures.trees import Unclear, key_of_text, literals_of, spelled
from eltbuild.sql.quoting import read_bare

WHOLE = frozenset({"table", "view"})
"""Materializations whose relation holds the rows of its query, and no others."""


def proof(
    test: Node, sql: str, relation: str, model: Node, query: str, dialect: str, capabilities: Capabilities
) -> str | None:
    """Why no row of the model can fail the test, in words; None where that is not certain.

    `sql` is the test's compiled text and `query` the model's, whose rows the relation must hold as it was built.
    """
    limits = limits_of(test)
    found = tested(test, sql, relation, dialect)
    if limits is None or found is None or limits.outcome(0).verdict != "pass":
        return None
    if model.language != "sql" or model.materialized not in WHOLE or model.config.get("post-hook"):
        return None
    enforced = _enforced(found, model, dialect, capabilities)
    if enforced is not None or is_contracted(model):
        # Values may be cast to the types of a contract: what the query says of them is not for certain then.
        return enforced
    try:
        return _shown(found, query, dialect)
    except (Unclear, RecursionError):
        return None


def is_contracted(model: Node) -> bool:
    """Whether the model's columns are those of an enforced contract."""
    contract = model.config.get("contract")
    return isinstance(contract, Mapping) and bool(contract.get("enforced"))


PROVING: Mapping[str, frozenset[str]] = {
    "not_null": frozenset({"not_null", "primary_key"}),
    "unique": frozenset({"unique", "primary_key"}),
}
"""By test, the constraints of a single column from which it follows."""


def _enforced(found: Tested, model: Node, dialect: str, capabilities: Capabilities) -> str | None:
    if model.materialized != "table" or not is_contracted(model):
        return None
    name = read_bare(found.column, dialect).casefold()
    if len([column for column in model.columns.values() if column.name.casefold() == name]) != 1:
        return None  # engines that tell letter case apart have two
    proving = PROVING.get(found.test, frozenset()) & capabilities.enforced_constraints
    for column in model.columns.values():
        kinds = {str(constraint.get("type")) for constraint in column.constraints} & proving
        if column.name.casefold() == name and kinds:
            return f"the engine enforces the constraint {min(kinds)} of `{column.name}`"
    for constraint in model.constraints:
        columns = [str(column).casefold() for column in constraint.get("columns") or ()]
        if str(constraint.get("type")) in proving and columns == [name]:
            return f"the engine enforces the constraint {constraint.get('type')} of `{columns[0]}`"
    return None


def _shown(found: Tested, query: str, dialect: str) -> str | None:
    origin = origin_of(query, found.column, dialect)
    match found.test:
        case "not_null":
            return origin.never_null()
        case "unique":
            return origin.unique()
        case "accepted_values":
            accepted = literals_of(found.values, dialect)
            return None if accepted is None else origin.among(accepted)
        case _:
            return origin.found_in(spelled(found.to, dialect), key_of_text(found.field, dialect))
