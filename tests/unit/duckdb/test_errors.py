from __future__ import annotations

import pytest
from eltbuild_duckdb.errors import database_error, hidden, position

from eltbuild.errors import DatabaseError


def told(text: str, sql: str = "", kind: str = "BinderException") -> DatabaseError:
    return database_error(kind, text, sql)


def picture(line: int, shown: str, caret: int, width: int = 1) -> str:
    """DuckDB's picture of a place, with the caret under the cell of that index."""
    head = f"LINE {line}: "
    return f"\n\n{head}{shown}\n{' ' * (len(head) + caret)}{'^' * width}"


@pytest.mark.parametrize("width", [1, 5])
def test_the_place_is_read_from_the_picture(width: int) -> None:
    sql = "select\n  bogus\nfrom t"
    assert position("Binder Error: x" + picture(2, "  bogus", 2, width), sql) == (2, 3)


def test_the_picture_and_the_proposal_are_taken_out_of_the_message() -> None:
    text = 'Binder Error: Referenced column "amout" not found!\nCandidate bindings: "amount", "id"'
    error = told(text + picture(1, "select amout", 7), "select amout")
    assert error.message == 'Binder Error: Referenced column "amout" not found!'
    assert error.problems[0].hint == "columns with such names: `amount`, `id`"
    assert (error.line, error.column, error.code, error.transient) == (1, 8, "BinderException", False)


@pytest.mark.parametrize(
    ("end", "hint"),
    [
        ('\nDid you mean "orders"?', "did you mean `orders`?"),
        ('\n\nDid you mean: "orders"', "did you mean `orders`?"),
        ('\nDid you mean "a.orders or b.orders"?', "did you mean `a.orders or b.orders`?"),
        ('\nDid you mean: "a", "b"', "did you mean `a` or `b`?"),
        ('\nDid you mean "pg_enum"?', ""),
        ("", ""),
    ],
)
def test_proposals_become_hints(end: str, hint: str) -> None:
    error = told(f"Catalog Error: Table with name ordrs does not exist!{end}", kind="CatalogException")
    assert error.message == "Catalog Error: Table with name ordrs does not exist!"
    assert error.problems[0].hint == hint


def test_a_picture_cut_at_both_ends() -> None:
    columns = ", ".join(f"amount as a{number}" for number in range(100))
    sql = f"select 1\n, {columns}, bogus, {columns}\nfrom t"
    row = sql.split("\n")[1]
    at = row.index("bogus")
    shown = "..." + row[at - 40 : at + 20] + "..."
    assert position("Binder Error: x" + picture(2, shown, 43), sql) == (2, at + 1)
    assert position("Binder Error: x" + picture(2, row[:60] + "...", 2), sql) == (2, 3)


def test_a_cut_that_could_be_anywhere_gives_the_line_only() -> None:
    sql = "select " + ", ".join(["amount"] * 100)
    assert position("Binder Error: x" + picture(1, "...amount, amount...", 11), sql) == (1, 0)


def test_the_caret_counts_cells_and_we_count_characters() -> None:
    sql = "select '😀世e\u0301', bogus"
    # Two wide characters, and an accent that takes no cell.
    assert position("Binder Error: x" + picture(1, sql, 16), sql) == (1, sql.index("bogus") + 1)


@pytest.mark.parametrize(
    ("sql", "number", "place"),
    [
        ("a\r\nb\r\n bogus", 3, (3, 2)),
        ("a\rb\r bogus", 3, (1, 6)),
        ("a\n\n bogus", 3, (3, 2)),
        ("a\n bogus\n", 2, (2, 2)),
        ("another\nline", 1, (1, 0)),
        ("a", 7, (0, 0)),
        ("", 1, (1, 0)),
    ],
)
def test_lines_are_counted_by_line_feeds(sql: str, number: int, place: tuple[int, int]) -> None:
    assert position("Binder Error: x" + picture(number, " bogus", 1), sql) == place


