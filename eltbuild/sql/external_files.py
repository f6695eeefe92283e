"""Files that an engine writes with COPY and reads as tables: their formats, options and places. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eltbuild.sql.quoting import quote_string

FORMATS = ("parquet", "csv", "json")
READERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "parquet": ("read_parquet", {"union_by_name": False}),
    "csv": ("read_csv", {"auto_detect": True}),
    "json": ("read_json", {"auto_detect": True}),
}
"""By format: the function that reads such files, and its options where the config names none."""

COMPRESSED: Mapping[str, str] = {".gz": "gzip", ".zst": "zstd"}
QUOTED = frozenset({"delimiter", "delim", "sep", "quote", "escape", "null"})
"""Options of COPY whose values are texts: they are written in quotes, which a config mostly leaves out."""


def write_options(location: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of COPY: those that are given, and what the file's name tells of its format and compression."""
    found = dict(options)
    stem, compression = _compression(location)
    if "format" not in found:
        found["format"] = _ending(stem) or "parquet"
        if compression and found["format"] != "parquet":
            found.setdefault("compression", compression)
    if str(found["format"]).lower() == "csv":
        found.setdefault("header", 1)
    return found


def spelled_options(options: Mapping[str, Any]) -> str:
    """Options as they stand in `copy ... to ... ( )`."""
    return ", ".join(f"{key} {_option(key, value)}" for key, value in options.items())


def read_location(location: str, options: Mapping[str, Any]) -> str:
    """The file, or the pattern of all files where the result is split over several."""
    parts = partitions(options)
    if parts:
        return "/".join([location, *("*" * len(parts)), f"*.{options.get('format') or 'parquet'}"])
    if options.get("per_thread_output"):
        return f"{location}/*.{options.get('format') or 'parquet'}"
    return location


def partitions(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns by which files are split."""
    given = options.get("partition_by") or ()
    names = given if isinstance(given, (list, tuple)) else str(given).strip().strip("()").split(",")
    return tuple(str(name).strip() for name in names if str(name).strip())


def reading(location: str, kind: str, options: Mapping[str, Any] | None = None) -> str:
    """The call that reads files of that format as a table."""
    reader, default = READERS[kind]
    words = [f"{key} = {literal(value)}" for key, value in (default if options is None else options).items()]
    _, compression = _compression(location)
    if compression and kind != "parquet" and "compression" not in (options or {}):
        words.append(f"compression = {literal(compression)}")
    return f"{reader}({', '.join([quoted(location), *words])})"


def quoted(text: str) -> str:
    """The text as a literal."""
    return quote_string(text, "")


def literal(value: Any) -> str:
    """A value of a config as a literal: mappings as structs, lists as lists."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(str(key))}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(literal, value)) + "]"
    return quoted(str(value))


def _option(key: str, value: Any) -> str:
    if key.lower() == "partition_by":
        return f"({', '.join(partitions({'partition_by': value}))})"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    written = len(text) > 1 and text[0] == text[-1] == "'"
    return quoted(text) if key.lower() in QUOTED and not written else text


def _compression(location: str) -> tuple[str, str]:
    for ending, name in COMPRESSED.items():
        if location.lower().endswith(ending):
            return location[: -len(ending)], name
    return location, ""


def _ending(location: str) -> str:
    found = re.search(r"\.([A-Za-z0-9]+)\Z", location)
    return found[1].lower() if found else ""
