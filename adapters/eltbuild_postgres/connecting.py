"""From what a profile asks for to a session of the driver's, tried again while the server is on its way."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from eltbuild.errors import DatabaseError, did_you_mean
from eltbuild.relation import Relation
from eltbuild.secrecy import mask_secrets
from eltbuild.sql.quoting import kept_as
from eltbuild_postgres.errors import Refusal, refusal
from eltbuild_postgres.settings import Opening
from eltbuild_postgres.values import adapters

PATIENCE = 30.0
"""Seconds for which a server is waited for that is starting, or that has been reached before."""
LONGEST_PAUSE = 1.0
LISTED = 8
"""How many names of databases a hint gives."""
MAINTENANCE = "postgres"

Session = psycopg.Connection[tuple[Any, ...]]


class _Context:
    """What the driver asks for: how values become Python's."""

    def __init__(self) -> None:
        self.adapters = adapters()
        self.connection = None


def connected(opening: Opening, *, patient: bool = False) -> Session:
    """A session, in autocommit, with role and search path as the profile asks.

    An attempt that failed for a reason that passes is made again as often as `retries` says; as long as `PATIENCE`
    where the server is starting, or where there is nobody else who would wait for it (`patient`). Raises
    `DatabaseError`.
    """
    began = time.monotonic()
    attempt = 0
    while True:
        attempt += 1
        found = _attempt(opening)
        if not isinstance(found, Refusal):
            return found
        waited = time.monotonic() - began
        worth = found.starting or (patient and found.error.transient)
        if not (waited < PATIENCE if worth else found.error.transient and attempt <= opening.retries):
            raise found.error
        time.sleep(min(0.1 * 2**attempt, LONGEST_PAUSE) * (0.5 + random.random()))


def _attempt(opening: Opening) -> Session | Refusal:
    """One attempt: a session, or why there is none."""
    mask = mask_secrets(opening.secrets)
    try:
        session = psycopg.connect(
            **opening.parameters,  # type: ignore[arg-type]
            client_encoding="utf8",
            autocommit=True,
            prepare_threshold=None,
            context=_Context(),
        )
    except (psycopg.Error, UnicodeError, ValueError) as error:
        told = refusal(str(error), mask, getattr(error, "sqlstate", None) or "")
        return Refusal(_with_databases(told.error, opening), told.starting)
    for what, step in _steps(session, opening):
        try:
            session.execute(step)
        except psycopg.Error as error:
            session.close()
            told = refusal(f"{error.diag.message_primary or error}", mask, error.sqlstate or "")
            return Refusal(_in_words_of_the_profile(told.error, what, opening), told.starting)
    return session


def _steps(session: Session, opening: Opening) -> Iterator[tuple[str, sql.Composed]]:
    """What makes the session as the profile asks, by the field; backslashes in texts are backslashes in any case."""
    if session.info.parameter_status("standard_conforming_strings") == "off":
        yield "", sql.SQL("set standard_conforming_strings = {}").format("on")
    if not (session.info.parameter_status("DateStyle") or "").startswith("ISO"):
        # Other styles leave in doubt which day is meant; so it is with every driver.
        yield "", sql.SQL("set datestyle = {}").format("ISO")
    if opening.role:
        yield "role", sql.SQL("set role {}").format(sql.Identifier(_role(session, opening.role)))
    if opening.search_path:
        yield "search_path", sql.SQL("select set_config('search_path', {}, false)").format(opening.search_path)


def _role(session: Session, name: str) -> str:
    """The role that is meant: profiles write names as SQL does, in quotes where letters of either case count."""
    if len(name) > 2 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    plain = kept_as(Relation(None, None, name), (True, True, False), "postgres").identifier or name
    if plain == name:
        return name
    found = session.execute("select from pg_catalog.pg_roles where rolname = %s", (plain,))
    return plain if found.fetchone() is not None else name


def _in_words_of_the_profile(error: DatabaseError, what: str, opening: Opening) -> DatabaseError:
    if what == "role" and error.code in ("22023", "42704"):
        message = f"there is no role `{opening.role}` on the server, which `role` of the profile names"
        return DatabaseError(message, code=error.code, lost=True)
    if what == "search_path" and not error.transient:
        return DatabaseError(f"`search_path` of the profile: {error.message}", code=error.code, lost=True)
    return error


def _with_databases(error: DatabaseError, opening: Opening) -> DatabaseError:
    """The error with the names of the databases that there are, where there is none of the name that was asked for."""
    name = opening.parameters.get("dbname") or opening.parameters.get("user") or ""
    if not error.message.startswith("there is no database"):
        return error
    names: list[str] = []
    with (
        suppress(psycopg.Error, UnicodeError),
        psycopg.connect(
            **{**opening.parameters, "dbname": MAINTENANCE}  # type: ignore[arg-type]
        ) as session,
    ):
        found = session.execute(
            "select datname from pg_database where not datistemplate and has_database_privilege(datname, 'connect')"
            " order by datname"
        )
        names = [str(row[0]) for row in found]
    if not names:
        return error
    shown = ", ".join(f"`{each}`" for each in names[:LISTED]) + (" ..." if len(names) > LISTED else "")
    near = did_you_mean(name, names)
    told = f"{near} " if near else ""
    hint = f"{told}the server has {shown}; another one is made by: createdb {name}"
    return DatabaseError(error.message, code=error.code, lost=True, hint=hint)
