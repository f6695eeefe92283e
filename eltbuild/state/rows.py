"""Records as rows of plain values, and back: the tables and the local file hold the same. Nothing is read or written.

Lists, mappings and relations stand as JSON in one text; times are naive, in UTC.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from eltbuild.relation import Relation
from eltbuild.state.records import Built, Ended, Interval, Observed, Run
from eltbuild.values import dataclass

Record: TypeAlias = Run | Built | Interval | Ended | Observed


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table of the state: its columns by name, with types named as `eltbuild.sql.spelling.TYPES` names them."""

    name: str
    columns: Mapping[str, str]


LAYOUT = Table("layout", {"version": "bigint", "made": "timestamp", "program": "text"})
"""Which version of the layout stands; the highest row counts."""
RUNS = Table(
    "runs",
    {
        "number": "bigint", "invocation": "text", "project": "text", "target": "text", "home": "text",
        "command": "text", "arguments": "text", "nodes": "text", "claims": "text", "host": "text",
        "process": "bigint", "account": "text", "folder": "text", "version": "text", "started": "timestamp",
        "ended": "timestamp", "status": "text",
    },
)  # fmt: skip
HEARD = Table("heard", {"run": "bigint", "happened": "timestamp"})
"""When a run was heard of. A table of its own: what changes a run's row has to wait for the nodes that hold it."""
BUILT = Table(
    "built",
    {
        "run": "bigint", "project": "text", "home": "text", "relation": "text", "kind": "text", "event": "text",
        "node": "text", "fingerprint": "text", "happened": "timestamp",
    },
)  # fmt: skip
INTERVALS = Table(
    "intervals",
    {
        "run": "bigint", "since": "bigint", "project": "text", "relation": "text", "node": "text",
        "begins": "timestamp", "ends": "timestamp", "fingerprint": "text", "happened": "timestamp",
    },
)  # fmt: skip
ENDED = Table(
    "ended",
    {
        "run": "bigint", "node": "text", "status": "text", "seconds": "double", "message": "text",
        "happened": "timestamp", "rows": "bigint", "failures": "bigint",
    },
)  # fmt: skip
OBSERVED = Table(
    "observed",
    {
        "run": "bigint", "project": "text", "home": "text", "node": "text", "subject": "text", "name": "text",
        "value": "double", "detail": "text", "status": "text", "happened": "timestamp",
    },
)  # fmt: skip
SINCE: Mapping[tuple[str, str], int] = {("ended", "rows"): 2, ("ended", "failures"): 2, ("observed", ""): 2}
"""Tables and columns with the layout that they came with; all others are as old as the first."""
TABLES = (LAYOUT, RUNS, HEARD, BUILT, INTERVALS, ENDED, OBSERVED)


def row(record: Record) -> tuple[Any, ...]:
    """The values of a record, in the order of its table's columns."""
    match record:
        case Run():
            return (
                record.number, record.invocation, record.project, record.target, record.home, record.command,
                _json(record.arguments), _json(record.nodes), _json(record.claims), record.host, record.process,
                record.user, record.folder, record.version, _naive(record.started), _naive(record.ended), record.status,
            )  # fmt: skip
        case Built():
            return (
                record.run, record.project, record.home, place(record.relation), record.kind, record.event,
                record.node, record.fingerprint, _naive(record.at),
            )  # fmt: skip
        case Interval():
            return (
                record.run, record.since, record.project, place(record.relation), record.node, _naive(record.start),
                _naive(record.end), record.fingerprint, _naive(record.at),
            )  # fmt: skip
        case Ended():
            return (
                record.run, record.node, record.status, record.seconds, record.message, _naive(record.at),
                record.rows, record.failures,
            )  # fmt: skip
        case Observed():
            return (
                record.run, record.project, record.home, record.node, record.subject, record.name, record.value,
                record.detail, record.status, _naive(record.at),
            )  # fmt: skip


def run_of(values: Sequence[Any]) -> Run:
    """The run of a row. Raises `ValueError` for values that no run was written as, as do the others here."""
    number, invocation, project, target, home, command, arguments, nodes, claims, host, process, *rest = values
    account, folder, version, started, ended, status = rest
    return Run(
        number=int(number),
        invocation=str(invocation),
        project=str(project),
        target=str(target),
        home=str(home or ""),
        command=str(command),
        arguments=_mapping(arguments),
        nodes=tuple(str(node) for node in _listed(nodes)),
        claims=tuple(_key(claim) for claim in _listed(claims)),
        host=str(host),
        process=int(process),
        user=str(account),
        folder=str(folder),
        version=str(version),
        started=aware(started),
        ended=aware(ended),
        status=status,
    )


def built_of(values: Sequence[Any]) -> Built:
    """The event of a row."""
    run, project, home, relation, kind, event, node, fingerprint, happened = values
    return Built(
        run=int(run),
        project=str(project),
        home=str(home or ""),
        relation=relation_at(relation),
        kind=kind,
        event=event,
        node=str(node),
        fingerprint=str(fingerprint),
        at=aware(happened),
    )


def interval_of(values: Sequence[Any]) -> Interval:
    """The slice of a row."""
    run, since, project, relation, node, begins, ends, fingerprint, happened = values
    start, end = aware(begins), aware(ends)
    if start is None or end is None:
        raise ValueError("a slice without begin or end")
    return Interval(
        run=int(run),
        since=int(since),
        project=str(project),
        relation=relation_at(relation),
        node=str(node),
        start=start,
        end=end,
        fingerprint=str(fingerprint),
        at=aware(happened),
    )


def ended_of(values: Sequence[Any]) -> Ended:
    """The ending of a row; those of the first layout have no numbers of rows."""
    run, node, status, seconds, message, happened, rows, failures = (*values, None, None)[: max(8, len(values))]
    return Ended(
        run=int(run),
        node=str(node),
        status=str(status),
        seconds=float(seconds or 0),
        message=str(message or ""),
        at=aware(happened),
        rows=None if rows is None else int(rows),
        failures=None if failures is None else int(failures),
    )


def observed_of(values: Sequence[Any]) -> Observed:
    """The observation of a row."""
    run, project, home, node, subject, name, value, detail, status, happened = values
    return Observed(
        run=int(run),
        project=str(project),
        home=str(home or ""),
        node=str(node),
        subject=str(subject),
        name=str(name),
        value=float(value) if value is not None and math.isfinite(float(value)) else None,
        detail=str(detail or ""),
        status=str(status or ""),
        at=aware(happened),
    )


def place(relation: Relation) -> str:
    """A relation as one text."""
    return _json([relation.database, relation.schema, relation.identifier])


def relation_at(text: Any) -> Relation:
    """The relation that a text names. Raises `ValueError`."""
    parts = _listed(text)
    if len(parts) != 3 or not all(part is None or isinstance(part, str) for part in parts):
        raise ValueError(f"no relation: {text!r}")
    return Relation(*parts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _listed(text: Any) -> list[Any]:
    found = json.loads(text) if text else []
    if not isinstance(found, list):
        raise ValueError(f"no list: {text!r}")
    return found


def _mapping(text: Any) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    if not isinstance(found, dict):
        raise ValueError(f"no mapping: {text!r}")
    return found


def _key(claim: Any) -> tuple[str, str, str]:
    if not isinstance(claim, list) or len(claim) != 3:
        raise ValueError(f"no key of a relation: {claim!r}")
    return (str(claim[0]), str(claim[1]), str(claim[2]))


def _naive(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment is not None and moment.tzinfo else moment


def aware(value: Any) -> datetime | None:
    """A time as it is read from a row, in UTC. Raises `ValueError`."""
    if value is None or value == "":
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
