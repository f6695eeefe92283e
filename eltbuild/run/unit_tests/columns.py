"""The columns of a unit test's inputs: as they stand in the warehouse, or as the project alone tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from eltbuild.adapter import Connection
from eltbuild.compile.freshness import source_text
from eltbuild.compile.introspect import BLANK
from eltbuild.compile.rendering import Assumed, GivenRows
from eltbuild.errors import CompileError, DatabaseError
from eltbuild.plan.contract import is_enforced
from eltbuild.plan.seed import typed_columns
from eltbuild.plan.snapshot_settings import META
from eltbuild.project.resources import Node, NodeId, Source
from eltbuild.quality import unit_tests
from eltbuild.quality.unit_tests import UNTYPED, Known
from eltbuild.relation import Column
from eltbuild.run.loading.seeds import read_seed
from eltbuild.run.unit_tests.bench import Bench, Refusing
from eltbuild.run.work import Work
from eltbuild.sql.ctes import with_ctes
from eltbuild.sql.exactness import sized
from eltbuild.sql.inline import rows_query
from eltbuild.sql.reading import Reading, projected, reading_of
from eltbuild.sql.transpile import bare_decimal, transpiled, type_in
from eltbuild.values import replace

# In the warehouse


def standing(work: Work, resource: Node | Source, connection: Connection, assumed: Assumed | None) -> Known:
    """The columns of what stands where the resource points, else of what would stand there, else those declared.

    `assumed` is what the query of the tested model itself is to be rendered with.
    """
    if isinstance(resource, Source):
        found = described(connection, f"select * from {source_text(work.session, resource)}")
        return Known(tuple(found), True) if found else declared(resource)
    if resource.relation is not None:
        found = described(connection, f"select * from {work.writer.relation(resource.relation)}")
        if found:
            return Known(tuple(found), True)
    if resource.resource_type == "seed" or resource.language != "sql":
        return declared(resource)
    try:
        sql = work.compiler.compile(resource, BLANK, assumed=assumed).sql
    except CompileError:
        return declared(resource)
    found = described(connection, sql) if sql else ()
    return Known(tuple(found), True) if found else declared(resource)


def described(connection: Connection, query: str) -> Sequence[Column]:
    """The columns of a query; none where the warehouse refuses it."""
    try:
        return connection.columns(query)
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        return ()


def declared(resource: Node | Source) -> Known:
    """The columns that a properties file types; all there are, where that is an enforced contract."""
    complete = isinstance(resource, Node) and is_enforced(resource)
    columns = (Column(name, column.data_type) for name, column in resource.columns.items() if column.data_type)
    return Known(tuple(columns), complete)


# Without a warehouse


def derived(work: Work, bench: Bench, resource: Node | Source, assumed: Assumed | None = None) -> Known:
    """The columns of a resource as the project tells them, typed in the words of the database in memory.

    A contract and a seed's file tell all; a model's query tells what follows from its parents, up to the sources, of
    which only what is declared is known. `assumed` is as for `standing`; what it gives is not kept.
    """
    if assumed is None and resource.id in bench.known:
        return bench.known[resource.id]
    known = _derived(work, bench, resource, assumed)
    if assumed is None:
        bench.known[resource.id] = known
    return known


def _derived(work: Work, bench: Bench, resource: Node | Source, assumed: Assumed | None) -> Known:
    spoken = spoken_declared(work, bench, resource)
    if isinstance(resource, Source) or spoken.complete:
        return spoken
    if resource.resource_type == "seed":
        return seed_columns(work, bench, resource)
    if resource.language != "sql":
        return spoken
    found = _of_query(work, bench, resource, assumed)
    if not found.columns:
        return spoken
    if resource.resource_type == "snapshot":
        found = replace(found, columns=(*found.columns, *_of_snapshot(resource)))
    return merged(found, spoken)


def spoken_declared(work: Work, bench: Bench, resource: Node | Source) -> Known:
    """What a properties file declares, in the words of the database in memory; columns without a type included."""
    known = declared(resource)
    types = {column.name: type_in(column.type, work.session.dialect, bench.writer.dialect) for column in known.columns}
    if known.complete:
        return Known(tuple(Column(name, kind) for name, kind in types.items()), True)
    return Known(tuple(Column(name, types.get(name, "")) for name in resource.columns))


def merged(found: Known, spoken: Known) -> Known:
    """What was found, with declared types for the columns whose type was not; more columns where not all are known."""
    types = {column.name.casefold(): column for column in spoken.columns}
    columns = [
        column if column.type else replace(column, type=types.get(column.name.casefold(), column).type)
        for column in found.columns
    ]
    names = {column.name.casefold() for column in columns}
    more = () if found.complete else (column for column in spoken.columns if column.name.casefold() not in names)
    return Known((*columns, *more), found.complete)


def seed_columns(work: Work, bench: Bench, seed: Node) -> Known:
    """The columns of a seed's file, typed as its table would be."""
    rows = read_seed(seed, Path(work.session.project.root), work.writer.capabilities)
    columns = typed_columns(seed, rows, work.writer)
    return Known(
        tuple(
            Column(column.name, type_in(column.type, work.session.dialect, bench.writer.dialect)) for column in columns
        ),
        True,
    )


