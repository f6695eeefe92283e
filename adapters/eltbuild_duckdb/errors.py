"""What DuckDB's messages mean: texts in, `DatabaseError` out. DuckDB is not imported.

DuckDB tells the place of an error only in a picture at the end of its message (`LINE 2: ...` above a caret), whose
column is counted in cells of a terminal and whose text may be cut at both ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import category, combining, east_asian_width

from eltbuild.errors import DatabaseError
from eltbuild.values import dataclass

_PICTURE = re.compile(r"\nLINE (?P<line>\d+): (?P<shown>.*)\n(?P<lead> *)\^[\^ ]*\s*\Z")
_NEAR = re.compile(r'\nDid you mean:? (?P<names>".*")\??\s*\Z', re.DOTALL)
_CANDIDATES = re.compile(r'\nCandidate bindings: (?P<names>".*")\s*\Z', re.DOTALL)
_NAMED = re.compile(
    r'\A(?:Binder|Catalog) Error: (?:Referenced (?:column|table) "(?P<column>[^"\n]+)"'
    r'|[A-Z][A-Za-z ]* with name "?(?P<entry>[^"\s]+)"? (?:does not exist|is not in the catalog))'
)
_LATE = re.compile(r"\AInvalid Input Error: Attempting to execute an unsuccessful .*\nError: (?P<real>(?s:.*))")
_LINE_END = re.compile(r"\r\n|\r|\n")


_CLOSED = "Connection already closed"
DURABLE = "COMMIT succeeded and is durable"
"""What DuckDB says to a commit that was done, where it could not bring the file up to date afterwards."""

_OWN_TABLES = ("pg_", "duckdb_", "sqlite_", "information_schema", "pragma_")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a text of DuckDB's comes to: another message (None keeps DuckDB's), a hint, whether trying again may help.

    `message` and `hint` may name the groups of `pattern`.
    """

    pattern: re.Pattern[str]
    message: str | None = None
    hint: str = ""
    transient: bool = False


def _rule(pattern: str, message: str | None = None, hint: str = "", transient: bool = False) -> Rule:
    return Rule(re.compile(pattern, re.DOTALL), message, hint, transient)


