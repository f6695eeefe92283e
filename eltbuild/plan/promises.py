"""Constraints of a contract that the engine does not enforce: asked as queries before anything is published.

So it is with views, with engines that only take note of constraints, with foreign keys where they would hold the table
fast that they point to, and with tables that were made before the contract had the constraint. Nothing is run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.errors import Problem
from eltbuild.plan import contract
from eltbuild.plan.contract import bare
from eltbuild.plan.nouns import Facts, Inquiry, Operation
from eltbuild.plan.repeated import shown
from eltbuild.project.resources import Node
from eltbuild.relation import Relation
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass

EXAMPLES = 3
"""How many rows are told of one constraint."""
FETCHED = 50
"""How many rows that break any constraint are fetched."""
CELLS = 6
"""How many columns of such a row are told."""
ROWS, KEY = "eltbuild_rows", "eltbuild_key"
POINTS = re.compile(r"\s*(?:references\s+)?(?P<to>[^()]+?)\s*\((?P<columns>[^()]*)\)", re.IGNORECASE)
"""A foreign key as an expression: the table and the columns that it points to."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One constraint of a contract, its columns as the query names them."""

    kind: str
    name: str = ""
    columns: tuple[str, ...] = ()
    expression: str = ""
    to: str = ""
    to_columns: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """`not_null (id)`, `check positive (id > 0)`, `foreign_key (customer) to customers (id)`."""
        inner = self.expression if self.kind == "check" else ", ".join(self.columns)
        there = self.to.replace('"', "").replace("`", "")
        to = f" to {there} ({', '.join(self.to_columns)})" if self.kind == "foreign_key" else ""
        return f"{self.kind}{f' {self.name}' if self.name else ''} ({inner}){to}"

    @property
    def is_askable(self) -> bool:
        """Whether a query can tell if it holds: for that a foreign key must name what it points to."""
        if self.kind == "foreign_key":
            return bool(self.to and self.columns) and len(self.columns) == len(self.to_columns)
        return bool(self.expression if self.kind == "check" else self.columns) and self.kind in ASKED


ASKED = frozenset({"not_null", "check", "unique", "primary_key", "foreign_key"})


def promised(node: Node, names: Mapping[str, str]) -> tuple[Promise, ...]:
    """All constraints of a node. `names` gives the query's names of columns, by their names in the contract, folded."""
    given: list[tuple[Mapping[str, Any], Sequence[str]]] = []
    for spec in node.columns.values():
        given += [(one, (spec.name,)) for one in spec.constraints]
    given += [(one, [str(name) for name in one.get("columns") or ()]) for one in node.constraints]
    return tuple(_promise(one, columns, names) for one, columns in given)


def _promise(one: Mapping[str, Any], columns: Sequence[str], names: Mapping[str, str]) -> Promise:
    kind, expression = str(one.get("type")), str(one.get("expression") or "")
    to, to_columns = str(one.get("to") or ""), tuple(bare(name) for name in one.get("to_columns") or ())
    points = POINTS.match(expression) if kind == "foreign_key" and not to else None
    if points is not None:
        to, to_columns = points["to"].strip(), tuple(bare(name) for name in points["columns"].split(","))
    own = tuple(names.get(bare(name).casefold(), bare(name)) for name in columns)
    return Promise(kind, str(one.get("name") or ""), own, expression, to, to_columns)


def is_built(kind: str, writer: Writer) -> bool:
    """Whether a table that is made by its contract gets constraints of that kind, and the engine enforces them."""
    return kind in writer.capabilities.enforced_constraints and contract.is_made(kind, writer)


# Which are to be asked


