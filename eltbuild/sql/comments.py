"""Statements that describe relations and columns, per dialect. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.relation import Relation
from eltbuild.sql import spelling
from eltbuild.sql.quoting import quote_string
from eltbuild.sql.writer import KINDS, Writer


def comment_on(writer: Writer, relation: Relation, kind: str, text: str) -> str:
    """Describe a relation."""
    place, literal, word = (
        writer.relation(relation),
        quote_string(text, writer.dialect),
        KINDS.get(kind, kind),
    )
    if writer.dialect == "bigquery":
        return f"alter {word} {place} set options (description = {literal})"
    if writer.dialect in ("spark", "spark2", "hive"):
        return f"alter {word} {place} set tblproperties ('comment' = {literal})"
    if writer.dialect in spelling.MYSQL:
        return f"alter table {place} comment = {literal}"
    return f"comment on {'table' if writer.dialect == 'databricks' else word} {place} is {literal}"


def comment_on_columns(writer: Writer, relation: Relation, kind: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Describe columns, one statement each; none where only making a column can describe it."""
    place = writer.relation(relation)
    if writer.dialect in spelling.MYSQL:
        return ()
    if writer.dialect == "bigquery":
        form = "alter table {0} alter column {1} set options (description = {2})"
    elif writer.dialect in spelling.SPARK:
        form = "alter table {0} alter column {1} comment {2}"
    else:
        form = "comment on column {0}.{1} is {2}"
    return tuple(
        form.format(place, writer.quote(name), quote_string(text, writer.dialect)) for name, text in texts.items()
    )
