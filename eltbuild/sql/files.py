"""How a dialect reads a file in place of a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from eltbuild.sql.quoting import quote_string

READERS: Mapping[str, Mapping[str, str]] = {
    "duckdb": {
        ".parquet": "read_parquet", ".pq": "read_parquet", ".csv": "read_csv", ".tsv": "read_csv", ".json": "read_json",
        ".ndjson": "read_json", ".jsonl": "read_json", ".csv.gz": "read_csv", ".json.gz": "read_json",
    },
    "spark": {".parquet": "parquet", ".csv": "csv", ".json": "json", ".orc": "orc"},
}  # fmt: skip
"""By dialect, then by suffix: the function (DuckDB) or the format (Spark) that reads such a file."""


SEARCHED = frozenset({"duckdb"})
"""Dialects whose session looks for files in the project's folder, wherever the process was started."""


def is_arrow(location: str) -> bool:
    """Whether the location names an Arrow file, which is loaded rather than read in place."""
    return location.lower().endswith((".arrow", ".feather", ".ipc"))


def reader(location: str, root: str, dialect: str) -> str | None:
    """SQL that stands for the file in a FROM clause; None for Arrow files, which are loaded into a table.

    Text with a parenthesis is SQL already; URLs stay as they are. A relative path is meant against `root`, which is
    put before it unless the session itself looks there: then a view keeps the path as it was written.
    """
    if "(" in location:
        return location
    if is_arrow(location):
        return None
    if location.startswith("'") and location.endswith("'") and len(location) > 1:
        location = location[1:-1].replace("''", "'")
    found = "://" in location or PurePath(location).is_absolute() or (dialect in SEARCHED and "," not in root)
    path = location if found else f"{root}/{location}"
    text = quote_string(path, dialect)
    suffixes = READERS.get(dialect, {})
    name = path.lower()
    function = next((suffixes[s] for s in sorted(suffixes, key=len, reverse=True) if name.endswith(s)), None)
    if dialect == "spark" and function:
        return f"{function}.`{path}`"
    return f"{function}({text})" if function else text
