"""What PostgreSQL's errors mean: SQLSTATEs and messages in, `DatabaseError` out. The driver is not imported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eltbuild.errors import DatabaseError
from eltbuild.secrecy import Mask
from eltbuild.values import dataclass
from eltbuild_postgres.statements import MAKES_ONCE, first_word, position

LONGEST = 20_000
"""Characters of a message that are kept: a user's own RAISE may say anything."""
CANCELLED = "the statement was cancelled"

TRANSIENT = frozenset({
    "40001", "40P01",  # serialization failure, deadlock
    "55P03", "55006",  # lock not available, object in use
    "53300",  # too many connections
    "57P01", "57P02", "57P03",  # the server ends the session, crashed, is starting
    "08000", "08001", "08003", "08004", "08006",  # the connection
})  # fmt: skip
"""SQLSTATEs of what may succeed a little later, and of which nothing has been kept."""
ENDING = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})
"""SQLSTATEs with which the server ends a session."""

_RACES = re.compile(r"tuple concurrently (?:updated|deleted)|could not open relation with OID|cache lookup failed for")
"""What XX000 says where another session changed the same thing of the catalogue."""
_TAKEN = frozenset({"42P07", "42P06", "42710", "42723"})


@dataclass(frozen=True, slots=True)
class Told:
    """What the server says of an error; the fields are those of its protocol."""

    primary: str
    sqlstate: str = ""
    detail: str = ""
    hint: str = ""
    context: str = ""
    position: int = 0
    """Which character of the statement it means, from 1; 0 for none."""
    constraint: str = ""

    @classmethod
    def of(cls, error: Exception) -> Told:
        """What an exception of the driver's carries."""
        diag = getattr(error, "diag", None)
        primary = getattr(diag, "message_primary", None)
        if primary is None:
            # Not the server's word, but that of the driver.
            return cls(_without_lead(str(error)), getattr(error, "sqlstate", None) or "")
        place = str(getattr(diag, "statement_position", None) or "")
        return cls(
            primary,
            getattr(diag, "sqlstate", None) or "",
            getattr(diag, "message_detail", None) or "",
            getattr(diag, "message_hint", None) or "",
            getattr(diag, "context", None) or "",
            int(place) if place.isdecimal() else 0,
            getattr(diag, "constraint_name", None) or "",
        )


FULL = "53100"

HINTS: Mapping[str, str] = {
    FULL: "nothing of this was kept; make room there, and run again",
    "25006": "the server is a standby, or `default_transaction_read_only` is set: name one that can be written",
    "42501": "the rights of the user (or of `role`) in the profile do not reach so far: have them granted",
    "57014": "",
    "53200": "the server is short of memory: lower `threads`, or its `work_mem`",
    "21000": "where it speaks of a row affected twice, several rows of the query have the same `unique_key`",
    "54001": "the server's `max_stack_depth` is too small for this statement",
    "3F000": "",
}
"""What to do about it, where the server does not say so itself."""

MESSAGES: Mapping[str, str] = {
    "25P02": "a statement before this one failed, which ended the transaction",
    "57P01": "the server has ended the session: it shuts down, or somebody terminated it",
    "57P02": "the server has ended the session: one of its processes crashed",
    "25P03": "the server has ended the session: its transaction was idle for too long",
    "57P05": "the server has ended the session: it was idle for too long",
}
"""What to say in place of the server's word."""


def database_error(
    told: Told, sql: str = "", *, mask: Mask, shift: int = 0, lost: bool = False, version: int = 0
) -> DatabaseError:
    """The error for what the server said of `sql`; `shift` characters stood before it in what was sent.

    `lost`: the session is gone. `version`: the server's, as 150004.
    """
    line, column = position(sql, told.position - shift) if told.position else (0, 0)
    message, hint = _worded(told, sql, version)
    return DatabaseError(
        mask(_cut(message)),
        sql=sql,
        line=line,
        column=column,
        code=told.sqlstate,
        transient=is_transient(told, sql),
        lost=lost or told.sqlstate in ENDING,
        hint=mask(_cut(hint)),
    )


def is_transient(told: Told, sql: str) -> bool:
    """Whether the same may succeed a little later, and nothing of it has been kept."""
    state = told.sqlstate
    if state in TRANSIENT:
        return True
    if state == "23505":
        # Two sessions made the same thing at once: the key is one of the catalogue's.
        return told.constraint.startswith("pg_")
    if state in _TAKEN:
        return bool(MAKES_ONCE.search(sql))
    return state == "XX000" and bool(_RACES.search(told.primary))


def _worded(told: Told, sql: str, version: int) -> tuple[str, str]:
    """Message and hint."""
    if told.sqlstate == "57014" and "user request" in told.primary:
        return f"{CANCELLED} by somebody at the server", told.hint
    message = MESSAGES.get(told.sqlstate, told.primary)
    if told.detail and told.sqlstate not in MESSAGES:
        message += ": " + "; ".join(told.detail.splitlines())
    if told.context.startswith(("COPY", "PL/", "SQL function")):
        message += f" ({told.context.splitlines()[0]})"
    if told.sqlstate == FULL:
        # Its own hint says no more than that.
        return f"the disk of the server is full: {message}", HINTS[FULL]
    if told.sqlstate == "42601" and 0 < version < 150000 and first_word(sql) == "merge":
        return message, "MERGE came with PostgreSQL 15: use `incremental_strategy: delete+insert` on this server"
    return message, told.hint or HINTS.get(told.sqlstate, "")


