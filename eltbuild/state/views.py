"""The history as four tables to ask: `runs`, `nodes`, `tests` and `metrics`, in front of a query. Nothing is run here.

They are made of the state's tables, or of what stands in a file, whose rows then stand in the query itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eltbuild.sql.writer import Writer
from eltbuild.state.lines import Remembered
from eltbuild.state.rows import ENDED, OBSERVED, RUNS, Record, Table
from eltbuild.state.tables import Tables

FAILED = ("error", "fail", "runtime error", "partial success", "cancelled")
"""The statuses of nodes that count as failed."""

VIEWS: Mapping[str, tuple[str, ...]] = {
    "runs": (
        "run", "started", "ended", "seconds", "command", "status", "target", "nodes", "failed", "warned", "skipped",
        "account", "host", "invocation", "version",
    ),
    "nodes": (
        "run", "started", "ended", "command", "target", "kind", "name", "node", "status", "seconds", "rows",
        "failures", "message",
    ),
    "tests": (
        "run", "started", "ended", "command", "target", "kind", "name", "node", "status", "seconds", "rows",
        "failures", "message",
    ),
    "metrics": ("run", "happened", "target", "subject", "name", "value", "detail", "status", "node"),
}  # fmt: skip
"""The tables that a query of the history can ask, with their columns."""


def asked(tables: Tables, project: str, query: str, found: Remembered | None = None, standing: bool = True) -> str:
    """A query over the history of a project. `standing`: the tables are there; `found`: what a file holds besides.

    What is asked is a part of another query, so that it can change nothing.
    """
    writer = tables.writer
    held: Mapping[Table, Sequence[Record]] = {RUNS: (), ENDED: (), OBSERVED: ()}
    if found is not None:
        held = {RUNS: tuple(found.runs.values()), ENDED: found.ended, OBSERVED: found.observed}
    names = {table: f"eltbuild_{table.name}" for table in held}
    parts = {names[table]: _base(tables, table, standing, records) for table, records in held.items()}
    parts |= _views(writer, project, names)
    listed = ",\n".join(f"{writer.quote(name)} as (\n{text}\n)" for name, text in parts.items())
    return f"with {listed}\nselect * from {writer.lines(query)} as asked"


def _base(tables: Tables, table: Table, standing: bool, records: Sequence[Record]) -> str:
    """The rows of a table, those that stand and those that are written out."""
    parts = [_standing(tables, table)] if standing else []
    if records or not standing:
        parts.append(_written(tables, table, records))
    return "\nunion all\n".join(parts)


def _standing(tables: Tables, table: Table) -> str:
    """A table of the state; what its layout does not have yet is NULL."""
    writer, standing = tables.writer, tables.has(table)
    columns = ", ".join(
        writer.quote(name) if standing and tables.has(table, name) else _null(writer, name, kind)
        for name, kind in table.columns.items()
    )
    return f"select {columns} from {tables.at(table)}" if standing else f"select {columns} where 1 = 0"


def _written(tables: Tables, table: Table, records: Sequence[Record]) -> str:
    """The rows of a table, written out."""
    if records:
        return tables.rows(table, records)
    writer = tables.writer
    return f"select {', '.join(_null(writer, *column) for column in table.columns.items())} where 1 = 0"


def _null(writer: Writer, name: str, kind: str) -> str:
    return f"cast(null as {writer.type_name(kind)}) as {writer.quote(name)}"


def _views(writer: Writer, project: str, names: Mapping[Table, str]) -> dict[str, str]:
    ours = f"runs.project = {writer.literal(project)}"
    failed = ", ".join(map(writer.literal, FAILED))
    # What stands behind the package in an id; behind the name of a generic test stands a digest.
    rest = "substring(ended.node, length(split_part(ended.node, '.', 1)) + length(split_part(ended.node, '.', 2)) + 3)"
    kind = "split_part(ended.node, '.', 1)"
    name = f"case when {kind} = 'test' then split_part({rest}, '.', 1) else {rest} end"
    run, ended, rows = writer.quote("run"), writer.quote("ended"), writer.quote("rows")
    nodes = f"""\
select ended.{run}, runs.started, ended.happened as {ended}, runs.command, runs.home as target, {kind} as kind,
  {name} as name, ended.node, ended.status, ended.seconds, ended.{rows}, ended.failures, ended.message
from {names[ENDED]} as ended
join {names[RUNS]} as runs on runs.number = ended.{run}
where {ours}"""
    return {
        "nodes": nodes,
        "tests": "select * from nodes where kind in ('test', 'unit_test')",
        "runs": f"""\
select runs.number as {run}, runs.started, runs.{ended}, extract(epoch from (runs.{ended} - runs.started)) as seconds,
  runs.command, runs.status, runs.home as target, coalesce(told.nodes, 0) as nodes, coalesce(told.failed, 0) as failed,
  coalesce(told.warned, 0) as warned, coalesce(told.skipped, 0) as skipped, runs.account, runs.host, runs.invocation,
  runs.version
from {names[RUNS]} as runs
left join (
  select {run}, count(*) as nodes, count(case when status in ({failed}) then 1 end) as failed,
    count(case when status = 'warn' then 1 end) as warned, count(case when status = 'skipped' then 1 end) as skipped
  from {names[ENDED]} group by {run}
) as told on told.{run} = runs.number
where {ours}""",
        "metrics": f"""\
select {run}, happened, home as target, subject, name, value, detail, status, node
from {names[OBSERVED]} as runs
where {ours}""",
    }