RULES: tuple[Rule, ...] = (
    _rule(
        r"database has been invalidated because of a previous fatal error",
        "the database has to be opened anew, for something before this failed for good",
        "",
        True,
    ),
    _rule(_CLOSED, "the session was closed", "", True),
    _rule(
        r'Could not set lock on file "(?P<file>[^"]+)": Conflicting lock is held in (?P<program>.+?)'
        r" \(PID (?P<pid>\d+)\)",
        "the database `{file}` is open in another process (PID {pid}, {program})",
        "end process {pid} or close the database there; several processes can only read it, all with `read_only: true`",
        True,
    ),
    _rule(
        r'Could not set lock on file "(?P<file>[^"]+)"',
        "the database `{file}` is open in another process",
        "close it there; several processes can only read it, all with `read_only: true`",
        True,
    ),
    _rule(
        r"(?:File is already open in\s+(?P<program>.+?) \(PID (?P<pid>\d+)\)|being used by another process)",
        None,
        "close the database in the other process; several processes can only read it, all with `read_only: true`",
        True,
    ),
    _rule(
        r'file "(?P<file>[^"]+)" exists, but it is not a valid DuckDB database file',
        "`{file}` is no DuckDB database",
        "let `path` name another file; if this one is of no use, delete it and it is made anew",
    ),
    _rule(
        r"Trying to read a database file with version number \d+, but we can only read versions",
        "the database file was written by a newer DuckDB than the one that is installed",
        "install a newer `duckdb`; a file that older ones can read is made with "
        "`config_options: {{storage_compatibility_version: v1.2.0}}`",
    ),
    _rule(
        r'Could not read from file "(?P<file>[^"]+)": Is a directory',
        "`{file}` is a folder, not a database file",
        "let `path` name a file in it, such as `warehouse.duckdb`",
    ),
    _rule(
        r'Cannot open file "(?P<file>[^"]+)": Permission denied',
        "`{file}` cannot be opened: permission denied",
        "check who owns the file and its folder",
    ),
    _rule(
        r'Cannot open database "(?P<file>[^"]+)" in read-only mode: database does not exist',
        "the database `{file}` does not exist, and what is read only cannot be made",
        "take `read_only` out of the profile, or let `path` name a database that exists",
    ),
    _rule(
        r"Can't open a connection to same database file with a different configuration",
        "this process has the database open already, with other options",
        "give both the same `config_options` and `read_only`, or close the other connection first",
    ),
    _rule(
        r'Failed to download extension "(?P<name>[^"]+)"',
        "the DuckDB extension `{name}` is not installed and cannot be downloaded",
        "install it once where there is a network (`INSTALL {name}`), or list the path of its file under `extensions`",
    ),
    _rule(
        r"exists in the (?P<name>\w+) extension",
        None,
        "add it to the profile: `extensions: [{name}]`",
    ),
    _rule(
        r"signature is either missing or invalid|community extensions? .*(?:disabled|not allowed)",
        None,
        "a community extension must be named as one in the profile: `extensions: [{{name: ..., repo: community}}]`",
    ),
    _rule(
        r'Catalog write-write conflict on \w+ with "*(?:.*\\0|.*\0)?(?P<name>[^"\\\0]+)"*',
        "another connection creates, changes or drops `{name}` at the same time",
        "",
        True,
    ),
    _rule(r"TransactionContext Error: .*[Cc]onflict", None, "another connection changed the same rows or table", True),
    _rule(r"Failed to commit: .*constraint violation", None, "another connection wrote the same key", True),
    _rule(
        r'because this table is main key table of the table "(?P<name>[^"]+)"',
        None,
        "a foreign key of `{name}` points to it, such as dbt makes: build `{name}` anew before it, which leaves "
        "the key out; a kept copy has it until `eltbuild orphans --drop --kept`",
    ),
    _rule(
        r"cannot start a transaction within a transaction",
        None,
        "a hook or a macro began a transaction and did not end it",
    ),
    _rule(
        r"Current transaction is aborted",
        "a statement before this one failed, which ended the transaction",
    ),
    _rule(
        r"cannot affect the same target row more than once",
        None,
        "several rows of the query have the same `unique_key`: keep one of them",
    ),
    _rule(
        r"Out of Memory Error",
        None,
        "lower `threads`, or set `memory_limit` and `temp_directory` under `settings` of the profile",
    ),
    _rule(
        r'Cannot execute statement of type "(?P<what>\w+)" on database "(?P<name>[^"]+)" which is attached in read-',
        "the database `{name}` is open for reading only, and this writes to it ({what})",
        "make the file writable for this user, or, where the profile says `read_only` (in the target, its `attach`, or "
        "as `access_mode` in `config_options`), take it out",
    ),
    _rule(
        r'Could not (?:write|truncate|sync)[^"]*file "(?P<file>[^"]+)": No space left on device',
        "the disk is full: `{file}` cannot be written",
        "nothing of this was kept; make room, and run again",
    ),
    _rule(
        r'Could not (?:write|truncate|sync)[^"]*file "(?P<file>[^"]+)": (?P<why>File too large|Disk quota exceeded)',
        "`{file}` cannot grow: {why}",
        "nothing of this was kept; raise the limit that is set on files or on the user, and run again",
    ),
    _rule(
        r"[Ff]ailed to offload data block",
        None,
        "let `temp_directory` under `settings` of the profile name a folder with more room, or raise "
        "`max_temp_directory_size`",
    ),
    _rule(r"No space left on device", None, "the disk is full: nothing of this was kept; make room, and run again"),
    _rule(r"HTTP Error: .*(?:HTTP 429|HTTP 50[0-9]|[Tt]imeout|[Cc]onnection error)", None, "", True),
)

KINDS: dict[str, str] = {"InterruptException": "the statement was cancelled"}
"""Messages for exceptions whose own text says nothing."""

LONGEST = 20_000
"""Characters of a message that are kept: a user's own `error(...)` may say anything."""

CODECS = ("UnicodeEncodeError", "UnicodeDecodeError")


def database_error(kind: str, text: str, sql: str = "") -> DatabaseError:
    """The error for an exception of DuckDB's, by its class name and text, raised by `sql`."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    late = _LATE.match(text)
    text = late["real"] if late else text
    if kind in CODECS or "bad_cast" in text:
        text = "the statement holds a character that UTF-8 cannot write"
    if "Query interrupted" in text:
        kind = "InterruptException"
    line, column = position(text, sql)
    body, near = _without_picture(text)
    if kind in KINDS:
        return DatabaseError(KINDS[kind], sql=sql, line=line, column=column, code=kind)
    message, hint, transient = _told(body)
    lost = kind == "FatalException" or _CLOSED in body
    return DatabaseError(
        message, sql=sql, line=line, column=column, code=kind, transient=transient, lost=lost, hint=near or hint
    )


def hidden(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret in it replaced by asterisks."""
    for secret in sorted({secret for secret in secrets if secret}, key=len, reverse=True):
        for spelled in (secret, secret.replace("'", "''")):
            text = text.replace(spelled, "***")
    return text