def _of_snapshot(node: Node) -> tuple[Column, ...]:
    names = node.config.get("snapshot_meta_column_names") or {}
    kinds = ("varchar", "timestamp", "timestamp", "timestamp", "varchar")
    count = len(META) if node.config.get("hard_deletes") == "new_record" else len(META) - 1
    return tuple(Column(str(names.get(name) or name), kind) for name, kind in list(zip(META, kinds))[:count])


def _of_query(work: Work, bench: Bench, node: Node, assumed: Assumed | None) -> Known:
    """What a model's query gives for inputs without rows; nothing where that cannot be told."""
    parents = [
        parent
        for id in node.parents
        if isinstance(parent := work.session.project.resource(id), Node | Source) and is_input(parent)
    ]
    names = unit_tests.cte_names(parents, work.writer)
    rows = {id: GivenRows(name, "") for id, name in names.items()}
    base = assumed or Assumed()
    tried = replace(base, rows={**rows, **base.rows})
    try:
        query = work.compiler.compile(node, Refusing(bench, work.session.dialect), assumed=tried).query or ""
        text = transpiled(query, work.session.dialect, bench.writer.dialect)
    except (CompileError, DatabaseError):
        return Known()
    known = {parent.id: derived(work, bench, parent) for parent in parents}
    inputs = {tried.rows[id].name: found for id, found in known.items()}
    return _as_declared(_given(bench, text, inputs), query, inputs, work.session.dialect, bench)


def _as_declared(found: Known, query: str, inputs: Mapping[str, Known], dialect: str, bench: Bench) -> Known:
    """The columns; decimals that have no size in the project's dialect have none, though each has one in memory."""
    unsized = bare_decimal(dialect) if dialect != bench.writer.dialect else ""
    if not unsized or not any(column.type.upper().startswith("DECIMAL(") for column in found.columns):
        return found
    kept = sized(query, dialect, {name: known.columns for name, known in inputs.items()}, unsized)
    return replace(
        found,
        columns=tuple(
            replace(column, type=unsized)
            if column.type.upper().startswith("DECIMAL(") and column.name.casefold() not in kept
            else column
            for column in found.columns
        ),
    )


def is_input(resource: Node | Source) -> bool:
    """Whether it can be referred to as a table."""
    return isinstance(resource, Source) or resource.resource_type in ("model", "seed", "snapshot")


def _given(bench: Bench, query: str, inputs: Mapping[str, Known]) -> Known:
    """The columns of a query over inputs of which so much is known."""
    reading = Reading()
    if not all(known.complete for known in inputs.values()):
        reading = reading_of(query, bench.writer.dialect)
    columns = {
        name: (*known.columns, *read_besides(known, reads(reading, name, inputs))) for name, known in inputs.items()
    }
    empty = [(name, rows_query(own, (), bench.writer)) for name, own in columns.items() if own]
    found = described(bench.here(), with_ctes(query, empty, bench.writer.dialect))
    starred = {name.casefold() for name, known in inputs.items() if not known.complete} & reading.given
    if all(column.type.casefold() not in UNTYPED for own in columns.values() for column in own):
        typed: Sequence[Column] = found
    else:
        typed = projected(query, bench.writer.dialect, columns)
        if found and [c.name.casefold() for c in typed] != [c.name.casefold() for c in found]:
            typed = [Column(column.name) for column in found]
    return Known(tuple(Column(column.name, column.type) for column in typed), bool(typed) and not starred)


def read_besides(known: Known, names: Sequence[str]) -> tuple[Column, ...]:
    """The columns among those names that are not known; none where all are."""
    own = {column.name.casefold() for column in known.columns}
    return () if known.complete else tuple(Column(name) for name in names if name.casefold() not in own)


def reads(
    reading: Reading, name: str, inputs: Mapping[str, Known], given: Mapping[str, Sequence[str]] | None = None
) -> list[str]:
    """The columns that a query reads of one of its inputs.

    A name that can be of several inputs is that of one that is known, or given, to have it, else of the first of which
    not all columns are known.
    """
    folded = {other.casefold().strip('"'): other for other in inputs}
    own = name.casefold().strip('"')
    found = list(reading.columns.get(own, ()))
    for word, among in reading.loose:
        tables = [folded[table] for table in among if table in folded]
        if len(tables) < len(among) and any(table not in folded for table in among):
            continue
        if any(_has(inputs[table], word, (given or {}).get(table, ())) for table in tables):
            continue
        open_ones = [table for table in tables if not inputs[table].complete]
        if open_ones and open_ones[0] == name:
            found.append(word)
    return found


def _has(known: Known, name: str, given: Sequence[str]) -> bool:
    own = {column.name.casefold() for column in known.columns} | {word.casefold() for word in given}
    return name.casefold() in own


Columns = Mapping[NodeId, Known]
