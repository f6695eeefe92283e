"""`eltbuild docs generate`."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

from eltbuild.adapter import Connection
from eltbuild.commands.compile import render, write
from eltbuild.commands.deferral import deferred
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.rendered import endings, standing_alone, write_rendered
from eltbuild.commands.reporting import EXIT, Reporter, artifact_mode, invocation_of, keep_artifact
from eltbuild.commands.selecting import choose
from eltbuild.disk import write_whole
from eltbuild.errors import DatabaseError
from eltbuild.project.resources import Node, NodeId, Source
from eltbuild.relation import Relation, RelationInfo
from eltbuild.report.catalog import catalog
from eltbuild.report.text import count
from eltbuild.run.aside import foreground
from eltbuild.values import replace


def command(options: Options) -> int:
    """Write manifest.json, unless nothing is compiled, and catalog.json; the exit code."""
    opened = open_project(options, "generate")
    try:
        with Reporter(opened) as reporter:
            reporter.problems(opened.project.problems)
            failed = _compiled(opened, reporter)
            shown = _shown(opened)
            relations, errors = ([], []) if options.empty_catalog else standing(opened, shown)
            value = catalog(
                opened.project,
                relations,
                invocation=invocation_of(opened),
                now=datetime.now(UTC),
                errors=errors,
                exact=opened.adapter.capabilities.exact_names,
            )
            if shown is not None:
                # A seed and a source may be one relation: only what was chosen is told.
                for section in ("nodes", "sources"):
                    value[section] = {id: found for id, found in value[section].items() if id in shown}
            keep_artifact(opened, opened.target_folder / "catalog.json", value)
            _copy_assets(opened)
            if options.static:
                write_static(opened)
            if reporter.console is not None:
                said = count(len(value["nodes"]), "node")
                reporter.console.note(f"wrote {opened.target_folder / 'catalog.json'}: {said}")
            reporter.completed(not failed)
        return EXIT.wrong if failed else EXIT.ok
    finally:
        opened.adapter.close()


def _shown(opened: Opened) -> frozenset[NodeId] | None:
    """What the catalogue is to tell of; None for all, where nothing is selected."""
    options = opened.options
    if not (options.select or options.exclude or options.selector):
        return None
    return frozenset(choose(opened, "docs").ids)


def _copy_assets(opened: Opened) -> None:
    """The folders of `asset-paths`, which descriptions show pictures from, stand under the same paths in the target."""
    target = opened.target_folder.resolve()
    for path in opened.project.settings.paths.get("asset-paths", ()):
        folder, copy = (opened.root / path).resolve(), target / path
        if not folder.is_dir() or target.is_relative_to(folder) or not copy.resolve().is_relative_to(target):
            continue
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy, symlinks=True)


def write_static(opened: Opened) -> None:
    """`static_index.html`: the page about what lies in the target folder, in one file that needs no other."""
    from eltbuild.commands.serve import artifacts_of
    from eltbuild.report.docs_page import page

    text = page(replace(artifacts_of(opened.target_folder, {}), files=()))
    path = opened.target_folder / "static_index.html"
    write_whole(path, text.encode(errors="replace"), mode=artifact_mode(opened.project.environment))


def _compiled(opened: Opened, reporter: Reporter) -> bool:
    if opened.options.compile is False:
        # The manifest that lies there has the compiled texts: it stays.
        return False
    chosen = choose(opened, "docs")
    opened = deferred(opened, chosen.ids)
    nodes = [resource for resource in chosen.resources(opened.project) if isinstance(resource, Node)]
    began = datetime.now(UTC)
    compiled, errors, inlined = render(opened, nodes)
    write(opened, {**inlined, **compiled})
    write_rendered(opened, endings(standing_alone(nodes), compiled, errors, began), began)
    reporter.problems([problem.as_error() for error in errors.values() for problem in error.problems])
    return bool(errors)


def standing(opened: Opened, shown: frozenset[NodeId] | None = None) -> tuple[list[RelationInfo], list[str]]:
    """What stands of the project's nodes and sources, with columns; and what could not be asked.

    `shown`: only of these.
    """
    nodes = [node for node in opened.project.nodes.values() if _stands(node)]
    found: list[Node | Source] = [*nodes, *opened.project.sources.values()]
    places = [one.relation for one in found if one.relation and (shown is None or one.id in shown)]
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