def of_query(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """What to ask of the rows of the query where nothing else can look after the contract, as for views.

    Raises `CompileError` where the columns of the query break it.
    """
    if not is_promising(facts.node):
        return ()
    header = str(facts.node.config.get("sql_header") or "")
    return inquiry(facts, writer, _promises(facts, writer), f"{writer.lines(facts.query)} as {ROWS}", header)


def of_place(facts: Facts, writer: Writer, place: Relation) -> tuple[Operation, ...]:
    """The same of rows that lie at a place already. Raises `CompileError` where the columns break the contract."""
    if not is_promising(facts.node):
        return ()
    return inquiry(facts, writer, _promises(facts, writer), f"{writer.relation(place)} as {ROWS}")


def of_new_table(facts: Facts, writer: Writer, place: Relation) -> tuple[Operation, ...]:
    """What to ask of a table that was made by its contract, and filled, at that place."""
    asked = [promise for promise in _promises(facts, writer) if not is_built(promise.kind, writer)]
    return inquiry(facts, writer, asked, f"{writer.relation(place)} as {ROWS}")


def of_standing_table(facts: Facts, writer: Writer, place: Relation | None = None) -> tuple[Operation, ...]:
    """What to ask of a table that stood already, once it has its rows: it may have been made without a constraint.

    `place`: where the rows wait that are to be all that it has.
    """
    if not is_promising(facts.node):
        return ()
    asked = _lacking(facts, _promises(facts, writer))
    return inquiry(facts, writer, asked, f"{writer.relation(place or facts.relation)} as {ROWS}")


def is_promising(node: Node) -> bool:
    """Whether it is a model with an enforced contract: those of seeds and snapshots have no effect."""
    return node.resource_type == "model" and contract.is_enforced(node)


def has_constraints(node: Node) -> bool:
    """Whether a contract is enforced and has any that are asked."""
    return (
        is_promising(node)
        and contract.is_asked(node)
        and bool(node.constraints or any(spec.constraints for spec in node.columns.values()))
    )


def _promises(facts: Facts, writer: Writer) -> tuple[Promise, ...]:
    names = {bare(spec.name).casefold(): column.name for spec, column in contract.checked(facts, writer)}
    if not contract.is_asked(facts.node):
        return ()
    return tuple(promise for promise in promised(facts.node, names) if promise.is_askable)


def _lacking(facts: Facts, promises: Sequence[Promise]) -> list[Promise]:
    """Those that the standing table does not enforce, as far as is known; of checks, all where it has too few."""
    standing = {(one.kind, frozenset(map(str.casefold, one.columns))) for one in facts.constraints}
    checks = Counter(one.kind for one in facts.constraints)["check"]
    columns = facts.existing.columns if facts.existing else ()
    filled = {column.name.casefold() for column in columns if not column.nullable}

    def holds(promise: Promise) -> bool:
        own = frozenset(map(str.casefold, promise.columns))
        if promise.kind == "check":
            return checks >= sum(1 for one in promises if one.kind == "check")
        if promise.kind == "not_null":
            return own <= filled
        kinds = ("primary_key", "unique") if promise.kind == "unique" else (promise.kind,)
        return any((kind, own) in standing for kind in kinds)

    return [promise for promise in promises if not holds(promise)]


# The questions


@dataclass(frozen=True, slots=True)
class Finding:
    """A constraint that is broken: how often, and by which rows, for example."""

    promise: Promise
    number: int
    noun: str
    examples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A query for what breaks constraints, and what its answer, of one row at least, means."""

    sql: str
    findings: Callable[[Answer], Iterator[Finding]]


def inquiry(
    facts: Facts, writer: Writer, promises: Sequence[Promise], rows: str, header: str = ""
) -> tuple[Inquiry, ...]:
    """The questions: one for all that a row can break by itself, one for each key. `rows`: from where, with a name."""
    questions = (
        *_of_rows(promises, rows, tuple(column.name for column in facts.columns), writer),
        *(_unique(one, rows, writer) for one in promises if one.kind in ("unique", "primary_key")),
        *(_pointing(one, rows, writer) for one in promises if one.kind == "foreign_key"),
    )
    texts = tuple(f"{header}\n{one.sql}" if header else one.sql for one in questions)
    doubt = f"a constraint of the contract of `{facts.node.name}` cannot be checked"
    return (Inquiry(texts, partial(_problem, facts, questions), "contract", doubt),) if questions else ()


def _of_rows(promises: Sequence[Promise], rows: str, told: Sequence[str], writer: Writer) -> Iterator[Question]:
    """One scan for everything that a row can break by itself: how many do, and the first of them."""
    broken = [(one, condition) for one in promises if (condition := _condition(one, writer))]
    if not broken:
        return
    counts = [
        f"count(case when {condition} then 1 end) over () as eltbuild_count_{at}"
        for at, (_, condition) in enumerate(broken)
    ]
    flags = [
        f"case when {condition} then 1 else 0 end as eltbuild_broken_{at}" for at, (_, condition) in enumerate(broken)
    ]
    values = [f"{ROWS}.{writer.quote(name)}" for name in told]
    where = "\n   or ".join(condition for _, condition in broken)
    selected = ",\n       ".join([*counts, *flags, *values])
    sql = f"select {selected}\nfrom {rows}\nwhere {where}\nlimit {FETCHED}"

    def findings(answer: Answer) -> Iterator[Finding]:
        width = len(broken)
        for at, (promise, _) in enumerate(broken):
            number = int(answer.rows[0][at] or 0)
            if number:
                examples = [dict(zip(told, row[2 * width :], strict=False)) for row in answer.rows if row[width + at]]
                yield Finding(promise, number, "row", tuple(examples[:EXAMPLES]))

    yield Question(sql, findings)


def _condition(promise: Promise, writer: Writer) -> str:
    """What is true of a row that breaks the constraint; "" where more than one row is needed to tell."""
    if promise.kind == "check":
        return f"not ({promise.expression})"
    if promise.kind in ("not_null", "primary_key"):
        missing = " or ".join(f"{ROWS}.{writer.quote(name)} is null" for name in promise.columns)
        return f"({missing})" if len(promise.columns) > 1 else missing
    return ""


def _unique(promise: Promise, rows: str, writer: Writer) -> Question:
    names = writer.names(promise.columns)
    known = " and ".join(f"{writer.quote(name)} is not null" for name in promise.columns)
    sql = (
        f"select {names}, count(*) as eltbuild_rows_of_key, count(*) over () as eltbuild_keys\nfrom {rows}\n"
        f"where {known}\ngroup by {names}\nhaving count(*) > 1\nlimit {EXAMPLES}"
    )

    def findings(answer: Answer) -> Iterator[Finding]:
        width = len(promise.columns)
        examples = tuple(
            {**dict(zip(promise.columns, row[:width], strict=True)), "rows": row[width]} for row in answer.rows
        )
        yield Finding(promise, int(answer.rows[0][width + 1]), "repeated key", examples)

    return Question(sql, findings)


def _pointing(promise: Promise, rows: str, writer: Writer) -> Question:
    own = [f"{ROWS}.{writer.quote(name)}" for name in promise.columns]
    met = " and ".join(
        f"{KEY}.{writer.quote(name)} = {mine}" for name, mine in zip(promise.to_columns, own, strict=True)
    )
    known = " and ".join(f"{mine} is not null" for mine in own)
    sql = (
        f"select {', '.join(own)}, count(*) over () as eltbuild_count\nfrom {rows}\n"
        f"where {known}\n  and not exists (select 1 from {promise.to} as {KEY} where {met})\nlimit {EXAMPLES}"
    )

    def findings(answer: Answer) -> Iterator[Finding]:
        width = len(promise.columns)
        examples = tuple(dict(zip(promise.columns, row[:width], strict=True)) for row in answer.rows)
        yield Finding(promise, int(answer.rows[0][width]), "row", examples)

    return Question(sql, findings)


# What to say


def _problem(facts: Facts, questions: Sequence[Question], answers: Sequence[Answer]) -> Problem:
    """All that is broken; the last of the questions may have no answers."""
    node = facts.node
    asked = ((question, answer) for question, answer in zip(questions, answers, strict=False) if answer.rows)
    found = [finding for question, answer in asked for finding in question.findings(answer)]
    lines = [line for finding in found for line in _lines(finding, facts.examples)]
    text = "\n".join([f"the rows of `{node.name}` break its contract", "", *lines])
    hint = "nothing of them was published: mend the query, or what the contract says"
    return Problem(text, node.patch_place or node.place, hint, name="ContractBroken")


def _lines(finding: Finding, examples: bool) -> Iterator[str]:
    plural = "s" if finding.number != 1 else ""
    yield f"    {finding.promise.text}: {finding.number:,} {finding.noun}{plural}"
    if not examples:
        return
    for example in finding.examples:
        kept = {name: example[name] for name in finding.promise.columns if name in example}
        cells = {**kept, **example}
        told = [f"{name} = {shown(value)}" for name, value in cells.items()][:CELLS]
        yield f"        {', '.join(told)}{', ...' if len(cells) > CELLS else ''}"
    if len(finding.examples) < finding.number:
        yield f"        and {finding.number - len(finding.examples):,} more"
