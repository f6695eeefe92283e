"""Sources that lie in Arrow files: loaded into the source's table before what reads them is built."""

from __future__ import annotations

from pathlib import Path

from eltbuild.adapter import Connection
from eltbuild.errors import CompileError, Problem
from eltbuild.plan.rows import columns_of
from eltbuild.project.resources import Project, Source
from eltbuild.sql.files import is_arrow
from eltbuild.sql.writer import Writer


def load_source(project: Project, source: Source, connection: Connection, writer: Writer) -> None:
    """Load the file of a source that lies in one; other sources are left alone. Raises `CompileError`."""
    given = source.config.get("external_location") or source.meta.get("external_location")
    if not given or not is_arrow(str(given)):
        return
    path = Path(project.root) / _filled(source, str(given))
    rows = _read(source, path)
    assert source.relation is not None
    lines = tuple(writer.definition(column) for column in columns_of(rows, writer))
    with connection.transaction():
        connection.execute(writer.create_schema(source.relation))
        connection.execute(writer.drop(source.relation, "table"))
        connection.execute(writer.create_table(source.relation, lines))
        connection.load(source.relation, rows)


def _filled(source: Source, location: str) -> str:
    names = {
        "name": source.name, "identifier": source.identifier or source.name, "source_name": source.source_name,
        "schema": source.relation.schema if source.relation else "",
    }  # fmt: skip
    try:
        return location.format_map(names)
    except (KeyError, ValueError, IndexError, AttributeError):
        text = f"external_location `{location}` cannot be filled in"
        hint = f"it may use {', '.join('{' + name + '}' for name in names)}"
        raise CompileError(Problem(text, source.place, hint)) from None


def _read(source: Source, path: Path):  # type: ignore[no-untyped-def]
    import pyarrow
    from pyarrow import feather, ipc

    try:
        with path.open("rb") as file:
            head = file.read(6)
        if head == b"ARROW1":
            return feather.read_table(path)
        with pyarrow.OSFile(str(path)) as stream:
            return ipc.open_stream(stream).read_all()
    except (OSError, pyarrow.ArrowException) as error:
        why = (error.strerror or error) if isinstance(error, OSError) else error
        name = f"{source.source_name}.{source.name}"
        raise CompileError(Problem(f"source `{name}`: `{path}` cannot be read: {why}", source.place)) from None
