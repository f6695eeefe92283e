"""Sources that lie in Arrow files: loaded into the source's table before what reads them is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eltbuild.adapter import Connection
from eltbuild.compile.introspect import Live
from eltbuild.errors import CompileError, Problem
from eltbuild.plan.nouns import Facts
from eltbuild.plan.rows import columns_of
from eltbuild.plan.whole import rows_table
from eltbuild.project.resources import Node, Source
from eltbuild.relation import Belongings, Relation
from eltbuild.run.commented import Commented
from eltbuild.run.ownership.owner import admitted
from eltbuild.run.work import Work, build
from eltbuild.sql.files import is_arrow


def load_source(work: Work, source: Source, connection: Commented) -> None:
    """Load the file of a source that lies in one; other sources are left alone.

    Its table is replaced as that of a seed is. Raises `DatabaseError`, and `CompileError` where the file cannot be read
    or what stands there is not the project's.
    """
    given = source.config.get("external_location") or source.meta.get("external_location")
    if not given or not is_arrow(str(given)):
        return
    rows = _read(source, Path(work.session.project.root) / _filled(source, str(given)))
    node = _as_seed(source)
    with connection.passing():
        connection.execute(work.writer.create_schema(_placed(source)))
    facts = admitted(work, _facts(work, node, rows, connection), connection)
    made = rows_table(facts, work.writer, columns_of(rows, work.writer))
    build(work, node, connection, Live(connection), (*facts.adoption, *made, *facts.adopted), True)


def _as_seed(source: Source) -> Node:
    """What the source comes to once its file is loaded."""
    config = {"adopt": source.config["adopt"]} if "adopt" in source.config else {}
    return Node(
        id=source.id, resource_type="seed", name=source.name, package=source.package, path=source.path,
        original_path=source.original_path, root=source.root, config=config, place=source.place,
        relation=_placed(source),
    )  # fmt: skip


def _placed(source: Source) -> Relation:
    assert source.relation is not None
    return source.relation


def _facts(work: Work, node: Node, rows: Any, connection: Connection) -> Facts:
    assert node.relation is not None
    existing = connection.relation(node.relation)
    asks = existing is not None and work.writer.capabilities.belongings
    return Facts(
        node=node,
        query="",
        relation=node.relation,
        existing=existing,
        full_refresh=True,
        now=work.now,
        rows=rows,
        belongings=connection.belongings(node.relation) if asks else Belongings(),
        temporary=work.temporary,
    )


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
