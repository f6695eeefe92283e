"""Relations that a project built and no longer contains: which they are, and how they go. Nothing is printed here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from eltbuild.adapter import Connection
from eltbuild.errors import EltbuildError, Problem, UsageError
from eltbuild.plan.archive import view_text
from eltbuild.project.project import Project
from eltbuild.relation import Relation, RelationInfo
from eltbuild.run.ledger.port import Ledger, Memory
from eltbuild.run.ownership.archive_file import write_rows, write_text
from eltbuild.run.performing import perform
from eltbuild.sql import spelling
from eltbuild.sql.writer import Writer
from eltbuild.state.records import FAILED_ROWS, STANDING, Built, Key
from eltbuild.values import dataclass, field, replace

Standing = Literal["orphan", "kept", "failed"]


@dataclass(frozen=True, slots=True)
class Orphan:
    """A relation that stands, and that nothing in the project makes."""

    info: RelationInfo
    built: Built
    standing: Standing
    """`orphan`: the project built it; `kept`: it stood there before, and was put aside when the project took over;
    `failed`: it holds rows that failed an audit, and goes when the next one passes."""

    @property
    def relation(self) -> Relation:
        """Where it stands."""
        return self.info.relation


@dataclass(frozen=True, slots=True)
class Dropped:
    """What became of one that was to go: the file that it was archived in, or why it still stands."""

    orphan: Orphan
    archive: Path | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Orphans:
    """All that was found, sorted by place."""

    orphans: tuple[Orphan, ...] = ()
    kept: tuple[Orphan, ...] = ()
    failed: tuple[Orphan, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """How many relations the project has built for other targets, or other people's: they are none of ours."""

    @property
    def all(self) -> tuple[Orphan, ...]:
        """All kinds."""
        return (*self.orphans, *self.kept, *self.failed)


def found(project: Project, home: str, memory: Memory, connection: Connection) -> Orphans:
    """What the project built from `home` and does not contain, and what it put aside, as far as it still stands.

    Told by what is remembered and by one look at the warehouse.
    """
    contained = places(project)
    own = [one for one in memory.built() if one.relation.key not in contained and one.kind != "function"]
    asked = [(built, status) for built in own if built.home == home and (status := _standing(built, memory, project))]
    schemas = {built.relation.key[:2]: replace(built.relation, identifier=None) for built, _ in asked}
    stands = {info.relation.key: info for info in connection.relations(tuple(schemas.values()))}
    orphans = sorted(
        (
            Orphan(info, built, status)
            for built, status in asked
            if (info := _stands(built.relation, stands.get(built.relation.key), connection)) is not None
        ),
        key=lambda orphan: orphan.relation.key,
    )
    return Orphans(
        tuple(orphan for orphan in orphans if orphan.standing == "orphan"),
        tuple(orphan for orphan in orphans if orphan.standing == "kept"),
        tuple(orphan for orphan in orphans if orphan.standing == "failed"),
        Counter(built.home for built in own if built.home != home and built.event in STANDING),
    )


def _stands(relation: Relation, listed: RelationInfo | None, connection: Connection) -> RelationInfo | None:
    """What stands at that place: the engine tells whether a name in other letters is another one."""
    if listed is None or listed.relation.identifier == relation.identifier:
        return listed
    return connection.relation(relation)


def _standing(built: Built, memory: Memory, project: Project) -> Standing | None:
    """What it is to the project; None for what it is not, or no more."""
    if built.event == "archived":
        return "kept"
    # Another project may have taken it over since.
    if built.event not in STANDING or memory.owner(built.relation) != built.project:
        return None
    return "failed" if built.event in FAILED_ROWS and built.node in project.nodes else "orphan"


def places(project: Project) -> frozenset[Key]:
    """The keys of all relations that the project contains: those of its enabled nodes, and those of its sources."""
    nodes = (node.relation for node in project.nodes.values() if not node.ephemeral)
    sources = (source.relation for source in project.sources.values())
    return frozenset(relation.key for relation in (*nodes, *sources) if relation is not None)


