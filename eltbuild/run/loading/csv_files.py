"""CSV files of seeds read into Arrow, with the types that dbt gives them. Nothing is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError, Place, Problem
from eltbuild.project.resources import Node
from eltbuild.run.loading.csv_values import as_moments, as_whole_numbers, as_written_numbers, looks_dated

if TYPE_CHECKING:
    import pyarrow

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXT_TYPES = frozenset({"varchar", "text", "string", "char", "character varying", "character", "bpchar", "nvarchar"})


def text_columns(node: Node) -> frozenset[str]:
    """The columns that the config gives a text type, lower case."""
    types = node.config.get("column_types") or {}
    return frozenset(
        str(name).lower() for name, kind in types.items() if str(kind).lower().split("(")[0].strip() in TEXT_TYPES
    )


def delimiter_of(node: Node) -> str:
    """What the config gives as delimiter, whether it can be one or not; a comma where it gives none."""
    given = node.config.get("delimiter")
    return "," if given is None else str(given)


def read_csv(node: Node, path: Path, able: Capabilities) -> pyarrow.Table:
    """A CSV file, its delimiter from the config.

    Columns whose `column_types` say text stay text (leading zeros and all); other types are left to what the values
    look like, as dbt reads them: whole numbers, decimals, dates, timestamps, booleans, text; empty is NULL.
    Raises `CompileError` with the line of the file.
    """
    import pyarrow

    declared = {str(name).lower() for name in node.config.get("column_types") or {}} | text_columns(node)
    delimiter = delimiter_of(node)
    if len(delimiter) != 1:
        place = node.patch_place or node.place
        raise CompileError(Problem(f"seed `{node.name}`: the delimiter must be one character", place))
    # Whatever column has a declared type is read as text: the warehouse casts it, and nothing is lost on the way.
    kinds = {name: pyarrow.string() for name in header(node, path, able) if name.lower() in declared}
    table = _parsed(node, path, delimiter, kinds, able)
    table = _retyped(node, path, delimiter, table, declared, able)
    if able.reads_csv:
        table = _as_engine(node, path, delimiter, table, able)
    elif _holds(path, b"\r"):
        table = _with_plain_ends(table)
    return _nulls_typed(table)


def _with_plain_ends(table: pyarrow.Table) -> pyarrow.Table:
    """The rows with `\\n` for each end of a line within a text: engines that do not read files get them so from dbt."""
    from pyarrow import compute, types

    for number, field in enumerate(table.schema):
        if types.is_string(field.type):
            plain = compute.replace_substring_regex(table.column(number), r"\r\n?", "\n")
            table = table.set_column(number, field.name, plain)
    return table


def _retyped(
    node: Node,
    path: Path,
    delimiter: str,
    table: pyarrow.Table,
    declared: frozenset[str] | set[str],
    able: Capabilities,
) -> pyarrow.Table:
    """The rows with the types of undeclared columns as dbt gives them, where Arrow has its own mind."""
    import pyarrow
    from pyarrow import types

    guessed = [field for field in table.schema if field.name.lower() not in declared]
    hex_digits = any(types.is_integer(field.type) for field in guessed) and _holds(path, rb"0[xX]")
    doubtful = [
        field.name
        for field in guessed
        if (types.is_temporal(field.type) and not types.is_date(field.type))
        or (hex_digits and types.is_integer(field.type))
    ]
    texts = _parsed(node, path, delimiter, dict.fromkeys(doubtful, pyarrow.string()), able) if doubtful else None
    for number, field in enumerate(table.schema):
        column = table.column(number)
        if field not in guessed:
            continue
        if field.name in doubtful and texts is not None:
            found = _settled(texts.column(number), column, able)
        elif types.is_string(field.type) and looks_dated(column):
            found = as_moments(column, able.reads_csv)
        elif types.is_floating(field.type):
            found = as_whole_numbers(column)
        elif types.is_string(field.type):
            found = as_written_numbers(column, able.reads_csv)
        else:
            continue
        table = table.set_column(number, field.name, found)
    return table


def _settled(texts: Any, guess: Any, able: Capabilities) -> Any:
    """A column that Arrow took for times, or for whole numbers where some are written as `0x1f`."""
    from pyarrow import compute, types

    if types.is_integer(guess.type):
        hexadecimal = compute.any(compute.match_substring_regex(texts, "^-?0[xX]")).as_py()
        return texts if hexadecimal else guess
    return as_moments(texts, able.reads_csv)


def _as_engine(node: Node, path: Path, delimiter: str, table: pyarrow.Table, able: Capabilities) -> pyarrow.Table:
    """The rows with texts as an engine's own reader takes them: `'` may quote values, and null is a word."""
    import pyarrow
    from pyarrow import compute, types

    names = [field.name for field in table.schema if types.is_string(field.type)]
    quote = "'" if names and _quotes_singly(path, delimiter) else '"'
    if not names or (quote == '"' and not _holds(path, rb"(?i)null")):
        return table
    names_of_all = dict.fromkeys(table.column_names, pyarrow.string())
    texts = _parsed(node, path, delimiter, names_of_all, able, quote, words=True)
    for number, field in enumerate(table.schema):
        if field.name in names:
            column = texts.column(number)
            # Plain values in place of the pattern and the nulls would have Arrow import pandas.
            empty = compute.match_substring_regex(column, "^$")
            found = compute.if_else(empty, pyarrow.nulls(len(column), pyarrow.string()), column)
            table = table.set_column(number, field.name, found)
    return table


def _holds(path: Path, pattern: bytes) -> bool:
    """Whether the pattern occurs in the file."""
    import mmap

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return re.search(pattern, content) is not None


def _quotes_singly(path: Path, delimiter: str) -> bool:
    """Whether values stand between `'`, each of them closed, and none between double quotes."""
    start = rb"(?m)(?:^|" + re.escape(delimiter.encode()) + rb")"
    after = rb"(?=" + re.escape(delimiter.encode()) + rb"|\r|$)"
    return (
        _holds(path, start + rb"'")
        and not _holds(path, start + rb'"')
        and not _holds(path, start + rb"'(?!(?:[^']|'')*+'" + after + rb")")
    )


