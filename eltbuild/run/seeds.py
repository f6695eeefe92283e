"""Seed files read into Arrow, in bulk. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eltbuild.errors import CompileError, Place, Problem
from eltbuild.project.resources import Node

if TYPE_CHECKING:
    import pyarrow

TEXT_TYPES = frozenset({"varchar", "text", "string", "char", "character varying", "character", "bpchar", "nvarchar"})


def read_seed(node: Node, root: Path) -> pyarrow.Table:
    """The rows of a seed's file: CSV, Parquet, JSON (one object a line, or a list), Arrow or Feather.

    Columns whose `column_types` say text stay text (leading zeros and all); other types are left to what the values
    look like, as dbt reads them: whole numbers, decimals, dates, timestamps, booleans, text; empty is NULL.
    Raises `CompileError` with the line of the file.
    """
    path = root / node.project_path
    reader = READERS.get(path.suffix.lower(), read_csv)
    try:
        return reader(node, path)
    except OSError as error:
        raise CompileError(
            Problem(f"seed `{node.name}` cannot be read: {error.strerror or error}", Place(node.project_path))
        ) from None


def text_columns(node: Node) -> frozenset[str]:
    """The columns that the config gives a text type, lower case."""
    types = node.config.get("column_types") or {}
    return frozenset(
        str(name).lower() for name, kind in types.items() if str(kind).lower().split("(")[0].strip() in TEXT_TYPES
    )


def read_csv(node: Node, path: Path) -> pyarrow.Table:
    """A CSV file, its delimiter from the config."""
    import pyarrow

    text = text_columns(node)
    declared = {str(name).lower() for name in node.config.get("column_types") or {}}
    delimiter = str(node.config.get("delimiter") or ",")
    if len(delimiter) != 1:
        place = node.patch_place or node.place
        raise CompileError(Problem(f"seed `{node.name}`: the delimiter must be one character", place))
    # Whatever column has a declared type is read as text: the warehouse casts it, and nothing is lost on the way.
    kinds = {name: pyarrow.string() for name in _header(node, path) if name.lower() in text or name.lower() in declared}
    table = _parsed(node, path, delimiter, kinds)
    # Times of day stay text, as dbt keeps them.
    clocks = {field.name: pyarrow.string() for field in table.schema if pyarrow.types.is_time(field.type)}
    if clocks:
        table = _parsed(node, path, delimiter, {**kinds, **clocks})
    return _nulls_typed(table)


def _parsed(node: Node, path: Path, delimiter: str, kinds: Mapping[str, Any]) -> pyarrow.Table:
    """The rows, with the columns of `kinds` in those types and the others in what they look like."""
    import pyarrow
    from pyarrow import csv

    skipped: list[Any] = []

    def skip(row: Any) -> str:
        skipped.append(row)
        return "skip"

    parsing = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip)
    converting = csv.ConvertOptions(
        column_types=dict(kinds),
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        null_values=["", "null", "NULL", "Null"],
        true_values=["true", "True", "TRUE"],
        false_values=["false", "False", "FALSE"],
    )
    try:
        table = csv.read_csv(path, csv.ReadOptions(use_threads=False), parsing, converting)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError) as error:
        raise CompileError(
            Problem(f"seed `{node.name}` cannot be read as CSV: {error}", Place(node.project_path))
        ) from None
    if skipped:
        row = skipped[0]
        raise CompileError(
            Problem(
                f"seed `{node.name}`: a row has {row.actual_columns} values, the header {row.expected_columns}",
                Place(node.project_path, _line_of(path, row.text)),
                "quote values that hold the delimiter",
            )
        )
    return table


def _line_of(path: Path, text: str) -> int:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.rstrip("\r\n") == text.rstrip("\r\n"):
                return number
    return 0


def _header(node: Node, path: Path) -> list[str]:
    import csv

    with path.open(encoding="utf-8-sig", newline="", errors="strict") as file:
        try:
            rows = csv.reader(file, delimiter=str(node.config.get("delimiter") or ",")[:1])
            header = [name.strip() for name in next(rows, [])]
        except (UnicodeDecodeError, csv.Error) as error:
            raise CompileError(
                Problem(f"seed `{node.name}` is no CSV in UTF-8: {error}", Place(node.project_path))
            ) from None
    if not header or header == [""]:
        raise CompileError(
            Problem(f"seed `{node.name}` is empty", Place(node.project_path), "the first line names the columns")
        )
    lowered = [name.lower() for name in header]
    twice = next((name for name in header if lowered.count(name.lower()) > 1), None)
    if twice is not None:
        raise CompileError(Problem(f"seed `{node.name}` names column `{twice}` twice", Place(node.project_path, 1)))
    if "" in header:
        raise CompileError(Problem(f"seed `{node.name}` has a column without a name", Place(node.project_path, 1)))
    return header


def _nulls_typed(table: pyarrow.Table) -> pyarrow.Table:
    """Columns of nothing but NULL become whole numbers, as dbt makes them."""
    import pyarrow

    fields = [
        pyarrow.field(field.name.strip(), pyarrow.int32() if pyarrow.types.is_null(field.type) else field.type)
        for field in table.schema
    ]
    return table.rename_columns([field.name for field in fields]).cast(pyarrow.schema(fields))


def read_parquet(node: Node, path: Path) -> pyarrow.Table:
    """A Parquet file."""
    import pyarrow
    from pyarrow import parquet

    try:
        return parquet.read_table(path, memory_map=True)
    except pyarrow.ArrowException as error:
        raise CompileError(
            Problem(f"seed `{node.name}` is no Parquet file: {error}", Place(node.project_path))
        ) from None


def read_json(node: Node, path: Path) -> pyarrow.Table:
    """A JSON file: a list of objects, or one object a line."""
    import json

    import pyarrow
    from pyarrow import json as arrow_json

    try:
        with path.open("rb") as file:
            listed = file.read(64).lstrip().startswith(b"[")
        if listed:
            return pyarrow.Table.from_pylist(json.loads(path.read_text(encoding="utf-8-sig")))
        return arrow_json.read_json(path)
    except (pyarrow.ArrowException, ValueError, AttributeError) as error:
        raise CompileError(Problem(f"seed `{node.name}` is no JSON table: {error}", Place(node.project_path))) from None


def read_arrow(node: Node, path: Path) -> pyarrow.Table:
    """An Arrow IPC or Feather file."""
    import pyarrow
    from pyarrow import feather, ipc

    try:
        with path.open("rb") as file:
            if file.read(6) == b"ARROW1":
                return feather.read_table(path)
        with pyarrow.OSFile(str(path)) as source:
            return ipc.open_stream(source).read_all()
    except pyarrow.ArrowException as error:
        raise CompileError(Problem(f"seed `{node.name}` is no Arrow file: {error}", Place(node.project_path))) from None


READERS: Mapping[str, Any] = {
    ".csv": read_csv, ".tsv": read_csv, ".parquet": read_parquet, ".json": read_json, ".ndjson": read_json,
    ".jsonl": read_json, ".arrow": read_arrow, ".feather": read_arrow, ".ipc": read_arrow,
}  # fmt: skip
