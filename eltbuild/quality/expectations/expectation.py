"""An expectation with all that is known of it before anything is asked: its arguments, its rows, their columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Any

from eltbuild.errors import CompileError, Place, Problem, did_you_mean
from eltbuild.project.expectation_types import type_of
from eltbuild.project.expectations import read_bound
from eltbuild.relation import Column, Relation
from eltbuild.sql.quoting import quote_identifier, quote_string
from eltbuild.sql.statistics import STATISTICS, Statistics
from eltbuild.values import dataclass


@dataclass(frozen=True)
class Expectation:
    """One expectation of one relation."""

    type: str
    title: str
    """What it is an expectation of, as messages name it."""
    arguments: Mapping[str, Any]
    relation: str
    """The rows, as they stand after FROM."""
    columns: tuple[Column, ...]
    dialect: str
    stands: Relation | None = None
    """The place of the rows, where they are all rows of a table or view."""
    scope: str = ""
    """The condition on the rows that are looked at; "" for all."""
    place: Place | None = None
    file: str = ""
    """The file of the class that it is, from the project's root; "" for one of Great Expectations'."""

    def get(self, name: str) -> Any:
        """An argument as it was given, or None."""
        return self.arguments.get(name)

    @cached_property
    def by_row(self) -> bool:
        """Whether it judges each row."""
        return type_of(self.type).by_row

    @property
    def spelling(self) -> Statistics:
        """How the engine spells what is asked."""
        return STATISTICS[self.dialect]

    @property
    def mostly(self) -> float:
        """The share of rows that must be as expected."""
        given = self.get("mostly")
        return 1.0 if given is None else float(given)

    # Names

    def named(self, argument: str = "column") -> Column:
        """The column that an argument names."""
        return self.find(self.get(argument))

    def kind(self) -> str:
        """What it is about and of which type, as messages name it; no values, which may be nobody's to read."""
        if self.get("column") is None:
            return f"what is observed of `{self.title}`"
        column = self.named()
        return f"`{column.name}` of `{self.title}` ({column.type.lower()})"

    def find(self, name: Any) -> Column:
        """The column of that name: exactly, or but for letter case and quotes. Raises `CompileError`."""
        found = find_column(str(name), self.columns)
        if found is not None:
            return found
        known = [column.name for column in self.columns]
        hint = did_you_mean(str(name), known) or f"it has {', '.join(known)}"
        raise CompileError(Problem(f"`{self.title}` has no column `{name}`", self.place, hint))

    def column(self, argument: str = "column") -> str:
        """The column that an argument names, as SQL."""
        return self.quoted(self.named(argument))

    def quoted(self, column: Column) -> str:
        """A column as SQL."""
        return quote_identifier(column.name, self.dialect)

    def beside(self, table: str) -> str:
        """Another table as it stands after FROM: one that is named plainly is in the schema of the rows."""
        if self.stands is None or not re.fullmatch(r"\w[\w ]*", table):
            return table
        parts = (self.stands.database, self.stands.schema, table)
        return ".".join(quote_identifier(part, self.dialect) for part in parts if part)

    # Conditions and values

    def when(self, *conditions: str, value: str = "1") -> str:
        """The value where the row is looked at and all conditions hold, and NULL elsewhere."""
        told = [f"({text})" for text in (self.scope, *conditions) if text]
        return f"case when {' and '.join(told)} then {value} end" if told else value

    def count(self, *conditions: str) -> str:
        """How many rows are looked at for which all conditions hold."""
        asked = self.when(*conditions)
        return "count(*)" if asked == "1" else f"count({asked})"

    def having(self, *conditions: str) -> str:
        """The clause that leaves the rows that are looked at and for which all conditions hold."""
        told = [f"({text})" for text in (self.scope, *conditions) if text]
        return f" where {' and '.join(told)}" if told else ""

    def double(self, sql: str) -> str:
        """A value as a number of double precision."""
        return f"cast({sql} as {self.spelling.double})"

    def number(self, sql: str) -> str:
        """The same, and NULL where it is no number: nothing is compared with that."""
        return f"nullif({self.double(sql)}, {self.literal(float('nan'))})"

    def literal(self, value: Any) -> str:
        """A value in SQL, of the type that Great Expectations gives to the engine."""
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return self.double(repr(value) if value == value and abs(value) != float("inf") else f"'{value}'")
        if isinstance(value, datetime):
            zone = "timestamp with time zone" if value.tzinfo else "timestamp"
            return f"cast('{value.isoformat(sep=' ')}' as {zone})"
        if isinstance(value, date):
            return f"date '{value.isoformat()}'"
        return quote_string(str(value), self.dialect)

    def literals(self, values: Any) -> str:
        """Values in SQL, with commas between them."""
        return ", ".join(map(self.literal, values))

    def bound(self, name: str) -> float | date | datetime | None:
        """The bound that an argument gives: a number, a date or a time. Raises `CompileError` for any other text."""
        value = self.get(name)
        if value is None or isinstance(value, date):
            return value
        if isinstance(value, str):
            read = read_bound(value)
            if read is None:
                text = f"`{name}` of `{self.type}` must be a number, a date or a time, not `{value}`"
                raise CompileError(Problem(text, self.place))
            return read
        return float(value)


def find_column(name: str, columns: tuple[Column, ...]) -> Column | None:
    """The column of that name: exactly, or but for letter case and quotes; None where there is none, or several."""
    plain = name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name
    exact = [column for column in columns if column.name == plain]
    if exact:
        return exact[0]
    near = [column for column in columns if column.name.lower() == plain.lower()]
    return near[0] if len(near) == 1 else None
