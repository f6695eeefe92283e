"""Whose a relation is: what a project did not build is not replaced, dropped or written, unless it is adopted."""

from __future__ import annotations

from collections.abc import Sequence

from eltbuild.adapter import Connection
from eltbuild.errors import CompileError, DatabaseError, Problem
from eltbuild.plan.archive import copied, kept_suffix, renamed, view_query, view_text
from eltbuild.plan.going_on import is_movable
from eltbuild.plan.nouns import Call, Facts, Operation, Statement
from eltbuild.project.resources import Node
from eltbuild.relation import Relation, RelationInfo
from eltbuild.run.commented import Commented
from eltbuild.run.performing import perform
from eltbuild.run.work import Work
from eltbuild.sql.writer import Writer
from eltbuild.values import replace

FOREIGN = "ForeignRelation"
"""The name of the problem of a relation that a project did not build."""

COUNTED = 10_000_000
"""So many rows are counted for a message, and no more."""

ARTICLES = {"materialized_view": "a materialized view", "external": "an external table"}


def admitted(work: Work, facts: Facts, connection: Commented) -> Facts:
    """The facts with what must happen first to a relation that stands there and is not the project's.

    Raises `CompileError` where it may not be touched.
    """
    if facts.existing is None or is_own(work, facts.existing):
        return facts
    if not adopts(work, facts.node):
        raise CompileError(refusal(work, facts.node, facts.existing, connection))
    return adopted(work, facts, facts.existing, connection)


def refuse_foreign(work: Work, node: Node, existing: RelationInfo | None, connection: Commented) -> None:
    """Raise what `admitted` would raise: for work that is better not begun. Raises `CompileError`."""
    if existing is not None and not is_own(work, existing) and not adopts(work, node):
        raise CompileError(refusal(work, node, existing, connection))


def is_own(work: Work, existing: RelationInfo) -> bool:
    """Whether the project built it; where nothing is remembered, everything counts as the project's."""
    return not work.ledger.remembers or work.ledger.owner(existing.relation) == project_of(work)


def is_foreign(work: Work, node: Node) -> bool:
    """Whether something is known to stand where the node builds, and is neither the project's nor to be adopted."""
    existing = work.catalogue.kind(node.relation) if node.relation is not None else None
    return existing is not None and not is_own(work, existing) and not adopts(work, node)


def project_of(work: Work) -> str:
    """The name under which the project is remembered."""
    return work.session.project.settings.name


def adopts(work: Work, node: Node) -> bool:
    """Whether a node takes over what stands there: its own `adopt`, else the flag."""
    own = node.config.get("adopt")
    return bool(own) if own is not None else bool(work.session.flag("ADOPT"))


# Refused


def refusal(work: Work, node: Node, existing: RelationInfo, connection: Commented) -> Problem:
    """What stands there, whose it is as far as that is known, and how to take it over."""
    kept = f"keeps the old one as `{existing.relation.identifier}__kept_<date>_<run>`"
    hint = f"{how_to_adopt(node)} takes it over and {kept}; another `alias` or `schema` leaves it alone"
    text = f"`{existing.relation}` is {described(work, existing, connection)} {whose(work, existing.relation)}"
    return Problem(text, node.place, hint, name=FOREIGN)


def whose(work: Work, place: Relation) -> str:
    """`that the project `shop` built`."""
    owner = work.ledger.owner(place)
    return f"that the project `{owner}` built" if owner else "that this project did not build"


def how_to_adopt(node: Node) -> str:
    """What lets a node take over what stands there: the flag does not where the config says no."""
    in_config = "`adopt: true` in its config"
    return in_config if node.config.get("adopt") is False else f"--adopt (or {in_config})"


def described(work: Work, existing: RelationInfo, connection: Commented) -> str:
    """`a table (1,234 rows)`: the kind, and how many rows where that can be told soon."""
    word = ARTICLES.get(existing.kind, f"a {existing.kind}")
    rows = counted(work.writer, existing, connection) if existing.kind == "table" else None
    return word if rows is None else f"{word} ({told_rows(rows)})"


def told_rows(rows: int) -> str:
    """`1,234 rows`, or that there are more than were counted."""
    if rows > COUNTED:
        return f"more than {COUNTED:,} rows"
    return "1 row" if rows == 1 else f"{rows:,} rows"


def counted(writer: Writer, existing: RelationInfo, connection: Connection) -> int | None:
    """How many rows it has, counted up to one more than `COUNTED`; None where that cannot be told."""
    rows = f"select 1 as a from {writer.relation(existing.relation)} limit {COUNTED + 1}"
    try:
        return int(connection.execute(f"select count(*) from ({rows}) as counted").scalar())
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        return None


# Taken over


def adopted(work: Work, facts: Facts, existing: RelationInfo, connection: Commented) -> Facts:
    """The facts with what keeps the old relation under another name, and with what remembers that.

    Where data and record cannot commit together it is copied here and now: a run that fails after that has kept it.
    """
    suffix = kept_suffix(facts.now, facts.temporary)
    kept = work.writer.beside(existing.relation, suffix)

    def tell(connection: Connection) -> None:
        if connection.relation(kept) is None:
            raise CompileError(Problem(f"`{existing.relation}` was not kept as `{kept}`: nothing was changed"))
        work.session.say(f"`{existing.relation}` is taken over, and kept as `{kept}`", "info", "note", facts.node.id)

    remembered: tuple[Operation, ...] = (
        Call(tell, "note"),
        *work.ledger.noting(kept, existing.kind, "archived", facts.node.id),
        *work.ledger.noting(existing.relation, existing.kind, "adopted", facts.node.id),
    )
    if not work.ledger.together(existing.relation):
        with connection.passing(), connection.transaction():
            perform(connection, _copied(work, existing, suffix, connection))
        perform(connection, remembered)
        return facts
    if is_renamed(work, facts, existing, suffix, connection):
        return replace(facts, archive_suffix=suffix, adopted=remembered)
    return replace(facts, adoption=_copied(work, existing, suffix, connection), adopted=remembered)


def is_renamed(work: Work, facts: Facts, existing: RelationInfo, suffix: str, connection: Commented) -> bool:
    """Whether the old relation takes another name when the new one takes its place; else it stays and is copied."""
    node = facts.node
    opaque = work.session.macros.materialization(node.materialized, node.package) is not None
    if opaque or not is_movable(facts, work.writer):
        return False
    # Where what hangs on a relation holds to the very one, and not to its name, that can always change.
    bound = work.writer.capabilities.binds_views
    return bound or lets(connection, renamed(existing, facts.belongings, suffix, work.writer))


class _TakenBack(Exception):
    """What was tried is not kept."""


def lets(connection: Commented, statements: Sequence[Statement]) -> bool:
    """Whether the engine would do these: they are done, and taken back.

    An index or a foreign key holds a relation to its name in some engines; which they are, only trying it tells. Within
    a transaction nothing can be tried.
    """
    if connection.within:
        return False
    try:
        with connection.passing(), connection.transaction():
            for statement in statements:
                connection.execute(statement.sql)
            raise _TakenBack
    except _TakenBack:
        return True
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        return False


def _copied(work: Work, existing: RelationInfo, suffix: str, connection: Commented) -> tuple[Statement, ...]:
    query = ""
    if existing.kind == "view":
        query = view_query(str(connection.execute(view_text(existing.relation, work.writer)).scalar() or ""))
    return copied(existing, suffix, query, work.writer)