def _without_lead(text: str) -> str:
    """The driver's message without what it puts before the words of the library below."""
    return re.sub(
        r"\A(?:(?:connection failed|connection is bad|consuming input failed|sending query failed|flushing failed"
        r"|the connection is lost): )+",
        "",
        text,
    ).strip()


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


# Connecting


@dataclass(frozen=True, slots=True)
class Rule:
    """What a text about a connection comes to; message and hint may name the groups of `pattern`."""

    pattern: re.Pattern[str]
    message: str | None = None
    hint: str = ""
    transient: bool = False
    starting: bool = False
    """The server is on its way: worth waiting for, however often."""


def _rule(
    pattern: str, message: str | None = None, hint: str = "", transient: bool = False, starting: bool = False
) -> Rule:
    return Rule(re.compile(pattern, re.DOTALL), message, hint, transient, starting)


RULES: tuple[Rule, ...] = (
    _rule(
        r"the database system is (?P<what>starting up|shutting down|in recovery mode|not yet accepting connections"
        r"|not accepting connections)",
        "the PostgreSQL server takes no connections yet: it is {what}",
        "",
        True,
        True,
    ),
    _rule(
        r"too many clients already|remaining connection slots are reserved|too many connections for",
        None,
        "lower `threads`, or raise `max_connections` of the server",
        True,
    ),
    _rule(
        r'database "(?P<name>.*?)" does not exist',
        "there is no database `{name}` on the server",
        "make it: createdb {name}",
    ),
    _rule(r'role "(?P<name>.*?)" does not exist', "the server knows no user `{name}`", "check `user` of the profile"),
    _rule(
        r'password authentication failed for user "(?P<name>.*?)"',
        "the server does not take the password of user `{name}`",
        "check `user` and `password` of the profile; where it names no password, PGPASSWORD and ~/.pgpass are asked",
    ),
    _rule(
        r"no password supplied",
        "the server asks for a password, and none is given",
        "write `password: \"{{{{ env_var('ELTBUILD_ENV_SECRET_PASSWORD') }}}}\"` in the profile, or use PGPASSWORD or "
        "~/.pgpass",
    ),
    _rule(
        r"no pg_hba\.conf entry for (?P<what>.*)",
        "the server lets nobody in who comes so: no pg_hba.conf entry for {what}",
        "ask for a line in its pg_hba.conf, or change `sslmode`",
    ),
    _rule(
        r"server does not support SSL, but SSL was required",
        "the server has no SSL, and `sslmode` of the profile asks for it",
        "switch SSL on at the server (`ssl = on`); where the network is safe, `sslmode: prefer` goes without",
    ),
    _rule(
        r"root certificate file \"(?P<name>.*?)\" does not exist",
        "the certificates to check the server by are not there: `{name}`",
        "let `sslrootcert` name the file, or `system` for those of this machine",
    ),
    _rule(
        r"certificate verify failed|server certificate for .* does not match host name",
        None,
        "let `sslrootcert` name the certificate of who signed the server's, and `host` the name that stands in it",
    ),
    _rule(r"private key file .* has group or world access", None, "take the rights of others away: chmod 600"),
    _rule(r'definition of service "(?P<name>.*?)" not found', "there is no service `{name}`",
          "write it into ~/.pg_service.conf, or let PGSERVICEFILE name the file"),
    _rule(r"Temporary failure in name resolution", None, "", True),
    _rule(
        r"failed to resolve host '(?P<host>.*?)'|could not translate host name \"(?P<other>.*?)\"",
        "the host `{host}{other}` is not known",
        "check `host` of the profile",
    ),
    # Behind what a server says: a host may have several addresses, of which it listens to one.
    _rule(
        r'(?:server at|socket) "(?P<host>[^"]*)"(?:, port (?P<port>\d+))? failed: '
        r"(?:Connection refused|No such file or directory)",
        "no PostgreSQL server answers at {host}{port}",
        "is it running, and are `host` and `port` of the profile right?",
        True,
    ),
    _rule(
        r"timeout expired|timed out",
        "the PostgreSQL server does not answer in time",
        "check `host` and `port` of the profile, and whether a firewall is between; `connect_timeout` gives more time",
        True,
    ),
    _rule(
        r"server closed the connection unexpectedly|Connection reset by peer|the connection is (?:closed|lost)"
        r"|could not (?:send|receive) data|terminating connection",
        "the server ended the connection while it was being opened",
        "",
        True,
    ),
    _rule(
        r"permission denied to set role \"(?P<name>.*?)\"",
        "the user of the profile may not take the role `{name}`",
        "have it granted, or take `role` out of the profile",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no session: the error, and whether the server is only about to start."""

    error: DatabaseError
    starting: bool = False


def refusal(text: str, mask: Mask, sqlstate: str = "") -> Refusal:
    """What the driver's text about a failed connection means."""
    text = _without_lead(text)
    for rule in RULES:
        found = rule.pattern.search(text)
        if found is None:
            continue
        groups: dict[str, Any] = {name: value or "" for name, value in found.groupdict().items()}
        groups["port"] = f", port {groups['port']}" if groups.get("port") else ""
        message = _last_word(text) if rule.message is None else rule.message.format(**groups)
        hint = rule.hint.format(**groups)
        error = DatabaseError(mask(message), code=sqlstate, transient=rule.transient, lost=True, hint=mask(_cut(hint)))
        return Refusal(error, rule.starting)
    return Refusal(DatabaseError(mask(_cut(_last_word(text))), code=sqlstate, lost=True))


def _last_word(text: str) -> str:
    """What the server or the library said at last, without where it was asked."""
    fatal = text.rfind("FATAL:")
    return " ".join((text[fatal + len("FATAL:") :] if fatal >= 0 else text).split())