def _parsed(
    node: Node,
    path: Path,
    delimiter: str,
    kinds: Mapping[str, Any],
    able: Capabilities,
    quote: str = '"',
    words: bool = False,
    filled: bool = False,
) -> pyarrow.Table:
    """The rows, with the columns of `kinds` in those types and the others in what they look like.

    `words`: text keeps what would otherwise be NULL, the empty text included. Rows that are too short end in NULL, but
    where an engine's own reader would refuse them; `filled` says that they have been filled up.
    """
    import pyarrow
    from pyarrow import csv

    skipped: list[Any] = []

    def skip(row: Any) -> str:
        skipped.append(row)
        return "skip"

    # A line without any character is a row of NULLs; readers of engines pass over it, but in files of one column.
    names = header(node, path, able)
    blank = able.reads_csv and len(names) > 1
    parsing = csv.ParseOptions(
        delimiter=delimiter,
        quote_char=quote,
        newlines_in_values=True,
        ignore_empty_lines=blank,
        invalid_row_handler=skip,
    )
    nulls = () if able.reads_csv else _padded_nulls(path, delimiter)
    converting = _conversion(kinds, words, nulls)
    source = _filled_up(path, delimiter) if filled else _ended(path)
    try:
        reading = csv.ReadOptions(use_threads=False)
        if names != _written_header(node, path):
            reading = csv.ReadOptions(use_threads=False, column_names=names, skip_rows_after_names=1)
        table = csv.read_csv(source, reading, parsing, converting)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError) as error:
        raise CompileError(
            Problem(f"seed `{node.name}` cannot be read as CSV: {error}", Place(node.project_path))
        ) from None
    wrong = [row for row in skipped if able.reads_csv or row.actual_columns > row.expected_columns]
    if wrong:
        raise _other_width(node, path, wrong[0])
    if skipped and not filled:
        return _parsed(node, path, delimiter, kinds, able, quote, words, filled=True)
    return table


def _other_width(node: Node, path: Path, row: Any) -> CompileError:
    """What is wrong with a row that has not as many values as the header."""
    return CompileError(
        Problem(
            f"seed `{node.name}`: a row has {row.actual_columns} values, the header {row.expected_columns}",
            Place(node.project_path, _line_of(path, row.text)),
            "quote values that hold the delimiter",
        )
    )


