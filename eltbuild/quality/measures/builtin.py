"""The four tests that come with eltbuild, as measures, told by their text: no parser is needed. Nothing is run here.

Whoever changes what such a test renders to (a macro of the project's in place of the built-in one) changes the text,
and then it is none of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from eltbuild.project.resources import Node
from eltbuild.quality.measures.limits import Limits, counted, screened
from eltbuild.quality.measures.measure import Measure
from eltbuild.quality.measures.uniqueness import unique
from eltbuild.sql.counting import MISSING
from eltbuild.sql.quoting import ENDS
from eltbuild.values import dataclass

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TAKEN = frozenset({"unique_field", "n_records", "value_field", "from_field", "to_field", "dbt_subquery"})
"""Names that the tests themselves give: a column that has one may be hidden by it."""
LITERALS = re.compile(r"(?:'(?:[^'\\]|'')*'|-?\d+(?:\.\d+)?|true|false|null|[,\s]+)+", re.IGNORECASE)
WHERE = re.compile(
    r"--|/\*|\#|;|\\|\$|\b(?:select|with|over|unnest|generate_\w+|dbt_subquery|rand\w*|uuid\w*|gen_random\w*|nextval|clock_timestamp|timeofday|\w*sample|pg_sleep\w*)\b",
    re.IGNORECASE,
)
"""What makes the text of a `where` too much to be read without a parser."""
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")


FILTERS = frozenset({"accepted_values", "not_null"})
"""Those that are about each row by itself."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What a built-in test says of a column."""

    test: str
    column: str
    where: str
    """The condition under which rows are looked at; "" for all."""
    values: str = ""
    """The accepted values as SQL, separated by commas."""
    to: str = ""
    field: str = ""


def tested(node: Node, sql: str, relation: str, dialect: str) -> Tested | None:
    """What the text says, where it is that of a built-in test of a column of the relation."""
    case = node.test
    if case is None or case.name not in READERS:
        return None
    column = case.kwargs.get("column_name", case.column_name)
    if not isinstance(column, str) or not _is_plain(column, dialect):
        return None
    return READERS[case.name](node, sql, column, relation)


def as_measure(found: Tested, limits: Limits, dialect: str, rows: int | None) -> Measure | None:
    """The test as a measure of the relation; None where it is best asked as it is written."""
    where, column = found.where, found.column
    match found.test:
        case "not_null":
            if not where and dialect in MISSING:
                return counted(limits, MISSING[dialect].format(column))
            return counted(limits, f"count({under(where, f'case when {column} is null then 1 end')})")
        case "unique":
            return unique(limits, under(where, column), dialect, rows)
        case "accepted_values":
            # How many values fail is not counted: of those that a collation takes for equal, engines count one or two.
            failing = f"case when {column} not in ({found.values}) then 1 end"
            return screened(limits, f"count({under(where, failing)})")
        case _:
            # A join is the cheapest way everywhere.
            return None


def _is_plain(column: str, dialect: str) -> bool:
    """Whether the text is one name, bare or quoted, that means a column wherever it stands."""
    if PLAIN.fullmatch(column):
        return column.casefold() not in TAKEN
    start, end, _ = ENDS.get(dialect, ('"', '"', '""'))
    inner = column[1:-1]
    quoted = len(column) > 2 and column[0] == start and column[-1] == end
    return quoted and end not in inner.replace(end * 2, "") and "\\" not in inner and inner.casefold() not in TAKEN


def _between(sql: str, before: str, after: str) -> str | None:
    """What stands between those two texts, where nothing else does."""
    if len(sql) < len(before) + len(after) or not sql.startswith(before) or not sql.endswith(after):
        return None
    return sql[len(before) : len(sql) - len(after)]


def condition_of(model: str | None, relation: str) -> str | None:
    """The `where` under which a test looks at the relation: "" for all rows, None where that cannot be told."""
    if model is None or model == relation:
        return None if model is None else ""
    where = _between(model, f"(select * from {relation} where ", ") dbt_subquery")
    return where if where is not None and where.strip() and _is_readable(where) else None


def _is_readable(where: str) -> bool:
    bare = QUOTED.sub("''", where)
    depth = 0
    for letter in bare:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0 and not WHERE.search(bare) and bare.count("'") % 2 == 0 and bare.count('"') % 2 == 0


def under(where: str, value: str) -> str:
    """The value for the rows that are looked at, NULL for others."""
    return f"case when {where} then {value} end" if where else value


def _not_null(node: Node, sql: str, column: str, relation: str) -> Tested | None:
    after = f"\nwhere {column} is null"
    model = _between(sql, f"select {column}\nfrom ", after) or _between(sql, "select *\nfrom ", after)
    where = condition_of(model, relation)
    return None if where is None else Tested("not_null", column, where)


def _unique(node: Node, sql: str, column: str, relation: str) -> Tested | None:
    before = f"select\n    {column} as unique_field,\n    count(*) as n_records\n\nfrom "
    after = f"\nwhere {column} is not null\ngroup by {column}\nhaving count(*) > 1"
    where = condition_of(_between(sql, before, after), relation)
    return None if where is None else Tested("unique", column, where)


def _accepted_values(node: Node, sql: str, column: str, relation: str) -> Tested | None:
    counts = f"select\n        {column} as value_field,\n        count(*) as n_records\n\n"
    head = f"with all_values as (\n\n    {counts}    from "
    group = f"\n    group by {column}\n\n)\n\nselect *\nfrom all_values\nwhere value_field not in (\n    "
    model, found, rest = (_between(sql, head, "\n)") or "").rpartition(group)
    where = condition_of(model, relation) if found else None
    return None if where is None or not LITERALS.fullmatch(rest) else Tested("accepted_values", column, where, rest)


def _relationships(node: Node, sql: str, column: str, relation: str) -> Tested | None:
    assert node.test is not None
    field = str(node.test.kwargs.get("field"))
    head = f"with child as (\n    select {column} as from_field\n    from "
    middle = f"\n    where {column} is not null\n),\n\nparent as (\n    select {field} as to_field\n    from "
    tail = (
        "\n)\n\nselect\n    from_field\n\nfrom child\nleft join parent\n    on child.from_field = parent.to_field\n\n"
        "where parent.to_field is null"
    )
    model, found, to = (_between(sql, head, tail) or "").rpartition(middle)
    where = condition_of(model, relation) if found else None
    return None if where is None else Tested("relationships", column, where, to=to, field=field)


READERS: Mapping[str, Callable[[Node, str, str, str], Tested | None]] = {
    "accepted_values": _accepted_values,
    "not_null": _not_null,
    "relationships": _relationships,
    "unique": _unique,
}
