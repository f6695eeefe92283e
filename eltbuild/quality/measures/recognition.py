"""Which tests are measures: by their rendered SQL, whoever wrote it. Nothing is run here."""

from __future__ import annotations

import re

from eltbuild.project.resources import Node
from eltbuild.quality.measures.builtin import FILTERS, as_measure, tested
from eltbuild.quality.measures.limits import asked_along, limits_of
from eltbuild.quality.measures.measure import Measure
from eltbuild.quality.measures.shapes import read_calculation, read_repeated, read_shape
from eltbuild.quality.measures.uniqueness import can_be_counted
from eltbuild.sql.counting import PRUNED
from eltbuild.sql.scan import code
from eltbuild.sql.writer import Writer

VOLATILE = re.compile(
    r"\b(?:random\w*|rand\w*|uuid\w*|gen_random_\w+|generate_uuid|newid|nextval|setval|setseed|clock_timestamp|"
    r"timeofday|txid_current|pg_sleep\w*|sysdate|systimestamp)\s*\(|\btablesample\b|\busing\s+sample\b",
    re.IGNORECASE,
)
"""What gives another answer each time."""
MANY = 1_000_000
"""Of so many rows it pays to leave to the engine which of them a filter must look at."""


def measured(node: Node, sql: str, relation: str, writer: Writer, rows: int | None = None) -> Measure | None:
    """The test as a measure of the relation; None where it must be asked alone.

    `sql` is the test's compiled text. `relation` is what stands after FROM: what the test's `model` renders to when it
    has no `where`. `rows` is about how many rows the relation has, where it is a table and that is known. The
    measure's outcome is that of the test asked alone, whatever the rows are.
    """
    dialect = writer.dialect
    if node.config.get("sql_header"):
        return None
    limits = limits_of(node)
    pruned = dialect in PRUNED and rows is not None and rows >= MANY
    built_in = tested(node, sql, relation, dialect)
    if built_in is not None:
        filters = built_in.test in FILTERS and pruned
        found = None if limits is None or filters else as_measure(built_in, limits, dialect, rows)
        return found or asked_along(node, sql, dialect)
    if not _is_steady_query(sql, dialect):
        return None
    written = asked_along(node, sql, dialect)
    repeated = None
    if limits is not None and written is not None and can_be_counted(dialect, rows):
        repeated = read_repeated(limits, sql, relation, dialect, written)
    if pruned or repeated is not None:
        return repeated or written
    if limits is None:
        return read_calculation(node, sql, relation, dialect) or written
    return read_shape(limits, sql, relation, dialect) or written


def _is_steady_query(sql: str, dialect: str) -> bool:
    """Whether the text is one query, which gives the same answer each time: nothing stands behind a semicolon."""
    stretches = [sql[start:end] for start, end in code(sql, dialect)]
    return bool(stretches) and not any(";" in stretch or VOLATILE.search(stretch) for stretch in stretches)