def without_secrets(error: DatabaseError, secrets: Iterable[str]) -> DatabaseError:
    """The same error, with every secret in its message and hint hidden; the statement is kept as it was."""
    return DatabaseError(
        hidden(error.message, secrets),
        sql=error.sql,
        line=error.line,
        column=error.column,
        code=error.code,
        transient=error.transient,
        lost=error.lost,
        hint=hidden(error.problems[0].hint, secrets),
    )


def position(text: str, sql: str) -> tuple[int, int]:
    """Line and column in `sql`, from 1, of what a message points at; 0 for what it does not tell."""
    picture = _PICTURE.search(text[-LONGEST:])
    if picture is None:
        return _place_of_name(text, sql)
    start, row = _row(sql, int(picture["line"]))
    if row is None:
        return 0, 0
    caret = len(picture["lead"]) - len(f"LINE {picture['line']}: ")
    column = _column(row, picture["shown"], caret)
    if not column:
        named = _place_of_name(text, sql)
        if named[0]:
            return named
    # Lines are counted as everybody else does, also where a lone carriage return is one to DuckDB.
    line = sql.count("\n", 0, start) + 1
    if not column:
        return line, 0
    return line, start + column - (sql.rfind("\n", 0, start) + 1)


def _told(body: str) -> tuple[str, str, bool]:
    """Message, hint, and whether trying again may help."""
    for rule in RULES:
        found = rule.pattern.search(body)
        if found is None:
            continue
        groups = {name: value or "" for name, value in found.groupdict().items()}
        groups["program"] = groups.get("program", "").replace("\\", "/").rsplit("/", 1)[-1]
        message = body if rule.message is None else rule.message.format(**groups)
        return message, rule.hint.format(**groups), rule.transient
    return body, "", False


def _without_picture(text: str) -> tuple[str, str]:
    """The message without its picture, and what it proposes instead of a wrong name."""
    picture = _PICTURE.search(text)
    body = (text[: picture.start()] if picture else text).strip()
    near = _NEAR.search(body)
    if near is not None:
        names = _listed(near["names"], " or ")
        return body[: near.start()].rstrip(), f"did you mean {names}?" if names else ""
    candidates = _CANDIDATES.search(body)
    if candidates is not None:
        return body[: candidates.start()].rstrip(), f"columns with such names: {_listed(candidates['names'], ', ')}"
    return body, ""


def _listed(names: str, between: str) -> str:
    """The names as they are shown, without those of DuckDB's own tables, which nobody meant."""
    proposed = names.strip('"').split('", "')
    return between.join(f"`{name}`" for name in proposed if not name.startswith(_OWN_TABLES))


def _row(sql: str, number: int) -> tuple[int, str | None]:
    """Where the row of that number begins, and its text; None when there is no such row."""
    ends = _LINE_END.finditer(sql)
    start = 0
    for _ in range(number - 1):
        end = next(ends, None)
        if end is None:
            return 0, None
        start = end.end()
    end = next(ends, None)
    return start, sql[start : end.start() if end else len(sql)]


def _column(row: str, shown: str, caret: int) -> int:
    """The column in a row, from 1, for a caret under what is shown of it; 0 where that cannot be told."""
    index = _characters(shown, caret)
    front, end = shown.startswith("..."), shown.endswith("...")
    if row == shown or (end and not front and row.startswith(shown[:-3])):
        return index + 1
    inner = shown[3 if front else 0 : -3 if end else None]
    start = row.find(inner)
    # What is cut off at the front may stand in the row more than once.
    if not front or start < 0 or row.find(inner, start + 1) >= 0:
        return 0
    return start + index - 3 + 1


def _characters(shown: str, cells: int) -> int:
    """The index of the character that begins after so many cells of a terminal."""
    used = 0
    for index, character in enumerate(shown):
        width = _width(character)
        if used >= cells and width:
            return index
        used += width
    return len(shown)


def _width(character: str) -> int:
    """How many cells a character takes: none for tabs and accents, two for wide ones."""
    if " " <= character <= "~":
        return 1
    if combining(character) or category(character) in ("Cc", "Cf", "Mn", "Me"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _place_of_name(text: str, sql: str) -> tuple[int, int]:
    """The place of the name that a message speaks of, when it stands in `sql` exactly once."""
    named = _NAMED.match(text)
    if named is None or not sql:
        return 0, 0
    name = named["column"] or named["entry"]
    whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    places = [found.start() for found in whole.finditer(sql)]
    if len(places) != 1:
        return 0, 0
    return sql.count("\n", 0, places[0]) + 1, places[0] - sql.rfind("\n", 0, places[0])
