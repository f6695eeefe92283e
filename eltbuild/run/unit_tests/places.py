"""Where in the user's files that stands which an engine refuses in a unit test."""

from __future__ import annotations

import re

from eltbuild.compile.session import Session
from eltbuild.compile.source_map import origin
from eltbuild.errors import DatabaseError, Place, Problem
from eltbuild.project.resources import Node, Source
from eltbuild.run.locate import located
from eltbuild.run.unit_tests.bench import HINT
from eltbuild.run.unit_tests.nouns import Prepared
from eltbuild.sql.stand_ins import NOT_THE_SAME
from eltbuild.sql.transpile import Untranslatable, place_of
from eltbuild.values import replace

MISSING = re.compile(r"does not exist|is not in the catalog|not found in system search path|unrecognized|No function")
"""What an engine says of a function, a type or a table that it does not have, and the warehouse may."""
NAMED_SOURCES = 3
"""How many sources a hint names."""
NAMED = re.compile(r"(?:with name|named|function|type)\s+[\"'`]?([A-Za-z_]\w*)|[\"'`]([A-Za-z_]\w*)[\"'`(]")


def placed(session: Session, prepared: Prepared, error: DatabaseError) -> Problem:
    """What was refused, in the model's file as far as that can be told; in memory with the way out."""
    arena, model = prepared.arena, prepared.model
    if arena.bench is None:
        return located(session, model, error, prepared.assumed)
    if isinstance(error, Untranslatable):
        place = _in_template(session, prepared, error.line, error.column)
        text = f"model `{model.name}` cannot run in memory: {error.message}"
        return Problem(text, place or model.place or Place(model.project_path), HINT)
    if arena.dialect == arena.writer.dialect:
        problem = located(session, model, error, prepared.assumed)
        missing = _untyped(session, prepared) or (HINT if MISSING.search(problem.message) else "")
        return replace(problem, hint=" ".join(filter(None, (problem.hint, missing))))
    line, column = _in_query(prepared, error)
    place = _in_template(session, prepared, line, column)
    # What our own functions refuse needs no word of the engine's in front.
    said = error.message.partition(": ")[2] if error.message.endswith(NOT_THE_SAME) else error.message
    text = f"{said}\nmodel `{model.name}` ran in memory, its {arena.dialect} SQL said in {arena.writer.dialect}'s"
    return Problem(text, place or model.place or Place(model.project_path), _untyped(session, prepared) or HINT)


def _untyped(session: Session, prepared: Prepared) -> str:
    """What to do where inputs come from sources of which nothing tells the types; empty where there are none."""
    project, found = session.project, dict[str, None]()
    waiting = [id for id, given in prepared.inputs.items() if id != prepared.model.id and given.fixture.query is None]
    seen = set(waiting)
    while waiting:
        id = waiting.pop()
        resource = project.resource(id)
        if isinstance(resource, Source):
            if not resource.columns or any(not column.data_type for column in resource.columns.values()):
                found[f"`{resource.source_name}.{resource.name}`"] = None
        elif isinstance(resource, Node) and not prepared.arena.known(resource, None).typed:
            waiting += [parent for parent in resource.parents if parent not in seen]
            seen.update(resource.parents)
    if not found:
        return ""
    names = ", ".join(sorted(found)[:NAMED_SOURCES])
    return (
        f"the columns of {names} have no types in memory: give them a `data_type` in the properties,"
        " or run it with --on-target"
    )


def _in_template(session: Session, prepared: Prepared, line: int, column: int) -> Place | None:
    query = prepared.compiled.query or ""
    return origin(session, prepared.model, query, line, column, prepared.assumed) if line else None


def _in_query(prepared: Prepared, error: DatabaseError) -> tuple[int, int]:
    """The place in the model's query of the word that was refused in its translation."""
    query = prepared.compiled.query or ""
    words = [_word_at(error.sql, error.line, error.column)]
    words += [first or second for first, second in NAMED.findall(error.message)]
    found = (place_of(query, prepared.arena.dialect, word) for word in words if word)
    return next((place for place in found if place[0]), (0, 0))


def _word_at(sql: str, line: int, column: int) -> str:
    """The word at a place of a statement."""
    rows = sql.split("\n")
    if not 0 < line <= len(rows):
        return ""
    found = re.match(r"[\"`]?(\w+)", rows[line - 1][max(column - 1, 0) :])
    return found[1] if found else ""
