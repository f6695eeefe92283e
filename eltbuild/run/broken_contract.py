"""What to say where the engine itself refuses rows for a constraint of their contract: which rows, and how many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eltbuild.adapter import Connection
from eltbuild.errors import CompileError, DatabaseError, EltbuildError
from eltbuild.plan.nouns import Facts, Inquiry
from eltbuild.plan.promises import has_constraints, of_query
from eltbuild.run.commented import Commented
from eltbuild.run.performing import inquire
from eltbuild.sql.writer import Writer

INTEGRITY = "23"
"""The class of SQLSTATE for broken constraints."""


@contextmanager
def telling(facts: Facts, connection: Commented, writer: Writer) -> Iterator[None]:
    """Where what is done inside breaks a constraint, the rows are looked for that break the contract, and told.

    The engine knows of one row, and perhaps not of its values. Raises `CompileError` with the rows that were found,
    else what was raised inside.
    """
    try:
        yield
    except DatabaseError as error:
        if error.lost or error.transient or not has_constraints(facts.node) or not is_integrity(error):
            raise
        found = _found(facts, connection, writer)
        if found is None:
            raise
        raise found from error


def is_integrity(error: DatabaseError) -> bool:
    """Whether the engine refused rows, and not a statement."""
    return error.code.startswith(INTEGRITY) or "constraint" in error.code.casefold()


def _found(facts: Facts, connection: Connection, writer: Writer) -> CompileError | None:
    """All that the query's rows break; None where they alone break nothing."""
    try:
        for asked in of_query(facts, writer):
            if isinstance(asked, Inquiry):
                inquire(connection, asked)
    except CompileError as told:
        return None if isinstance(told.__cause__, EltbuildError) else told
    except DatabaseError:
        return None
    return None
