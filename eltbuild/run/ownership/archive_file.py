"""A relation as a file, before it is dropped: the rows of a table as Parquet, the text of a view as SQL.

Values that Parquet has no exact form for (decimals without a scale, intervals, types of the engine's own) are kept as
the engine's text of them; the engine's types stand in the file's metadata, for the way back.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from eltbuild.adapter import Connection
from eltbuild.disk import sync_folder
from eltbuild.errors import Problem, UsageError
from eltbuild.plan.archive import view_query
from eltbuild.relation import Column, Relation, RelationInfo, RelationKind
from eltbuild.sql.writer import Writer
from eltbuild.state.records import Built
from eltbuild.values import dataclass

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

FOLDER = ".eltbuild/archive"
"""Where the files go, below the project's folder."""

METADATA = b"eltbuild"
"""The key under which a Parquet file tells of the relation, in JSON."""
HEAD = "-- eltbuild: "
"""How the line begins in which a SQL file does."""

BYTES = frozenset({"blob", "bytea", "bytes", "binary", "varbinary"})
"""Types whose values are bytes and nothing else."""

LONGEST = 120
"""So many bytes of a relation's name stand in that of its file."""


def write_rows(
    connection: Connection, info: RelationInfo, built: Built, writer: Writer, folder: Path, now: datetime
) -> Path:
    """All rows of a table, batch by batch; `info` has its columns.

    The file stands whole when this returns, and not at all when it raises: `DatabaseError`, or `UsageError` where it
    cannot be written or does not hold as many rows as the table.
    """
    path = folder / f"{_stem(info.relation, now)}.parquet"
    written = None
    for query in (exact_query(connection, info, writer), text_query(info, writer)):
        with suppress(_Uneven), _new_file(path) as file:
            written = _write(connection, query, {METADATA: _told(info, built, now)}, file)
            _verify(connection, info, writer, written)
        if written is not None:
            return path
    raise UsageError(Problem(f"`{info.relation}` has no form in Parquet"))


class _Uneven(Exception):
    """The rows of one piece have other types than those before."""


def _write(connection: Connection, query: str, metadata: Mapping[bytes, bytes], file: BinaryIO) -> int:
    """Write the rows of a query as Parquet; how many there were."""
    import pyarrow
    from pyarrow import parquet

    with closing(_stream(connection, query)) as pieces:
        first = next(pieces)
        try:
            schema = first.schema.with_metadata(metadata)
            with parquet.ParquetWriter(file, schema, compression="zstd") as out:
                return sum(_written(piece, first.schema, out) for piece in chain((first,), pieces))
        except pyarrow.ArrowException as error:
            raise _Uneven from error


def _written(piece: pyarrow.Table, schema: pyarrow.Schema, out: parquet.ParquetWriter) -> int:
    if not piece.schema.equals(schema):
        raise _Uneven
    out.write_table(piece.replace_schema_metadata(out.schema.metadata))
    return int(piece.num_rows)


def _verify(connection: Connection, info: RelationInfo, writer: Writer, written: int) -> None:
    there = connection.execute(f"select count(*) from {writer.relation(info.relation)}").scalar()
    if written != there:
        text = f"{written:,} rows of `{info.relation}` were read, and {there:,} are there"
        raise UsageError(Problem(text, hint="something writes to it: try again when nothing does"))


def write_text(info: RelationInfo, built: Built, text: str, writer: Writer, folder: Path, now: datetime) -> Path:
    """The statement that makes a view again. Raises `UsageError` where the file cannot be written."""
    path = folder / f"{_stem(info.relation, now)}.sql"
    query = view_query(text)
    made = writer.create_view_as(info.relation, query, kind=info.kind) if query else text
    with _new_file(path) as file:
        file.write(f"{HEAD}{_told(info, built, now).decode()}\n{made};\n".encode())
    return path


def write_definition(relation: Relation, statements: Sequence[str], folder: Path, now: datetime) -> Path:
    """The statements that make a function again. Raises `UsageError` where the file cannot be written."""
    path = folder / f"{_stem(relation, now)}.sql"
    with _new_file(path) as file:
        file.write("".join(f"{text.rstrip()};\n" for text in statements).encode())
    return path


