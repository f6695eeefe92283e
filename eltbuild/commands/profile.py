"""`eltbuild profile`: what stands in the relations of models, seeds, snapshots and sources."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from eltbuild._version import __version__
from eltbuild.adapter import Connection
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, keep_artifact, masking
from eltbuild.commands.selecting import choose
from eltbuild.compile.freshness import source_text
from eltbuild.errors import DatabaseError, Problem, UsageError, did_you_mean
from eltbuild.project.resources import Node, NodeId, Resource, Source
from eltbuild.quality.profiles.asking import profiled
from eltbuild.quality.profiles.profile import Profile, without_values
from eltbuild.relation import Column, Relation
from eltbuild.report.profile import profile_lines, profile_value
from eltbuild.report.terminal import terminal_of
from eltbuild.run.aside import foreground
from eltbuild.run.events import Message
from eltbuild.sql.aggregates import sample
from eltbuild.sql.writer import Writer

FOLDER = "profiles"
LONGEST = 200
"""Bytes of an id that stand in the name of a file."""


def command(options: Options, rows: int | None = None, columns: Sequence[str] = ()) -> int:
    """Profile what is selected; the exit code. `rows`: how many rows are drawn; `columns`: only these, in detail."""
    opened = open_project(options, "profile")
    try:
        with Reporter(opened) as reporter:
            reporter.problems(opened.project.problems)
            if rows is not None and rows < 1:
                raise UsageError(Problem(f"--sample {rows}: it must be above 0"))
            resources = resources_of(opened)
            connection = foreground(opened.adapter)
            try:
                told = [_told(opened, reporter, one, connection, rows, columns) for one in resources]
            finally:
                connection.close()
        return EXIT.ok if all(told) else EXIT.failed
    finally:
        opened.adapter.close()


def resources_of(opened: Opened) -> Sequence[Resource]:
    """What is selected. Raises `UsageError` where nothing was asked for, or nothing is found."""
    options = opened.options
    if not options.select and not options.selector and not options.exclude:
        hint = "name a model, or select: eltbuild profile --select staging"
        raise UsageError(Problem("profile what?", hint=hint))
    chosen = choose(opened, "profile")
    found = chosen.resources(opened.project)
    if not found:
        names = [node.name for node in opened.project.nodes.values() if node.resource_type != "test"]
        near = did_you_mean(options.select[-1], names) if options.select else ""
        hint = near or "models, seeds, snapshots and sources can be profiled"
        raise UsageError(Problem(f"nothing is selected by `{' '.join(options.select)}`", hint=hint))
    return found


def _told(
    opened: Opened, reporter: Reporter, resource: Resource, connection: Connection, rows: int | None,
    columns: Sequence[str],
) -> bool:  # fmt: skip
    """Profile one, print it and write it down; False where it cannot be profiled, which is told."""
    assert isinstance(resource, (Node, Source))
    if isinstance(resource, Node) and resource.ephemeral:
        reporter.handle(Message(f"`{resource.name}` is ephemeral: it has no relation to profile"))
        return True
    try:
        profile = profile_of(opened, resource, connection, rows, columns)
    except DatabaseError as error:
        if error.lost:
            raise
        hint = error.problems[0].hint or "is it built? eltbuild build --select " + resource.name
        reporter.problems([Problem(f"`{resource.name}` cannot be profiled: {error.message}", hint=hint)])
        return False
    value = profile_value(profile, _metadata(opened))
    mask = masking(opened)
    if opened.options.output == "json":
        sys.stdout.write(mask(json.dumps(value, ensure_ascii=False)) + "\n")
    else:
        terminal = terminal_of(sys.stdout, opened.project.environment, colours=opened.options.use_colors)
        for line in (*profile_lines(profile, terminal, details=bool(columns)), ""):
            sys.stdout.write(terminal.able(mask(line)) + "\n")
    if not columns and opened.options.write_json is not False:
        keep_artifact(opened, opened.target_folder / FOLDER / file_name(resource.id), value)
    return True


def file_name(id: NodeId) -> str:
    """The name of a node's file: its id, unless that has letters or a length that file names may not have."""
    plain = re.sub(r"[^\w.-]", "_", id)
    if plain == id and len(id.encode()) <= LONGEST:
        return f"{id}.json"
    return f"{plain.encode()[:LONGEST].decode(errors='ignore')}.{blake2b(id.encode(), digest_size=5).hexdigest()}.json"


def profile_of(
    opened: Opened, resource: Node | Source, connection: Connection, rows: int | None, columns: Sequence[str]
) -> Profile:
    """The profile of a relation that stands. Raises `DatabaseError`, and `UsageError` for a column that it has not."""
    writer = Writer(opened.adapter.dialect, opened.adapter.capabilities)
    relation = _text(opened, resource, writer)
    taken = _columns(_standing(connection, resource, relation), columns, resource.name)

    def ask(sql: str) -> Sequence[Sequence[Any]]:
        return connection.execute(sql).rows

    with _rows(connection, writer, relation, rows) as (place, whole):
        found, told = profiled(taken, place, writer, ask)
    if opened.options.example_values is False:
        told = tuple(map(without_values, told))
    sampled = found if whole is not None and whole > found else None
    return Profile(
        node=resource.id,
        name=resource.name,
        resource_type=resource.resource_type,
        relation=str(resource.relation) if resource.relation is not None else relation,
        rows=whole if sampled is not None and whole is not None else found,
        sampled=sampled,
        columns=told,
    )


@contextmanager
def _rows(connection: Connection, writer: Writer, relation: str, rows: int | None) -> Iterator[tuple[str, int | None]]:
    """What stands after FROM: the relation, or a sample of it that stands while this lasts; and how many rows it has

    altogether, where that is asked for a sample.
    """
    if rows is None:
        yield relation, None
        return
    whole = int(connection.execute(f"select count(*) from {relation}").scalar())
    if whole <= rows:
        yield relation, whole
        return
    drawn = writer.session(Relation(None, None, "eltbuild_profile"), "__sample")
    drop = writer.drop(drawn)
    connection.execute(writer.create_table_as(drawn, sample(relation, rows, writer.dialect), temporary=True))
    try:
        yield writer.relation(drawn), whole
    finally:
        connection.execute(drop)


def _text(opened: Opened, resource: Node | Source, writer: Writer) -> str:
    """What stands after FROM for a resource."""
    if isinstance(resource, Source):
        return source_text(opened.session, resource)
    assert resource.relation is not None
    return writer.relation(resource.relation)


def _standing(connection: Connection, resource: Node | Source, relation: str) -> Sequence[Column]:
    """The columns of the relation: PostgreSQL knows some with none. Raises `DatabaseError` where it does not stand."""
    try:
        return connection.columns(f"select * from {relation}")
    except DatabaseError as error:
        there = connection.relation(resource.relation) if resource.relation is not None and not error.lost else None
        if there is None or there.columns:
            raise
        return ()


def _columns(known: Sequence[Column], wanted: Sequence[str], name: str) -> Sequence[Column]:
    if not wanted:
        return known
    by_name = {column.name.casefold(): column for column in known}
    for word in wanted:
        if word.casefold() not in by_name:
            hint = did_you_mean(word, [column.name for column in known])
            raise UsageError(Problem(f"`{name}` has no column `{word}`", hint=hint))
    return [by_name[word.casefold()] for word in dict.fromkeys(wanted)]


def _metadata(opened: Opened) -> dict[str, Any]:
    call = opened.session.invocation
    return {
        "eltbuild_version": __version__,
        "generated_at": call.started_at.isoformat(),
        "invocation_id": call.invocation_id,
        "target": opened.project.target.name,
    }
