"""How fresh sources and models are: asked of the warehouse, several in one query, or of what else can tell."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from eltbuild.adapter import Answer
from eltbuild.compile.freshness import files_of, loaded_at_query, node_loaded_at_query, source_text
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, DatabaseError, EltbuildError, Problem
from eltbuild.project.resources import Node, NodeId, Source
from eltbuild.quality.freshness import (
    Age,
    Watchable,
    Watched,
    check_rules,
    moment_of,
    question,
    question_of_all,
    rules_of,
    told,
    unaskable,
    verdict,
)
from eltbuild.run.commented import Commented
from eltbuild.run.events import Finished, Timing
from eltbuild.run.failure.effort import attempted
from eltbuild.run.responses import response_of
from eltbuild.run.work import Clock, Work
from eltbuild.run.workers import Begin, Tell
from eltbuild.values import replace

MOST = 25
"""How many are asked for in one query."""
AHEAD = -60.0
"""Seconds that a last load may lie in the future before that is told."""

One = Callable[[NodeId], Finished]


def run_freshness(work: Work, resource: Watchable, clock: Clock) -> Finished:
    """How fresh a source or a model is; an error has a status of its own."""
    try:
        return attempted(work, resource, lambda: measured(work, resource, clock))
    except (DatabaseError, CompileError) as error:
        problem = error.problems[0]
        problem = replace(problem, place=problem.place or resource.place)
        return Finished(
            node=resource.id, status="runtime error", error=problem, message=str(problem), compiled_code=clock.sql
        )


def measured(work: Work, resource: Watchable, clock: Clock) -> Finished:
    """When it was last loaded, and whether that is recent enough. Raises `CompileError` where nobody can tell."""
    connection = _connection(work)
    watched = watched_of(work, resource, connection)
    if not watched.is_askable:
        loaded = _otherwise(work, resource, connection)
        if loaded is None:
            raise unaskable(watched, isinstance(resource, Node))
        return _finished(work, watched, loaded, work.now)
    sql = question(watched)
    clock.mark(sql if isinstance(resource, Source) else None)
    answer = connection.execute(sql)
    return _judged(work, watched, answer.rows[0], sql, answer)


def _connection(work: Work) -> Commented:
    connection = work.connections.here()
    connection.comment = connection.after = ""
    return connection


def watched_of(work: Work, resource: Watchable, connection: Commented) -> Watched:
    """What a source or a model says of its freshness, its texts rendered. Raises `CompileError`."""
    rules = rules_of(resource)
    if isinstance(resource, Source):
        name = f"source `{resource.source_name}.{resource.name}`"
        query = loaded_at_query(work.session, resource, Live(connection))
        field = "" if query else resource.loaded_at_field or ""
        relation = source_text(work.session, resource)
        watched = Watched(resource.id, name, rules, relation, field, query, resource.place)
    else:
        assert resource.relation is not None
        query = node_loaded_at_query(work.compiler, resource, Live(connection))
        field = "" if query else str(resource.config.get("loaded_at_field") or "")
        name = f"{resource.resource_type} `{resource.name}`"
        place = resource.patch_place or resource.place
        watched = Watched(resource.id, name, rules, work.writer.relation(resource.relation), field, query, place)
    check_rules(watched)
    return watched


# Where no query is given


def _otherwise(work: Work, resource: Watchable, connection: Commented) -> datetime | None:
    """When it was loaded by what is known without its rows: its files, the engine's own notes, when it was built."""
    if isinstance(resource, Node):
        return work.built_at(resource) if work.built_at is not None else None
    pattern = files_of(resource)
    if pattern:
        return _files_changed_at(resource, pattern, work.session.project.root)
    if resource.relation is None:
        return None
    found = connection.loaded_at(resource.relation)
    if found is None and connection.relation(resource.relation) is None:
        text = f"source `{resource.source_name}.{resource.name}`: `{resource.relation}` does not exist"
        raise CompileError(Problem(text, resource.place))
    return found


def _files_changed_at(source: Source, pattern: str, root: str) -> datetime | None:
    found = changed_at(pattern, root)
    if found is None and not is_elsewhere(pattern):
        text = f"source `{source.source_name}.{source.name}`: there is no file `{pattern}`"
        raise CompileError(Problem(text, source.place))
    return found


