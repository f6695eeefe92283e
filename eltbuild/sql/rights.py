"""Statements on owners and rights, per dialect. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eltbuild.errors import CompileError, Problem
from eltbuild.relation import Relation
from eltbuild.sql import spelling
from eltbuild.sql.quoting import quote_string
from eltbuild.sql.writer import KINDS, Writer

PRIVILEGE = re.compile(r"[A-Za-z](?:[\w. /]|-(?!-))*")
GRANTEE = re.compile(
    r'(?:(?:group|role|user|share|(?:database|application) role) +)?(?:\w+|"(?:[^"]|"")+")', re.IGNORECASE
)
"""What stands for a role in a grant without more quotes."""


def grant(
    writer: Writer,
    privilege: str,
    relation: Relation,
    kind: str,
    grantees: Sequence[str],
    *,
    column: str = "",
    grantable: bool = False,
) -> str:
    """Give a privilege on a relation, or on one column of it. Raises `CompileError` for what is no privilege."""
    words = _right(writer, "grant", privilege, relation, kind, "to", grantees, column)
    return words + (" with grant option" if grantable else "")


def revoke(
    writer: Writer, privilege: str, relation: Relation, kind: str, grantees: Sequence[str], *, column: str = ""
) -> str:
    """Take a privilege on a relation away. Raises `CompileError` for what is no privilege."""
    return _right(writer, "revoke", privilege, relation, kind, "from", grantees, column)


def _right(
    writer: Writer,
    verb: str,
    privilege: str,
    relation: Relation,
    kind: str,
    word: str,
    grantees: Sequence[str],
    column: str,
) -> str:
    if not PRIVILEGE.fullmatch(privilege):
        raise CompileError(Problem(f"{privilege!r} is no privilege", hint="write it as `select: [reader]`"))
    place = writer.relation(relation)
    if writer.dialect in spelling.NAMES_KIND:
        place = f"{KINDS.get(kind, kind)} {place}"
    if writer.dialect == "bigquery":
        privilege = writer.quote(privilege)
    columns = f" ({writer.quote(column)})" if column else ""
    return f"{verb} {privilege}{columns} on {place} {word} {', '.join(grantee(writer, name) for name in grantees)}"


def grantee(writer: Writer, name: str) -> str:
    """Who receives a right: as given where that is a name or a word of SQL already, else quoted."""
    form = spelling.GRANTEE.get(writer.dialect)
    if form is not None:
        return form.format(name.replace(form[0], form[0] * 2))
    return name if GRANTEE.fullmatch(name) else writer.quote(name)


def role(writer: Writer, name: str) -> str:
    """A role under the very name by which the engine knows it; `public` is everybody."""
    if name.casefold() == "public":
        return "public"
    return name if writer.dialect in spelling.GRANTEE else writer.quote(name)


def own(writer: Writer, relation: Relation, kind: str, owner: str) -> str:
    """Give a relation to an owner."""
    return f"alter {KINDS.get(kind, kind)} {writer.relation(relation)} owner to {role(writer, owner)}"


def bare(writer: Writer, relation: Relation) -> str:
    """Take away all rights that the engine gave by itself when the relation was made; "" where it gives none."""
    form = spelling.BARE.get(writer.dialect, "")
    inner = quote_string(writer.relation(relation), writer.dialect)
    return form and f"do {quote_string(form.format(inner), writer.dialect)}"