# Dropped


def drop(
    orphans: Sequence[Orphan], ledger: Ledger, connection: Connection, writer: Writer, folder: Path, now: datetime
) -> Iterator[Dropped]:
    """Archive each in a file, then drop it; what stands on others goes first. One that fails does not stop the others.

    Nothing goes that something else stands on: no drop cascades. Raises `DatabaseError` where the session is lost.
    """
    hangs = {orphan.relation.key: _hanging(orphan, connection, writer) for orphan in orphans}
    gone: set[Key] = set()
    for orphan in ordered(orphans, hangs):
        names = [name for key, name in hangs[orphan.relation.key].items() if key not in gone]
        try:
            if names:
                raise UsageError(_held(orphan, names))
            path = _dropped(orphan, ledger, connection, writer, folder, now)
        except EltbuildError as error:
            if getattr(error, "lost", False):
                raise
            yield Dropped(orphan, problem=error.problems[0])
        else:
            gone.add(orphan.relation.key)
            yield Dropped(orphan, path)


def ordered(orphans: Sequence[Orphan], hangs: Mapping[Key, Iterable[Key]]) -> Iterator[Orphan]:
    """The orphans, each after those that stand on it."""
    left = list(orphans)
    while left:
        keys = {orphan.relation.key for orphan in left}
        free = [orphan for orphan in left if not keys & set(hangs[orphan.relation.key])]
        yield from free or left
        left = [orphan for orphan in left if orphan not in free] if free else []


def _hanging(orphan: Orphan, connection: Connection, writer: Writer) -> Mapping[Key, str]:
    """What stands on it or points to it, by key, in words; nothing where the engine does not tell."""
    if not writer.capabilities.belongings:
        return {}
    hangs = connection.belongings(orphan.relation)
    views = {one.relation.key: f"`{one.relation}`" for one in hangs.dependants}
    pointing = {one.relation.key: f"the foreign key `{one.name}` of `{one.relation}`" for one in hangs.references}
    return {key: name for key, name in {**views, **pointing}.items() if key != orphan.relation.key}


def _held(orphan: Orphan, names: Sequence[str]) -> Problem:
    text = f"`{orphan.relation}` is not dropped: {', '.join(names)} {'stands' if len(names) == 1 else 'stand'} on it"
    return Problem(text, hint="drop what stands on it first, or let it stand")


def _dropped(
    orphan: Orphan, ledger: Ledger, connection: Connection, writer: Writer, folder: Path, now: datetime
) -> Path:
    """Archive one and drop it, in one transaction where the engine can; the file."""
    path: Path | None = None
    try:
        with connection.transaction():
            lock = spelling.LOCK.get(writer.dialect)
            if lock is not None and orphan.info.kind == "table":
                connection.execute(lock.format(writer.relation(orphan.relation)))
            info = connection.relation(orphan.relation)
            if info is None:
                raise UsageError(Problem(f"`{orphan.relation}` is gone already"))
            path = _archived(info, orphan.built, connection, writer, folder, now)
            connection.execute(writer.drop(info.relation, info.kind, if_exists=False, cascade=False))
            perform(connection, ledger.noting(info.relation, info.kind, "dropped", orphan.built.node))
    except BaseException:
        if path is not None:
            path.unlink(missing_ok=True)
        raise
    return path


def _archived(
    info: RelationInfo, built: Built, connection: Connection, writer: Writer, folder: Path, now: datetime
) -> Path:
    if info.kind == "table":
        return write_rows(connection, info, built, writer, folder, now)
    text = str(connection.execute(view_text(info.relation, writer)).scalar() or "").strip()
    if not text:
        raise UsageError(Problem(f"`{info.relation}` is not dropped: its definition cannot be read"))
    return write_text(info, built, text, writer, folder, now)
