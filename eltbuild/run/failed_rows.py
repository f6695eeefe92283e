"""Rows that failed an audit, kept for looking at under a name of their own until an audit passes.

They are kept in the transaction that would have published them where all that it did lies beside what stands, so that
it can commit without being seen; else they are read before it is rolled back, and written after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.plan.keeping import SOON
from eltbuild.plan.nouns import Audit, Operation, Statement
from eltbuild.plan.publish import working_place
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Relation, RelationInfo
from eltbuild.run.commented import Commented
from eltbuild.run.ownership.archive_file import write_rows
from eltbuild.run.ownership.orphans import places
from eltbuild.run.ownership.restoring import content, filled
from eltbuild.run.performing import perform
from eltbuild.run.work import Work
from eltbuild.sql.locks import seize
from eltbuild.state.records import FAILED_ROWS, Built
from eltbuild.values import dataclass, replace

FAILED = "__failed"
"""The suffix of the table of rows that failed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where rows are that failed, or why they are nowhere."""

    relation: Relation | None = None
    why: str = ""


Settle = Callable[[Connection], Kept]
"""What is to be done once the transaction is over."""


def failed_place(work: Work, node: Node) -> Relation:
    """Where rows of a node are kept that failed."""
    assert node.relation is not None
    return work.writer.beside(node.relation, FAILED)


def keep(
    work: Work, node: Node, audit: Audit, connection: Commented, commits: bool, slice: bool = False
) -> tuple[Kept, Settle | None]:
    """Keep the rows; where that must wait until the transaction is over, what is to be done then.

    Those of a `slice` are put to those of other slices that this run has kept.
    """
    place = failed_place(work, node)
    more = slice and node.id in work.audits.kept and connection.relation(place) is not None
    taken = "" if more else _taken(work, place, connection)
    if taken:
        return Kept(why=taken), None
    if commits:
        return _kept_now(work, node, audit, place, connection, more), None
    return Kept(place), _carried(work, node, audit, place, connection, more)


def _kept_now(work: Work, node: Node, audit: Audit, place: Relation, connection: Connection, more: bool) -> Kept:
    """The rows are kept in this transaction; where that is refused, it is spoiled, and they go with it."""
    try:
        if more:
            _added(work, audit.kept, place, connection)
            connection.execute(work.writer.drop(audit.kept, audit.kind, cascade=False))
        else:
            _dropped(work, place, connection)
            perform(connection, _moved(work, node, audit, place))
    except DatabaseError as error:
        if error.lost or error.transient:
            raise
        return Kept(why=error.message)
    work.audits.kept.add(node.id)
    return Kept(place)


def _taken(work: Work, place: Relation, connection: Connection) -> str:
    """Why the place is not free; "" where it is, or has only what failed before."""
    if place.key in places(work.session.project):
        return f"`{place}` is a place of the project's"
    if connection.relation(place) is None or is_ours(work, place):
        return ""
    return f"`{place}` stands there and was not made for that"


def is_ours(work: Work, place: Relation) -> bool:
    """Whether what stands there are rows that failed an audit of this project's."""
    latest = work.ledger.latest(place)
    own = latest is not None and latest.event in FAILED_ROWS and latest.project == work.session.project.settings.name
    return own or not work.ledger.remembers


def _moved(work: Work, node: Node, audit: Audit, place: Relation) -> Iterator[Operation]:
    """What is kept has the name for that, and was made in this transaction."""
    writer = work.writer
    if audit.kind == "table" and not audit.temporary and writer.capabilities.rename_relation:
        yield Statement(writer.rename(audit.kept, place, "table"), "keep")
    else:
        yield Statement(writer.create_table_as(place, f"select * from {writer.relation(audit.kept)}"), "keep")
        yield Statement(writer.drop(audit.kept, audit.kind, cascade=False), "keep")
    yield from work.ledger.noting(place, "table", "failed", node.id)


def _added(work: Work, rows: Relation, place: Relation, connection: Connection) -> None:
    """The rows of one relation stand in another, too, which has their columns."""
    info = connection.relation(rows)
    names = [column.name for column in info.columns] if info is not None else []
    chosen = ", ".join(map(work.writer.quote, names))
    connection.execute(work.writer.insert(place, names, f"select {chosen} from {work.writer.relation(rows)}"))


