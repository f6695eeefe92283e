"""A test as aggregates over the rows of its relation, and many such tests as one query. Nothing is run here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from eltbuild.quality.data_tests import Outcome
from eltbuild.values import dataclass

Values: TypeAlias = tuple[Any, ...]

PART, VALUE = "eltbuild_part_", "eltbuild_value_"
"""How the parts of a query are called, and what they give: not like anything in a project."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query with one row of its own that is asked along with the rest."""

    sql: str
    columns: int
    """How many values its row has."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a test asks of its relation, and what the answer means."""

    expressions: tuple[str, ...]
    """SQL: aggregates over all rows of the relation. The test's own `where` is inside."""
    outcome: Callable[[Values], Outcome | Measure | None]
    """What the values of the expressions and then those of the queries mean, in their order.

    A measure: the values tell what to ask next, in one more query with the others that do so. None: they tell only
    that some rows fail. Then the test is asked alone.
    """
    queries: tuple[Query, ...] = ()
    """What no aggregate over the relation's rows can tell."""


@dataclass(frozen=True, slots=True)
class Fused:
    """Measures of one relation as one query with one row."""

    sql: str
    places: tuple[tuple[int, ...], ...]
    """For each measure, where in the row the values of its expressions stand."""

    def values(self, number: int, row: Sequence[Any]) -> Values:
        """The values of the measure of that number."""
        return tuple(row[place] for place in self.places[number])


def fused(relation: str, measures: Sequence[Measure]) -> Fused:
    """One query for all measures. `relation` is what stands after FROM; what is equal is asked once.

    Queries stand in CTEs of their own, where no name of the relation's columns reaches them.
    """
    columns: dict[str, int] = {}
    asked: dict[Query, int] = {}
    for measure in measures:
        for text in measure.expressions:
            columns.setdefault(text, len(columns))
    width = len(columns)
    for query in (query for measure in measures for query in measure.queries):
        if query not in asked:
            asked[query] = width
            width += query.columns
    places = tuple(_places(measure, columns, asked) for measure in measures)
    listed = ",\n".join(f"  {text}" for text in columns)
    rows = f"select\n{listed}\nfrom {relation}"
    return Fused(_beside(rows, len(columns), tuple(asked)) if asked else rows, places)


def outcomes(
    relation: str, measures: Sequence[Measure], row_of: Callable[[str], Sequence[Any]]
) -> tuple[Outcome | None, ...]:
    """What the measures of one relation find; `row_of` gives the one row of a query. None: it must be asked alone.

    Mostly that is one query. Where its values tell what is to be asked next, there is one more for all such measures.
    """
    found: dict[int, Outcome | None] = {}
    left = dict(enumerate(measures))
    while left:
        question = fused(relation, tuple(left.values()))
        row = row_of(question.sql)
        means = {
            number: measure.outcome(question.values(place, row)) for place, (number, measure) in enumerate(left.items())
        }
        found |= {number: meant for number, meant in means.items() if not isinstance(meant, Measure)}
        left = {number: meant for number, meant in means.items() if isinstance(meant, Measure)}
    return tuple(found[number] for number in range(len(measures)))


def _places(measure: Measure, columns: Mapping[str, int], asked: Mapping[Query, int]) -> tuple[int, ...]:
    own = [columns[text] for text in measure.expressions]
    return (*own, *(asked[query] + number for query in measure.queries for number in range(query.columns)))


def _beside(rows: str, width: int, queries: Sequence[Query]) -> str:
    """One row made of the row of `rows` (if it has columns) and those of the queries, one after the other."""
    parts = [(rows, width)] if width else []
    parts.extend((query.sql, query.columns) for query in queries)
    if len(parts) == 1:
        return parts[0][0]
    named = [f"{PART}{number} ({_names(width)}) as (\n{text}\n)" for number, (text, width) in enumerate(parts)]
    chosen = [f"{PART}{number}.{VALUE}{at}" for number, (_, width) in enumerate(parts) for at in range(width)]
    joined = " cross join ".join(f"{PART}{number}" for number in range(len(parts)))
    return f"with {', '.join(named)}\nselect {', '.join(chosen)}\nfrom {joined}"


def _names(width: int) -> str:
    return ", ".join(f"{VALUE}{at}" for at in range(width))