def is_elsewhere(pattern: str) -> bool:
    """Whether it is no path of this machine, but an address or a query."""
    return "://" in pattern or "(" in pattern


def changed_at(pattern: str, root: str) -> datetime | None:
    """When the newest of the files was written; None where there is none, or they are not on this machine."""
    if is_elsewhere(pattern):
        return None
    path = pattern if os.path.isabs(pattern) else os.path.join(root, pattern)
    times = [os.stat(found).st_mtime for found in glob.glob(path, recursive=True) if os.path.isfile(found)]
    return datetime.fromtimestamp(max(times), UTC) if times else None


# Several in one query


def groups_of(resources: Mapping[NodeId, Watchable], threads: int) -> Mapping[NodeId, int]:
    """Which are asked for together: as many groups as there are threads, and more where they would be large.

    What has no query is asked for by itself, as is what has attempts or time of its own.
    """
    ids = [id for id, one in resources.items() if _is_plain(one)]
    size = min(MOST, -(-len(ids) // max(threads, 1)) or 1)
    return {id: number // size for number, id in enumerate(ids)} if size > 1 else {}


def _is_plain(resource: Watchable) -> bool:
    if isinstance(resource, Source):
        return bool(resource.loaded_at_field or resource.loaded_at_query)
    config = resource.config
    own = config.get("timeout") is not None or config.get("retries") is not None
    return bool(config.get("loaded_at_field") or config.get("loaded_at_query")) and not own


def run_together(work: Work, ids: Sequence[NodeId], begin: Begin, tell: Tell, one: One) -> None:
    """Ask for several in one query. Where it is refused, each is asked for by itself, and says what is wrong."""
    began = datetime.now(UTC)
    found = {id: watched for id in ids if (watched := _prepared(work, id)) is not None}
    begin(list(found))
    if not found:
        return
    compiled = datetime.now(UTC)
    try:
        answer = _connection(work).execute(question_of_all(list(found.values())))
    except DatabaseError:
        for id in found:
            tell([one(id)])
        return
    ended = datetime.now(UTC)
    timing = (Timing("compile", began, compiled), Timing("execute", compiled, ended))
    share = (ended - began).total_seconds() / len(found)
    *values, at = answer.rows[0]
    for value, (id, watched) in zip(values, found.items(), strict=True):
        try:
            result = _judged(work, watched, (value, at), question(watched), answer)
        except CompileError:
            result = one(id)
        tell([replace(result, timing=timing, seconds=share, at=ended)])


def _prepared(work: Work, id: NodeId) -> Watched | None:
    """What to ask; None where that is done by itself, since it is wrong or something else can tell."""
    resource = work.session.project.resource(id)
    assert isinstance(resource, (Source, Node))
    try:
        watched = watched_of(work, resource, _connection(work))
    except EltbuildError:
        return None
    return watched if watched.is_askable else None


# The verdict


def _judged(work: Work, watched: Watched, row: Sequence[object], sql: str, answer: Answer) -> Finished:
    """The end of one of which the warehouse has told when it was loaded, and what time it is there."""
    at = row[1] if isinstance(row[1], datetime) and row[1].tzinfo is not None else work.now
    result = _finished(work, watched, moment_of(watched, row[0]), at.astimezone(UTC))
    # The compiled text of a node is what it is built from.
    asked = sql if watched.id in work.session.project.sources else None
    return replace(result, compiled_code=asked, response=response_of(answer))


def _finished(work: Work, watched: Watched, loaded: datetime | None, at: datetime) -> Finished:
    age = verdict(watched, loaded, at)
    if age.seconds < AHEAD:
        _tell_ahead(work, watched, age)
    return Finished(
        node=watched.id,
        status=age.status,
        message=told(watched, age),
        extra={
            "max_loaded_at": age.loaded_at,
            "snapshotted_at": age.at,
            "age": age.seconds,
            "empty": age.is_empty,
            "criteria": {key: watched.rules.get(key) for key in ("warn_after", "error_after", "filter")},
        },
    )


def _tell_ahead(work: Work, watched: Watched, age: Age) -> None:
    what = f"{watched.name} was loaded in the future ({told(watched, age)})"
    text = f"{what}: times without an offset are taken for UTC"
    work.session.say(text, "warn", "warning", watched.id)