def _carried(work: Work, node: Node, audit: Audit, place: Relation, connection: Commented, more: bool) -> Settle:
    """The rows are in a file by now; what writes them to their place and removes the file."""
    folder = Path(mkdtemp(prefix="eltbuild-"))
    try:
        info = connection.relation(audit.kept)
        if info is None:
            return lambda connection: Kept(why=f"`{audit.kept}` is not there any more")
        table = RelationInfo(audit.kept, "table", info.columns)
        built = Built(run=0, project=work.session.project.settings.name, relation=place, kind="table", node=node.id)
        path = write_rows(connection, table, built, work.writer, folder, work.now)
    except EltbuildError as error:
        rmtree(folder, ignore_errors=True)
        why = str(error.problems[0].message)
        return lambda connection: Kept(why=why)

    def settle(connection: Connection) -> Kept:
        assert isinstance(connection, Commented)
        try:
            with connection.passing(), connection.transaction():
                _written(work, node, place, path, connection, more)
        except EltbuildError as error:
            return Kept(why=str(error.problems[0].message))
        finally:
            rmtree(folder, ignore_errors=True)
        work.audits.kept.add(node.id)
        return Kept(place)

    return settle


def _written(work: Work, node: Node, place: Relation, path: Path, connection: Commented, more: bool) -> None:
    if more:
        aside = working_place(place, work.temporary, work.writer)
        filled(path, replace(content(path), relation=aside), connection, work.writer)
        _added(work, aside, place, connection)
        connection.execute(work.writer.drop(aside, cascade=False))
        return
    _dropped(work, place, connection)
    filled(path, replace(content(path), relation=place), connection, work.writer)
    perform(connection, work.ledger.noting(place, "table", "failed", node.id))


def forget_failed(work: Work, node: Node, connection: Connection) -> None:
    """Rows that failed an audit of another run are gone, now that one has passed and the node is published.

    Whoever looks at them keeps nothing else waiting: where they cannot be dropped they stay, and that is told.
    """
    place = failed_place(work, node)
    if not _is_left(work, node, place):
        return
    try:
        _forget(work, place, node.id, connection)
    except DatabaseError as error:
        text = f"`{place}`, whose rows failed before, stays: {error.message}"
        work.session.say(text, "warn", "warning", node.id)


def mended(work: Work, node: Node) -> tuple[Operation, ...]:
    """What notes, with the publishing itself, that rows which failed before are of no more use.

    So that a run which comes after a kill drops them, where this one could not.
    """
    place = failed_place(work, node)
    if not _is_left(work, node, place) or not work.ledger.together(place):
        return ()
    return work.ledger.noting(place, "table", "mended", node.id)


def forget_mended(work: Work, connection: Connection) -> None:
    """Rows that failed are gone of which a run that was killed could only note that they are of no more use."""
    for one in work.ledger.built():
        if one.event == "mended":
            with suppress(DatabaseError):
                _forget(work, one.relation, one.node, connection)


def _is_left(work: Work, node: Node, place: Relation) -> bool:
    """Whether rows stand there that failed in another run."""
    latest = work.ledger.latest(place)
    failed = latest is not None and latest.event in FAILED_ROWS
    return failed and node.id not in work.audits.kept and is_ours(work, place)


def _forget(work: Work, place: Relation, node: NodeId, connection: Connection) -> None:
    assert isinstance(connection, Commented)
    with connection.passing(), connection.transaction():
        _dropped(work, place, connection)
        perform(connection, work.ledger.noting(place, "table", "dropped", node))


def _dropped(work: Work, place: Relation, connection: Connection) -> None:
    """What failed before is gone. Raises `DatabaseError`, also where others do not let go of it."""
    if connection.relation(place) is None:
        return
    # A lock that is wanted by itself is waited for without end.
    sql, held = seize(work.writer, ((place, "table"), (place, "table")), SOON)
    if sql:
        connection.execute(sql)
        if not connection.execute(held).scalar():
            raise DatabaseError("others are reading it")
    perform(connection, (Statement(work.writer.drop(place, cascade=False), "drop"),))