@pytest.mark.parametrize(
    ("text", "sql", "place"),
    [
        ('Binder Error: Referenced column "bogus" not found', "select 1;\nselect bogus", (2, 8)),
        ("Catalog Error: Table with name nope does not exist!", "drop table s.nope", (1, 14)),
        ('Catalog Error: Scalar Function with name "st_area" is not in the catalog', "select\nST_AREA(1)", (2, 1)),
        ("Catalog Error: Table with name nope does not exist!", "select nope from nope", (0, 0)),
        ("Catalog Error: Table with name nope does not exist!", 'select nopes from "nope\'s"', (1, 20)),
        ('Catalog Error: Table with name "t" already exists!', "create table t(a int)", (0, 0)),
        ('Constraint Error: Duplicate key "id: 1"', "select id", (0, 0)),
    ],
)
def test_without_a_picture_the_name_is_looked_for(text: str, sql: str, place: tuple[int, int]) -> None:
    assert position(text, sql) == place


def test_a_user_s_text_that_looks_like_a_picture_is_none() -> None:
    text = "Invalid Input Error: LINE 3: here\n    ^ is wrong, says the user"
    assert told(text, "select error('...')").message == text
    assert position(text, "select 1") == (0, 0)


LOCK = (
    'IO Error: Could not set lock on file "/data/a.duckdb": Conflicting lock is held in '
    "/usr/bin/python3.11 (PID 4711). "
    "See also https://duckdb.org"
)


def test_a_locked_file_names_the_process() -> None:
    error = told(LOCK, kind="IOException")
    assert error.message == "the database `/data/a.duckdb` is open in another process (PID 4711, python3.11)"
    assert "4711" in error.problems[0].hint
    assert "read_only: true" in error.problems[0].hint
    assert error.transient