def _conversion(kinds: Mapping[str, Any], words: bool, nulls: Sequence[str]) -> Any:
    """How texts become values: columns of those kinds; `nulls` stand for NULL beside the usual words."""
    from pyarrow import csv

    return csv.ConvertOptions(
        column_types=dict(kinds),
        strings_can_be_null=not words,
        quoted_strings_can_be_null=not words,
        null_values=["", "null", "NULL", "Null", *nulls],
        true_values=["true", "True", "TRUE"],
        false_values=["false", "False", "FALSE"],
    )


def _ended(path: Path) -> Any:
    """What to read: the file, or the one line that is all there is of it, with an end."""
    import io

    return path if _holds(path, rb"[\r\n]") else io.BytesIO(path.read_bytes() + b"\n")


def _padded_nulls(path: Path, delimiter: str) -> list[str]:
    """The values that are nothing but white space, or `null` within it: they mean NULL."""
    end = re.escape(delimiter.encode())
    pattern = rb"(?:^|" + end + rb')("?)([ \t]+(?:null)?[ \t]*|null[ \t]+)\1(?=' + end + rb"|\r|$)"
    return sorted({found[1].decode("ascii") for found in _found(path, rb"(?mi)" + pattern)})


def _found(path: Path, pattern: bytes) -> list[tuple[bytes, ...]]:
    """What the groups of the pattern hold, at each place of the file where it occurs."""
    import mmap

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return re.findall(pattern, content)


def _filled_up(path: Path, delimiter: str) -> Any:
    """The file as bytes to read, each row with as many values as the header."""
    import csv
    import io

    text = io.StringIO(newline="")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter)
        header = next(rows)
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(row + [""] * (len(header) - len(row)) for row in rows)
    return io.BytesIO(text.getvalue().encode("utf-8"))


def _line_of(path: Path, text: str) -> int:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.rstrip("\r\n") == text.rstrip("\r\n"):
                return number
    return 0


def header(node: Node, path: Path, able: Capabilities) -> list[str]:
    """The names of a file's columns, as dbt has them.

    One without a name is called by the letter of its place, and one whose name was there before gets a number.
    Raises `CompileError` for a file without any, and for names that are one to the engine.
    """
    written = _written_header(node, path)
    if not written or written == [""]:
        raise CompileError(
            Problem(f"seed `{node.name}` is empty", Place(node.project_path), "the first line names the columns")
        )
    names: list[str] = []
    for number, name in enumerate(written):
        plain = name or LETTERS[number % len(LETTERS)] * (number // len(LETTERS) + 1)
        made, count = plain, 1
        while made in names:
            count += 1
            made = f"{plain}_{count}"
        names.append(made)
    lowered = [name.lower() for name in names]
    twice = next((name for name in names if lowered.count(name.lower()) > 1), None)
    if twice is not None and not able.exact_names:
        raise CompileError(Problem(f"seed `{node.name}` names column `{twice}` twice", Place(node.project_path, 1)))
    return names


def renamed(node: Node, path: Path, able: Capabilities) -> list[str]:
    """A sentence for each column whose name is not what the file's first line says. Raises as `header` does."""
    pairs = zip(_written_header(node, path), header(node, path, able), strict=True)
    return [
        f"seed `{node.name}` names column `{written}` twice: this one becomes `{name}`" if written
        else f"seed `{node.name}` has a column without a name: it becomes `{name}`"
        for written, name in pairs
        if written != name
    ]  # fmt: skip


def _written_header(node: Node, path: Path) -> list[str]:
    """The values of a file's first line."""
    import csv

    with path.open(encoding="utf-8-sig", newline="", errors="strict") as file:
        try:
            return next(csv.reader(file, delimiter=delimiter_of(node)[:1] or ","), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise CompileError(
                Problem(f"seed `{node.name}` is no CSV in UTF-8: {error}", Place(node.project_path))
            ) from None


def _nulls_typed(table: pyarrow.Table) -> pyarrow.Table:
    """Columns of nothing but NULL become whole numbers, as dbt makes them."""
    import pyarrow

    fields = [
        pyarrow.field(field.name, pyarrow.int32() if pyarrow.types.is_null(field.type) else field.type)
        for field in table.schema
    ]
    return table.rename_columns([field.name for field in fields]).cast(pyarrow.schema(fields))
