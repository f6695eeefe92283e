"""How a relation is kept under another name before something else takes its place. Nothing is run.

Where what follows replaces it whole it is renamed: that takes no time, and nothing of it is lost. Where its rows are to
stay and be written to, or where something hangs on it that must not follow it to another name, it is copied.
"""

from __future__ import annotations

import re
from datetime import datetime

from eltbuild.plan.nouns import Statement
from eltbuild.relation import Belongings, Relation, RelationInfo
from eltbuild.sql import spelling
from eltbuild.sql.quoting import quote_string
from eltbuild.sql.writer import Writer

NAME = r'(?:"(?:[^"]|"")*"|[^\s".(]+)'
MADE = re.compile(rf"create\s+view\s+{NAME}(?:\.{NAME})*\s+as\s+", re.IGNORECASE)
"""How a statement begins that makes a view without names for its columns."""


def kept_suffix(now: datetime, temporary: str) -> str:
    """What the name of a relation that is kept ends in; no two runs give the same."""
    return f"__kept_{now:%Y%m%d}_{temporary.strip('_')}"


def renamed(existing: RelationInfo, belongings: Belongings, suffix: str, writer: Writer) -> tuple[Statement, ...]:
    """The relation under its new name, and its indexes too: those of the relation that comes may want their names."""
    indexes = [(existing.relation.named(index.name), "index") for index in belongings.indexes]
    relations = [(existing.relation, str(existing.kind)), *indexes]
    return tuple(Statement(writer.rename(old, writer.beside(old, suffix), kind), "keep") for old, kind in relations)


def copied(existing: RelationInfo, suffix: str, view_query: str, writer: Writer) -> tuple[Statement, ...]:
    """A second relation with the same rows, or for a view with the same query."""
    kept = writer.beside(existing.relation, suffix)
    if view_query:
        return (Statement(writer.create_view_as(kept, view_query), "keep"),)
    query = f"select * from {writer.relation(existing.relation)}"
    return (Statement(writer.create_table_as(kept, query), "keep"),)


def view_text(relation: Relation, writer: Writer) -> str:
    """A question for the text of a view, as the engine keeps it: its query, or the statement that makes it."""
    own = spelling.VIEW_TEXT.get(writer.dialect)
    if own is not None:
        return own.format(quote_string(writer.relation(relation), writer.dialect))
    parts = {
        "table_catalog": relation.database, "table_schema": relation.schema, "table_name": relation.identifier
    }  # fmt: skip
    wanted = [f"{name} = {quote_string(part, writer.dialect)}" for name, part in parts.items() if part]
    return f"select view_definition from information_schema.views where {' and '.join(wanted)}"


def view_query(text: str) -> str:
    """The query in the text of a view; "" where it cannot be told."""
    text = text.strip().rstrip(";")
    made = MADE.match(text)
    if made is not None:
        return text[made.end() :]
    return "" if text[:6].casefold() == "create" else text
