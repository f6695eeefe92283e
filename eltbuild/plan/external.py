"""Relations that are kept in files which the engine writes, with a view that reads them. Nothing is run.

The files are written while the node is built: who reads them directly meets the new ones a moment before the view does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from eltbuild.adapter import Answer, Connection
from eltbuild.errors import CompileError, Problem
from eltbuild.plan import promises
from eltbuild.plan.nouns import Audit, Call, Facts, Operation, Statement
from eltbuild.plan.publish import Making, publish
from eltbuild.plan.whole import with_header
from eltbuild.relation import Column, Relation
from eltbuild.sql import external_files as files
from eltbuild.sql.writer import Writer

STAGE = "__dbt_stage"


def external(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Files with the rows of the query, and a view of them.

    Raises `CompileError` where the engine cannot write files, and for a format that is none.
    """
    if not writer.capabilities.external_files:
        hint = "use `table` or `view`"
        raise CompileError(Problem(f"`{facts.node.name}`: this engine writes no files", facts.node.place, hint))
    location, options = place_of(facts)
    kind = str(options["format"]).lower()
    if kind not in files.FORMATS:
        hint = f"there are {', '.join(files.FORMATS)}"
        raise CompileError(Problem(f"`{facts.node.name}`: `{kind}` is no format of files", facts.node.place, hint))
    given = facts.node.config.get(f"{kind}_read_options")
    source = files.reading(files.read_location(location, options), kind, given)
    stage = Relation(None, None, f"{facts.relation.identifier}{STAGE}{facts.temporary}")
    target = files.quoted(_from(facts.root, location))
    copy = f"copy {writer.relation(stage)} to {target} ({files.spelled_options(options)})"
    create = with_header(facts, writer.create_table_as(stage, facts.query, temporary=True))

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        def written(connection: Connection) -> Answer:
            """A file without a row keeps no types, and a folder without one no file: then it holds a row of nulls."""
            columns = facts.columns or tuple(connection.columns(f"select * from {writer.relation(stage)}"))
            empty = not connection.execute(f"select count(*) from {writer.relation(stage)}").scalar()
            if empty:
                nulls = ", ".join("null" for _ in columns)
                connection.execute(f"insert into {writer.relation(stage)} values ({nulls})")
            connection.execute(copy)
            connection.execute(f"drop table {writer.relation(stage)}")
            query = f"select * from {source}" + (_no_nulls(columns, writer) if empty else "")
            return connection.execute(writer.create_view_as(place, query, replace=replace, kind="view"))

        audit = (Audit(stage, stage, temporary=True),) if facts.audited else ()
        return (Statement(create, "stage"), *promises.of_place(facts, writer, stage), *audit, Call(written))

    return publish(facts, writer, Making("view", make, facts.columns, audits=True))


def place_of(facts: Facts) -> tuple[str, dict[str, Any]]:
    """The file or folder that is written, and the options of writing it."""
    config = facts.node.config
    options: Mapping[str, Any] = config.get("options") or {}
    more = {key: config[key] for key in ("format", "delimiter") if config.get(key) and key not in options}
    wanted = {**options, **more}
    location = config.get("location")
    if not location:
        ending = "" if files.partitions(wanted) else f".{wanted.get('format') or 'parquet'}"
        location = f"{facts.folder}/{facts.relation.identifier}{ending}"
    return str(location), files.write_options(str(location), wanted)


def _from(root: str, location: str) -> str:
    """The place for statements that write: readers look in the project's folder by themselves, writers do not."""
    return location if "://" in location or not root else str(PurePath(root, location))


def _no_nulls(columns: Sequence[Column], writer: Writer) -> str:
    return " where " + " and ".join(f"{writer.quote(column.name)} is not null" for column in columns)
