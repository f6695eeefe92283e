"""Queries over one table made at random: filters, new names, aggregates, one upon the other. Some are no queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

Column = tuple[str, str]
"""The name as it is written, and `number` or `text`."""

COLUMNS: Sequence[Column] = (("a", "number"), ("b", "number"), ("c", "text"), ('"A b"', "number"))
NAMES = ("a", "b", "c", '"A b"', "x", '"X"', "y", "n", "expression", "value", "date", "count", '"count"', "t")
TEXTS = ("'x'", "'%y%'", "'it''s'")


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes queries."""

    random: Random
    table: str

    def query(self) -> tuple[str, str]:
        """A query, and the name of its first column."""
        ctes: list[str] = []
        columns: Sequence[Column] = COLUMNS
        source, alias = self._table()
        depth, aggregated = self.random.randrange(1, 5), self.random.randrange(8)
        for level in range(depth):
            text, columns = (self._aggregates if level == aggregated else self._rows)(source, columns, alias)
            if self.random.random() < 0.6:
                ctes.append(f"q{level} as ({text})")
                source = alias = f"q{level}"
            else:
                source, alias = f"({text}) as z{level}", f"z{level}"
        first = f"with {', '.join(ctes)} " if ctes else ""
        return f"{first}select * from {source}", columns[0][0]

    def _table(self) -> tuple[str, str]:
        where = f"(select * from {self.table} where {self._truth(COLUMNS)}) dbt_subquery"
        return self.random.choice(
            [(where, "dbt_subquery"), (f"{self.table} as t", "t"), (self.table, ""), (self.table, "")]
        )

    def _rows(self, source: str, columns: Sequence[Column], alias: str) -> tuple[str, Sequence[Column]]:
        where = self._where(columns, alias)
        distinct = self._sometimes("distinct ", 0.1)
        if self.random.random() < 0.35:
            return f"select {distinct}* from {source}{where}", columns
        made = [self._item(columns, name) for name in self.random.sample(NAMES, self.random.randrange(1, 4))]
        star = self._sometimes("*, ", 0.15)
        listed = ", ".join(f"{text} as {name}" for text, name, _ in made)
        found = [(name, kind) for _, name, kind in made]
        return f"select {distinct}{star}{listed} from {source}{where}", [*(columns if star else ()), *found]

    def _aggregates(self, source: str, columns: Sequence[Column], alias: str) -> tuple[str, Sequence[Column]]:
        value = self._number(columns)
        forms = ["count(*)", f"count({value})", f"sum({value})", f"min({value}) + 1", f"count(distinct {value})"]
        names = self.random.sample(NAMES, 2)
        listed = ", ".join(f"{self.random.choice(forms)} as {name}" for name in names)
        having = self._sometimes(" having count(*) > 1", 0.3)
        return f"select {listed} from {source}{self._where(columns, alias)}{having}", [(n, "number") for n in names]

    def _item(self, columns: Sequence[Column], name: str) -> tuple[str, str, str]:
        texts = self._of(columns, "text")
        if texts and self.random.random() < 0.3:
            return self.random.choice(texts), name, "text"
        return self._number(columns), name, "number"

    def _where(self, columns: Sequence[Column], alias: str) -> str:
        qualifier = self._sometimes(f"{alias}.", 0.3) if alias else ""
        return self._sometimes(f" where {self._truth(columns, qualifier)}", 0.6)

    def _number(self, columns: Sequence[Column], qualifier: str = "") -> str:
        numbers = self._of(columns, "number")
        one = qualifier + self.random.choice(numbers) if numbers else "1"
        other = self.random.choice(numbers or ["2"])
        forms = [one, one, one, f"{one} + {other}", f"coalesce({one}, 2)", f"({one})", "3"]
        if self.random.random() < 0.1:
            return f"case when {self._truth(columns, qualifier)} then {one} else 1 end"
        return self.random.choice(forms)

    def _truth(self, columns: Sequence[Column], qualifier: str = "") -> str:
        one, other = self._number(columns, qualifier), self._number(columns, qualifier)
        forms = [f"{one} {sign} {other}" for sign in ("<", ">", "=", "<>", ">=", "is distinct from")] + [
            f"{one} is null",
            f"{one} is not null",
            f"{one} not in (1, 2)",
            f"not ({one} < {other} or {other} = 1)",
        ]
        forms += [f"{name} like {self.random.choice(TEXTS)}" for name in self._of(columns, "text")]
        return self.random.choice(forms)

    def _of(self, columns: Sequence[Column], kind: str) -> list[str]:
        return [name for name, found in columns if found == kind]

    def _sometimes(self, text: str, share: float) -> str:
        return text if self.random.random() < share else ""
