"""Statements that keep others away from relations until a transaction ends. Nothing is run."""

from __future__ import annotations

from collections.abc import Sequence

from eltbuild.relation import Relation
from eltbuild.sql import spelling
from eltbuild.sql.quoting import quote_string
from eltbuild.sql.writer import KINDS, Writer


def seize(writer: Writer, relations: Sequence[tuple[Relation, str]], seconds: int) -> tuple[str, str]:
    """Keep everybody else away from relations, given with their kinds, until the transaction ends.

    All locks are had at once, or for the moment none: whoever holds one and wants another gets it, so that no
    reader ever ends up in a deadlock with us. What a view reads stays free. The second text asks whether that
    was done within so many seconds. "" where the engine needs no locks.
    """
    block = spelling.SEIZE.get(writer.dialect, "")
    if not block:
        return "", ""
    locks = ", ".join(quote_string(_exclusive(writer, *each), writer.dialect) for each in relations)
    return f"do {quote_string(block.format(locks, seconds), writer.dialect)}", spelling.SEIZED[writer.dialect]


def _exclusive(writer: Writer, relation: Relation, kind: str) -> str:
    form = spelling.EXCLUSIVE[writer.dialect]["table" if kind == "table" else "view"]
    schema = writer.quote(relation.schema) if relation.schema else ""
    return form.format(writer.relation(relation), KINDS.get(kind, kind), schema)