@pytest.mark.parametrize(
    ("kind", "text", "message", "hint", "transient"),
    [
        (
            "IOException",
            'IO Error: The file "/a/b.duckdb" exists, but it is not a valid DuckDB database file!',
            "`/a/b.duckdb` is no DuckDB database",
            "delete it",
            False,
        ),
        (
            "IOException",
            'IO Error: Could not read from file "/a": Is a directory',
            "`/a` is a folder",
            "warehouse.duckdb",
            False,
        ),
        ("IOException", 'IO Error: Cannot open file "/a/b": Permission denied', "permission denied", "who owns", False),
        (
            "IOException",
            "IO Error: Trying to read a database file with version number 69, but we can only read "
            "versions between 64 and 68.\nThe database file was created",
            "newer DuckDB",
            "storage_compatibility_version: v1.2.0}",
            False,
        ),
        (
            "IOException",
            'IO Error: Cannot open database "/a" in read-only mode: database does not exist',
            "does not exist",
            "read_only",
            False,
        ),
        (
            "ConnectionException",
            "Connection Error: Can't open a connection to same database file with a different "
            "configuration than existing connections",
            "open already",
            "config_options",
            False,
        ),
        (
            "IOException",
            'IO Error: Failed to download extension "httpfs" at URL "http://x"\nmore',
            "extension `httpfs`",
            "INSTALL httpfs",
            False,
        ),
        (
            "Error",
            "An error occurred while trying to automatically install the required extension "
            "'httpfs':\nFailed to download extension \"httpfs\" at URL",
            "extension `httpfs`",
            "extensions",
            False,
        ),
        (
            "CatalogException",
            'Catalog Error: Could not drop the table because this table is main key table of the table "child"',
            "main key table",
            "build `child` anew before it",
            False,
        ),
        (
            "CatalogException",
            'Catalog Error: Scalar Function with name "st_area" is not in the catalog, but it exists in '
            "the spatial extension.\n\nPlease",
            "st_area",
            "extensions: [spatial]",
            False,
        ),
        (
            "TransactionException",
            "TransactionContext Error: Catalog write-write conflict on create with "
            '""Schema\\0main\\0Table\\0main\\0zz""',
            "`zz` at the same time",
            "",
            True,
        ),
        (
            "TransactionException",
            'TransactionContext Error: Catalog write-write conflict on alter with "zz"',
            "`zz` at the same time",
            "",
            True,
        ),
        (
            "TransactionException",
            "TransactionContext Error: Conflict on update!",
            "Conflict on update",
            "same rows",
            True,
        ),
        (
            "TransactionException",
            "TransactionContext Error: Failed to commit: Transaction conflict: attempting to insert into "
            'table ""cc"" but it has been dropped by a different transaction',
            "dropped by",
            "another connection",
            True,
        ),
        (
            "TransactionException",
            'TransactionContext Error: Failed to commit: PRIMARY KEY or UNIQUE constraint violation: duplicate key "1"',
            "duplicate key",
            "another connection",
            True,
        ),
        (
            "TransactionException",
            "TransactionContext Error: Current transaction is aborted (please ROLLBACK)",
            "a statement before this one failed",
            "",
            False,
        ),
        (
            "TransactionException",
            "TransactionContext Error: cannot start a transaction within a transaction",
            "within a transaction",
            "hook",
            False,
        ),
        (
            "InvalidInputException",
            "Invalid Input Error: MERGE INTO command cannot affect the same target row more than once. A target",
            "MERGE",
            "unique_key",
            False,
        ),
        (
            "OutOfMemoryException",
            "Out of Memory Error: could not allocate block",
            "Out of Memory",
            "memory_limit",
            False,
        ),
        ("InterruptException", "INTERRUPT Error: Interrupted!", "the statement was cancelled", "", False),
        ("RuntimeError", "Query interrupted", "the statement was cancelled", "", False),
        ("RuntimeError", "std::bad_cast", "UTF-8", "", False),
        ("UnicodeEncodeError", "'utf-8' codec can't encode", "UTF-8", "", False),
        ("HTTPException", "HTTP Error: Unable to connect: HTTP 503", "503", "", True),
        ("HTTPException", "HTTP Error: HTTP GET error (HTTP 404 Not Found)", "404", "", False),
        (
            "InvalidInputException",
            "Invalid Input Error: Attempting to execute an unsuccessful or closed pending query "
            "result\nError: Invalid Input Error: late",
            "Invalid Input Error: late",
            "",
            False,
        ),
        (
            "ConversionException",
            "Conversion Error: Could not convert string 'x' to INT32",
            "Could not convert",
            "",
            False,
        ),
    ],
)
def test_what_is_made_of_messages(kind: str, text: str, message: str, hint: str, transient: bool) -> None:
    error = told(text, "select 1", kind)
    assert message in error.message
    assert hint in error.problems[0].hint if hint else error.problems[0].hint == ""
    assert (error.transient, error.sql) == (transient, "select 1")
    assert "{" not in error.problems[0].hint.replace("{storage_compatibility_version: v1.2.0}", "")


def test_a_brace_in_a_name_harms_no_message() -> None:
    error = told('IO Error: Could not set lock on file "/a{0}/{b}.duckdb": Conflicting lock is held in py (PID 1)')
    assert "/a{0}/{b}.duckdb" in error.message


def test_secrets_are_hidden_in_every_spelling() -> None:
    assert hidden("key 'it''s' and it's; abc", ["it's", "", "abc"]) == "key '***' and ***; ***"
    assert hidden("abcdef abc", ["abc", "abcdef"]) == "*** ***"


def test_a_huge_message_takes_no_time() -> None:
    sql = "select " + "x, " * 500_000 + "\n" * 100_000 + "bogus"
    assert position("Binder Error: x" + picture(100_001, "bogus", 0), sql) == (100_001, 1)
    assert told("Binder Error: " + "\n" * 100_000 + " " * 100_000 + '"' * 100_000, sql).line == 0
