"""Seed files read into Arrow, in bulk. Nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError, DatabaseError, Place, Problem, did_you_mean
from eltbuild.project.resources import Node
from eltbuild.run.loading.csv_files import read_csv, renamed

if TYPE_CHECKING:
    import pyarrow


def read_seed(node: Node, root: Path, able: Capabilities) -> pyarrow.Table:
    """The rows of a seed's file: CSV, Parquet, JSON (one object a line, or a list), Arrow or Feather.

    Raises `CompileError` with the line of the file.
    """
    path = root / node.project_path
    suffix = path.suffix.lower()
    try:
        return READERS[suffix](node, path) if suffix in READERS else read_csv(node, path, able)
    except OSError as error:
        raise CompileError(
            Problem(f"seed `{node.name}` cannot be read: {error.strerror or error}", Place(node.project_path))
        ) from None


def remarks(node: Node, root: Path, columns: Iterable[str], able: Capabilities) -> list[str]:
    """A sentence for each column that has another name than in the file, and for each type of a column that is none."""
    path = root / node.project_path
    told = [] if path.suffix.lower() in READERS else renamed(node, path, able)
    return [*told, *untyped(node, columns)]


def untyped(node: Node, columns: Iterable[str]) -> list[str]:
    """A sentence for each column that `column_types` names and that the file does not have."""
    names = {name.casefold(): name for name in columns}
    told = []
    for given in node.config.get("column_types") or {}:
        if str(given).casefold() not in names:
            hint = did_you_mean(str(given).casefold(), names)
            told.append(
                f"seed `{node.name}` has no column `{given}`, for which column_types gives a type. {hint}".strip()
            )
    return told


def refused(node: Node, root: Path, error: DatabaseError) -> CompileError:
    """The warehouse's word on a value of a seed, with the line on which a value stands that it names."""
    named = re.findall(r"['\"]([^'\"]+)['\"]", error.message)
    hint = error.problems[0].hint if error.problems else ""
    return CompileError(Problem(error.message, Place(node.project_path, _line_of(node, root, named)), hint))


def _line_of(node: Node, root: Path, values: Sequence[str]) -> int:
    import csv

    path = root / node.project_path
    if path.suffix.lower() in READERS or not values:
        return 0
    delimiter = str(node.config.get("delimiter") or ",")[:1]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=delimiter)
            return next((rows.line_num for row in rows if rows.line_num > 1 and not set(values).isdisjoint(row)), 0)
    except (OSError, ValueError, csv.Error):
        return 0


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
    except (pyarrow.ArrowException, ValueError, AttributeError, RecursionError) as error:
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
    ".parquet": read_parquet, ".json": read_json, ".ndjson": read_json,
    ".jsonl": read_json, ".arrow": read_arrow, ".feather": read_arrow, ".ipc": read_arrow,
}  # fmt: skip
