"""A relation that was dropped into a file, made again at its place from that file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eltbuild.adapter import Connection
from eltbuild.errors import Problem, UsageError
from eltbuild.plan.rows import columns_of
from eltbuild.relation import Relation
from eltbuild.run.ledger.port import Ledger
from eltbuild.run.ownership.archive_file import HEAD, METADATA, Content, content_of
from eltbuild.run.performing import perform
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass

if TYPE_CHECKING:
    from pyarrow import parquet

BATCH = 50_000
"""So many rows are in memory at once."""


def content(path: Path) -> Content:
    """What the file tells. Raises `UsageError` for one that eltbuild has not written, or that is damaged."""
    import pyarrow
    from pyarrow import parquet

    if not path.is_file():
        raise UsageError(Problem(f"there is no file `{path}`", hint="archives lie in .eltbuild/archive"))
    try:
        if path.suffix != ".sql":
            return content_of((parquet.read_schema(path).metadata or {}).get(METADATA, b""))
        with path.open(encoding="utf-8") as file:
            return content_of(file.readline().removeprefix(HEAD).encode())
    except (pyarrow.ArrowException, ValueError) as error:
        raise UsageError(
            Problem(f"`{path}` is no archive of eltbuild's", hint="they lie in .eltbuild/archive")
        ) from error
    except OSError as error:
        raise UsageError(Problem(f"cannot read `{path}`: {error.strerror or error}")) from error


def restore(path: Path, held: Content, ledger: Ledger, connection: Connection, writer: Writer) -> int | None:
    """The relation stands at its place again; how many rows it has. What stands there already is left alone.

    It is remembered as what it was: an orphan, or one that was put aside. Raises `UsageError` and `DatabaseError`;
    then nothing has been made.
    """
    if connection.relation(held.relation) is not None:
        text = f"`{held.relation}` stands already: nothing was restored"
        raise UsageError(Problem(text, hint="rename it, or drop it, first"))
    rows: int | None = None
    with connection.transaction():
        if writer.capabilities.schemas:
            connection.execute(writer.create_schema(held.relation))
        if held.kind == "table":
            rows = filled(path, held, connection, writer)
        else:
            connection.execute(path.read_text(encoding="utf-8"))
        perform(connection, ledger.noting(held.relation, held.kind, held.event, held.node))
    return rows


def filled(path: Path, held: Content, connection: Connection, writer: Writer) -> int:
    """Make the table with the rows of the file, each value read as the type that its column had."""
    place, staged = held.relation, writer.beside(held.relation, "__restored")
    with _readable(path) as file:
        _staged(file, staged, connection, writer)
        rows = int(file.metadata.num_rows)
    lines = [writer.definition(column) for column in held.columns]
    names = [column.name for column in held.columns]
    values = ", ".join(f"cast({writer.quote(column.name)} as {column.type})" for column in held.columns)
    connection.execute(writer.create_table(place, lines))
    connection.execute(writer.insert(place, names, f"select {values} from {writer.relation(staged)}"))
    connection.execute(writer.drop(staged, cascade=False))
    there = connection.execute(f"select count(*) from {writer.relation(place)}").scalar()
    if there != rows:
        raise UsageError(Problem(f"`{path}` holds {rows:,} rows, and {there:,} of them came back"))
    return rows


@contextmanager
def _readable(path: Path) -> Iterator[parquet.ParquetFile]:
    """The file, open. What is wrong with it is a `UsageError`, whenever that comes up."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(Problem(f"`{path}` is damaged: {error}", hint="nothing was restored")) from error


def _staged(file: parquet.ParquetFile, staged: Relation, connection: Connection, writer: Writer) -> None:
    """The rows as they are in the file, in a table of their own."""
    lines = [writer.definition(column) for column in columns_of(_Shape(file.schema_arrow), writer)]
    connection.execute(writer.create_table(staged, lines))
    for batch in file.iter_batches(BATCH):
        connection.load(staged, _table(batch))


@dataclass(frozen=True, slots=True)
class _Shape:
    """All that the columns of rows need to be known by."""

    schema: Any


def _table(batch: Any) -> Any:
    import pyarrow

    return pyarrow.Table.from_batches([batch])
