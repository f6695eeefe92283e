"""How engines spell what expectations ask: patterns, numbers of double precision. One row for each dialect, as text."""

from __future__ import annotations

from collections.abc import Mapping

from eltbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Statistics:
    """The spelling of one dialect; `{0}`, `{1}` stand for what is looked at."""

    double: str
    """The type of numbers of double precision."""
    matches: str
    """Whether a text holds what a regular expression describes."""
    types: Mapping[str, str] = field(default_factory=dict)
    """What stands in names of types, and what SQLAlchemy, and so Great Expectations, writes in its place."""

    def type_name(self, text: str) -> str:
        """The name of a type as Great Expectations tells it."""
        for part, written in self.types.items():
            text = text.replace(part, written)
        return text.upper()


STATISTICS: Mapping[str, Statistics] = {
    "duckdb": Statistics(double="double", matches="regexp_matches({0}, {1})"),
    "postgres": Statistics(
        double="double precision",
        matches="({0} ~ {1})",
        types={"character varying": "varchar", "character": "char", ",": ", "},
    ),
}
"""Dialects in which the aggregates of expectations have been compared with the answers of Great Expectations."""
