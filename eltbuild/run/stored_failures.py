"""Failing rows that tests store, of a node that is not published: read before all of that is undone, written after it.

In between they lie in files of this machine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.project.resources import Node, NodeId
from eltbuild.quality.data_tests import stores_failures
from eltbuild.relation import RelationInfo
from eltbuild.run.commented import Commented
from eltbuild.run.ownership.archive_file import write_rows
from eltbuild.run.ownership.restoring import content, filled
from eltbuild.run.testing.alone import Asked, has_none
from eltbuild.run.testing.stored import store_failures
from eltbuild.run.work import Work
from eltbuild.state.records import Built
from eltbuild.values import dataclass, replace

LOADED = "__py"
"""Before the suffix of the run: rows that were loaded for its own use, as those of Python models."""
TABLES = frozenset({"table", "history"})
"""How rows are stored that outlive what they were found in: a view shows what is published."""


@dataclass(frozen=True, slots=True)
class Held:
    """The failing rows of a test, in a file."""

    test: Node
    asked: Asked
    kind: str
    path: Path


def carry(work: Work, found: Mapping[NodeId, Asked], connection: Commented) -> Callable[[Connection], None]:
    """The rows are in files by now; what stores them, once the transaction is over, and notes where. Neither raises
    but what ends the run: what cannot be stored is told.
    """
    wanted = [*_wanted(work, found)]
    if not wanted:
        return lambda connection: None
    # Where the attempt ends before they are stored, the folder goes with what holds it.
    folder = TemporaryDirectory(prefix="eltbuild-", ignore_cleanup_errors=True)
    there = Path(folder.name)
    held = [one for test, asked, kind in wanted if (one := _held(work, test, asked, kind, there, connection))]

    def store(connection: Connection) -> None:
        assert isinstance(connection, Commented)
        try:
            for one in held:
                _stored(work, one, connection)
        finally:
            folder.cleanup()

    return store


def _wanted(work: Work, found: Mapping[NodeId, Asked]) -> Iterator[tuple[Node, Asked, str]]:
    """The tests of the run whose rows are to be stored, and how."""
    chosen, flag = frozenset(work.session.invocation.selected), work.session.flag("STORE_FAILURES")
    for id, asked in found.items():
        test = work.session.project.nodes[id]
        kind = stores_failures(test, flag)
        if id in chosen and kind in TABLES and asked.outcome is not None:
            yield test, asked, kind or ""


def _held(work: Work, test: Node, asked: Asked, kind: str, folder: Path, connection: Commented) -> Held | None:
    with connection.trial(work.writer.capabilities.savepoints) as back:
        try:
            return Held(test, asked, kind, _read(work, test, asked, folder, connection))
        except EltbuildError as error:
            if isinstance(error, DatabaseError) and (error.lost or error.transient):
                raise
            back()
            _tell(work, test, error)
    return None


def _read(work: Work, test: Node, asked: Asked, folder: Path, connection: Commented) -> Path:
    assert test.relation is not None
    writer = work.writer
    place = writer.session(test.relation, f"{LOADED}{work.temporary}")
    limit = 0 if has_none(test, asked) else test.config.get("limit")
    failing = asked.failing or asked.sql
    sql = failing if limit is None else writer.limited(failing, int(limit))
    connection.execute(writer.create_table_as(place, sql, temporary=True))
    info = connection.relation(place)
    table = RelationInfo(place, "table", info.columns if info is not None else ())
    built = Built(run=0, project=test.package, relation=place, kind="table", node=test.id)
    path = write_rows(connection, table, built, writer, folder, work.now)
    connection.execute(writer.drop(place, "table"))
    return path


def _stored(work: Work, held: Held, connection: Commented) -> None:
    test, writer = held.test, work.writer
    assert test.relation is not None
    # What takes the place of older rows is made at the `working_place` of its table.
    staged = writer.beside(test.relation, f"{LOADED}{work.temporary}")
    try:
        with connection.passing(), connection.transaction():
            filled(held.path, replace(content(held.path), relation=staged), connection, writer)
            rows = f"select * from {writer.relation(staged)}"
            name = store_failures(work, test, connection, rows, held.kind)
            connection.execute(writer.drop(staged, "table"))
    except EltbuildError as error:
        _tell(work, test, error)
        return
    work.audits.note(test.id, replace(held.asked, kept_in=name))


def _tell(work: Work, test: Node, error: EltbuildError) -> None:
    why = str(error.problems[0].message) if error.problems else str(error)
    work.session.say(f"the failing rows of `{test.name}` are not stored: {why}", "warn", "warning", test.id)