def exact_query(connection: Connection, info: RelationInfo, writer: Writer) -> str:
    """A query for the rows in which each value has an exact form in Parquet: its own, or the engine's text of it."""
    place, types = writer.relation(info.relation), {column.name: column.type for column in info.columns}
    chosen = []
    for field in connection.read(f"select * from {place} limit 0").schema:
        name = writer.quote(field.name)
        exact = is_exact(field.type, types.get(field.name, ""))
        chosen.append(name if exact else f"cast({name} as {writer.type_name('text')}) as {name}")
    return f"select {', '.join(chosen)} from {place}"


def is_exact(arrow: pyarrow.DataType, type_name: str) -> bool:
    """Whether values of an Arrow type come back from Parquet as they were; `type_name` is the engine's word."""
    from pyarrow import types

    if types.is_decimal(arrow):
        # A type without a scale of its own has been given one on the way.
        return "(" in type_name
    if types.is_list(arrow) or types.is_large_list(arrow):
        return is_exact(arrow.value_type, "")
    if types.is_struct(arrow):
        return all(is_exact(field.type, "") for field in arrow)
    if types.is_binary(arrow) or types.is_large_binary(arrow):
        return type_name.casefold() in BYTES
    plain = (types.is_boolean, types.is_integer, types.is_floating, types.is_string, types.is_large_string)
    if types.is_timestamp(arrow):
        # Nanoseconds would be lost on the way back, in the tables of most engines.
        return str(arrow.unit) != "ns"
    return types.is_date32(arrow) or any(test(arrow) for test in plain)


def text_query(info: RelationInfo, writer: Writer) -> str:
    """A query for the rows, each value as the engine's text of it."""
    text = writer.type_name("text")
    names = (writer.quote(column.name) for column in info.columns)
    chosen = ", ".join(f"cast({name} as {text}) as {name}" for name in names)
    return f"select {chosen} from {writer.relation(info.relation)}"


def _stream(connection: Connection, query: str) -> Generator[pyarrow.Table, None, None]:
    """The rows of a query, piece by piece where the adapter can give them so."""
    stream = getattr(connection, "stream", None)
    yield from stream(query) if stream is not None else (connection.read(query),)


def _told(info: RelationInfo, built: Built, now: datetime) -> bytes:
    """Which relation it was, in JSON."""
    told: dict[str, Any] = {
        "relation": [info.relation.database, info.relation.schema, info.relation.identifier],
        "kind": info.kind,
        "columns": [[column.name, column.type] for column in info.columns],
        "event": "archived" if built.event == "archived" else "built",
        "node": built.node,
        "project": built.project,
        "archived_at": now.isoformat(),
    }
    return json.dumps(told, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Content:
    """What a file tells of the relation that it holds."""

    relation: Relation
    kind: RelationKind
    columns: tuple[Column, ...]
    event: Literal["built", "archived"]
    """What it was to the project: built by it, or put aside."""
    node: str


def content_of(text: bytes) -> Content:
    """What a file tells. Raises `ValueError`."""
    told = json.loads(text)
    try:
        database, schema, identifier = told["relation"]
        columns = tuple(Column(str(name), str(type_name)) for name, type_name in told["columns"])
        event: Literal["built", "archived"] = "archived" if told["event"] == "archived" else "built"
        return Content(Relation(database, schema, identifier), told["kind"], columns, event, str(told["node"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not told: {error}") from error


def _stem(relation: Relation, now: datetime) -> str:
    """`main.orders-20261121T101500Z-5f0c`: no two files have the same."""
    name = re.sub(r"[^\w.-]+", "_", f"{relation.schema}.{relation.identifier}")
    name = name.encode()[:LONGEST].decode(errors="ignore").lstrip(".-")
    return f"{name}-{now:%Y%m%dT%H%M%SZ}-{os.urandom(2).hex()}"


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that only its owner may read: it is there, on the disk, once the block has ended well."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        _made(path.parent)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise UsageError(Problem(f"cannot write `{path}`: {error.strerror or error}")) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _made(folder: Path) -> None:
    """The folder is there, for its owner only, and git leaves it alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignored = folder.parent / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")
