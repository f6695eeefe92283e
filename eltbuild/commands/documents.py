"""`eltbuild docs generate`."""

from __future__ import annotations

from datetime import UTC, datetime

from eltbuild.adapter import Connection
from eltbuild.commands.compile import render, write
from eltbuild.commands.deferral import deferred
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.rendered import endings, standing_alone, write_rendered
from eltbuild.commands.reporting import EXIT, Reporter, invocation_of, keep_artifact, write_manifest
from eltbuild.commands.selecting import choose
from eltbuild.errors import DatabaseError
from eltbuild.project.resources import Node
from eltbuild.relation import Relation, RelationInfo
from eltbuild.report.catalog import catalog
from eltbuild.run.aside import foreground


def command(options: Options) -> int:
    """Write manifest.json and catalog.json; the exit code."""
    opened = open_project(options, "generate")
    try:
        with Reporter(opened) as reporter:
            reporter.problems(opened.project.problems)
            failed = _compiled(opened, reporter)
            relations, errors = ([], []) if options.empty_catalog else standing(opened)
            value = catalog(
                opened.project,
                relations,
                invocation=invocation_of(opened),
                now=datetime.now(UTC),
                errors=errors,
                exact=opened.adapter.capabilities.exact_names,
            )
            keep_artifact(opened, opened.target_folder / "catalog.json", value)
            if reporter.console is not None:
                reporter.console.note(f"wrote {opened.target_folder / 'catalog.json'}: {len(value['nodes'])} nodes")
            reporter.completed(not failed)
        return EXIT.failed if failed else EXIT.ok
    finally:
        opened.adapter.close()


def _compiled(opened: Opened, reporter: Reporter) -> bool:
    if opened.options.compile is False:
        write_manifest(opened, {})
        return False
    chosen = choose(opened, "docs")
    opened = deferred(opened, chosen.ids)
    nodes = [resource for resource in chosen.resources(opened.project) if isinstance(resource, Node)]
    began = datetime.now(UTC)
    compiled, errors = render(opened, nodes)
    write(opened, compiled)
    write_rendered(opened, endings(standing_alone(nodes), compiled, errors, began), began)
    reporter.problems([problem.as_error() for error in errors.values() for problem in error.problems])
    return bool(errors)


def standing(opened: Opened) -> tuple[list[RelationInfo], list[str]]:
    """What stands of the project's nodes and sources, with columns; and what could not be asked."""
    places = [node.relation for node in opened.project.nodes.values() if node.relation and _stands(node)]
    places += [source.relation for source in opened.project.sources.values() if source.relation]
    connection = foreground(opened.adapter)
    try:
        return _asked(connection, places)
    finally:
        connection.close()


def _stands(node: Node) -> bool:
    return node.resource_type in ("model", "seed", "snapshot") and not node.ephemeral


def _asked(connection: Connection, places: list[Relation]) -> tuple[list[RelationInfo], list[str]]:
    schemas = {(place.database, place.schema): Relation(place.database, place.schema, None) for place in places}
    wanted = {place.key for place in places}
    found: list[RelationInfo] = []
    errors: list[str] = []
    # An adapter that can describe whole schemas at once is asked once.
    described_all = getattr(connection, "described", None)
    listed = described_all(tuple(schemas.values())) if described_all else connection.relations(tuple(schemas.values()))
    for info in listed:
        if info.relation.key not in wanted:
            continue
        try:
            described = info if info.columns else connection.relation(info.relation)
        except DatabaseError as error:
            errors.append(f"{info.relation}: {error.message}")
            continue
        if described is not None:
            found.append(described)
    return found, errors
