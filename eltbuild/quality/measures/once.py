"""A view that many questions read, evaluated once for all of them. Nothing is run here."""

from __future__ import annotations

import re

from eltbuild.project.resources import Node
from eltbuild.sql.counting import MATERIALIZED
from eltbuild.sql.scan import code

ENOUGH = 4
"""So many evaluations cost more than keeping the rows of one."""
COSTLY = re.compile(
    r"\b(?:join|distinct|union|intersect|except|over|qualify|lateral|group\s+by|order\s+by)\b", re.IGNORECASE
)
"""What makes a view more than some columns and rows of a table, which are read as quickly as what is kept."""
LAST = re.compile(r"(?:\"(?:[^\"]|\"\")*\"|[\w$]+)\Z")
"""The last part of a name, as written: what columns may be qualified by."""


def is_costly(node: Node | None) -> bool:
    """Whether a node is a view that is evaluated with some effort whenever it is read."""
    return node is not None and node.materialized == "view" and COSTLY.search(node.code) is not None


def evaluated_once(sql: str, relation: str, dialect: str) -> str | None:
    """The question with the relation's rows in a common table expression; None where that would not pay.

    It has the name of the relation itself, so that columns may be qualified by it as before.
    """
    name = LAST.search(relation)
    if dialect not in MATERIALIZED or name is None or name[0] == relation:
        return None
    places = _places(sql, relation, dialect)
    if len(places) < ENOUGH:
        return None
    for place in reversed(places):
        sql = sql[:place] + name[0] + sql[place + len(relation) :]
    rows = f"with {name[0]} as materialized (select * from {relation})"
    return f"{rows},\n{sql[5:]}" if sql.startswith("with ") else f"{rows}\n{sql}"


def _places(sql: str, relation: str, dialect: str) -> list[int]:
    """Where the relation is named, outside of texts and comments."""
    stretches = list(code(sql, dialect))
    quoted = {end for _, end in stretches}
    named = re.compile(rf'(?<![\w$."]){re.escape(relation)}(?![\w$"])')
    found = [match.start() for match in named.finditer(sql)]
    return [at for at in found if at in quoted or any(start <= at < end for start, end in stretches)]
