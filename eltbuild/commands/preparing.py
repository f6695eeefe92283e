"""What must be there before the first node: schemas, what the catalogue tells, the files that sources lie in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from eltbuild.commands.claiming import writes
from eltbuild.compile.introspect import Live
from eltbuild.compile.made_schemas import make_schema, schema_macro
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.project.resources import Macro, Node, NodeId
from eltbuild.relation import Relation
from eltbuild.run.commented import Commented
from eltbuild.run.failed_rows import forget_mended
from eltbuild.run.leftovers import clear
from eltbuild.run.testing.together import anchor_of
from eltbuild.run.work import Work
from eltbuild.sql.counting import SIZED
from eltbuild.sql.writer import Writer
from eltbuild.values import replace


def prepare(work: Work, nodes: Sequence[Node]) -> Work:
    """Create the schemas that will be written to, ask what stands in them (one question each), load Arrow files."""
    connection = work.connections.here()
    connection.comment = connection.after = ""
    store = work.session.flag("STORE_FAILURES")
    written = [node.relation for node in nodes if node.relation is not None and writes(node, store)]
    exact = work.writer.capabilities.exact_names
    schemas = {place.key_where(exact)[:2]: Relation(place.database, place.schema, None) for place in written}
    if schemas and work.session.capabilities.schemas:
        own = schema_macro(work.session.macros)
        if own is None:
            create_schemas(connection, list(schemas.values()), work.writer)
        else:
            call_for_schemas(work, own, connection, list(schemas.values()))
    if schemas:
        work.catalogue.learn(connection, schemas.values())
        clear(work, connection)
        forget_mended(work, connection)
    weigh(work, nodes, connection)
    return replace(work, unreadable=load_arrow_sources(work, nodes, connection))


def weigh(work: Work, nodes: Sequence[Node], connection: Commented) -> None:
    """Learn how large the tested tables are, where the cheapest way to test them depends on that."""
    if work.writer.dialect not in SIZED:
        return
    project = work.session.project
    anchors = {anchor_of(node) for node in nodes if node.resource_type == "test"}
    found = [project.nodes.get(id) or project.sources.get(id) for id in anchors]
    places = [one.relation for one in found if one is not None and one.relation is not None]
    schemas = {place.key[:2]: Relation(place.database, place.schema, None) for place in places}
    with suppress(DatabaseError):
        work.catalogue.weigh(connection, schemas.values())


def create_schemas(connection: Commented, schemas: Sequence[Relation], writer: Writer) -> None:
    """Create those of the schemas that do not exist."""
    for schema in schemas:
        try:
            with connection.passing():
                connection.execute(writer.create_schema(schema))
        except DatabaseError as error:
            if not error.transient and not error.lost and _is_there(connection, schema, writer):
                continue
            raise DatabaseError(
                f"schema {writer.relation(schema)} cannot be created: {error.message}",
                sql=error.sql,
                code=error.code,
                transient=error.transient,
                lost=error.lost,
                hint=error.problems[0].hint if error.problems else "",
            ) from error


def call_for_schemas(work: Work, macro: Macro, connection: Commented, schemas: Sequence[Relation]) -> None:
    """The project's own macro is called for those of the schemas that do not exist, as it may do more, or nothing."""
    for schema in schemas:
        if not _is_there(connection, schema, work.writer):
            with connection.passing():
                make_schema(work.compiler, macro, Live(connection), schema)


def _is_there(connection: Commented, schema: Relation, writer: Writer) -> bool:
    """Whether a schema exists, of which some engines say so only to those who may make one."""
    told = f"schema_name = {writer.literal(schema.schema or '')}"
    if schema.database:
        told += f" and catalog_name = {writer.literal(schema.database)}"
    try:
        return bool(connection.execute(f"select 1 from information_schema.schemata where {told}").rows)
    except DatabaseError:
        return False


def load_arrow_sources(work: Work, nodes: Sequence[Node], connection: Commented) -> dict[NodeId, EltbuildError]:
    """Load the Arrow files that sources of these nodes lie in, each into the source's table; what failed, and why."""
    from eltbuild.run.loading.arrow_sources import load_source

    project = work.session.project
    wanted = {parent for node in nodes for parent in node.parents if parent in project.sources}
    failed: dict[NodeId, EltbuildError] = {}
    for id in sorted(wanted):
        try:
            load_source(work, project.sources[id], connection)
        except EltbuildError as error:
            if isinstance(error, DatabaseError) and (error.transient or error.lost):
                raise
            failed[id] = error
    return failed
